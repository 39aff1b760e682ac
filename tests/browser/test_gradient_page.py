"""The gradient explorer on its page of the built site."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from coursekit.show import GradientExplorer
from coursekit.show.gradient_explorer import short

sys.path.insert(0, str(Path(__file__).parent))
from test_pages import address, pressed, site_page  # noqa: E402

__all__ = ["address", "site_page"]  # fixtures

pytestmark = pytest.mark.browser


@pytest.mark.topic("RNN-17", "RNN-18")
def test_the_gradient_explorer_on_its_page_follows_the_radius(site_page: Callable[..., Page]) -> None:
    page = site_page("book/recurrent/11-through-time.html")
    for name in ("orthogonal", "linear"):
        page.locator(".ck-figure").get_by_role("button", name=name, exact=True).click()
    ends = {}
    for key, radius in (("Home", 0.5), ("End", 1.5)):
        said = pressed(page, ("radius", key))
        figure = GradientExplorer(radius=radius, start="orthogonal", activation="linear")
        ends[radius] = figure.values()["norms"][-1]
        found = re.search(r"After 50 steps (\S+) of the error is left", said)
        assert found is not None and found[1] == short(ends[radius])
    assert ends[0.5] == pytest.approx(0.5**50, rel=1e-4) and ends[1.5] == pytest.approx(1.5**50, rel=1e-4)
