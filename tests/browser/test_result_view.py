"""What visitors can do with a finished picture."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import page_actions
from tests.browser.conftest import OpenPage, pages
from tests.stack.stack import Stack


@pytest.fixture
def result(open_page: OpenPage, stack: Stack, finished_job: str) -> Page:
    """Open the page at a finished job."""
    page = open_page(f"{stack.url}/#job={finished_job}")
    page_actions.wait_for_view(page, "result")
    return page


@pytest.fixture(scope="module")
def kept_result(browser: Browser, stack: Stack, finished_job: str) -> Iterator[Page]:
    """Open a finished job once for all tests of this module that do not change the page."""
    with pages(browser) as open_page:
        page = open_page(f"{stack.url}/#job={finished_job}", permissions=["clipboard-read", "clipboard-write"])
        page_actions.wait_for_view(page, "result")
        yield page


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Share of the photo")


def choose(page: Page, name: str) -> None:
    """Choose from the menu of what is rarer."""
    page.locator("#more").click()
    page.get_by_role("button", name=name).click()


def test_the_divider_moves_by_mouse_and_keyboard(kept_result: Page) -> None:
    box = kept_result.locator(".images").bounding_box()
    assert box is not None
    kept_result.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 20)
    kept_result.mouse.down()
    kept_result.mouse.up()
    expect(slider(kept_result)).to_have_value("80")
    kept_result.keyboard.press("ArrowLeft")
    expect(slider(kept_result)).to_have_attribute("aria-valuetext", "79% photo")
    divider = kept_result.locator(".divider").bounding_box()
    assert divider is not None
    center = divider["x"] + divider["width"] / 2
    assert center == pytest.approx(box["x"] + 0.79 * box["width"], abs=2)


def test_the_keyboard_zooms_in_and_out(kept_result: Page) -> None:
    zoom = kept_result.get_by_role("button", name=re.compile("^Zoom .* whole picture"))
    before = zoom.inner_text()
    slider(kept_result).focus()
    kept_result.keyboard.press("+")
    expect(zoom).not_to_have_text(before)
    kept_result.keyboard.press("0")
    expect(zoom).to_have_text(before)


def test_the_time_lapse_plays_and_closes(kept_result: Page) -> None:
    button = kept_result.get_by_role("button", name="Time-lapse")
    button.click()
    expect(kept_result.get_by_role("img", name="Time-lapse of the picture")).to_be_visible()
    button.click()
    expect(kept_result.get_by_role("img", name="Time-lapse of the picture")).to_have_count(0)


def test_the_result_can_become_a_style(result: Page) -> None:
    choose(result, "Use as style")
    expect(result.get_by_role("radio", name="Your picture")).to_be_checked()
    result.get_by_role("button", name="Remove Your picture").click()
    expect(result.get_by_role("radio", name="Your picture")).to_have_count(0)


def test_the_result_can_become_the_photo(result: Page) -> None:
    choose(result, "Use as photo")
    page_actions.wait_for_view(result, "photo")
    expect(result.locator("#photo-row")).to_contain_text("64 × 43")


def test_editing_restores_the_images_and_parameters(result: Page) -> None:
    result.get_by_role("button", name="Edit settings").click()
    page_actions.wait_for_view(result, "photo")
    expect(result.get_by_role("radio", name="Printed sea")).to_be_checked()
    expect(result.get_by_label(page_actions.SIZE)).to_have_value("64")
    expect(result.get_by_label(page_actions.STEPS)).to_have_value("12")
    expect(result.locator("#photo-row")).to_contain_text("451 × 300")


def test_the_next_picture_can_go_on_from_this_one(result: Page, stack: Stack, finished_job: str) -> None:
    choose(result, "Go on from this picture")
    page_actions.wait_for_view(result, "photo")
    expect(result.locator("#start-picture")).to_contain_text("Your picture")
    expect(result.get_by_role("img", name="Your picture, from which")).to_be_visible()
    result.get_by_label("Strength", exact=True).fill("0.8")
    page_actions.submit_button(result).click()
    page_actions.wait_for_view(result, "result")
    assert page_actions.job_id(result) != finished_job
    params = stack.http.get(f"/v1/jobs/{page_actions.job_id(result)}").json()["params"]
    assert (params["init"], params["strength"], params["max_size"]) == ("image", 0.8, 64)
    # The form no longer needs the first picture once the visitor edits the second.
    result.get_by_role("button", name="Edit settings").click()
    page_actions.wait_for_view(result, "photo")
    expect(result.locator("#start-picture")).to_be_hidden()


def test_going_on_can_be_undone(result: Page, stack: Stack) -> None:
    choose(result, "Go on from this picture")
    result.get_by_role("button", name="Start from the photo instead").click()
    expect(result.locator("#start-picture")).to_be_hidden()
    page_actions.submit_button(result).click()
    page_actions.wait_for_view(result, "result")
    params = stack.http.get(f"/v1/jobs/{page_actions.job_id(result)}").json()["params"]
    assert params["init"] != "image"


def test_the_job_can_be_copied_as_a_curl_command(kept_result: Page, stack: Stack) -> None:
    choose(kept_result, "Copy as curl")
    expect(kept_result.locator(".toast")).to_contain_text("The command was copied")
    expect(kept_result.locator("#more")).to_be_focused()
    command = kept_result.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl -sS '{stack.url}/v1/jobs'")
    assert "-F content=@photo.jpg" in command
    for part in ('"preset":"default"', '"max_size":64', '"steps":12', '"style_name":"waves"', '"timelapse":true'):
        assert part in command
    assert "learning_rate" not in command  # the preset's own values are left out
