"""Right answers to the exercises on convolution, as students write them: whole sources, to be damaged.

Two for each exercise: one as in the solutions, one that takes another way.
"""

from __future__ import annotations

from ...forms import Answer

IMPORTS = "from torch.nn import functional as F\n"

CONV2D = """
def conv2d(x, weight, bias, stride=1, padding=0, dilation=1):
    k, m = weight.shape[2:]
    x = F.pad(x, (padding, padding, padding, padding))
    high = (x.shape[2] - dilation * (k - 1) - 1) // stride + 1
    wide = (x.shape[3] - dilation * (m - 1) - 1) // stride + 1
    y = bias[:, None, None]
    for i in range(k):
        for j in range(m):
            top, left = i * dilation, j * dilation
            seen = x[:, :, top : top + stride * high : stride, left : left + stride * wide : stride]
            y = y + torch.einsum("oc,nchw->nohw", weight[:, :, i, j], seen)
    return y
"""

CONV2D_BY_UNFOLD = """
def conv2d(x, weight, bias, stride=1, padding=0, dilation=1):
    k, m = weight.shape[2:]
    high = (x.shape[2] + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    columns = F.unfold(x, (k, m), dilation, padding, stride)
    y = weight.flatten(1) @ columns + bias[:, None]
    return y.unflatten(2, (high, -1))
"""

BACKWARD = """
def conv2d_backward(grad_out, x, weight, stride=1, padding=0):
    k, m = weight.shape[2:]
    high, wide = grad_out.shape[2:]
    x = F.pad(x, (padding, padding, padding, padding))
    grad_x, grad_weight = torch.zeros_like(x), torch.zeros_like(weight)
    for i in range(k):
        for j in range(m):
            rows = slice(i, i + stride * high, stride)
            columns = slice(j, j + stride * wide, stride)
            grad_weight[:, :, i, j] = torch.einsum("nohw,nchw->oc", grad_out, x[:, :, rows, columns])
            grad_x[:, :, rows, columns] += torch.einsum("oc,nohw->nchw", weight[:, :, i, j], grad_out)
    bottom, right = x.shape[2] - padding, x.shape[3] - padding
    return grad_x[:, :, padding:bottom, padding:right], grad_weight, grad_out.sum(dim=(0, 2, 3))
"""

BACKWARD_BY_FOLD = """
def conv2d_backward(grad_out, x, weight, stride=1, padding=0):
    kernel = weight.shape[2:]
    columns = F.unfold(x, kernel, 1, padding, stride)
    delta = grad_out.flatten(2)
    grad_weight = torch.einsum("nol,nil->oi", delta, columns).view_as(weight)
    back = weight.flatten(1).T @ delta
    return F.fold(back, x.shape[2:], kernel, 1, padding, stride), grad_weight, delta.sum(dim=(0, 2))
"""

CONV1X1 = """
def conv1x1(x, weight, bias):
    return torch.einsum("oc,nchw->nohw", weight, x) + bias[:, None, None]
"""

CONV1X1_AS_LINEAR = """
def conv1x1(x, weight, bias):
    pixels = x.permute(0, 2, 3, 1)
    y = pixels @ weight.T + bias
    return y.permute(0, 3, 1, 2)
"""

FIELD = """
def receptive_field(layers):
    size, jump = 1, 1
    for kernel, stride, dilation in layers:
        size = size + dilation * (kernel - 1) * jump
        jump = jump * stride
    return size, jump
"""

FIELD_BACKWARDS = """
def receptive_field(layers):
    size = 1
    jump = 1
    for kernel, stride, dilation in reversed(layers):
        size = (size - 1) * stride + dilation * (kernel - 1) + 1
        jump *= stride
    return size, jump
"""

BLOCK = """
def residual_block(x, weight1, weight2, weight_shortcut=None, stride=1):
    hidden = F.conv2d(x, weight1, stride=stride, padding=1).relu()
    learned = F.conv2d(hidden, weight2, padding=1)
    shortcut = x if weight_shortcut is None else F.conv2d(x, weight_shortcut, stride=stride)
    return (learned + shortcut).relu()
"""

BLOCK_WITH_A_CHANGED_X = """
def residual_block(x, weight1, weight2, weight_shortcut=None, stride=1):
    hidden = F.conv2d(F.pad(x, (1, 1, 1, 1)), weight1, None, stride)
    y = F.conv2d(F.pad(hidden.clamp(min=0), (1, 1, 1, 1)), weight2)
    if weight_shortcut is not None:
        kept = x[:, :, ::stride, ::stride]
        x = torch.einsum("oc,nchw->nohw", weight_shortcut[:, :, 0, 0], kept)
    return torch.clamp(y + x, min=0)
"""

OVERWRITTEN = "every element is overwritten"
SHAPE = "only its shape and dtype are read"
FORM = "only its shape is read"
SET = "a set of axes has no order"
ONES = "both are 1"
ONE_LONG = "an axis of one element: its first is its last"

ANSWERS = (
    Answer("convolutional.conv2d", "as in the solutions", CONV2D, IMPORTS),
    Answer("convolutional.conv2d", "by unfold", CONV2D_BY_UNFOLD, IMPORTS),
    Answer(
        "convolutional.conv2d_backward",
        "as in the solutions",
        BACKWARD,
        IMPORTS,
        {
            "line 6: torch.zeros_like(weight) -> torch.ones_like(weight)": OVERWRITTEN,
            "line 6: x -> x.float().to(x.dtype)": SHAPE,
            "line 6: weight -> weight.float().to(weight.dtype)": SHAPE,
            "line 14: (0, 2, 3) -> (2, 0, 3)": SET,
            "line 14: (0, 2, 3) -> (0, 3, 2)": SET,
        },
    ),
    Answer(
        "convolutional.conv2d_backward",
        "by fold",
        BACKWARD_BY_FOLD,
        IMPORTS,
        {
            "line 6: weight -> weight.float()": FORM,
            "line 6: weight -> weight.double()": FORM,
            "line 6: weight -> weight.float().to(weight.dtype)": FORM,
            "line 8: (0, 2) -> (2, 0)": SET,
        },
    ),
    Answer("convolutional.conv1x1", "as in the solutions", CONV1X1),
    Answer("convolutional.conv1x1", "as a linear layer", CONV1X1_AS_LINEAR),
    Answer(
        "convolutional.receptive_field",
        "as in the solutions",
        FIELD,
        equivalent={"line 3: (size, jump) -> (jump, size)": ONES},
    ),
    Answer("convolutional.receptive_field", "from the last layer", FIELD_BACKWARDS),
    Answer("convolutional.residual_block", "as in the solutions", BLOCK, IMPORTS),
    Answer(
        "convolutional.residual_block",
        "with another x",
        BLOCK_WITH_A_CHANGED_X,
        IMPORTS,
        {
            "line 7: 0 -> -1": ONE_LONG,
        },
    ),
)
