"""The live draft: what the choices would give, shown without pressing Paint."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, Request, Response, expect

from tests.browser import page_actions
from tests.browser.conftest import PHONE, OpenPage
from tests.stack.stack import Stack

DRAFT = "Draft of the picture"
SWITCH = "Show a draft of each change"
REDUCED_DATA = """
  const matchMedia = window.matchMedia;
  window.matchMedia = (query) => (query.includes("reduced-data") ? { matches: true } : matchMedia(query));
"""


def wait_for_draft(page: Page) -> None:
    expect(page.get_by_role("img", name=DRAFT)).to_be_visible(timeout=page_actions.JOB_MILLISECONDS)
    expect(page.locator("#draft-row")).not_to_contain_text("Painting", timeout=page_actions.JOB_MILLISECONDS)


def creates(page: Page) -> list[Request]:
    """Return a list that collects the requests that create jobs."""
    requests: list[Request] = []

    def collect(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/v1/jobs"):
            requests.append(request)

    page.on("request", collect)
    return requests


def is_create(response: Response) -> bool:
    return response.request.method == "POST" and response.url.endswith("/v1/jobs")


def jobs(stack: Stack) -> list[dict[str, Any]]:
    return list(stack.http.get("/v1/jobs", params={"limit": 100}).json()["jobs"])


def test_a_photo_shows_a_draft_that_is_not_kept(open_page: OpenPage, stack: Stack) -> None:
    before = len(jobs(stack))
    page = open_page(stack.url, drafts=True)
    page_actions.use_example(page, "Cat")
    wait_for_draft(page)
    expect(page.get_by_text("Draft", exact=True)).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("The draft is shown")
    expect(page).not_to_have_url(re.compile("#job="))
    page_actions.paint(page)
    page_actions.wait_for_view(page, "result")
    assert len(jobs(stack)) == before + 1


def test_quick_changes_leave_one_draft_running_and_none_stored(open_page: OpenPage, stack: Stack) -> None:
    before = {job["id"] for job in jobs(stack)}
    page = open_page(stack.url, drafts=True)
    page_actions.use_example(page, "Cat")
    wait_for_draft(page)
    requests = creates(page)
    with page.expect_response(is_create) as created:
        page.get_by_label("Strength", exact=True).evaluate(FIVE_CHANGES)
    draft = created.value.json()
    assert (draft["params"]["strength"], draft["params"]["max_size"], draft["priority"]) == (0.8, 384, "batch")
    wait_for_draft(page)
    assert len(requests) == 1
    assert {job["id"] for job in jobs(stack)} == before


FIVE_CHANGES = """(range) => {
  for (const strength of ["0.6", "0.65", "0.7", "0.75", "0.8"]) {
    range.value = strength;
    range.dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""


def test_a_change_replaces_the_draft_that_runs(open_page: OpenPage, stack: Stack) -> None:
    before = {job["id"] for job in jobs(stack)}
    page = open_page(stack.url, drafts=True)
    for strength in ("0.6", "0.7", "0.8"):
        with page.expect_response(is_create):
            if strength == "0.6":
                page_actions.use_example(page, "Cat")
            else:
                page.get_by_label("Strength", exact=True).fill(strength)
        assert len({job["id"] for job in jobs(stack)} - before) <= 1
    wait_for_draft(page)
    assert {job["id"] for job in jobs(stack)} == before


def test_a_busy_service_is_said_and_only_paint_is_asked_for(open_page: OpenPage, stack: Stack) -> None:
    busy = page_actions.create_job(stack, max_size=64, steps=page_actions.ENDLESS_STEPS)
    stack.wait_for(busy, "running")
    page = open_page(f"{stack.url}/#", drafts=True, prepare=lambda page: page.route("**/v1/jobs?*", empty_list))
    page_actions.use_example(page, "Cat")
    expect(page.locator("#draft-row")).to_contain_text("The workers are busy")
    expect(page_actions.submit_button(page)).to_be_enabled()


def test_without_a_worker_for_drafts_only_paint_is_asked_for(open_page: OpenPage, stack: Stack) -> None:
    def without_draft_network(route: Any) -> None:
        models = stack.http.get("/v1/models").json()["models"]
        route.fulfill(json={"models": [model | {"available": model["name"] == "lite"} for model in models]})

    page = open_page(stack.url, drafts=True, prepare=lambda page: page.route("**/v1/models", without_draft_network))
    requests = creates(page)
    page_actions.use_example(page, "Cat")
    expect(page.locator("#draft-row")).to_contain_text("Drafts need a worker with lite-small. Press Paint")
    expect(page_actions.submit_button(page)).to_be_enabled()
    assert requests == []


def empty_list(route: Any) -> None:
    """Answer that there are no earlier jobs, so that the page does not open the one that runs."""
    route.fulfill(json={"jobs": [], "next_cursor": None})


def test_switched_off_the_page_sends_no_request_and_remembers_it(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url, drafts=True)
    page.get_by_label(SWITCH).focus()
    page.keyboard.press("Space")
    page.reload()
    expect(page.get_by_label(SWITCH)).not_to_be_checked()
    check_no_draft(page)


def test_visitors_who_save_data_get_no_drafts(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url, drafts=True, prepare=lambda page: page.add_init_script(REDUCED_DATA))
    expect(page.get_by_label(SWITCH)).not_to_be_checked()
    check_no_draft(page)


def check_no_draft(page: Page) -> None:
    """Let a draft's moment pass on the page's own clock, and check that none was asked for."""
    requests = creates(page)
    page.clock.install()
    page_actions.use_example(page, "Cat")
    page.get_by_label("Strength", exact=True).fill("0.8")
    page.clock.run_for(10_000)
    page_actions.use_example(page, "Coffee")
    assert requests == []


def test_a_phone_shows_the_draft_beside_the_paint_button(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url, drafts=True, viewport=PHONE, has_touch=True)
    page_actions.use_example(page, "Cat")
    wait_for_draft(page)
    page.get_by_label("Strength", exact=True).scroll_into_view_if_needed()
    expect(page.locator(".draft-thumbnail img")).to_be_in_viewport()
