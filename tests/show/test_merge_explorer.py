"""The merge explorer: its states are those of the package's bidirectional layer, and keys move it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor

from coursekit.nn.recurrent import RNN, Bidirectional
from coursekit.show import MergeExplorer
from coursekit.show import merge_explorer as python

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

STATES = [
    {"position": position, "changed": changed, "mode": mode}
    for position, changed, mode in product(range(1, 6), range(6), python.MODES)
]


def outputs(changed: int, mode: str) -> Tensor:
    """What the package's layer gives for the five words: (5, 6) for "concat", else (5, 3)."""
    layer = Bidirectional(RNN(2, 3), mode).double()
    for part, weights in (
        (layer.forward_layer, python.WEIGHTS["forward"]),
        (layer.backward_layer, python.WEIGHTS["backward"]),
    ):
        tensors = {name: torch.tensor(values).double() for name, values in weights.items()}
        part.load_state_dict(
            {"weight_ih": tensors["ih"], "weight_hh": tensors["hh"], "bias": tensors["bias"][0]}
        )
    x = torch.tensor(python.VECTORS["words"]).double()
    if changed:
        x[changed - 1] = torch.tensor(python.VECTORS["others"][changed - 1]).double()
    with torch.no_grad():
        return layer(x[None])[0][0]


@pytest.mark.topic("RNN-24", "RNN-25")
def test_states_and_merged_states_are_the_packages(in_node: Callable[..., list[Any]]) -> None:
    figures = [MergeExplorer(**state) for state in STATES]
    found = in_node(MergeExplorer, "module.compute", [figure.state for figure in figures])
    for state, figure, got in zip(STATES, figures, found, strict=True):
        at, changed = state["position"] - 1, state["changed"]
        for prefix, other in (("", changed), ("old-", 0)):
            both = outputs(other, "concat")
            merged = outputs(other, state["mode"])[at : at + 1]
            expected = {"forward": both[:, :3], "backward": both[:, 3:], "merged": merged}
            for name, tensor in expected.items():
                for values in (got, figure.values()):
                    torch.testing.assert_close(torch.tensor(values[prefix + name]).double(), tensor)


@pytest.mark.topic("RNN-24")
def test_a_word_moves_the_states_that_have_read_it_and_no_other() -> None:
    """Visibly: each bar's end by a pixel of the picture at least for some unit of every such state."""
    for changed in range(1, 6):
        values = MergeExplorer(changed=changed).values()
        for name, reads in (
            ("forward", lambda t, k=changed: t >= k),
            ("backward", lambda t, k=changed: t <= k),
        ):
            for t, (now, old) in enumerate(zip(values[name], values[f"old-{name}"], strict=True), 1):
                moved = max(abs(a - b) for a, b in zip(now, old, strict=True)) * python.UNIT
                assert moved > 1 if reads(t) else moved == 0, (changed, name, t)


def test_the_picture_begins_where_the_module_does(in_node: Callable[..., list[Any]]) -> None:
    figures = [MergeExplorer(**state) for state in STATES[::7]]
    function = "state => module.paths(module.compute(state))"
    for figure, drawn in zip(
        figures, in_node(MergeExplorer, function, [f.state for f in figures]), strict=True
    ):
        assert python.paths(figure.values()) == drawn
        still = figure.still()
        for path in drawn.values():
            assert f'd="{path}"' in still
        for t, word in enumerate(figure.words(), 1):
            assert f'data-value="word{t}" x="{96 * t - 48}" y="21">{word}<' in still
        assert f'aria-label="{escape(figure.alt)}"' in still


