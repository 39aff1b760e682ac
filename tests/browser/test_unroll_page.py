"""The unroll explorers on the page of the built site, unrolled by keys, against the package's layer."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page

from coursekit.nn.recurrent import RNN
from coursekit.show.unroll_explorer import READS

sys.path[:0] = [str(Path(__file__).parent)]
from test_pages import address, site_page  # noqa: E402

__all__ = ["address", "site_page"]  # fixtures
pytestmark = pytest.mark.browser


@pytest.mark.topic("RNN-07", "RNN-11")
def test_the_unroll_explorers_on_their_page_reach_the_packages_last_state(
    site_page: Callable[..., Page],
) -> None:
    page = site_page("book/recurrent/10-recurrence.html")
    layer = RNN(1, 2)
    W, U, b = (torch.tensor(each) for each in READS)
    layer.load_state_dict({"weight_ih": W[:, None], "weight_hh": U, "bias": b})
    figures = page.locator(".ck-figure.unroll_explorer")
    assert figures.count() == 2
    for k in range(2):
        figure = figures.nth(k)
        figure.locator("input[name=x2]").press("End")
        while not re.search("Step 4 of 4", figure.locator("output").text_content() or ""):
            figure.get_by_role("button", name="Unroll", exact=True).press("Enter")
        x = [float(figure.locator(f"input[name=x{t}]").input_value()) for t in range(1, 5)]
        assert x[1] == 2
        with torch.no_grad():
            expected = layer(torch.tensor(x)[None, :, None])[1][0].tolist()
        said = figure.locator("output").text_content() or ""
        found = re.search(r"h = \((.*), (.*)\),", said)
        assert found, said
        assert [float(text.replace("−", "-")) for text in found.groups()] == pytest.approx(expected, abs=6e-3)
