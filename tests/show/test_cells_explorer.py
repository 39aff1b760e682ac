"""The cells explorer: the same three units as the package's, in Node, in Python and on the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from coursekit.nn.recurrent import GRU, LSTM, RNN
from coursekit.show import CellsExplorer
from coursekit.show.cells_explorer import STEPS, Weights, run

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, press  # noqa: E402

BLOCKS = {"rnn": 1, "lstm": 4, "gru": 3}


def package_run(weights: dict[str, Weights], inputs: list[float]) -> dict[str, list[float]]:
    """The states of the package's layers with these weights."""
    layers = {"rnn": RNN(1, 1), "lstm": LSTM(1, 1), "gru": GRU(1, 1)}
    for name, layer in layers.items():
        layer.double()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            layer.weight_ih[:, 0] = torch.tensor(weights[name].ih, dtype=torch.float64)
            layer.weight_hh[:, 0] = torch.tensor(weights[name].hh, dtype=torch.float64)
            bias = layer.get_parameter("bias_ih" if name == "gru" else "bias")
            bias.copy_(torch.tensor(weights[name].bias, dtype=torch.float64))
    x = torch.tensor(inputs, dtype=torch.float64)[None, :, None]  # (1, T, 1)
    with torch.no_grad():
        found = {name: layer(x)[0][0, :, 0].tolist() for name, layer in layers.items()}
        found["memory"] = layers["lstm"].trace(x)[1].c[0, :, 0].tolist()  # type: ignore[operator]
    return found


def random_weights(seed: int) -> tuple[dict[str, Weights], list[float]]:
    g = torch.Generator().manual_seed(seed)
    cells = {
        name: Weights(*(tuple((3 * torch.randn(size, generator=g)).double().tolist()) for _ in range(3)))
        for name, size in BLOCKS.items()
    }
    return cells, torch.randn(STEPS, generator=g).double().tolist()


@pytest.mark.topic("RNN-47", "RNN-51", "RNN-60")
def test_three_cells_in_python_and_in_the_browser_equal_the_package(
    in_node: Callable[..., list[Any]],
) -> None:
    cases = [random_weights(seed) for seed in range(20)]
    cases += [
        (CellsExplorer(keep=keep, recurrent=u).weights(), [0.2, 1.0, 0.0, 1.0] * 4)
        for keep in (0, 4, 6)
        for u in (0, 0.9, 1.5)
    ]
    rows = [[{name: w._asdict() for name, w in cells.items()}, inputs] for cells, inputs in cases]
    browser = in_node(CellsExplorer, "([cells, inputs]) => module.run(cells, inputs)", rows)
    for (cells, inputs), got in zip(cases, browser, strict=True):
        expected = package_run(cells, inputs)
        for found in (got, run(cells, inputs)):
            assert set(found) == set(expected)
            for name, states in expected.items():
                assert found[name] == pytest.approx(states, rel=1e-11, abs=1e-11), name


STATES = [
    {"keep": keep, "recurrent": u, "inputs": inputs}
    for keep in (0, 3.3, 6)
    for u in (0.0, 0.9, 1.5)
    for inputs in (
        [0.0] * STEPS,
        [1.0] * STEPS,
        [0.0, 0.2, 0.0, 1.0] * 4,
        [*[0.0] * 15, 1.0],
        [1.0, *[0.2] * 15],
    )
]


def test_browser_and_python_set_the_same_weights_curves_and_lasting(
    in_node: Callable[..., list[Any]],
) -> None:
    function = """s => {
        const cells = module.weights(s), states = module.run(cells, s.inputs);
        return [cells, module.lasting(cells, s.inputs), module.curves(states, s.inputs)]; }"""
    for state, (cells, half, curves) in zip(STATES, in_node(CellsExplorer, function, STATES), strict=True):
        explorer = CellsExplorer(**state)  # type: ignore[arg-type]
        expected = {name: [list(block) for block in each] for name, each in explorer.weights().items()}
        assert {name: [each[k] for k in Weights._fields] for name, each in cells.items()} == expected
        assert (half or {}) == explorer.lasting()
        picture = explorer.still()
        for name, path in curves.items():
            assert f'="{path}"' in picture or f">{path}<" in picture, name


