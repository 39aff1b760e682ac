"""Right answers to the exercises with pen and paper: the numbers alone, and two ways of working them out."""

from __future__ import annotations

from ...forms import Answer

MEMORY = """
def memory_by_hand():
    return 0.8, -0.24, 0.76
"""

MEMORY_WORKED_OUT = """
def memory_by_hand():
    kept = 0.8 * 0.5 * 2
    written = 0.8 * 0.6 * -0.5
    return kept, written, kept + written + 0.25 * 0.8
"""

GRADIENT = """
def gradient_by_hand():
    return 0.88, 0.35, 0.4
"""

GRADIENT_WORKED_OUT = """
def gradient_by_hand():
    through_output = 0.25 * 0.5 * (1 - 0.6 * 0.6)
    earlier = 0.8 + through_output
    return earlier, 0.5 * earlier - 0.25 * (1 - 0.8 * 0.8), 0.5 * 0.8
"""

MEMORY_STEP_BY_STEP = """
def memory_by_hand():
    old, new = 0.8 * 2, 0.6 * -0.5
    old, new = 0.5 * old, 0.8 * new
    return old, new, old + new + 0.25 * 0.8
"""

GRADIENT_STEP_BY_STEP = """
def gradient_by_hand():
    cell, both = 0.8, 0.8 + 0.25 * 0.5 * 16 / 25
    return both, 0.5 * both - 0.25 * 9 / 25, 0.5 * cell
"""

ANSWERS = (
    Answer("recurrent.memory_by_hand", "as in the solutions", MEMORY_WORKED_OUT),
    Answer("recurrent.memory_by_hand", "step by step", MEMORY_STEP_BY_STEP),
    Answer("recurrent.gradient_by_hand", "as in the solutions", GRADIENT_WORKED_OUT),
    Answer("recurrent.gradient_by_hand", "step by step", GRADIENT_STEP_BY_STEP),
)
