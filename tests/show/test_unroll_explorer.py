"""The unroll explorer: its states are the package's, in Node and in Python; keys unroll and move it."""

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

from coursekit.nn.recurrent import rnn_step
from coursekit.show import UnrollExplorer
from coursekit.show.unroll_explorer import FORMS, READS, WRITES, C, V, Weights

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

INPUTS = ("x1", "x2", "x3", "x4")
Row = tuple[float, float, float, float | None]  # x, both units, y


def tensors(weights: Weights) -> list[torch.Tensor]:
    W, U, b = (torch.tensor(each, dtype=torch.float64) for each in weights)
    return [W[:, None], U, b]  # (H, D), (H, H), (H,)


def package_steps(form: str, x: tuple[float, ...]) -> list[Row]:
    """What each step of a form reads, its state and its output, by `rnn_step`."""
    reader, writer = tensors(READS), tensors(WRITES)
    h, rows = torch.zeros(1, 2, dtype=torch.float64), list[Row]()

    def step(value: float, weights: list[torch.Tensor], says: bool) -> float:
        nonlocal h
        h = rnn_step(torch.tensor([[value]], dtype=torch.float64), h, *weights)
        y = (h[0] @ torch.tensor(V, dtype=torch.float64) + C).item()
        rows.append((value, *h[0].tolist(), y if says else None))
        return y

    if form == "one to many":
        said = x[0]
        for _ in range(4):
            said = step(said, reader, says=True)
    elif form == "encoder-decoder":
        for value in x[:3]:
            step(value, reader, says=False)
        said = 0.0
        for _ in range(3):
            said = step(said, writer, says=True)
    else:
        for t, value in enumerate(x):
            step(value, reader, says=form == "aligned" or t == 3)
    return rows


def drawn_inputs() -> list[tuple[float, ...]]:
    generator = torch.Generator().manual_seed(0)
    rows = (4 * torch.rand(20, 4, generator=generator, dtype=torch.float64) - 2).tolist()
    return [tuple(row) for row in rows] + [(0.0,) * 4, (2.0,) * 4, (-2.0,) * 4]


@pytest.mark.topic("RNN-07", "RNN-10", "RNN-11", "RNN-12")
@pytest.mark.parametrize("form", FORMS)
def test_states_in_the_browser_and_in_python_are_the_packages(
    form: str, in_node: Callable[..., list[Any]]
) -> None:
    states = [{"form": form} | dict(zip(INPUTS, x, strict=True)) for x in drawn_inputs()]
    for x, got in zip(drawn_inputs(), in_node(UnrollExplorer, "module.unroll", states), strict=True):
        expected = package_steps(form, x)
        ours = UnrollExplorer(form=form, x=x).steps()
        assert len(expected) == len(got) == len(ours) == len(FORMS[form])
        for row, node, python in zip(expected, got, ours, strict=True):
            for y in (node["y"], python.y):
                assert (y is None) == (row[3] is None)
            for read, h, y in ((node["x"], node["h"], node["y"]), (python.x, python.h, python.y)):
                assert [read, *h, y or 0.0] == pytest.approx([*row[:3], row[3] or 0.0], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_still_picture_shows_every_step(form: str) -> None:
    explorer = UnrollExplorer(form=form, step=1)
    still = explorer.still()
    shown = {name: text for name, text in re.findall(r'data-value="(\w+)">([^<]*)<', still)}
    for t, (x, a, b, y) in enumerate(package_steps(form, (1.0, -0.5, 0.5, -1.0)), start=1):
        for name, value in (("x", x), ("a", a), ("b", b), ("y", y)):
            if value is not None:
                assert number(shown[f"{name}{t}"]) == pytest.approx(value, abs=5.001e-3)
    assert still.count('data-look="done"') == len(FORMS[form])
    assert still.count('data-look="none"') == 6 - len(FORMS[form])
    assert f'aria-label="{explorer.alt}"' in still and form in explorer.alt
    assert "$" not in still and "−0.00" not in still


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"form must be one of 'one to many'.*got 'many'"):
        UnrollExplorer(form="many")
    with pytest.raises(ValueError, match="step must lie between 0 and 4, got 5"):
        UnrollExplorer(step=5)
    with pytest.raises(ValueError, match="x must hold four numbers, got 1"):
        UnrollExplorer(x=(1.0,))  # type: ignore[arg-type]
    for value in (2.1, -2.1, math.nan):
        with pytest.raises(ValueError, match=f"x3 must lie between -2 and 2, got {value}"):
            UnrollExplorer(x=(0.0, 0.0, value, 0.0))


