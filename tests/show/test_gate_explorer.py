"""The gate explorer: its arithmetic is the package's, in Node and in Python, and keys can move it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from coursekit.nn.recurrent import LSTMState, lstm_step
from coursekit.show import GateExplorer

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

PRE_ACTIVATIONS = ("input", "forget", "candidate", "output")  # in PyTorch's order


def package_step(state: dict[str, float]) -> dict[str, float]:
    """c and h as the package computes them: no weights, so that the bias alone is the pre-activation."""
    bias = torch.tensor([state[name] for name in PRE_ACTIVATIONS], dtype=torch.float64)
    nothing = torch.zeros(1, 1, dtype=torch.float64)
    old = LSTMState(h=nothing, c=nothing + state["memory"])
    new = lstm_step(nothing, old, torch.zeros(4, 1).double(), torch.zeros(4, 1).double(), bias)
    return {"c": new.c.item(), "h": new.h.item()}


def random_states(count: int) -> list[dict[str, float]]:
    """Pre-activations and memories from moderate to extreme, +-30 among them."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 3.0, 10.0, 30.0]).repeat(count // 4)[:, None]
    rows = (scale * (2 * torch.rand(count, 5, generator=generator, dtype=torch.float64) - 1)).tolist()
    corners = [
        [a, b, c, d, e]
        for a in (-30, 30)
        for b in (-30, 30)
        for c in (-30, 30)
        for d in (-30, 30)
        for e in (-3, 3)
    ]
    return [dict(zip((*PRE_ACTIVATIONS, "memory"), row, strict=True)) for row in rows + corners]


@pytest.mark.topic("RNN-32", "RNN-33", "RNN-34", "RNN-35", "RNN-36")
def test_step_in_the_browser_equals_the_package(in_node: Callable[..., list[Any]]) -> None:
    states = random_states(200)
    for state, got in zip(states, in_node(GateExplorer, "module.step", states), strict=True):
        for name, expected in package_step(state).items():
            assert got[name] == pytest.approx(expected, rel=1e-12, abs=1e-12), (name, state)
        assert got["kept"] + got["written"] == got["c"]
        assert got["o"] * got["squashed"] == got["h"]


@pytest.mark.topic("RNN-35", "RNN-36")
def test_still_picture_shows_the_packages_numbers() -> None:
    for memory in (-3.0, 0.0, 1.7):
        state = {"forget": -1.3, "input": 2.0, "candidate": -0.4, "output": 0.7, "memory": memory}
        explorer = GateExplorer(**state)
        shown = {
            name: number(text) for name, text in re.findall(r'data-value="(\w+)">([^<]*)<', explorer.still())
        }
        expected = package_step(state) | {
            "f": torch.tensor(-1.3).sigmoid().item(),
            "i": torch.tensor(2.0).sigmoid().item(),
            "g": math.tanh(-0.4),
            "o": torch.tensor(0.7).sigmoid().item(),
            "memory": memory,
        }
        expected["kept"] = expected["f"] * memory
        expected["written"] = expected["i"] * expected["g"]
        expected["squashed"] = math.tanh(expected["c"])
        assert set(expected) == set(shown)
        for name, value in expected.items():
            assert shown[name] == pytest.approx(value, abs=5.001e-4), name


def test_picture_without_scripts_says_its_numbers_in_words() -> None:
    explorer = GateExplorer(forget=10.0, input=-10.0, candidate=0.0, output=10.0, memory=-1.0)
    assert "The old memory −1.000 times the forget gate 1.000 keeps −1.000" in explorer.alt
    assert f'role="img" aria-label="{explorer.alt}"' in explorer.still()
    assert "−0.000" not in explorer.still()


@pytest.mark.parametrize("name", ["forget", "input", "candidate", "output", "memory"])
@pytest.mark.parametrize("value", [-10.1, 10.1, math.nan, math.inf])
def test_a_number_beyond_its_slider_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must lie between -(3|10) and (3|10), got {value}"):
        GateExplorer(**{name: value})


def explore(page: Page) -> dict[str, float]:
    """The values on the wires, once they have been drawn."""
    slots: dict[str, str] = page.eval_on_selector_all(
        "[data-value]", "nodes => Object.fromEntries(nodes.map(n => [n.dataset.value, n.textContent]))"
    )
    return {name: number(text) for name, text in slots.items()}


