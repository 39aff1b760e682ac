"""The exercises on the plain recurrent network: a step, its gradient through time, and that gradient clipped.

T time, N batch, D inputs, H hidden units. Parameters are laid out as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.library import AUTOGRAD, CLIPPING, RECURRENT
from coursekit.grade.exercises.recurrent_cases import SIZES, Parameters, Sizes, driven, parameters
from coursekit.grade.exercises.recurrent_clipping_mistakes import WRONG_CLIPPINGS, pairs_of_clippings
from coursekit.grade.exercises.recurrent_plain_gradients import WRONG_GRADIENTS, Given, pairs_of_gradients
from coursekit.grade.exercises.recurrent_plain_mistakes import WRONG_CELLS, Inputs, pairs_of_cells
from coursekit.grade.generators import normal, uniform
from coursekit.nn.bptt import rnn_sequence
from coursekit.nn.cells import rnn_step
from coursekit.nn.gradients import clip_gradient_norm

# One step


def drawn(generator: Generator, sizes: Sizes) -> Inputs:
    """Arguments on both sides of zero."""
    x = uniform(generator, sizes.scale, sizes.batch, sizes.inputs)
    h = uniform(generator, sizes.scale, sizes.batch, sizes.hidden)
    return Inputs(x, h, *parameters(generator, sizes, layers=1))


def cell_cases(generator: Generator) -> Iterator[Case]:
    for sizes in SIZES:
        yield Case(sizes.words, drawn(generator, sizes))
    x, h, *given = drawn(generator, Sizes(2, 3, 4))
    yield Case("every unit driven to its limit", (x, h, *driven(Parameters(*given))), extreme=True)


def rnn_cell(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    return rnn_step(x, h, w_ih, w_hh, b_ih + b_hh)


# Through time

SEQUENCES = (  # steps, and the sizes of each
    (4, Sizes(3, 5, 2)),
    (3, Sizes(2, 3, 3)),  # D = H: some wrong versions run only here
    (1, Sizes(2, 3, 4, scale=0.3)),
    (5, Sizes(1, 1, 3, scale=3.0)),
    (2, Sizes(4, 2, 1)),
    (3, Sizes(1, 2, 2, scale=10.0)),
    (2, Sizes(2, 4, 3, scale=30.0)),
)


def sequence(generator: Generator, steps: int, sizes: Sizes) -> Given:
    # Large, so that what is rounded to float32 on the way is seen in a float64 result.
    grad_outputs = 100 * normal(generator, steps, sizes.batch, sizes.hidden)
    x = uniform(generator, sizes.scale, steps, sizes.batch, sizes.inputs)
    h0 = uniform(generator, sizes.scale, sizes.batch, sizes.hidden)
    weight_ih, weight_hh, bias, _ = parameters(generator, sizes, layers=1)
    return Given(grad_outputs, x, h0, weight_ih, weight_hh, bias)


def backward_cases(generator: Generator) -> Iterator[Case]:
    for steps, sizes in SEQUENCES:
        words = f"{steps} step{'s' * (steps > 1)}, {sizes.words}"
        yield Case(words, sequence(generator, steps, sizes))
    given = sequence(generator, 3, Sizes(2, 3, 4))
    yield Case("every unit driven to its limit", given._replace(bias=1000 * given.bias.sign()), extreme=True)


def rnn_backward(grad_outputs: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    with torch.enable_grad():
        x, h0, *given = leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        total = (rnn_sequence(x, h0, *given) * grad_outputs).sum()
        return torch.autograd.grad(total, leaves)


# Clipping

# Norms are above 200 where something is clipped: there, what PyTorch adds to the norm, 1e-6, does not show.
CLIPPED = (  # shapes of the tensors, the size of their elements, max_norm
    (((3, 4), (4,), (2, 3, 2)), 300.0, 5.0),
    (((6, 5),), 200.0, 2.0),  # a list of one
    (((2, 3), (3,), (1,), ()), 1000.0, 0.3),
    (((1, 8), (8, 1), (2,)), 3000.0, 70.0),
    (((40,), (3, 3)), 60.0, 1.0),
    (((1,),), 900.0, 3.0),  # a norm that was rounded on the way shows
    (((2,),), 500.0, 8.0),
)
WITHIN = (
    (((3, 4), (4,), (2, 3, 2)), 1.0, 40.0),
    (((5,),), 0.3, 3.0),
    (((2, 2), (3,)), 2.0, 9.0),
)


def gradients(generator: Generator, shapes: Sequence[tuple[int, ...]], size: float) -> list[Tensor]:
    """Elements on both sides of zero, none of them close to it, so that a norm is never small by luck."""
    signs = [uniform(generator, 1.0, *shape).sign() for shape in shapes]
    return [sign * (size + uniform(generator, size / 2, *sign.shape)) for sign in signs]


def clipping_cases(generator: Generator) -> Iterator[Case]:
    for shapes, size, max_norm in (*CLIPPED, *WITHIN):
        listed = " and ".join(map(str, shapes))
        longer = "longer" if size > 10 else "shorter"
        words = f"gradients of shape {listed}, together {longer} than max_norm {max_norm:g}"
        yield Case(words, (gradients(generator, shapes, size), max_norm))
    huge, *small = gradients(generator, ((3, 3), (2, 4), (5,)), 1.0)
    yield Case("one tensor exploded, the others did not, max_norm 10", ([*small, 900 * huge], 10.0))
    part = gradients(generator, ((2, 3), (4,)), 500.0)
    yield Case("one tensor of zeros among others, max_norm 4", ([part[0], torch.zeros_like(part[1])], 4.0))
    yield Case("gradients of zeros only, max_norm 2", ([torch.zeros_like(item) for item in part], 2.0))


EXERCISES = (
    Exercise(
        id="recurrent.rnn_cell",
        arguments=Inputs._fields,
        parts=(Part("the hidden state h", "eq-rnn"),),
        cases=cell_cases,
        reference=rnn_cell,
        mistakes=WRONG_CELLS,
        pairs=pairs_of_cells,
        section="the recurrence",
        forbidden=RECURRENT,
    ),
    Exercise(
        id="recurrent.rnn_backward",
        arguments=Given._fields,
        parts=(
            Part("the gradient of x", "eq-rnn-delta"),
            Part("the gradient of h0", "eq-rnn-delta"),
            Part("the gradient of weight_ih", "eq-rnn-delta-weights"),
            Part("the gradient of weight_hh", "eq-rnn-delta-weights"),
            Part("the gradient of bias", "eq-rnn-delta-weights"),
        ),
        cases=backward_cases,
        reference=rnn_backward,
        mistakes=WRONG_GRADIENTS,
        pairs=pairs_of_gradients,
        section="backpropagation through time",
        forbidden=(*RECURRENT, *AUTOGRAD),
        differentiable=False,
    ),
    Exercise(
        id="recurrent.clip_gradient_norm",
        arguments=("gradients", "max_norm"),
        parts=(Part("the list of clipped gradients", "eq-clip-norm", points=2),),
        cases=clipping_cases,
        reference=clip_gradient_norm,
        mistakes=WRONG_CLIPPINGS,
        pairs=pairs_of_clippings,
        section="clipping",
        forbidden=CLIPPING,
        differentiable=False,
    ),
)
