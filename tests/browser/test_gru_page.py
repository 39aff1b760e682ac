"""The two figures of the GRU's page on the built site, moved by keys, against the package's cells."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page

from coursekit.nn.recurrent import gru_step
from coursekit.show import CellsExplorer

sys.path[:0] = [str(Path(__file__).parent)]
from test_pages import address, site_page  # noqa: E402

__all__ = ["address", "site_page"]  # fixtures
pytestmark = pytest.mark.browser
PAGE = "book/recurrent/40-gru.html"


@pytest.mark.topic("RNN-52", "RNN-53", "RNN-54", "RNN-55", "RNN-56")
def test_the_gru_explorer_on_its_page_follows_the_keyboard_and_the_equations(
    site_page: Callable[..., Page],
) -> None:
    figure = site_page(PAGE).locator(".ck-figure.gru_explorer")
    names = ("reset", "update", "input", "weight", "bias", "memory")
    for name in names:
        for _ in range(4):
            figure.locator(f"input[name={name}]").press("ArrowLeft")
    figure.get_by_role("button", name="reset before it", exact=True).press("Enter")
    a = {name: torch.tensor([[float(figure.locator(f"input[name={name}]").input_value())]]) for name in names}
    assert a["reset"] < 2 and a["memory"] < 0.8  # where they started
    nothing = torch.zeros(1, 1)
    weight_hh = torch.cat([nothing, nothing, a["weight"]])
    bias_ih = torch.cat([a["reset"], a["update"], a["input"]])[:, 0]
    bias_hh = torch.cat([nothing, nothing, a["bias"]])[:, 0]
    expected = [
        gru_step(nothing, a["memory"], torch.zeros(3, 1), weight_hh, bias_ih, bias_hh, reset=reset).item()
        for reset in ("before", "after")
    ]
    said = (figure.locator("output").text_content() or "").replace("−", "-")
    assert [float(h) for h in re.findall(r"-?\d\.\d{3}", said)] == pytest.approx(expected, abs=6e-4)


@pytest.mark.topic("RNN-51")
def test_the_cells_explorer_on_its_page_tells_how_long_a_pulse_lasts(site_page: Callable[..., Page]) -> None:
    figure = site_page(PAGE).locator(".ck-figure.cells_explorer")
    figure.locator("input[name=keep]").press("Home")
    figure.locator("[data-step='5']").press("Enter")
    inputs = [float(t in (2, 5)) for t in range(16)]
    steps = CellsExplorer(keep=0.0, inputs=inputs).lasting()
    expected = ["over 13" if each is None else str(each) for each in steps.values()]
    assert figure.locator("[data-half]").all_text_contents() == expected