@pytest.mark.topic("RNN-47")
def test_how_long_a_pulse_lasts_is_told_by_powers_of_the_gate() -> None:
    """Alone and with nothing written after it, the LSTM keeps f^n of a pulse, until that is at most 1/2."""
    for keep in (0.0, 1.0, 2.0, 3.0):
        f = torch.tensor(keep).double().sigmoid().item()
        steps = next(n for n in range(1, 99) if f**n <= 0.5)
        lasting = CellsExplorer(keep=keep).lasting()["lstm"]
        assert lasting == (steps if steps < STEPS - 2 else None)
    lost = CellsExplorer(recurrent=0.0).lasting()
    assert lost["rnn"] == 1, "without a recurrent weight nothing is carried"
    assert CellsExplorer(inputs=[0.0] * STEPS).lasting() == {}


@pytest.mark.topic("RNN-60")
def test_counts_are_the_packages(in_node: Callable[..., list[Any]]) -> None:
    sizes = [[1, 1], [64, 128], [7, 3]]
    for (D, H), found in zip(sizes, in_node(CellsExplorer, "module.count", sizes), strict=True):
        for name, make in (("rnn", RNN), ("lstm", LSTM), ("gru", GRU)):
            assert found[name] == sum(p.numel() for p in make(D, H).parameters())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keep": 6.1}, "keep must lie between 0 and 6"),
        ({"recurrent": -0.1}, "recurrent must lie between 0 and 1.5"),
        ({"inputs": [1.0] * 15}, "inputs must be 16 numbers"),
        ({"inputs": [0.5] * 16}, "each 0, 0.2 or 1"),
    ],
)
def test_what_the_figure_cannot_show_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CellsExplorer(**given)


def test_picture_without_scripts_says_pulses_states_and_what_is_left() -> None:
    alt = CellsExplorer().alt
    assert "1 in step 3" in alt
    assert "plain RNN after 4 steps, LSTM not before the end" in alt
    assert "none" in CellsExplorer(inputs=[0.0] * STEPS).alt


@pytest.fixture
def explorer_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(CellsExplorer())


def told(page: Page) -> str:
    return page.locator("output").text_content() or ""


@pytest.mark.browser
@pytest.mark.topic("RNN-47", "RNN-60")
def test_the_reader_writes_the_sequence_and_the_curves_follow(explorer_page: Page) -> None:
    page = explorer_page
    inputs = [float(t == 2) for t in range(STEPS)]
    for t, level in ((7, 1.0), (7, 0.2), (7, 0.0), (9, 1.0), (2, 0.2), (2, 0.0)):
        button = page.locator(f"[data-step='{t}']")
        button.focus()
        page.keyboard.press("Enter")
        inputs[t] = level
        word = {0: "no", 0.2: "weak", 1: "full"}[level]
        assert button.get_attribute("aria-label") == f"step {t + 1}: {word} pulse"
        assert told(page).startswith(f"Step {t + 1}: {word} pulse.")
        explorer = CellsExplorer(inputs=inputs)
        still = explorer.still()
        for path in page.locator("[data-path]").all():
            assert f'd="{path.get_attribute("d")}"' in still
        half = explorer.lasting()
        first = next(k for k, x in enumerate(inputs) if x)
        expected = [f"over {STEPS - 1 - first}" if steps is None else str(steps) for steps in half.values()]
        assert page.locator("[data-half]").all_text_contents() == expected


@pytest.mark.browser
@pytest.mark.topic("RNN-51")
def test_three_pulses_are_counted_by_the_lstm_alone_and_silence_is_told(explorer_page: Page) -> None:
    page = explorer_page
    press(page, "keep", "End")
    click(page, "Three pulses")
    ends = re.findall(r"(\d\.\d\d)", page.locator(".plot").get_attribute("aria-label") or "")
    rnn, lstm, gru = (float(end) for end in ends)
    assert lstm > 2.5 and rnn < 1 and gru < 1
    assert page.locator("[data-value=peak]").text_content() == "3"
    click(page, "Silence")
    assert told(page).endswith("Nothing to remember.")
    assert page.locator("[data-half]").all_text_contents() == ["–"] * 3
    click(page, "Reset")
    assert "Steps until half of the first pulse is gone: plain RNN 4" in told(page)


@pytest.mark.browser
def test_each_button_stands_below_its_step_where_there_is_room(explorer_page: Page) -> None:
    page = explorer_page
    page.set_viewport_size({"width": 1000, "height": 900})
    bar = page.locator("[data-path=inputs]").bounding_box()
    button = page.locator("[data-step='2']").bounding_box()
    assert bar and button
    assert bar["x"] + bar["width"] / 2 == pytest.approx(button["x"] + button["width"] / 2, abs=2)
    page.set_viewport_size({"width": 390, "height": 900})
    sizes = [node.bounding_box() or {"width": 0} for node in page.locator("[data-step]").all()]
    assert min(size["width"] for size in sizes) >= 32, "a finger must hit it"
