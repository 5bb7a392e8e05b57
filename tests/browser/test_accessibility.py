"""The page works with the keyboard alone, with screen readers, on all screens, and in both themes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import page_actions
from tests.browser.conftest import PHONE, WIDE, OpenPage
from tests.stack.stack import Stack

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
MAX_TABS = 80
DIVIDER = "Share of the photo"


def tab_to(page: Page, name: str) -> None:
    """Press Tab until an element of that name has the focus, and check that the focus is visible."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["name"].startswith(name):
            assert focused["outlined"], f"nothing shows that {name} has the focus"
            return
    raise AssertionError(f"Tab does not reach {name}")


FOCUSED = """() => {
  const element = document.activeElement;
  const labels = [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
  const shown = element.matches(".tile input, .segments input, .compare input") ? element.nextElementSibling : element;
  const styles = [getComputedStyle(shown), getComputedStyle(shown, "::after")];
  return {
    name: (element.getAttribute("aria-label") || labels || element.textContent).trim(),
    outlined: styles.some(({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) >= 2),
  };
}"""


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    tab_to(page, "Use the example photo: Coffee")
    page.keyboard.press("Enter")
    page_actions.wait_for_view(page, "photo")
    tab_to(page, "Night wind")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Rose window")).to_be_checked()
    for name, value in ((page_actions.SIZE, "64"), (page_actions.STEPS, "12")):
        tab_to(page, name)
        page.keyboard.press("Control+a")
        page.keyboard.type(value)
    tab_to(page, "Paint")
    page.keyboard.press("Enter")
    page_actions.wait_for_view(page, "result")
    page_actions.view(page).focus()
    tab_to(page, DIVIDER)
    page.keyboard.press("Home")
    expect(page.get_by_role("slider", name=DIVIDER)).to_have_value("0")
    tab_to(page, "Download")
    page.keyboard.press("Enter")
    tab_to(page, "PNG")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".png")


def check(page: Page) -> None:
    """Fail on violations that axe-core calls serious or critical."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run()")
    serious = [rule for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
    assert {rule["id"]: [node["html"][:160] for node in rule["nodes"]] for rule in serious} == {}
    assert found["passes"]


def test_axe_finds_nothing_serious_in_any_state(open_page: OpenPage, stack: Stack, finished_job: str) -> None:
    page = open_page(stack.url)
    page.get_by_text("More options").click()
    page.locator("#advanced fieldset").first.wait_for()
    page.get_by_role("checkbox", name="Mix several").check()
    page.get_by_role("checkbox", name="Red sun").check()
    page_actions.submit_button(page).click()
    check(page)
    page.get_by_text("More options").click()
    page_actions.use_example(page, "Cat")
    check(page)
    page_actions.paint(page, steps=page_actions.ENDLESS_STEPS)
    page_actions.wait_for_step(page)
    check(page)
    page_actions.cancel(page)
    check(page)
    page.goto(f"{stack.url}/#job={finished_job}")
    page_actions.wait_for_view(page, "result")
    page.locator("#download").click()
    check(page)
    page.locator(".card").first.get_by_role("button", name="Delete").click()
    check(page)


def test_axe_finds_nothing_serious_on_a_dark_phone(open_page: OpenPage, stack: Stack, finished_job: str) -> None:
    page = open_page(stack.url, viewport=PHONE, color_scheme="dark")
    check(page)
    page.goto(f"{stack.url}/#job={finished_job}")
    page_actions.wait_for_view(page, "result")
    check(page)


def test_text_is_readable_on_the_accent_color_of_every_style(page: Page) -> None:
    page.evaluate(AXE)
    accents = set()
    for thumbnail in page.locator(".tile img").all():
        page.evaluate(APPLY_PALETTE, thumbnail.get_attribute("src"))
        for theme in ("light", "dark"):
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            accents.add(page.locator("#submit").evaluate("(button) => getComputedStyle(button).backgroundColor"))
            found = page.evaluate("axe.run('#submit', { runOnly: ['color-contrast'] })")
            assert found["violations"] == []
            assert found["passes"]
    assert len(accents) > 10


APPLY_PALETTE = "(url) => import('/js/shell/palette.js').then(({ applyPalette }) => applyPalette(url))"


def test_the_accent_color_follows_the_chosen_style(page: Page) -> None:
    root = page.locator("html")
    expect(root).to_have_attribute("style", re.compile("--accent-source: rgb"))
    before = root.get_attribute("style") or ""
    page.get_by_role("radio", name="Red sun").check()
    expect(root).not_to_have_attribute("style", before)


def test_the_chosen_theme_survives_a_reload(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url, color_scheme="light")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    button = page.locator("#theme-button")
    button.click()
    expect(button).to_have_text("Theme: light")
    button.click()
    expect(button).to_have_text("Theme: dark")
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    expect(button).to_have_text("Theme: dark")
    assert page.evaluate(background) == dark
    button.click()
    expect(button).to_have_text("Theme: auto")
    assert page.evaluate(background) == light


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
def test_nothing_is_wider_than_the_screen(
    open_page: OpenPage, stack: Stack, finished_job: str, viewport: dict[str, int]
) -> None:
    page = open_page(stack.url, viewport=viewport)
    expect(page_actions.submit_button(page)).to_be_in_viewport()
    for url in (stack.url, f"{stack.url}/#job={finished_job}"):
        page.goto(url)
        page.locator(".card img").first.wait_for(state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize(("preference", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_if_the_visitor_asks_for_that(
    open_page: OpenPage, stack: Stack, preference: str, moves: bool
) -> None:
    page = open_page(stack.url, reduced_motion=preference)
    assert page.evaluate(TOAST_MOVES) is moves


TOAST_MOVES = """async () => {
  const { toast } = await import("/js/shell/toasts.js");
  toast("A message");
  const toasted = document.querySelector(".toast").getAnimations();
  return toasted.some(({ effect }) => effect.getComputedTiming().duration > 0);
}"""
