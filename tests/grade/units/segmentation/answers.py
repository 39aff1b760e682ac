"""Right answers to the exercises on segmentation, as students write them: whole sources, to be damaged."""

from __future__ import annotations

from ...forms import Answer

STAMPS = """
def conv_transpose2d(x, weight, bias, stride=1, padding=0, output_padding=0):
    batch, _, height, width = x.shape
    _, channels, size, _ = weight.shape
    rows = (height - 1) * stride + size + output_padding
    columns = (width - 1) * stride + size + output_padding
    y = x.new_zeros(batch, channels, rows, columns)
    for h in range(height):
        for w in range(width):
            stamp = torch.einsum("nc,coij->noij", x[:, :, h, w], weight)
            top, left = h * stride, w * stride
            y[:, :, top : top + size, left : left + size] += stamp
    y = y[:, :, padding : rows - padding, padding : columns - padding]
    return y + bias[:, None, None]
"""

ZEROS_BETWEEN = """
def conv_transpose2d(x, weight, bias, stride=1, padding=0, output_padding=0):
    n, c, h, w = x.shape
    k = weight.shape[-1]
    apart = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    apart[:, :, ::stride, ::stride] = x
    border = k - 1
    wide = torch.nn.functional.pad(
        apart, (border, border + output_padding, border, border + output_padding)
    )
    turned = weight.flip(2, 3).transpose(0, 1)
    y = torch.nn.functional.conv2d(wide, turned, bias)
    return y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]
"""

CLASS_BY_CLASS = """
def mean_iou(prediction, target, num_classes):
    indices = []
    for k in range(num_classes):
        predicted, true = prediction == k, target == k
        indices.append((predicted & true).sum() / (predicted | true).sum())
    per_class = torch.stack(indices)
    return per_class, per_class.nanmean()
"""

CONFUSION = """
def mean_iou(prediction, target, num_classes):
    pairs = num_classes * target.flatten() + prediction.flatten()
    counts = torch.bincount(pairs, minlength=num_classes * num_classes)
    counts = counts.reshape(num_classes, num_classes)
    shared = counts.diag()
    union = counts.sum(dim=0) + counts.sum(dim=1) - shared
    per_class = shared / union
    there = union > 0
    return per_class, per_class[there].sum() / there.sum()
"""

SQUARE = "kernels are square"
NEW_TENSOR = "a new tensor has no graph yet"
ONLY_READ = "only its dtype and device are read"
CAST_BACK = "it is copied into a tensor of the right dtype, without a loss"
NEW = "x.new_zeros(batch, channels, rows, columns)"
APART = "x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)"
TURNED = "weight.flip(2, 3).transpose"
SYMMETRIC = "the index is the same with the two masks exchanged"

ANSWERS = (
    Answer(
        "segmentation.conv_transpose2d",
        "as in the solutions",
        STAMPS,
        equivalent={
            "line 4: (_, channels, size, _) -> (_, channels, _, size)": SQUARE,
            f"line 7: {NEW} -> {NEW}.detach()": NEW_TENSOR,
            "line 7: x -> x.detach()": ONLY_READ,
            "line 7: x -> x.float().to(x.dtype)": ONLY_READ,
            "line 7: x -> weight": ONLY_READ,
            "line 12: stamp -> stamp.double()": CAST_BACK,
        },
    ),
    Answer(
        "segmentation.conv_transpose2d",
        "with zeros between the pixels",
        ZEROS_BETWEEN,
        equivalent={
            "line 4: 1 -> 2": SQUARE,
            f"line 5: {APART} -> {APART}.detach()": NEW_TENSOR,
            "line 5: x -> x.detach()": ONLY_READ,
            "line 5: x -> x.float().to(x.dtype)": ONLY_READ,
            "line 5: x -> weight": ONLY_READ,
            "line 6: x -> x.double()": CAST_BACK,
            "line 11: weight.flip(2, 3) -> weight.flip(3, 2)": "two axes are turned around in any order",
            f"line 11: {TURNED}(0, 1) -> {TURNED}(1, 0)": "a transpose names its two axes in any order",
        },
    ),
    Answer(
        "segmentation.mean_iou",
        "as in the solutions",
        CLASS_BY_CLASS,
        equivalent={
            "line 5: (predicted, true) -> (true, predicted)": SYMMETRIC,
            "line 5: (prediction == k, target == k) -> (target == k, prediction == k)": SYMMETRIC,
        },
    ),
    Answer("segmentation.mean_iou", "by the confusion matrix", CONFUSION),
)
