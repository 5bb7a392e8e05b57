"""What can be done with a finished picture, and with those made before."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import studio
from tests.browser.conftest import OpenPage, pages
from tests.browser.stack import Stack


@pytest.fixture
def result(open_page: OpenPage, stack: Stack, finished_job: str) -> Page:
    """Open the page at a finished job."""
    page = open_page(f"{stack.url}/#job={finished_job}")
    studio.wait_for(page, "result")
    return page


@pytest.fixture(scope="module")
def kept_result(browser: Browser, stack: Stack, finished_job: str) -> Iterator[Page]:
    """Open a finished job once for tests that leave the page as it was."""
    with pages(browser) as opened:
        page = opened(f"{stack.url}/#job={finished_job}", permissions=["clipboard-read", "clipboard-write"])
        studio.wait_for(page, "result")
        yield page


def divider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Share that shows the photo")


def test_the_line_between_photo_and_painting_moves_by_mouse(kept_result: Page) -> None:
    box = kept_result.locator(".sheet").bounding_box()
    assert box is not None
    kept_result.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 20)
    kept_result.mouse.down()
    kept_result.mouse.up()
    expect(divider(kept_result)).to_have_attribute("aria-valuenow", "80")


def test_a_closer_look_is_taken_and_left_by_keyboard(kept_result: Page) -> None:
    whole = kept_result.get_by_role("button", name=re.compile("^Zoom .* whole picture"))
    before = whole.inner_text()
    divider(kept_result).focus()
    kept_result.keyboard.press("+")
    expect(whole).not_to_have_text(before)
    kept_result.keyboard.press("0")
    expect(whole).to_have_text(before)


def test_the_time_lapse_plays(kept_result: Page) -> None:
    button = kept_result.get_by_role("button", name="Time-lapse")
    button.click()
    expect(kept_result.get_by_role("img", name="The painting as it was made")).to_be_visible()
    button.click()
    expect(kept_result.get_by_role("img", name="The painting as it was made")).to_have_count(0)


def test_a_jump_within_the_page_leaves_the_picture_open(kept_result: Page, finished_job: str) -> None:
    kept_result.get_by_role("link", name="Your pictures").click()
    expect(kept_result.locator("#history")).to_be_focused()
    expect(kept_result).to_have_url(re.compile(finished_job))
    studio.wait_for(kept_result, "result")


def test_the_painting_can_become_a_painting_to_learn_from(result: Page) -> None:
    result.get_by_role("button", name="Use as painting").click()
    expect(result.get_by_role("radio", name="Your painting")).to_be_checked()
    result.get_by_role("button", name="Remove Your painting").click()
    expect(result.get_by_role("radio", name="Your painting")).to_have_count(0)


def test_the_painting_can_become_the_photo(result: Page) -> None:
    result.get_by_role("button", name="Use as photo").click()
    studio.wait_for(result, "photo")
    expect(result.locator("#photo-row")).to_contain_text("64 × 43")


def test_again_with_changes_takes_up_pictures_and_parameters(result: Page) -> None:
    result.get_by_role("button", name="Again with changes").click()
    studio.wait_for(result, "photo")
    expect(result.get_by_role("radio", name="Printed sea")).to_be_checked()
    expect(result.get_by_label("Longest side, pixels, exactly")).to_have_value("64")
    expect(result.get_by_label("Effort, steps, exactly")).to_have_value("12")
    expect(result.locator("#photo-row")).to_contain_text("451 × 300")


def test_the_job_can_be_copied_as_a_command(kept_result: Page, stack: Stack) -> None:
    kept_result.get_by_role("button", name="Copy as curl").click()
    expect(kept_result.locator(".toast")).to_contain_text("The command is copied")
    command = kept_result.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl -sS '{stack.url}/v1/jobs'")
    assert "-F content=@photo.jpg" in command
    for part in ('"max_size":64', '"steps":12', '"style_name":"waves"', '"timelapse":true'):
        assert part in command


def test_a_picture_made_before_is_opened_repeated_and_deleted(open_page: OpenPage, stack: Stack) -> None:
    before = stack.job(max_size=64, steps=4)
    stack.finished(before)
    page = open_page(stack.url)
    page.locator(f'[data-job="{before}"]').get_by_role("button", name="Open:").click()
    studio.wait_for(page, "result")
    page.locator(f'[data-job="{before}"]').get_by_role("button", name="Paint again").click()
    expect(page).not_to_have_url(re.compile(before))
    studio.wait_for(page, "result")
    again = studio.job_of(page)
    page.locator(f'[data-job="{again}"]').get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator(f'[data-job="{again}"]')).to_have_count(1)
    page.locator(f'[data-job="{again}"]').get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(f'[data-job="{again}"]')).to_have_count(0)
    assert stack.http.get(f"/v1/jobs/{again}").status_code == 404
    studio.wait_for(page, "welcome")
