"""The exercises on the GRU and on merging directions: what they expect is what PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch

from coursekit.grade import check
from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import recurrent_gru, recurrent_merging
from coursekit.grade.exercises.recurrent_gru_mistakes import Step
from coursekit.grade.exercises.recurrent_merging import Merging
from coursekit.nn.wrappers import Merge

(CELL,), (MERGE,) = recurrent_gru.EXERCISES, recurrent_merging.EXERCISES
DOUBLE = torch.float64


# The references


@pytest.mark.topic("RNN-52", "RNN-53", "RNN-54", "RNN-55")
def test_the_expected_step_is_that_of_the_library() -> None:
    for asked in make_exam(CELL, "oracle").checks:
        x, h, *parameters = (tensor.double() for tensor in asked.call.arguments)
        cell = torch.nn.GRUCell(x.shape[1], h.shape[1], dtype=DOUBLE)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        new = torch.func.functional_call(cell, dict(zip(names, parameters, strict=True)), (x, h))
        (expected,) = asked.outputs
        torch.testing.assert_close(torch.as_tensor(expected.value), new.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.topic("RNN-25")
def test_the_expected_concatenation_is_that_of_the_library() -> None:
    """Two directions of a bidirectional layer, run apart and merged by the reference."""
    both = torch.nn.RNN(3, 4, batch_first=True, bidirectional=True, dtype=DOUBLE)
    apart = [torch.nn.RNN(3, 4, batch_first=True, dtype=DOUBLE) for _ in range(2)]
    for layer, suffix in zip(apart, ("", "_reverse"), strict=True):
        layer.load_state_dict({name: both.state_dict()[name + suffix] for name in layer.state_dict()})
    x = torch.randn(2, 6, 3, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    forward, backward = apart[0](x)[0], apart[1](x.flip(1))[0].flip(1)
    assert torch.equal(MERGE.reference(forward, backward, "concat"), both(x)[0])


@pytest.mark.topic("RNN-25")
def test_the_expected_merges_are_right_element_by_element() -> None:
    rules = {"sum": lambda a, b: a + b, "average": lambda a, b: (a + b) / 2, "max": max}
    rules["product"] = lambda a, b: a * b
    seen = set()
    for asked in make_exam(MERGE, "oracle").checks:
        forward, backward, mode = asked.call.arguments
        if asked.raises or mode == "concat":
            continue
        (expected,) = asked.outputs
        pairs = zip(forward.flatten().tolist(), backward.flatten().tolist(), strict=True)
        right = torch.tensor([rules[mode](*pair) for pair in pairs], dtype=DOUBLE).view(forward.shape)
        torch.testing.assert_close(torch.as_tensor(expected.value), right, rtol=1e-6, atol=1e-6)
        seen.add(mode)
    assert seen == rules.keys()


# The cases


def test_the_cases_of_a_step_cover_what_hides_bugs() -> None:
    checks = make_exam(CELL, "cover").checks
    sizes = {(*check.call.arguments[0].shape, check.call.arguments[1].shape[1]) for check in checks}
    batches, inputs, hidden = map(set, zip(*sizes, strict=True))
    assert min(batches) == min(inputs) == min(hidden) == 1 and len(sizes) >= 5
    assert any(d == h > 1 for _, d, h in sizes) and any(d != h for _, d, h in sizes)
    biases = [check.call.arguments[5][-1] for check in checks]
    assert all(bias != 0 for bias in biases)  # that of n, by which conventions differ
    assert any(check.case.extreme for check in checks) and all(
        check.gradients for check in checks if check.aspect == "gradients"
    )


def test_the_cases_of_merging_cover_every_mode_twice_and_both_signs() -> None:
    checks = make_exam(MERGE, "cover").checks
    for mode in get_args(Merge):
        own = [check for check in checks if check.call.arguments[2] == mode]
        assert len({check.call.arguments[0].shape for check in own}) == 2
        forward, backward, _ = max(own, key=lambda check: check.call.arguments[0].numel()).call.arguments
        assert forward.min() < 0 < forward.max() and backward.min() < 0 < backward.max()
    unknown = [check for check in checks if check.raises]
    assert {check.raises for check in unknown} == {"ValueError"} and len(unknown) >= 2
    assert 1 in {check.call.arguments[0].shape[1] for check in checks}


# The catalogue


def ids(exercise: Exercise) -> set[str]:
    return {mistake.id for mistake in exercise.mistakes if not mistake.id.startswith("RNN-S")}


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    of_cells = {"ERR-35", "ERR-36", "ERR-37", "ERR-43", "ERR-51", "ERR-52", "MIS-28", "MIS-29"}
    assert ids(CELL) == of_cells and ids(MERGE) == {"ERR-65"}


@pytest.mark.parametrize(("exercise", "whole"), [(CELL, Step()), (MERGE, Merging())])
def test_the_pieces_that_mistakes_replace_are_right(exercise: Exercise, whole: Callable[..., object]) -> None:
    assert verdict_on(whole, exam_of(exercise, "catalogue")).status == "passed"


# Verdicts


def test_another_exception_is_not_a_value_error() -> None:
    def merge_directions(forward, backward, mode):
        joins = {"concat": lambda a, b: torch.cat([a, b], -1), "sum": torch.add, "max": torch.maximum}
        joins |= {"average": lambda a, b: (a + b) / 2, "product": torch.mul}
        return joins[mode](forward, backward)

    verdict = verdict_on(merge_directions, exam_of(MERGE, "0"))
    assert (verdict.status, verdict.mistake) == ("error", None)
    assert "stopped with KeyError" in verdict.message and "instead of raising ValueError" in verdict.message


def test_the_library_is_not_to_do_the_work() -> None:
    def gru_cell(x, h, *parameters):
        return torch.nn.GRUCell(x.shape[1], h.shape[1])(x, h)

    verdict = check(gru_cell)
    assert verdict is not None and verdict.status == "flagged" and "torch.nn.GRUCell" in verdict.message
