"""`coursekit.show` costs little until something is drawn, and interactive figures never need matplotlib."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "matplotlib", "anywidget", "ipywidgets", "pygments", "sklearn")


@pytest.mark.parametrize(
    ("code", "loads"),
    [
        ("import coursekit.show", ()),
        ("from coursekit.show import GateExplorer; GateExplorer().to_html()", ()),
        ("from coursekit.show import LossExplorer; LossExplorer().to_html()", ()),
        ("from coursekit.show import ConvolutionExplorer; ConvolutionExplorer().to_html()", ()),
        ("from coursekit.show import InceptionExplorer; InceptionExplorer().to_html()", ()),
        ("from coursekit.show import UnrollExplorer; UnrollExplorer().to_html()", ()),
        ("from coursekit.show import GradientExplorer; GradientExplorer().to_html()", ()),
        ("from coursekit.show import MergeExplorer; MergeExplorer().to_html()", ()),
        ("from coursekit.show import GRUExplorer; GRUExplorer().to_html()", ()),
        ("from coursekit.show import CellsExplorer; CellsExplorer().to_html()", ()),
        ("from coursekit import show; show.source(show.source)._repr_html_()", ("pygments",)),
        ("from coursekit import show; show.curves({'a': [1, 2]}, alt='A')", ("matplotlib",)),
    ],
)
def test_only_what_is_used_is_loaded(code: str, loads: tuple[str, ...]) -> None:
    script = f"{code}\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == set(loads)
