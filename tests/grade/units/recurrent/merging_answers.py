"""Right answers to the exercise on merging directions: two ways to write it, to be damaged."""

from __future__ import annotations

from ...forms import Answer

MERGE = """
def merge_directions(forward, backward, mode):
    if mode == "concat":
        return torch.cat([forward, backward], dim=-1)
    if mode == "sum":
        return forward + backward
    if mode == "average":
        return (forward + backward) / 2
    if mode == "max":
        return torch.maximum(forward, backward)
    if mode == "product":
        return forward * backward
    raise ValueError("mode must be concat, sum, average, max or product")
"""

MERGE_BY_STACK = """
def merge_directions(forward, backward, mode):
    both = torch.stack([forward, backward], dim=2)
    if mode not in ("concat", "sum", "average", "max", "product"):
        raise ValueError(mode)
    if mode == "concat":
        return both.flatten(2)
    if mode == "sum":
        return both.sum(dim=2)
    if mode == "average":
        return 0.5 * (both[:, :, 0] + both[:, :, 1])
    if mode == "max":
        return both.amax(dim=2)
    return both[:, :, 0] * both[:, :, 1]
"""

ONLY_SAID = "the message of an exception is not graded"
ANY_ORDER = "it is only asked whether the mode is among them"
MODES = "('concat', 'sum', 'average', 'max', 'product')"

ANSWERS = (
    Answer(
        "recurrent.merge_directions",
        "as in the solutions",
        MERGE,
        equivalent={
            "line 10: torch.maximum(forward, backward) -> torch.maximum(backward, forward)": (
                "the larger of two does not ask which comes first"
            ),
        },
    ),
    Answer(
        "recurrent.merge_directions",
        "by stack",
        MERGE_BY_STACK,
        equivalent={
            f"line 4: {MODES} -> ('sum', 'concat', 'average', 'max', 'product')": ANY_ORDER,
            f"line 4: {MODES} -> ('concat', 'average', 'sum', 'max', 'product')": ANY_ORDER,
            f"line 4: {MODES} -> ('concat', 'sum', 'max', 'average', 'product')": ANY_ORDER,
            f"line 4: {MODES} -> ('concat', 'sum', 'average', 'product', 'max')": ANY_ORDER,
            "line 5: mode -> backward": ONLY_SAID,
            "line 5: mode -> both": ONLY_SAID,
        },
    ),
)
