"""The merge explorer on the page of the built site, moved by keys, against the package's layer."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page

from coursekit.nn.recurrent import RNN, Bidirectional
from coursekit.show.merge_explorer import MODES, VECTORS, WEIGHTS

sys.path[:0] = [str(Path(__file__).parent)]
from test_pages import address, pressed, site_page  # noqa: E402

__all__ = ["address", "site_page"]  # fixtures
pytestmark = pytest.mark.browser


@pytest.mark.topic("RNN-24", "RNN-25")
def test_the_merge_explorer_on_its_page_merges_as_the_package_does(
    site_page: Callable[..., Page],
) -> None:
    page = site_page("book/recurrent/20-directions-depth-trees.html")
    said = pressed(page, ("changed", "End"), ("position", "Home"))
    assert "moves 1 forward and 5 backward states" in said
    x = torch.tensor([*VECTORS["words"][:4], VECTORS["others"][4]])
    for mode in MODES:
        page.locator(".ck-figure").get_by_role("button", name=mode, exact=True).press("Enter")
        layer = Bidirectional(RNN(2, 3), mode)
        for part, weights in ((layer.forward_layer, "forward"), (layer.backward_layer, "backward")):
            ih, hh, bias = (torch.tensor(WEIGHTS[weights][name]) for name in ("ih", "hh", "bias"))
            part.load_state_dict({"weight_ih": ih, "weight_hh": hh, "bias": bias[0]})
        with torch.no_grad():
            merged = layer(x[None])[0][0, 0].tolist()
        label = page.locator(".ck-figure .plot").get_attribute("aria-label") or ""
        found = re.search(rf"merged by {mode} ([^a-z]+)\.$", label)
        assert found, label
        shown = [float(text.replace("−", "-")) for text in found[1].split(", ")]
        assert shown == pytest.approx(merged, abs=6e-3)
