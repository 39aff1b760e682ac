"""What a student is told: every kind of wrong answer to an exercise, and how a notebook shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from coursekit.grade import check
from coursekit.grade.calls import Error, Outcome, perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercises import EXERCISES, select
from coursekit.grade.judge import judge
from coursekit.grade.verdict import Verdict

from .collected import UNITS
from .solutions import code_of

GATES, CELL, BACKWARD = select("recurrent.lstm")


def right_gates(x, h, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, dim=1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def right_cell(x, h, c, *parameters):
    i, f, g, o = right_gates(x, h, *parameters)
    c = f * c + i * g
    return o * c.tanh(), c


def right_backward(grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = right_gates(x, h, w_ih, w_hh, b_ih, b_hh)
    shown = (f * c + i * g).tanh()
    delta = grad_c + grad_h * o * (1 - shown**2)
    terms = (
        delta * g * i * (1 - i),
        delta * c * f * (1 - f),
        delta * i * (1 - g**2),
        grad_h * shown * o * (1 - o),
    )
    a = torch.cat(terms, dim=1)
    return a @ w_ih, a @ w_hh, delta * f, a.T @ x, a.T @ h, a.sum(0), a.sum(0)


def told(function: Callable, name: str = "lstm_cell") -> Verdict:
    """The verdict in a notebook on a function that goes by the name of an exercise."""
    function.__name__ = name
    verdict = check(function)
    assert verdict is not None
    return verdict


# Sentences


def one_tensor(*inputs):
    return torch.stack(right_cell(*inputs))


def one_too_many(*inputs):
    return (*right_cell(*inputs), inputs[0])


def a_dictionary(*inputs):
    return dict(zip("hc", right_cell(*inputs), strict=True))


def not_even_tensors(*inputs):
    return None, "c"


def always_double(*inputs):
    return tuple(tensor.double() for tensor in right_cell(*inputs))


def transposed(*inputs):
    return tuple(tensor.T for tensor in right_cell(*inputs))


def exchanged(*inputs):
    h, c = right_cell(*inputs)
    return c, h


def in_place(x, h, c, *parameters):
    i, f, g, o = right_gates(x, h, *parameters)
    with torch.no_grad():
        c.mul_(f).add_(i * g)
    return o * c.tanh(), c.clone()


def detached(x, h, c, *parameters):
    return right_cell(x, h.detach(), c, *parameters)


def without_graph(*inputs):
    with torch.no_grad():
        return right_cell(*inputs)


def scaled_gradient(x, h, c, *parameters):
    new_h, new_c = right_cell(x, h, c, *parameters)
    return new_h, new_c + (c - c.detach())


def overflowing(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, -1)
    g = (g.exp() - (-g).exp()) / (g.exp() + (-g).exp())
    c = f.sigmoid() * c + i.sigmoid() * g
    return o.sigmoid() * c.tanh(), c


def made_on_the_cpu(x, h, c, *parameters):
    new_h, new_c = right_cell(x, h, c, *parameters)
    result = torch.zeros(*h.shape, dtype=h.dtype)
    return result + new_h, new_c


def doubled(*inputs):
    h, c = right_cell(*inputs)
    return 2 * h, c


def fails(x, h, c, w_ih, w_hh, b_ih, b_hh):
    return (x @ w_ih).chunk(4, -1)


def leaves(*inputs):
    raise SystemExit(0)


def half_precision_inside(*inputs):
    return tuple(tensor.to(inputs[0].dtype) for tensor in right_cell(*(tensor.float() for tensor in inputs)))


WORDS = {
    one_tensor: "(the hidden state h, the cell state c); it returned a tensor of shape (2, 3, 4).",
    one_too_many: "it returned tuple of 3.",
    a_dictionary: "it returned dict.",
    not_even_tensors: "The hidden state h should be a tensor, not None (batch 3, 5 inputs, 4 hidden",
    always_double: "The hidden state h has dtype float64; for float32 inputs it should be float32",
    transposed: "The hidden state h has shape (4, 3) and should have (3, 4)",
    exchanged: "The hidden state h is what the cell state c should be: mind the order in which you return",
    in_place: "lstm_cell changes its argument c: write a = a + b instead of a += b or a.add_(b).",
    detached: "The hidden state h is right, but no gradient flows from it to h: is there a detach",
    without_graph: "The hidden state h is right, but no gradient flows from it to x: is there a detach",
    scaled_gradient: "The cell state c is right, but its gradient for c is not: it has shape",
    overflowing: "is nan at [0, 0] (every gate driven to its limit",
    made_on_the_cpu: "makes a tensor on the CPU wherever its inputs are: use zeros_like or device=x.device.",
    doubled: "The hidden state h has shape (3, 4), and every element is 2 times what it should be (batch 3,",
    fails: "lstm_cell stopped with RuntimeError in line",
    leaves: "lstm_cell stopped with SystemExit in line",
    half_precision_inside: ": is something computed in a lower precision on the way? (batch 3, 5 inputs,",
}


@pytest.mark.parametrize("function", WORDS, ids=lambda function: function.__name__)
def test_a_wrong_answer_is_told_what_is_wrong(function: Callable) -> None:
    verdict = told(function)
    assert WORDS[function] in verdict.message
    assert verdict.status == ("error" if function in (fails, leaves) else "failed")
    assert verdict.mistake is None and verdict.score < 2


def test_a_function_with_a_memory_is_found_out() -> None:
    calls = []

    def remembers(*inputs):
        calls.append(inputs)
        h, c = right_cell(*inputs)
        return h, c + 0.001 * (len(calls) > 1)

    def drifts(*inputs):  # only another call in between shows it
        calls.append(inputs[0].detach())
        h, c = right_cell(*inputs)
        asked_before = any(torch.equal(calls[-1], x) for x in calls[:-2])
        return h, c + 1 if asked_before and not torch.equal(calls[-1], calls[-2]) else c

    for function in (remembers, drifts):
        calls.clear()
        verdict = told(function)
        assert (verdict.status, verdict.score) == ("failed", 0)
        assert verdict.message == "lstm_cell answers the same question differently when it is asked again."


def test_the_wrong_rows_of_a_gradient_are_named() -> None:
    def wrong_in_two_gates(*inputs):
        gradients = list(right_backward(*inputs))
        i, f, g, o = gradients[3].chunk(4)
        gradients[3] = torch.cat([i, f + 1, g, -o])
        return gradients

    verdict = told(wrong_in_two_gates, "lstm_cell_backward")
    assert "(only in the rows of f and o)" in verdict.message
    assert (verdict.score, verdict.advice[:38]) == (6, "Read again: equation eq-lstm-delta-c i")


def test_an_element_that_should_be_zero_has_no_ratio() -> None:
    def leaks(grad_h, grad_c, *inputs):
        gradients = list(right_backward(grad_h, grad_c, *inputs))
        gradients[5] = gradients[5] + 1.0 * (gradients[5] == 0)
        return gradients

    exam = make_exam(BACKWARD, "zero")
    outcomes = perform_all(leaks, exam.calls, {})
    assert "is 1 and should be 0" in judge(exam, outcomes).message


def test_warnings_and_prints_cost_nothing_and_stay_out_of_the_notebook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def noisy(*inputs):
        import warnings

        print("debugging")
        warnings.warn("deprecated", stacklevel=1)
        return right_cell(*inputs)

    assert told(noisy).status == "passed"
    assert capsys.readouterr() == ("", "")


# Forbidden


def by_the_library(x, h, c, w_ih, w_hh, b_ih, b_hh):
    return nn.LSTMCell(x.shape[1], h.shape[1])(x, (h, c))


def by_autograd(grad_h, grad_c, *inputs):
    h, c = right_cell(*inputs)
    (h * grad_h + c * grad_c).sum().backward()
    return [tensor.grad for tensor in inputs]


@pytest.mark.parametrize(
    ("function", "name", "used"),
    [(by_the_library, "lstm_cell", "torch.nn.LSTMCell"), (by_autograd, "lstm_cell_backward", "backward")],
)
def test_what_would_do_the_work_is_flagged_with_its_line(function: Callable, name: str, used: str) -> None:
    verdict = told(function, name)
    line = function.__code__.co_firstlineno + (1 if used != "backward" else 2)
    assert (verdict.status, verdict.score) == ("flagged", 0)
    assert verdict.message == (
        f"The code uses {used} (line {line}), which does what {name} is to be written for; "
        "a person will look at it."
    )


# Showing


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("page", "status"), [("solutions", "passed"), ("exercises", "not_attempted")])
def test_the_pages_of_the_homework_get_what_they_should(unit: str, page: str, status: str) -> None:
    namespace: dict = {}
    exec(code_of(unit, page), namespace)
    verdicts = [check(namespace[exercise.function]) for exercise in select(unit)]
    assert {verdict.status for verdict in verdicts} == {status}
    full = sum(exercise.max_score for exercise in select(unit))
    assert sum(verdict.score for verdict in verdicts) == (full if status == "passed" else 0)


def lstm_gates(*inputs):
    raise NotImplementedError("Write the gates: eq-lstm-input")


def test_a_starter_is_not_attempted() -> None:
    verdict = check(lstm_gates)
    text = "lstm_gates: not attempted yet, 0 of 4 points\nWrite the gates: eq-lstm-input"
    assert (verdict.status, repr(verdict)) == ("not_attempted", text)


def test_the_text_names_the_parts_the_mistake_and_the_place_to_read() -> None:
    def old_cell(x, h, c, *parameters):
        i, f, g, o = right_gates(x, h, *parameters)
        return o * c.tanh(), f * c + i * g

    assert repr(told(old_cell)) == (
        "lstm_cell: not right yet, 1 of 2 points\n"
        "  ✗ the hidden state h\n"
        "  ✓ the cell state c\n"
        "MIS-36: h_t uses the new c_t.\n"
        "Read again: equation eq-lstm-hidden in the section on the cell state."
    )


def test_the_html_says_in_words_what_it_shows_in_colour_and_escapes_what_it_quotes() -> None:
    def attacks(*inputs):
        raise ValueError("<script>alert(1)</script>\x1b[31m")

    shown = told(attacks)._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "\x1b" not in shown
    right = told(lambda *inputs: right_cell(*inputs))._repr_html_()
    assert "<strong>lstm_cell</strong>: passed, 2 of 2 points" in right
    assert right.count(": right</li>") == 2 and " color:" not in right and "background" not in right


def test_the_same_function_gets_the_same_answer_twice() -> None:
    first, second = told(doubled), told(doubled)
    assert repr(first) == repr(second) and first._repr_html_() == second._repr_html_()
    assert repr(check(doubled, seed=1)).splitlines()[0] == repr(first).splitlines()[0]


@pytest.mark.parametrize("given", [lambda: 1, 3, "lstm_cell", (1, 2), nn.Linear(1, 1), print])
def test_anything_else_gets_a_sentence_and_no_exception(
    given: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(given) is None
    said = capsys.readouterr().out
    known = ", ".join(exercise.function for exercise in EXERCISES)
    assert said.startswith(f"check takes the function of an exercise ({known}); received ")


def test_a_stop_by_the_student_is_not_swallowed() -> None:
    def endless(*inputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told(endless)


def test_an_exception_that_cannot_be_printed_is_still_reported() -> None:
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    def odd(*inputs):
        raise Odd

    assert told(odd).message.startswith("lstm_cell stopped with Odd in line")


# What a process of an untrusted origin may claim


def test_left_out_gradients_do_not_pass() -> None:
    exam = make_exam(CELL, "forged")
    honest = perform_all(right_cell, exam.calls, {})
    assert judge(exam, honest).status == "passed"
    assert judge(exam, [outcome._replace(gradients=()) for outcome in honest]).status == "failed"
    short = [outcome._replace(gradients=outcome.gradients[:1]) for outcome in honest]
    assert judge(exam, short).right == {0}


def test_too_few_outcomes_do_not_pass() -> None:
    exam = make_exam(CELL, "forged")
    honest = perform_all(right_cell, exam.calls, {})
    for outcomes in ([], honest[:1], honest[:-1], [*honest, honest[0]]):
        assert (judge(exam, outcomes).status, judge(exam, outcomes).score) == ("error", 0)
    undefined = [Outcome(error=Error("NameError", "name 'F' is not defined", "code cell 2, line 3"))]
    sentence = "lstm_cell cannot be defined: NameError in code cell 2, line 3: name 'F' is not defined."
    assert judge(exam, undefined).message == sentence


def test_values_said_to_live_elsewhere_do_not_pass() -> None:
    exam = make_exam(CELL, "forged")
    honest = perform_all(right_cell, exam.calls, {})
    moved = [
        outcome._replace(result=tuple(value._replace(device="meta", data=None) for value in outcome.result))
        for outcome in honest
    ]
    assert judge(exam, moved).score == 0
