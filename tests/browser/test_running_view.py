"""What the page shows while a job runs."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import page_actions
from tests.browser.conftest import OpenPage
from tests.stack.stack import Stack

RESTART_MILLISECONDS = 120_000  # for an API to start on a busy machine


def test_previews_and_progress_are_shown(page: Page) -> None:
    page_actions.paint_endlessly(page)
    seen = set()
    for shown in range(2, 9):  # the first image is the photo
        frame = page.locator("#view .frame")
        expect(frame).to_have_attribute("data-shown", re.compile(rf"^({shown}|\d{{2,}}|[{shown}-9])$"))
        seen.add(frame.locator("img").last.evaluate(PIXELS))
    assert len(seen) >= 4
    expect(page.get_by_role("img", name=re.compile("The loss went from .* to "))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Painting, .* left"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"scale 1 of \d|\d+ × \d+")).first).to_be_visible()
    page_actions.cancel(page)


PIXELS = """(image) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 24;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 24, 24);
  return canvas.toDataURL();
}"""


def test_a_running_job_can_be_canceled(page: Page, stack: Stack) -> None:
    page_actions.paint_endlessly(page)
    page_actions.cancel(page)
    expect(page.get_by_role("heading", name="Canceled")).to_be_visible()
    assert stack.http.get(f"/v1/jobs/{page_actions.job_id(page)}").json()["status"] == "canceled"


def test_a_reload_finds_the_running_job_again(page: Page) -> None:
    before = page_actions.paint_endlessly(page)
    page.reload()
    assert page_actions.wait_for_step(page) >= before
    expect(page.get_by_role("img", name=re.compile("The loss went from"))).to_be_visible()
    page_actions.cancel(page)


def test_a_visitor_who_returns_without_a_job_in_the_url_finds_the_running_job(
    open_page: OpenPage, stack: Stack
) -> None:
    job_id = page_actions.create_job(stack, max_size=64, steps=page_actions.ENDLESS_STEPS)
    page = open_page(stack.url)
    expect(page).to_have_url(re.compile(job_id))
    page_actions.cancel(page)


def test_the_page_reconnects_and_resumes_when_the_service_is_back(page: Page, stack: Stack) -> None:
    before = page_actions.paint_endlessly(page)
    stack.api.kill()
    expect(page.locator("#banner")).to_contain_text("The service is not responding")
    expect(page.locator("#photo-row")).to_contain_text("cat.jpg")
    with page.expect_request(lambda request: "last-event-id" in request.headers, timeout=RESTART_MILLISECONDS):
        stack.api.start()
        stack.api.wait_until_ready()
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.get_by_text(re.compile(rf"^step {before} of"))).to_have_count(0)
    page_actions.cancel(page)
