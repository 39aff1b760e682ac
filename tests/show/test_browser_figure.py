"""BrowserFigure: one module, alive in the page and in the notebook, and a picture wherever it cannot run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import anywidget
import pytest

from coursekit.show import BrowserFigure, GateExplorer, browser

VIEW = "application/vnd.jupyter.widget-view+json"


def test_equal_figures_are_equal_text() -> None:
    assert GateExplorer(forget=2.0).to_html() == GateExplorer(forget=2.0).to_html()
    assert GateExplorer(forget=2.0).to_html() != GateExplorer(forget=2.5).to_html()


def replace_module(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    read = browser.asset
    monkeypatch.setattr(browser, "asset", lambda name: module if name == "gate_explorer.js" else read(name))


class Label(GateExplorer):
    """A figure whose state holds text that would end its script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._state["text"] = text


def test_text_in_the_state_cannot_end_the_script() -> None:
    page = Label("</script><script>alert(1)</script><!--").to_html()
    assert page.count("<script") == page.count("</script") == 1
    assert "<!--" not in page[page.index("<script") :]


def test_stored_pages_register_no_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSEKIT_STATIC", "1")

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a widget was registered")

    monkeypatch.setattr(anywidget.AnyWidget, "__init__", refuse)
    bundle = GateExplorer()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "The old memory 1.000" in bundle["text/plain"]


def test_live_notebook_gets_a_widget_whose_state_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSEKIT_STATIC", raising=False)
    explorer = GateExplorer(forget=2.0)
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", VIEW}
    assert bundle[VIEW]["model_id"] == explorer.widget().model_id
    explorer.widget().set_state({"forget": -1.0, "history": [[1.0, None], [0.5, 0.2]]})  # as the browser does
    assert explorer.state["forget"] == -1.0
    assert explorer.values()["f"] == pytest.approx(0.26894142137)
    assert "forget gate 0.269" in explorer.to_html()
    assert explorer.state["history"][-1] == [0.5, 0.2]


def test_a_subclass_must_draw_and_describe_itself() -> None:
    class Empty(BrowserFigure):
        name = "gate_explorer"

    with pytest.raises(NotImplementedError, match="Empty needs a property alt"):
        repr(Empty({}))
    with pytest.raises(NotImplementedError, match="Empty needs a method still"):
        Empty({}).to_html()


@pytest.mark.browser
def test_several_figures_on_a_page_live_their_own_lives(
    write_page: Callable[..., str], visit: Callable[..., Any]
) -> None:
    page = visit(write_page(*(GateExplorer(forget=value).to_html() for value in (1.0, 1.0, -2.0)))).page
    page.wait_for_function("document.querySelectorAll('output').length === 3")
    ids = page.eval_on_selector_all("[id]", "nodes => nodes.map(node => node.id)")
    assert len(ids) == len(set(ids))
    page.locator("input[name=forget]").nth(1).focus()
    page.keyboard.press("End")
    gates = page.locator("[data-value=f]").all_text_contents()
    assert gates == ["0.731", "1.000", "0.119"]


@pytest.mark.browser
def test_without_scripts_the_picture_stands(
    write_page: Callable[..., str], visit: Callable[..., Any]
) -> None:
    explorer = GateExplorer()
    page = visit(write_page(explorer.to_html()), javascript=False).page
    assert page.get_by_role("img", name=explorer.alt).is_visible()
    assert page.locator("[data-value=c]").text_content() == "1.112"


@pytest.mark.browser
def test_the_module_starts_where_the_picture_was(
    write_page: Callable[..., str], visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = "export default { render: ({ model, el }) => el.append(`alive at ${model.get('forget')}`) }"
    replace_module(monkeypatch, alive)
    figure = visit(write_page(GateExplorer(forget=2.5).to_html())).page.locator(".ck-figure")
    figure.get_by_text("alive").wait_for()
    assert figure.inner_html() == "alive at 2.5"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("export default {", "SyntaxError"),
        (
            "export default { render({ el }) { el.replaceChildren(); throw new Error('halfway'); } }",
            "halfway",
        ),
    ],
)
def test_if_the_module_fails_the_picture_stands(
    write_page: Callable[..., str],
    visit: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    error: str,
) -> None:
    replace_module(monkeypatch, broken)
    visited = visit(write_page(GateExplorer().to_html()))
    page = visited.page
    page.wait_for_function("!document.querySelector('script')")
    page.wait_for_timeout(300)
    assert page.get_by_role("img", name=re.compile("Diagram of one LSTM cell")).is_visible()
    assert any(error in message for message in visited.errors)
    visited.errors.clear()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark", None])
@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_page_before_the_reader(
    write_page: Callable[..., str], visit: Callable[..., Any], theme: str | None, dark: bool
) -> None:
    page = visit(write_page(GateExplorer().to_html(), theme=theme), dark=dark).page
    page.wait_for_selector("output")
    look = "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
    ink, paper = (
        sum(map(int, re.findall(r"\d+", text)[:3])) for text in page.locator(".ck-figure").evaluate(look)
    )
    is_dark = dark if theme is None else theme == "dark"
    assert (ink > paper) == is_dark
    assert abs(ink - paper) > 450
