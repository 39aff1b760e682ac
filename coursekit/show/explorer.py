"""What the explorers share in Python: limits of sliders, pictures filled from a template, numbers as text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from string import Template

from .browser import asset


def check_between(name: str, value: float, low: float, high: float) -> None:
    """Raise `ValueError` for a number beyond the ends of its slider."""
    if not low <= value <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value}")


def check_whole(name: str, value: float, low: int, high: int) -> int:
    """The same for a slider of whole numbers, which it returns as one."""
    check_between(name, value, low, high)
    if value != int(value):
        raise ValueError(f"{name} must be a whole number, got {value}")
    return int(value)


def fill(name: str, *, alt: str, texts: Mapping[str, str], variables: Mapping[str, float]) -> str:
    """The template `name`.svg with its texts, and with its variables as CSS properties of the picture.

    The module finds both again: a text by its `data-value`, a variable by `--` and its name.
    """
    style = ";".join(f"--{each}:{value:.6f}" for each, value in variables.items())
    return Template(asset(f"{name}.svg")).substitute(texts, alt=escape(alt), style=style)


def number(value: float, digits: int = 3) -> str:
    """So many decimals, a real minus sign, never "-0.000"; ties as JavaScript's `toFixed` breaks them."""
    text = str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
    return text.replace("-", "" if float(text) == 0 else "−")