def slider(page: Page, name: str) -> float:
    return float(page.locator(f"input[name={name}]").input_value())


@pytest.fixture
def explorer_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(GateExplorer())


@pytest.mark.browser
@pytest.mark.topic("RNN-32", "RNN-33", "RNN-34", "RNN-35", "RNN-36")
def test_keys_move_every_slider_and_the_numbers_stay_the_packages(explorer_page: Page) -> None:
    page = explorer_page
    moves = {
        "forget": "ArrowLeft",
        "input": "ArrowRight",
        "candidate": "Home",
        "output": "ArrowUp",
        "memory": "PageDown",
    }
    for name, key in moves.items():
        before = slider(page, name)
        press(page, name, *[key] * 7)
        assert slider(page, name) != before
        state = {each: slider(page, each) for each in (*PRE_ACTIVATIONS, "memory")}
        shown, expected = explore(page), package_step(state)
        assert shown["c"] == pytest.approx(expected["c"], abs=5.001e-4)
        assert shown["h"] == pytest.approx(expected["h"], abs=5.001e-4)
        assert shown["kept"] == pytest.approx(shown["f"] * state["memory"], abs=2e-3)
        assert shown["kept"] + shown["written"] == pytest.approx(shown["c"], abs=2e-3)
        text = page.locator("output").text_content() or ""
        assert [number(found) for found in re.findall(r"= (−?\d\.\d{3})", text)] == [shown["c"], shown["h"]]


@pytest.mark.browser
@pytest.mark.topic("RNN-31", "RNN-32", "RNN-33", "RNN-36")
def test_memory_is_copied_erased_written_and_hidden(explorer_page: Page) -> None:
    page = explorer_page
    press(page, "memory", "Home")  # -3
    click(page, "Copy")
    assert explore(page)["c"] == pytest.approx(-3, abs=1.5e-3)
    click(page, "Erase")
    assert abs(explore(page)["c"]) < 1.5e-3
    click(page, "Write")
    assert explore(page)["c"] == pytest.approx(explore(page)["g"], abs=1.5e-3)
    click(page, "Hide")
    assert explore(page)["c"] == pytest.approx(-3, abs=1.5e-3)
    assert abs(explore(page)["h"]) < 1e-3


@pytest.mark.browser
@pytest.mark.topic("RNN-31", "RNN-35")
def test_steps_feed_the_memory_back_and_reset_returns(explorer_page: Page) -> None:
    page = explorer_page
    start = explore(page)
    memory = 1.0
    for k in range(1, 25):  # past the width of the strip chart
        click(page, "Step")
        memory = package_step(
            {"forget": 1.0, "input": 0.0, "candidate": 1.0, "output": 0.0, "memory": memory}
        )["c"]
        assert explore(page)["memory"] == pytest.approx(memory, abs=5.001e-4)
        assert (page.locator("output").text_content() or "").startswith(f"Step {k}:")
    label = page.locator(".strip").get_attribute("aria-label") or ""
    assert [number(text) for text in label.split(": ")[1].split(", ")][-1] == pytest.approx(
        memory, abs=5.001e-4
    )
    assert label.count(", ") == 24
    click(page, "Reset")
    assert explore(page) == start
    assert page.locator(".strip circle.c").count() == 1


@pytest.mark.browser
def test_each_part_tells_its_equation_by_focus_and_by_pointer(explorer_page: Page) -> None:
    page = explorer_page
    equation = page.locator(".equation")
    names = {
        "c": "New memory",
        "h": "Output",
        "f": "Forget gate",
        "i": "Input gate",
        "g": "Candidate",
        "o": "Output gate",
    }
    for part, words in names.items():
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.get_attribute("data-part") == part
        assert focused.get_attribute("tabindex") == "0"  # Chromium would focus it without; others would not
        assert (focused.get_attribute("aria-label") or "").startswith(words)
        assert words in (equation.text_content() or "")
    press(page, "forget", "ArrowRight")
    assert "ft = σ(Wf [ht−1, xt] + bf) = σ(1.10) = 0.750" in (equation.text_content() or "")
    page.locator(".part[data-part=o]").hover()
    assert "ot = σ(" in (equation.text_content() or "")
    page.mouse.move(2, 2)
    assert "ft = σ(" in (equation.text_content() or ""), "the focused slider's gate again"
