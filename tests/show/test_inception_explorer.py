"""The Inception explorer: its counts are those of the package's modules, GoogLeNet's nine and others."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor, nn

from coursekit.nn.convolutional_googlenet import MODULES, GoogLeNet, Inception, NaiveInception, Widths
from coursekit.nn.convolutional_maps import multiply_adds
from coursekit.show import InceptionExplorer
from coursekit.show import inception_explorer as python

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

STATES: list[dict[str, int]] = [
    InceptionExplorer().state,
    {"in_channels": 480, "c1": 8, "r3": 16, "c3": 24, "r5": 40, "c5": 48, "pool": 56, "side": 14},
    {"in_channels": 1024, "c1": 512, "r3": 256, "c3": 512, "r5": 128, "c5": 256, "pool": 256, "side": 56},
    {
        "in_channels": 8,
        "c1": 8,
        "r3": 256,
        "c3": 8,
        "r5": 128,
        "c5": 8,
        "pool": 256,
        "side": 7,
    },  # dearer than naive
]


def package_counts(w: dict[str, int]) -> dict[str, int]:
    """The same names as the figure's, counted on the package's modules without any memory."""
    with torch.device("meta"):
        x = torch.empty(1, w["in_channels"], w["side"], w["side"])
        module = Inception(w["in_channels"], Widths(*(w[name] for name in Widths._fields)))
        naive = NaiveInception(w["in_channels"], w["c1"], w["c3"], w["c5"])

        def size(layer: nn.Module) -> int:
            return sum(parameter.numel() for parameter in layer.parameters())

        alone, reduce3, reduce5 = (
            size(nn.Conv2d(w["in_channels"], w[name], 1)) for name in ("c1", "r3", "r5")
        )
        assert size(module.reduce) == alone + reduce3 + reduce5
        reduced = {"3": w["r3"], "5": w["r5"]}
        after = {"3": module.conv3, "5": module.conv5}
        counts = {
            "channels": module(x).shape[1],
            "naiveChannels": naive(x).shape[1],
            "parametersall": size(module),
            "naiveParametersall": size(naive),
            "multiplyAddsall": multiply_adds(module, x),
            "naiveMultiplyAddsall": multiply_adds(naive, x),
            "reduce3": reduce3,
            "reduce5": reduce5,
            "parameters1": alone,
            "parameters3": reduce3 + size(module.conv3),
            "parameters5": reduce5 + size(module.conv5),
            "parameterspool": size(module.pool),
            "multiplyAddspool": multiply_adds(module.pool, x),
            "naiveParameterspool": 0,
            "naiveMultiplyAddspool": 0,
        }
        for name, layer in after.items():
            before = nn.Conv2d(w["in_channels"], reduced[name], 1)
            inner = torch.empty(1, reduced[name], w["side"], w["side"])
            counts[f"multiplyAdds{name}"] = multiply_adds(before, x) + multiply_adds(layer, inner)
        counts["multiplyAdds1"] = multiply_adds(naive.branch1, x)
        for name, layer in (("1", naive.branch1), ("3", naive.branch3), ("5", naive.branch5)):
            counts[f"naiveParameters{name}"] = size(layer)
            counts[f"naiveMultiplyAdds{name}"] = multiply_adds(layer, x)
    return counts


@pytest.mark.topic("CNN-12", "CNN-13")
def test_counts_in_both_languages_are_those_of_the_packages_modules(
    in_node: Callable[..., list[Any]],
) -> None:
    for state, found in zip(STATES, in_node(InceptionExplorer, "module.count", STATES), strict=True):
        assert found == package_counts(state)
        assert InceptionExplorer(**state).counts() == found


@pytest.mark.topic("CNN-12", "CNN-13")
def test_module_3a_has_the_published_numbers(in_node: Callable[..., list[Any]]) -> None:
    [counts] = in_node(InceptionExplorer, "name => module.count(module.MODULES[name])", ["3a"])
    assert counts["parametersall"] == 163_696 and counts["channels"] == 64 + 128 + 32 + 32 == 256
    assert counts["naiveParametersall"] == 387_296 and counts["naiveChannels"] == 416
    assert counts == InceptionExplorer().counts(), "the figure begins there"


@pytest.mark.topic("CNN-09")
def test_a_bottleneck_before_5x5_saves_what_it_should(in_node: Callable[..., list[Any]]) -> None:
    state = InceptionExplorer(in_channels=480, r5=16, c5=48, side=14).state
    [counts] = in_node(InceptionExplorer, "module.count", [state])
    assert counts["naiveMultiplyAdds5"] == 112_896_000
    assert counts["multiplyAdds5"] == 5_268_480


@pytest.mark.topic("CNN-13", "CNN-16")
def test_presets_are_googlenets_nine_modules_where_they_stand(in_node: Callable[..., list[Any]]) -> None:
    [modules] = in_node(InceptionExplorer, "() => module.MODULES", [0])
    seen: list[dict[str, int]] = []

    def note(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(module, Inception)
        [x] = inputs
        seen.append({"in_channels": x.shape[1], "side": x.shape[2], **module.widths._asdict()})

    with torch.device("meta"):
        network = GoogLeNet(1000).eval()
        for module in network.modules():
            if isinstance(module, Inception):
                module.register_forward_hook(note)
        network(torch.empty(1, 3, 224, 224))
    assert list(modules) == list(MODULES)
    assert list(modules.values()) == seen
    for widths in modules.values():
        InceptionExplorer(**widths)  # within the sliders' ends


def test_the_picture_begins_where_the_module_does(in_node: Callable[..., list[Any]]) -> None:
    function = "state => module.shares(state, module.count(state))"
    for state, shares in zip(STATES, in_node(InceptionExplorer, function, STATES), strict=True):
        figure = InceptionExplorer(**state)
        assert python.shares(state, figure.counts()) == pytest.approx(shares, abs=1e-12)
        assert all(f"--{name}:{value:.6f}" in figure.still() for name, value in shares.items())
        assert max(shares.values()) == 1
        assert shares["pool-start"] + shares["pool-share"] == pytest.approx(1)
    assert (
        ">163,696</text>" in InceptionExplorer().still() and ">128.0 M</text>" in InceptionExplorer().still()
    )
    assert "163,696 parameters and 128,049,152 multiply-adds" in InceptionExplorer().alt


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (4_816_896, "4.8 M"), (1_250_000, "1.3 M"), (20_552_089_600, "20.55 G")]
)
def test_large_counts_are_written_alike(in_node: Callable[..., list[Any]], count: int, text: str) -> None:
    assert python.big(count) == in_node(InceptionExplorer, "module.big", [count])[0] == text


@pytest.mark.parametrize("name", ["in_channels", "c1", "r3", "c3", "r5", "c5", "pool", "side"])
def test_a_width_beyond_its_slider_is_refused(name: str) -> None:
    low, high = python.LIMITS[name]
    for value in (low - 1, high + 1, math.nan):
        with pytest.raises(ValueError, match=f"{name} must lie between {low} and {high}, got"):
            InceptionExplorer(**{name: value})
    with pytest.raises(ValueError, match=f"{name} must be a whole number, got {low}.5"):
        InceptionExplorer(**{name: low + 0.5})


# In the browser -----------------------------------------------------------------------------------------


def expect(page: Page) -> None:
    """Table, picture and spoken line hold the package's counts for where the sliders stand."""
    names = InceptionExplorer().state
    state = {name: int(page.locator(f"input[name={name}]").input_value()) for name in names}
    counts = package_counts(state)
    cells = "cells => cells.map(cell => [cell.dataset.count, cell.textContent])"
    table = page.eval_on_selector_all("[data-count]", cells)
    assert len(table) == 12
    for name, text in table:
        assert number(text) == counts[name], name
    slots = page.eval_on_selector_all(
        "[data-value]", "s => s.map(slot => [slot.dataset.value, slot.textContent])"
    )
    for name, text in slots:
        expected = {**state, **counts}[name]
        written = f"{expected:,}" if "arameters" in name else str(expected)
        assert text == (python.big(expected) if "ultiplyAdds" in name else written), name
    said = page.locator("output").text_content() or ""
    assert f"{counts['parametersall']:,} parameters for {counts['channels']} channels" in said
    longest = max(counts[name] for name in counts if "arameters" in name and not name.endswith("all"))
    bar = page.locator(".module .bar.naive").nth(2)
    track = bar.evaluate(
        "bar => bar.getBoundingClientRect().width / bar.closest('svg').getBoundingClientRect().width"
    )
    assert track == pytest.approx(250 / 480 * counts["naiveParameters5"] / longest, abs=2e-3)


