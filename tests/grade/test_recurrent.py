"""The grader graded: references equal PyTorch, named mistakes are named, correct but unusual answers pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, einsum
from torch.nn import functional as F

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise, Mistake
from coursekit.grade.exercises import EXERCISES, select
from coursekit.grade.judge import judge
from coursekit.grade.verdict import Verdict

GATES, CELL, BACKWARD = EXERCISES
SEEDS = range(20)
MISTAKES = [(exercise, number) for exercise in EXERCISES for number in range(len(exercise.mistakes))]


exam_of = cache(make_exam)  # with what its wrong versions answer, which takes longest


def verdict_on(function: Callable, exercise: Exercise, seed: int) -> Verdict:
    exam = exam_of(exercise, str(seed))
    return judge(exam, perform_all(function, exam.calls, {}))


# The references


def library_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    inputs, hidden = weight_ih.shape[1], weight_hh.shape[1]
    cell = torch.nn.LSTMCell(inputs, hidden, dtype=x.dtype)
    parameters = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    return torch.func.functional_call(cell, parameters, (x, (h, c)))


def library_backward(grad_h, grad_c, *inputs):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    return torch.autograd.grad(library_cell(*leaves), leaves, (grad_h, grad_c))


@pytest.mark.topic("RNN-37", "RNN-43")
@pytest.mark.parametrize(("exercise", "oracle"), [(CELL, library_cell), (BACKWARD, library_backward)])
def test_what_is_expected_is_what_pytorch_computes(exercise: Exercise, oracle: Callable) -> None:
    for check in make_exam(exercise, "oracle").checks:
        answer = oracle(*(tensor.double() for tensor in check.call.arguments))
        for right, expected in zip(answer, check.outputs, strict=True):
            torch.testing.assert_close(expected.value, right.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.topic("RNN-32", "RNN-33", "RNN-34", "RNN-36")
def test_the_expected_gates_make_the_library_step() -> None:
    for gates, cell in zip(make_exam(GATES, "gates").checks, make_exam(CELL, "gates").checks, strict=True):
        x, h, c, *parameters = (tensor.double() for tensor in cell.call.arguments)
        i, f, g, o = GATES.reference(x, h, *parameters)
        new_h, new_c = library_cell(x, h, c, *parameters)
        torch.testing.assert_close(f * c + i * g, new_c, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(o * new_c.tanh(), new_h, rtol=1e-10, atol=1e-10)
        assert len(gates.outputs) == 4


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.function)
def test_the_reference_earns_full_marks(exercise: Exercise) -> None:
    for seed in SEEDS:
        verdict = verdict_on(exercise.reference, exercise, seed)
        assert (verdict.status, verdict.score) == ("passed", exercise.max_score), verdict


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.function)
def test_the_cases_cover_what_hides_bugs(exercise: Exercise) -> None:
    checks = make_exam(exercise, "cover").checks
    x, w = exercise.arguments.index("x"), exercise.arguments.index("weight_hh")
    batches, inputs = zip(*(check.call.arguments[x].shape for check in checks), strict=True)
    hidden = [check.call.arguments[w].shape[1] for check in checks]
    assert len(set(zip(batches, inputs, hidden, strict=True))) >= 5
    assert 1 in batches and 1 in inputs and 1 in hidden
    assert {check.dtype for check in checks} == {"float32", "float64"}
    ordinary = [check.call.arguments[x].abs().max() for check in checks if not check.case.extreme]
    assert min(ordinary) < 0.3 and max(ordinary) > 15
    assert {check.dtype for check in checks if check.case.extreme} == {"float32", "float64"}
    assert any(check.call.elsewhere for check in checks)
    assert exercise.differentiable == any(check.gradients for check in checks)


def test_another_key_gives_other_inputs_and_the_same_key_the_same() -> None:
    one, same, other = (make_exam(CELL, key).checks[0].call.arguments[0] for key in ("a", "a", "b"))
    assert torch.equal(one, same) and not torch.equal(one, other)


# Mistakes


@pytest.mark.parametrize(
    ("exercise", "number"),
    MISTAKES,
    ids=lambda item: item.function if isinstance(item, Exercise) else str(item),
)
def test_a_mistake_of_the_catalogue_is_refused_and_named(exercise: Exercise, number: int) -> None:
    mistake: Mistake = exercise.mistakes[number]
    for seed in range(3):
        verdict = verdict_on(mistake.wrong, exercise, seed)
        assert (verdict.status, verdict.mistake, verdict.message) == ("failed", mistake.id, mistake.say)
        assert verdict.score < exercise.max_score


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    ids = {exercise.function: {mistake.id for mistake in exercise.mistakes} for exercise in EXERCISES}
    of_gates = {"ERR-35", "ERR-36", "ERR-39", "ERR-43", "MIS-27", "MIS-29"}
    of_cells = of_gates | {"ERR-38", "ERR-40", "ERR-41", "ERR-42", "ERR-57", "MIS-36"}
    assert ids == {"lstm_gates": of_gates, "lstm_cell": of_cells, "lstm_cell_backward": of_cells | {"ERR-46"}}


def test_a_mistake_is_named_only_where_it_is_the_one_explanation() -> None:
    known = CELL.mistakes[0]
    ambiguous = replace(CELL, mistakes=(known, known._replace(id="ERR-00")))
    assert verdict_on(known.wrong, ambiguous, 0).mistake is None
    harmless = replace(
        CELL, mistakes=(known._replace(wrong=CELL.reference),)
    )  # does not differ from what is right
    assert (
        verdict_on(lambda *inputs: [y.detach() for y in CELL.reference(*inputs)], harmless, 0).mistake is None
    )


def test_points_are_earned_part_by_part() -> None:
    def only_the_output_gate_is_wrong(*arguments: Tensor) -> list[Tensor]:
        i, f, g, o = GATES.reference(*arguments)
        return [i, f, g, 1 - o]

    verdict = verdict_on(only_the_output_gate_is_wrong, GATES, 0)
    assert (verdict.status, verdict.score, verdict.mistake) == ("failed", 3.0, None)
    assert verdict.message.startswith(
        "The output gate o has shape (3, 4); 12 of 12 elements differ, the worst"
    )
    assert verdict.advice == "Read again: equation eq-lstm-output in the section on the gates."


# Correct, but not as the reference does it


def gates_by_linear(x, h, w_ih, w_hh, b_ih, b_hh):
    """A list instead of a tuple."""
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, 1)
    return [i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()]


def gates_by_einsum(x, h, w_ih, w_hh, b_ih, b_hh):
    """Transposed all the way, so that the results are not contiguous; tanh by way of the sigmoid."""
    a = einsum("nd,kd->kn", x, w_ih) + einsum("nh,kh->kn", h, w_hh) + (b_ih + b_hh)[:, None]
    i, f, g, o = a.view(4, -1, len(x))
    return torch.sigmoid(i).T, torch.sigmoid(f).T, (2 * torch.sigmoid(2 * g) - 1).T, torch.sigmoid(o).T


def gates_by_loops(x, h, w_ih, w_hh, b_ih, b_hh):
    """Number by number, with the sigmoid written out and tensors made on the way."""
    hidden, rows = h.shape[1], []
    for n in range(len(x)):
        row = []
        for k in range(4 * hidden):
            a = b_ih[k] + b_hh[k]
            for d in range(x.shape[1]):
                a = a + w_ih[k, d] * x[n, d]
            for d in range(hidden):
                a = a + w_hh[k, d] * h[n, d]
            row.append(a.tanh() if 2 * hidden <= k < 3 * hidden else 1 / (1 + torch.exp(-a)))
        rows.append(torch.stack(row))
    return torch.stack(rows).split(hidden, dim=1)


def gates_by_joined_matrices(x, h, w_ih, w_hh, b_ih, b_hh):
    """One product with [W U], a number made without a device, a Python list written into."""
    one = torch.tensor(1.0)
    weight, joined = torch.cat([w_ih, w_hh], dim=1), torch.cat([x, h], dim=1)
    gates = [torch.zeros_like(h) for _ in range(4)]
    for k, (rows, bias) in enumerate(zip(weight.chunk(4), (b_ih + b_hh).chunk(4), strict=True)):
        a = joined @ rows.T + bias
        gates[k] = torch.tanh(a) if k == 2 else one / (one + torch.exp(-a))
    return tuple(gates)


class NumpySigmoid(torch.autograd.Function):
    """The sigmoid outside the graph, differentiable once and not twice."""

    @staticmethod
    def forward(ctx, a):
        y = torch.from_numpy(1 / (1 + np.exp(-a.detach().double().numpy()))).to(a.dtype)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y * (1 - y)


def gates_by_a_function_of_ones_own(x, h, w_ih, w_hh, b_ih, b_hh):
    with np.errstate(over="ignore"):
        i, f, g, o = (
            torch.addmm(torch.addmm(b_ih + b_hh, x, w_ih.T), h, w_hh.T).unflatten(1, (4, -1)).unbind(1)
        )
        return NumpySigmoid.apply(i), NumpySigmoid.apply(f), torch.tanh(g), NumpySigmoid.apply(o)


def cell_by(gates: Callable) -> Callable:
    def lstm_cell(x, h, c, *parameters):
        i, f, g, o = gates(x, h, *parameters)
        c = torch.addcmul(f * c, i, g)
        return [o * c.tanh(), c]

    return lstm_cell


class WholeCell(torch.autograd.Function):
    """The step and its gradient in one, with a backward pass by hand."""

    @staticmethod
    def forward(ctx, *inputs):
        ctx.save_for_backward(*inputs)
        return CELL.reference(*inputs)

    @staticmethod
    def backward(ctx, grad_h, grad_c):
        return tuple(backward_by_stacking(grad_h, grad_c, *ctx.saved_tensors))


def backward_by_stacking(grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """Gates on an axis of their own, other forms of the derivatives, einsum, a list."""
    i, f, g, o = gates_by_linear(x, h, w_ih, w_hh, b_ih, b_hh)
    new_c = f * c + i * g
    delta = grad_c + grad_h * o / torch.cosh(new_c) ** 2
    terms = [delta * g * (i - i * i), delta * c * (f - f * f), delta * i * (1 + g) * (1 - g)]
    a = torch.stack([*terms, grad_h * new_c.tanh() * o * (1 - o)], dim=1)  # (N, 4, H)
    hidden = h.shape[1]
    return [
        einsum("nkh,khd->nd", a, w_ih.view(4, hidden, -1)),
        einsum("nkh,khd->nd", a, w_hh.view(4, hidden, -1)),
        delta * f,
        einsum("nkh,nd->khd", a, x).reshape(4 * hidden, -1),
        einsum("nkh,nd->khd", a, h).reshape(4 * hidden, -1),
        a.sum(0).flatten(),
        a.sum(0).flatten(),
    ]


def backward_by_numpy(*arguments):
    grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh = (tensor.numpy() for tensor in arguments)
    with np.errstate(over="ignore"):
        i, f, g, o = np.split(x @ w_ih.T + h @ w_hh.T + b_ih + b_hh, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    g = np.tanh(g)
    shown = np.tanh(f * c + i * g)
    delta = grad_c + grad_h * o * (1 - shown**2)
    terms = [
        delta * g * i * (1 - i),
        delta * c * f * (1 - f),
        delta * i * (1 - g**2),
        grad_h * shown * o * (1 - o),
    ]
    a = np.concatenate(terms, axis=1)
    results = (a @ w_ih, a @ w_hh, delta * f, a.T @ x, a.T @ h, a.sum(0), a.sum(0))
    return tuple(torch.from_numpy(result) for result in results)


def backward_row_by_row(grad_h, grad_c, x, h, c, *parameters):
    """One example of the batch after the other, sums at the end."""
    batch = zip(*(tensor.split(1) for tensor in (grad_h, grad_c, x, h, c)), strict=True)
    results = [backward_by_stacking(*one, *parameters) for one in batch]
    columns = list(zip(*results, strict=True))
    return [torch.cat(column) for column in columns[:3]] + [sum(column) for column in columns[3:]]


UNUSUAL_GATES = [
    gates_by_linear,
    gates_by_einsum,
    gates_by_loops,
    gates_by_joined_matrices,
    gates_by_a_function_of_ones_own,
]
UNUSUAL = [
    *((GATES, gates) for gates in UNUSUAL_GATES),
    *((CELL, cell_by(gates)) for gates in UNUSUAL_GATES if gates is not gates_by_loops),
    (CELL, lambda *inputs: WholeCell.apply(*inputs)),
    (BACKWARD, backward_by_stacking),
    (BACKWARD, backward_by_numpy),
    (BACKWARD, backward_row_by_row),
]


@pytest.mark.parametrize(("exercise", "function"), UNUSUAL)
def test_a_correct_but_unusual_answer_passes(exercise: Exercise, function: Callable) -> None:
    for seed in SEEDS if function is not gates_by_loops else range(3):
        verdict = verdict_on(function, exercise, seed)
        assert verdict.status == "passed", (seed, verdict)


# Finding exercises


def test_a_unit_or_an_id_selects_exercises() -> None:
    assert select("recurrent") == EXERCISES
    assert select("recurrent.lstm_cell") == (CELL,)
    with pytest.raises(
        ValueError, match=r"unknown unit or exercise 'lstm'; units: recurrent; exercises: recurrent\.lstm_g"
    ):
        select("lstm")
