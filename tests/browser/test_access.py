"""For everyone: by keyboard alone, by screen reader, on small and large screens, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import studio
from tests.browser.conftest import PHONE, WIDE, OpenPage
from tests.browser.stack import Stack

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
MOST_TABS = 80


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of that name has the focus, and can be seen to have it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["name"].startswith(name):
            assert focused["marked"], f"nothing shows that {name} has the focus"
            return
    raise AssertionError(f"Tab does not lead to {name}")


FOCUSED = """() => {
  const element = document.activeElement;
  const labels = [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
  const face = element.matches(".tile input, .choice input") ? element.nextElementSibling : element;
  const style = [getComputedStyle(face), getComputedStyle(face, "::after")];
  return {
    name: (element.getAttribute("aria-label") || labels || element.textContent).trim(),
    marked: style.some(({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) >= 2),
  };
}"""


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    tab_to(page, "Use the example photo: Coffee")
    page.keyboard.press("Enter")
    studio.wait_for(page, "photo")
    tab_to(page, "Night wind")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Rose window")).to_be_checked()
    for name, value in (("Longest side, pixels, exactly", "64"), ("Effort, steps, exactly", "12")):
        tab_to(page, name)
        page.keyboard.press("Control+a")
        page.keyboard.type(value)
    tab_to(page, "Paint")
    page.keyboard.press("Enter")
    studio.wait_for(page, "result")
    page.locator("#stage").focus()
    tab_to(page, "Share that shows the photo")
    page.keyboard.press("Home")
    expect(page.get_by_role("slider", name="Share that shows the photo")).to_have_attribute("aria-valuenow", "0")
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
    places = {rule["id"]: [node["html"][:160] for node in rule["nodes"]] for rule in serious}
    assert places == {}
    assert found["passes"]


def test_axe_finds_nothing_serious_in_any_state(open_page: OpenPage, stack: Stack, finished_job: str) -> None:
    page = open_page(stack.url)
    page.get_by_text("More options").click()
    page.locator("#advanced fieldset").first.wait_for()
    page.get_by_role("checkbox", name="Mix several").check()
    page.get_by_role("checkbox", name="Red sun").check()
    page.get_by_role("button", name="Paint", exact=True).click()
    check(page)
    page.get_by_text("More options").click()
    page.get_by_role("button", name="Use the example photo: Cat").click()
    studio.wait_for(page, "photo")
    check(page)
    studio.paint(page, steps=studio.ENDLESS)
    studio.wait_for_steps(page)
    check(page)
    studio.cancel(page)
    check(page)
    page.goto(f"{stack.url}/#job={finished_job}")
    studio.wait_for(page, "result")
    page.locator("#download").click()
    check(page)
    page.locator(".card").first.get_by_role("button", name="Delete").click()
    check(page)


def test_axe_finds_nothing_serious_on_a_phone_in_the_dark(open_page: OpenPage, stack: Stack, finished_job: str) -> None:
    page = open_page(stack.url, viewport=PHONE, color_scheme="dark")
    check(page)
    page.goto(f"{stack.url}/#job={finished_job}")
    studio.wait_for(page, "result")
    check(page)


def test_text_stays_readable_in_the_accent_of_every_painting(page: Page) -> None:
    page.evaluate(AXE)
    accents = set()
    for tile in page.locator(".tile input").all():
        tile.check()
        tile.evaluate(SETTLED)
        accents.add(page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--hue')"))
        for theme in ("light", "dark"):
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            found = page.evaluate("axe.run('#paint', { runOnly: ['color-contrast'] })")
            assert found["violations"] == []
            assert found["passes"]
    assert len(accents) > 5


SETTLED = """async (input) => {
  await input.nextElementSibling.querySelector("img").decode();
  await new Promise((resolve) => setTimeout(resolve, 120));
}"""


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
def test_nothing_sticks_out_of_the_screen(
    open_page: OpenPage, stack: Stack, finished_job: str, viewport: dict[str, int]
) -> None:
    page = open_page(stack.url, viewport=viewport)
    expect(page.get_by_role("button", name="Paint", exact=True)).to_be_in_viewport()
    for address in (stack.url, f"{stack.url}/#job={finished_job}"):
        page.goto(address)
        page.locator(".card img").first.wait_for(state="attached")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"]


def test_nothing_moves_for_those_who_do_not_want_it(open_page: OpenPage, stack: Stack, finished_job: str) -> None:
    page = open_page(f"{stack.url}/#job={finished_job}", reduced_motion="reduce")
    studio.wait_for(page, "result")
    moving = page.evaluate(
        "document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 0).length"
    )
    assert moving == 0