def said(page: Page) -> list[float]:
    """Input, both units and the output, if any, that the figure tells."""
    text = page.locator("output").text_content() or ""
    return [number(found) for found in re.findall(r"−?\d\.\d\d", text)]


def looks(page: Page) -> list[str]:
    looks: list[str] = page.eval_on_selector_all(".column", "all => all.map(each => each.dataset.look)")
    return looks


@pytest.mark.browser
@pytest.mark.topic("RNN-07", "RNN-10", "RNN-11", "RNN-12")
@pytest.mark.parametrize("form", FORMS)
def test_each_press_unrolls_one_step_and_after_the_last_all_are_rolled_up(
    form: str, open_figure: Callable[..., Page]
) -> None:
    page = open_figure(UnrollExplorer())
    click(page, form)
    expected = package_steps(form, (1.0, -0.5, 0.5, -1.0))
    total = len(expected)
    unused = ["none"] * (6 - total)
    assert looks(page) == ["later"] * total + unused
    for t, row in enumerate(expected, start=1):
        click(page, "Unroll")
        assert said(page) == pytest.approx([value for value in row if value is not None], abs=5.001e-3)
        assert looks(page) == ["done"] * (t - 1) + ["now"] + ["later"] * (total - t) + unused
        results = page.locator(".equation b").all_text_contents()
        assert [number(text) for text in results] == pytest.approx(row[1:3], abs=5.001e-3)
    click(page, "Unroll")
    assert looks(page) == ["later"] * total + unused
    assert "Rolled up again." in (page.locator("output").text_content() or "")
    assert page.get_by_role("button", name=form, exact=True).get_attribute("aria-pressed") == "true"


@pytest.mark.browser
@pytest.mark.topic("RNN-03")
def test_a_changed_element_moves_its_own_state_and_the_later_ones(open_figure: Callable[..., Page]) -> None:
    page = open_figure(UnrollExplorer(step=4))
    states = "[data-value^=a], [data-value^=b]"
    before = page.locator(states).all_text_contents()[:8]
    press(page, "x3", *["ArrowRight"] * 5)
    after = page.locator(states).all_text_contents()[:8]
    assert before[:4] == after[:4]  # two steps of two units
    assert all(old != new for old, new in zip(before[4:], after[4:], strict=True))
    expected = package_steps("aligned", (1.0, -0.5, 1.0, -1.0))[-1]
    assert said(page) == pytest.approx([value for value in expected if value is not None], abs=5.001e-3)
    click(page, "Reset")
    assert page.locator(states).all_text_contents()[:8] == before


@pytest.mark.browser
def test_only_inputs_that_a_form_reads_can_be_moved(open_figure: Callable[..., Page]) -> None:
    page = open_figure(UnrollExplorer())
    reads = {"one to many": 1, "many to one": 4, "aligned": 4, "encoder-decoder": 3}
    for form, count in reads.items():
        click(page, form)
        assert [page.locator(f"input[name={name}]").is_enabled() for name in INPUTS] == [
            k < count for k in range(4)
        ]


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(open_figure: Callable[..., Page], dark: bool) -> None:
    page = open_figure(UnrollExplorer(form="encoder-decoder", step=6), width=390, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
