"""The right answers, unusual answers and typed mistakes of every unit that has exercises."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from coursekit.grade.exercises import EXERCISES

from .forms import Answer, Typed

UNITS = tuple(dict.fromkeys(exercise.unit for exercise in EXERCISES))


def of_units(module: str, name: str) -> list[Any]:
    return [getattr(import_module(f".units.{unit}.{module}", __package__), name) for unit in UNITS]


ANSWERS: tuple[Answer, ...] = sum(of_units("answers", "ANSWERS"), ())
TYPED: tuple[Typed, ...] = sum(of_units("typed", "TYPED"), ())
VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    id: tuple(functions)
    for variants in of_units("variants", "VARIANTS")
    for id, functions in variants.items()
}