@pytest.mark.browser
@pytest.mark.topic("CNN-12", "CNN-13")
def test_keys_and_presets_move_the_widths(open_figure: Callable[..., Page]) -> None:
    page = open_figure(InceptionExplorer())
    page.emulate_media(reduced_motion="reduce")
    expect(page)
    assert page.locator("[aria-pressed=true]").all_text_contents() == ["3a"]
    press(page, "r5", "ArrowRight", "ArrowRight")
    expect(page)
    assert page.locator("[aria-pressed=true]").count() == 0
    for name in ("4e", "5b"):
        click(page, name)
        expect(page)
        assert page.locator("[aria-pressed=true]").all_text_contents() == [name]
        assert (page.locator("output").text_content() or "").startswith(f"Module {name} of GoogLeNet.")
        widths = MODULES[name]
        assert page.locator("[data-value=channels]").text_content() == str(widths.out)
    for name, key in (
        ("in_channels", "Home"),
        ("c3", "Home"),
        ("c5", "Home"),
        ("r3", "End"),
        ("side", "PageUp"),
    ):
        press(page, name, key)
    expect(page)
    assert "times as many" in (page.locator("output").text_content() or "")


@pytest.mark.browser
def test_a_preset_of_eight_widths_is_drawn_once(open_figure: Callable[..., Page]) -> None:
    page = open_figure(InceptionExplorer())
    page.evaluate(
        """() => { window.draws = 0;
            const count = new MutationObserver(records => { window.draws += records.length; });
            count.observe(document.querySelector("output"), { childList: true }); }"""
    )
    click(page, "5b")
    assert page.evaluate("draws") == 1
