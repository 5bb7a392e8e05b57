"""What the page shows for a job without a picture."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import page_actions
from tests.browser.conftest import OpenPage
from tests.stack.stack import Stack


def open_changed(page: Page, job_id: str, **changes: Any) -> None:
    """Open a finished job with some of its fields changed."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **changes})

    page.route(f"**/v1/jobs/{job_id}", answer)
    page.goto(f"{page.url}#job={job_id}")
    page.reload()
    page_actions.wait_for_view(page, "failure")


@pytest.mark.parametrize(
    ("code", "advice", "first"),
    [
        ("out_of_memory", "Choose a smaller size", "Paint again"),
        ("weights_missing", "Choose another network", "Edit settings"),
        ("diverged", "Choose a lower learning rate", "Edit settings"),
        ("timeout", "fewer steps", "Edit settings"),
        ("input_missing", "Choose the photo and the style again", "New picture"),
    ],
)
def test_a_failed_job_says_why_and_what_to_do(
    page: Page, finished_job: str, code: str, advice: str, first: str
) -> None:
    error = {"code": code, "message": "the max_size that the service gives"}
    open_changed(page, finished_job, status="failed", error=error, result=None)
    expect(page_actions.view(page)).to_contain_text("The longest side that the service gives.")
    expect(page_actions.view(page)).to_contain_text(advice)
    expect(page.locator("#retry")).to_be_visible()
    expect(page.locator("#view .primary")).to_have_text(first)


def test_a_failed_job_can_be_edited(page: Page, finished_job: str) -> None:
    error = {"code": "timeout", "message": "The run took longer than allowed."}
    open_changed(page, finished_job, status="failed", error=error, result=None)
    page.get_by_role("button", name="Edit settings").click()
    page_actions.wait_for_view(page, "photo")
    expect(page.get_by_label(page_actions.STEPS)).to_have_value("12")


def test_an_expired_picture_is_explained(page: Page, finished_job: str) -> None:
    gone = {"content": None, "style": [], "preview": None, "result": None, "timelapse": None}
    urls = dict.fromkeys(("self", "cancel", "retry", "events"), f"/v1/jobs/{finished_job}")
    open_changed(page, finished_job, expired=True, urls={**urls, **gone})
    expect(page_actions.view(page)).to_contain_text("This picture has expired")
    expect(page.locator("#retry")).to_have_count(0)


def test_the_url_of_an_unknown_job_is_explained(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.url}/#job=01a1fbeb-f6f9-738d-976c-5b52559fde4e")
    expect(page.locator(".toast")).to_contain_text("o such job")
    expect(page_actions.view(page)).to_have_attribute("data-view", "welcome")
    assert "#job" not in page.url
