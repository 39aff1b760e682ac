"""Slips of the pen in the exercises by hand, and the ids they must get."""

from __future__ import annotations

from ...forms import Answer, typed
from .by_hand_answers import GRADIENT, GRADIENT_WORKED_OUT, MEMORY, MEMORY_WORKED_OUT

MEMORY_NUMBERS = Answer("recurrent.memory_by_hand", "the numbers", MEMORY)
MEMORY_LINES = Answer("recurrent.memory_by_hand", "worked out", MEMORY_WORKED_OUT)
GRADIENT_NUMBERS = Answer("recurrent.gradient_by_hand", "the numbers", GRADIENT)
GRADIENT_LINES = Answer("recurrent.gradient_by_hand", "worked out", GRADIENT_WORKED_OUT)

TYPED = (
    typed("ERR-45", MEMORY_NUMBERS, ("0.8, -0.24, 0.76", "1.6, 0, 1.8")),
    typed("ERR-45", MEMORY_LINES, ("0.8 * 0.5 * 2", "0.8 * 2")),
    typed("ERR-45", MEMORY_LINES, ("0.8 * 0.6", "0.5 * 0.6")),
    typed("ERR-45", MEMORY_LINES, ("0.8 * 0.5 * 2", "(0.8 + 0.5) * 2")),
    typed("ERR-42", MEMORY_LINES, ("0.8 * 0.6", "0.8 * 0.25"), ("+ 0.25 * 0.8", "+ 0.6 * 0.8")),
    typed("ERR-39", MEMORY_LINES, (" + 0.25 * 0.8", "")),
    typed("ERR-46", GRADIENT_LINES, (" + through_output", "")),
    typed("ERR-46", GRADIENT_LINES, ("0.5 * earlier", "0.8 * earlier"), ("0.8 + thr", "0.5 + thr")),
    typed("ERR-46", GRADIENT_LINES, ("0.25 * 0.5 * ", "0.25 * "), ("- 0.25 * (", "- (")),
    typed("ERR-56", GRADIENT_LINES, ("1 - 0.6 * 0.6", "1 - 0.6"), ("1 - 0.8 * 0.8", "1 + 0.8")),
    typed("ERR-45", GRADIENT_NUMBERS, ("0.4", "0.8")),
)
