"""The GRU explorer: its arithmetic is the package's, in Node and in Python, and keys can move it."""

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

from coursekit.nn.recurrent import gru_step
from coursekit.show import GRUExplorer

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

NUMBERS = ("reset", "update", "input", "weight", "bias", "memory")
BEGIN = GRUExplorer().state


def package_step(state: dict[str, Any]) -> float:
    """The new state as the package computes it: the input is 0, so that its biases are all it adds."""
    a = {name: torch.tensor([[float(state[name])]], dtype=torch.float64) for name in NUMBERS}
    nothing = torch.zeros(1, 1, dtype=torch.float64)
    weight_hh = torch.cat([nothing, nothing, a["weight"]])
    bias_ih = torch.cat([a["reset"], a["update"], a["input"]])[:, 0]
    bias_hh = torch.cat([nothing, nothing, a["bias"]])[:, 0]
    h = gru_step(
        nothing, a["memory"], torch.zeros(3, 1).double(), weight_hh, bias_ih, bias_hh, reset=state["variant"]
    )
    return h.item()


def random_states(count: int) -> list[dict[str, Any]]:
    """Both variants, from moderate to extreme numbers."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.tensor([10.0, 10.0, 3.0, 3.0, 3.0, 1.0], dtype=torch.float64)
    scale = torch.tensor([0.1, 0.5, 1.0, 3.0]).repeat(count // 4)[:, None]
    rows = scale * ends * (2 * torch.rand(count, 6, generator=generator, dtype=torch.float64) - 1)
    return [
        dict(zip(NUMBERS, row, strict=True)) | {"variant": variant}
        for row in rows.tolist()
        for variant in ("after", "before")
    ]


@pytest.mark.topic("RNN-52", "RNN-53", "RNN-54", "RNN-55", "RNN-56")
def test_step_in_the_browser_equals_the_package(in_node: Callable[..., list[Any]]) -> None:
    states = random_states(200)
    for state, got in zip(states, in_node(GRUExplorer, "module.step", states), strict=True):
        assert got["h"] == pytest.approx(package_step(state), rel=1e-12, abs=1e-12), state
        assert got["kept"] + got["written"] == got["h"]
        assert got["rest"] == 1 - got["z"]


@pytest.mark.topic("RNN-54", "RNN-55", "RNN-56")
@pytest.mark.parametrize("variant", ["after", "before"])
def test_still_picture_shows_the_packages_numbers(variant: Any) -> None:
    for memory in (-1.0, 0.0, 0.7):
        given = {"reset": -0.6, "update": 0.9, "input": 0.4, "weight": -1.5, "bias": 0.8, "memory": memory}
        explorer = GRUExplorer(**given, variant=variant)
        shown = {
            name: number(text) for name, text in re.findall(r'data-value="(\w+)">([^<]*)<', explorer.still())
        }
        r, z = (torch.tensor(a).double().sigmoid().item() for a in (-0.6, 0.9))
        inner, recalled = {
            "after": (-1.5 * memory + 0.8, r * (-1.5 * memory + 0.8)),
            "before": (r * memory, -1.5 * (r * memory) + 0.8),
        }[variant]
        n = math.tanh(0.4 + recalled)
        expected = {"r": r, "z": z, "rest": 1 - z, "memory": memory, "input": 0.4, "inner": inner}
        expected |= {"recalled": recalled, "n": n, "kept": z * memory, "written": (1 - z) * n}
        expected["h"] = package_step(explorer.state)
        assert set(expected) == set(shown)
        for name, value in expected.items():
            assert shown[name] == pytest.approx(value, abs=5.001e-4), name


def test_picture_without_scripts_says_its_numbers_and_its_variant() -> None:
    after = GRUExplorer(update=10.0, memory=-1.0).alt
    assert "The update gate 1.000 keeps −1.000 of the old state" in after
    assert "times its weight plus its bias is −0.500; the reset gate 0.881 lets −0.440" in after
    assert "times the reset gate 0.881 is −0.881" in GRUExplorer(memory=-1.0, variant="before").alt
    assert "−0.000" not in GRUExplorer(input=0.0, memory=0.0).still()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-10.1, 10.1, math.nan, math.inf])
def test_a_number_beyond_its_slider_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must lie between -(1|3|10) and (1|3|10), got {value}"):
        GRUExplorer(**{name: value})  # type: ignore[arg-type]


def test_another_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="variant must be 'after' or 'before', got 'inside'"):
        GRUExplorer(variant="inside")  # type: ignore[arg-type]


def values(page: Page) -> dict[str, float]:
    """The values on the wires of the variant that is shown."""
    slots: dict[str, str] = page.eval_on_selector_all(
        "[data-value]", "nodes => Object.fromEntries(nodes.map(n => [n.dataset.value, n.textContent]))"
    )
    return {name: number(text) for name, text in slots.items()}


def state_of(page: Page) -> dict[str, Any]:
    pressed = page.locator("[data-preset][aria-pressed=true]").get_attribute("data-preset")
    sliders = {name: float(page.locator(f"input[name={name}]").input_value()) for name in NUMBERS}
    return sliders | {"variant": pressed}


@pytest.fixture
def explorer_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(GRUExplorer())


@pytest.mark.browser
@pytest.mark.topic("RNN-52", "RNN-53", "RNN-54", "RNN-55", "RNN-56")
def test_keys_move_every_slider_in_both_variants(explorer_page: Page) -> None:
    page = explorer_page
    for variant in ("reset before it", "reset after the product"):
        click(page, variant)
        moves = dict(
            zip(
                NUMBERS,
                ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowRight", "PageDown"),
                strict=True,
            )
        )
        for name, key in moves.items():
            before = state_of(page)
            press(page, name, *[key] * 3)
            state = state_of(page)
            assert state[name] != before[name]
            assert values(page)["h"] == pytest.approx(package_step(state), abs=5.001e-4)
            other = {"after": "before", "before": "after"}[state["variant"]]
            said = page.locator("output").text_content() or ""
            assert f"with the reset gate {other} the product" in said
            found = [number(text) for text in re.findall(r"(−?\d\.\d{3})", said)]
            expected = [package_step(state), package_step(state | {"variant": other})]
            assert found == pytest.approx(expected, abs=5.001e-4)


@pytest.mark.browser
@pytest.mark.topic("RNN-51", "RNN-52", "RNN-53")
def test_the_state_is_copied_erased_written_and_flipped(explorer_page: Page) -> None:
    page = explorer_page
    press(page, "memory", "Home")  # -1
    click(page, "Copy")
    assert values(page)["h"] == pytest.approx(-1, abs=1.5e-3)
    click(page, "Erase")
    assert abs(values(page)["h"]) < 1.5e-3
    click(page, "Write")
    assert values(page)["h"] == pytest.approx(math.tanh(2), abs=1.5e-3)
    click(page, "Mix")
    shown = values(page)
    assert shown["h"] == pytest.approx((shown["memory"] + shown["n"]) / 2, abs=1.5e-3)
    click(page, "Flip")
    signs = []
    for _ in range(4):
        click(page, "Step")
        signs.append(math.copysign(1, values(page)["memory"]))
    assert signs == [1, -1, 1, -1]


@pytest.mark.browser
@pytest.mark.topic("RNN-55")
def test_steps_feed_the_state_back_and_reset_returns(explorer_page: Page) -> None:
    page = explorer_page
    start, state = values(page), dict(BEGIN)
    for k in range(1, 25):  # past the width of the strip chart
        click(page, "Step")
        state["memory"] = package_step(state)
        assert values(page)["memory"] == pytest.approx(state["memory"], abs=5.001e-4)
        assert (page.locator("output").text_content() or "").startswith(f"Step {k}:")
    label = page.locator(".strip").get_attribute("aria-label") or ""
    told = [number(text) for text in label.split(": ")[1].split(", ")]
    assert len(told) == 25 and told[-1] == pytest.approx(state["memory"], abs=5.001e-4)
    click(page, "Reset")
    assert values(page) == start
    assert page.locator(".strip circle.h").count() == 1


@pytest.mark.browser
def test_only_the_product_of_the_chosen_variant_is_visible(explorer_page: Page) -> None:
    page = explorer_page
    page.emulate_media(reduced_motion="reduce")

    def seen(name: str) -> float:
        return float(page.locator(f".product.{name}").evaluate("node => getComputedStyle(node).opacity"))

    assert (seen("after"), seen("before")) == (1, 0)
    click(page, "reset before it")
    assert (seen("after"), seen("before")) == (0, 1)


@pytest.mark.browser
def test_each_part_tells_its_equation_by_focus_and_by_pointer(explorer_page: Page) -> None:
    page = explorer_page
    equation = page.locator(".equation")
    for part, words in {"h": "New state", "r": "Reset gate", "z": "Update gate", "n": "Candidate"}.items():
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.get_attribute("data-part") == part
        assert (focused.get_attribute("aria-label") or "").startswith(words)
        assert words in (equation.text_content() or "")
    press(page, "update", "ArrowRight")
    assert "zt = σ(Wz xt + Uz ht−1 + bz) = σ(1.10) = 0.750" in (equation.text_content() or "")
    page.locator(".part[data-part=n]").hover()
    assert "nt = tanh(an + rt (u ht−1 + b′))" in (equation.text_content() or "")
    click(page, "reset before it")
    page.locator(".part[data-part=n]").hover()
    assert "nt = tanh(an + u (rt ht−1) + b′)" in (equation.text_content() or "")