@pytest.mark.topic("RNN-25")
def test_a_bar_is_as_high_as_its_state() -> None:
    """The paths read back: v is how far a bar goes up from zero."""
    figure = MergeExplorer(position=2, changed=4, mode="sum")
    drawn, values = python.paths(figure.values()), figure.values()
    for name in ("forward", "backward", "merged"):
        bars = {}
        for sign in ("plus", "minus"):
            for bar in drawn[f"{name}_{sign}"].split("M")[1:]:
                bars[float(bar.split()[0])] = -float(bar.split("v")[1].split("h")[0]) / python.UNIT
        heights = [bars[x] for x in sorted(bars)]
        expected = [value for row in values[name] for value in row]
        assert heights == pytest.approx(expected, abs=2e-4)
        assert all(height > 0 for height in heights) == (drawn[f"{name}_minus"] == "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"position": 0}, "position must lie between 1 and 5, got 0"),
        ({"position": 2.5}, "position must be a whole number, got 2.5"),
        ({"changed": 6}, "changed must lie between 0 and 5, got 6"),
        ({"changed": math.nan}, "changed must lie between 0 and 5, got nan"),
        ({"mode": "mean"}, "mode must be one of concat, sum, average, max, product, got mean"),
    ],
)
def test_what_the_controls_cannot_set_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MergeExplorer(**arguments)


# In the browser -----------------------------------------------------------------------------------------


def expect(page: Page, position: int, changed: int, mode: str) -> None:
    """The figure shows what the package computes."""
    slots: dict[str, str] = page.eval_on_selector_all(
        "[data-value]", "nodes => Object.fromEntries(nodes.map(n => [n.dataset.value, n.textContent]))"
    )
    merged = outputs(changed, mode)[position - 1].tolist()
    shown = [number(slots[f"m{k}"]) for k in range(1, 7) if slots[f"m{k}"]]
    assert shown == pytest.approx(merged, abs=5.001e-3)
    assert slots["shape"] == f"(1, 5, {len(merged)})" and slots["mode"] == mode
    words = MergeExplorer(changed=changed).words()
    assert [slots[f"word{t}"] for t in range(1, 6)] == words
    assert page.locator(".until").text_content() == " ".join(words[:position])
    assert page.locator(".from").text_content() == " ".join(reversed(words[position - 1 :]))
    assert page.locator("[aria-pressed=true]").text_content() == mode
    said = page.locator("output").text_content() or ""
    assert f"Position {position}, “{words[position - 1]}”: outputs have shape (1, 5, {len(merged)})." in said
    moves = f"moves {6 - changed} forward and {changed} backward states"
    assert (moves in said) == bool(changed)


@pytest.fixture
def merge_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(MergeExplorer())


@pytest.mark.browser
@pytest.mark.topic("RNN-24", "RNN-25")
def test_keys_choose_position_word_and_mode(merge_page: Page) -> None:
    page = merge_page
    expect(page, 3, 0, "concat")
    press(page, "position", "End")
    expect(page, 5, 0, "concat")
    press(page, "changed", *["ArrowRight"] * 2)
    expect(page, 5, 2, "concat")
    for mode in python.MODES:
        button = page.get_by_role("button", name=mode, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        expect(page, 5, 2, mode)
    press(page, "position", "Home")
    expect(page, 1, 2, "product")
    press(page, "changed", "Home")
    expect(page, 1, 0, "product")
    click(page, "Reset")
    expect(page, 3, 0, "concat")


@pytest.mark.browser
def test_the_pointer_chooses_columns_and_words(merge_page: Page) -> None:
    page = merge_page
    page.locator("[data-position='2']").click()
    expect(page, 2, 0, "concat")
    page.locator("[data-change='4']").click()
    expect(page, 2, 4, "concat")
    page.locator("[data-change='1']").click()
    expect(page, 2, 1, "concat")
    page.locator("[data-change='1']").click()
    expect(page, 2, 0, "concat")


@pytest.mark.browser
def test_the_lines_end_at_the_position(merge_page: Page) -> None:
    page = merge_page
    for position in (3, 1, 5):
        press(page, "position", *["Home"], *["ArrowRight"] * (position - 1))
        page.wait_for_timeout(300)  # the lines glide
        here = page.locator(".here").bounding_box()
        forward, backward = (
            page.locator(f".plot .read.{name}").bounding_box() for name in ("forward", "backward")
        )
        plot = page.locator(".plot").bounding_box()
        assert here and forward and backward and plot
        assert forward["x"] == pytest.approx(plot["x"], abs=0.5)
        assert forward["x"] + forward["width"] == pytest.approx(here["x"] + here["width"], abs=0.5)
        assert backward["x"] == pytest.approx(here["x"], abs=0.5)
        assert backward["x"] + backward["width"] == pytest.approx(plot["x"] + plot["width"], abs=0.5)
