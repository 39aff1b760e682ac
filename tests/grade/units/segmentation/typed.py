"""Mistakes typed into the text of right answers, as students make them, and the ids they must get.

They are written without the catalogue, in the words of an answer, so that the catalogue is not only compared
with itself.
"""

from __future__ import annotations

from ...forms import Answer, typed
from .answers import CLASS_BY_CLASS, CONFUSION, STAMPS, ZEROS_BETWEEN

STAMPED = Answer("segmentation.conv_transpose2d", "stamps", STAMPS)
BETWEEN = Answer("segmentation.conv_transpose2d", "zeros between", ZEROS_BETWEEN)
LOOP = Answer("segmentation.mean_iou", "class by class", CLASS_BY_CLASS)
COUNTS = Answer("segmentation.mean_iou", "confusion matrix", CONFUSION)

CROP = "padding : rows - padding, padding : columns - padding"
ADDED_UP = "(predicted & true).sum() / (predicted | true).sum()"

TYPED = (
    typed("MIS-01", BETWEEN, ("weight.flip(2, 3).transpose(0, 1)", "weight.transpose(0, 1)")),
    typed("MIS-01", STAMPED, ("coij->noij", "coji->noij")),
    typed("SEG-01", STAMPED, ("coij->noij", "ocij->noij"), ("_, channels, size", "channels, _, size")),
    typed("SEG-01", BETWEEN, (".transpose(0, 1)", "")),
    typed("SEG-02", STAMPED, ("top, left = h * stride, w * stride", "top, left = h, w")),
    typed(
        "SEG-02",
        STAMPED,
        ("(height - 1) * stride + size", "(height - 1) + size"),
        ("(width - 1) * stride + size", "(width - 1) + size"),
        ("top, left = h * stride, w * stride", "top, left = h, w"),
    ),
    typed(
        "SEG-03",
        BETWEEN,
        ("(h - 1) * stride + 1, (w - 1) * stride + 1", "h * stride, w * stride"),
    ),
    typed(
        "ERR-10",
        BETWEEN,
        ("    apart = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)\n", ""),
        (
            "apart[:, :, ::stride, ::stride] = x",
            "apart = x.repeat_interleave(stride, 2).repeat_interleave(stride, 3)",
        ),
    ),
    typed("SEG-04", STAMPED, ("+= stamp", "= stamp")),
    typed(
        "ERR-10",
        STAMPED,
        (CROP, "padding : padding + height * stride, padding : padding + width * stride"),
        ("+ size + output_padding\n    columns", "+ size + 99\n    columns"),
        ("(width - 1) * stride + size + output_padding", "(width - 1) * stride + size + 99"),
    ),
    typed("SEG-05", STAMPED, (f"    y = y[:, :, {CROP}]\n", "")),
    typed("SEG-05", STAMPED, (CROP, "padding:-padding, padding:-padding")),
    typed("SEG-05", STAMPED, (CROP, "padding:, padding:")),
    typed("SEG-05", BETWEEN, ("border = k - 1", "border = k - 1 + 2 * padding")),
    typed(
        "SEG-06",
        BETWEEN,
        (
            "(border, border + output_padding, border, border + output_padding)",
            "(border + output_padding, border, border + output_padding, border)",
        ),
    ),
    typed(
        "SEG-06",
        STAMPED,
        ("+ size + output_padding\n    columns", "+ size\n    columns"),
        ("(width - 1) * stride + size + output_padding", "(width - 1) * stride + size"),
    ),
    typed("SEG-07", STAMPED, (" + bias[:, None, None]", "")),
    typed(
        "SEG-07", STAMPED, ("+= stamp", "+= stamp + bias[:, None, None]"), ("y + bias[:, None, None]", "y")
    ),
    typed("MIS-01 + SEG-07", BETWEEN, ("weight.flip(2, 3)", "weight"), (", turned, bias)", ", turned)")),
    typed("SEG-04 + SEG-07", STAMPED, ("+= stamp", "= stamp"), (" + bias[:, None, None]", "")),
    typed(
        "SEG-02 + SEG-05",
        STAMPED,
        ("top, left = h * stride, w * stride", "top, left = h, w"),
        (f"    y = y[:, :, {CROP}]\n", ""),
    ),
    typed("SEG-08", LOOP, (ADDED_UP, "2 * (predicted & true).sum() / (predicted.sum() + true.sum())")),
    typed("SEG-09", COUNTS, (" - shared", "")),
    typed("SEG-09", LOOP, ("predicted | true", "predicted ^ true")),
    typed("SEG-10", LOOP, ("(predicted | true)", "true")),
    typed("SEG-10", COUNTS, ("counts.sum(dim=0) + counts.sum(dim=1) - shared", "counts.sum(dim=0)")),
    typed("SEG-11", COUNTS, ("shared / union", "(shared + 1) / (union + 1)")),
    typed("ERR-12", LOOP, ("indices.append(", "indices.append(1 - ")),
    typed("SEG-12", LOOP, ("/ (predicted | true).sum()", "/ (predicted | true).sum().clamp(min=1)")),
    typed("SEG-12", LOOP, ("torch.stack(indices)", "torch.stack(indices).nan_to_num(1)")),
    typed("SEG-12", COUNTS, ("return per_class,", "return per_class[there],")),
    typed("SEG-12", LOOP, ("nanmean", "mean")),
    typed("SEG-12", COUNTS, ("there = union > 0", "there = counts.sum(dim=1) > 0")),
    typed("SEG-13", COUNTS, ("per_class[there].sum() / there.sum()", "shared.sum() / counts.sum()")),
    typed("SEG-14", LOOP, ("per_class.nanmean()", "per_class[1:].nanmean()")),
    typed("SEG-14", LOOP, ("in range(num_classes)", "in range(1, num_classes)")),
    typed(
        "SEG-15",
        LOOP,
        (ADDED_UP, "((predicted & true).sum((-2, -1)) / (predicted | true).sum((-2, -1))).nanmean()"),
    ),
    typed(
        "SEG-09 + SEG-13",
        COUNTS,
        (" - shared", ""),
        ("per_class[there].sum() / there.sum()", "shared.sum() / counts.sum()"),
    ),
    typed(
        "SEG-08 + SEG-12",
        LOOP,
        (ADDED_UP, "2 * (predicted & true).sum() / (predicted.sum() + true.sum())"),
        ("nanmean", "mean"),
    ),
)
