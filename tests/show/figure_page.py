"""How tests move a figure on its page and read its numbers."""

from __future__ import annotations

from playwright.sync_api import Page


def press(page: Page, name: str, *keys: str) -> None:
    """Press keys on the slider of that name."""
    page.locator(f"input[name={name}]").focus()
    for key in keys:
        page.keyboard.press(key)


def click(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def number(text: str) -> float:
    """A number as the figures write it."""
    assert "-" not in text, "a minus sign is not a hyphen"
    return float(text.replace("−", "-").replace(",", ""))
