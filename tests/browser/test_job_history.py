"""The list of the visitor's earlier pictures."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser import page_actions
from tests.browser.conftest import OpenPage
from tests.stack.stack import Stack


def card(page: Page, job_id: str) -> Locator:
    return page.locator(f'[data-job="{job_id}"]')


def test_an_earlier_picture_can_be_opened_repeated_and_deleted(open_page: OpenPage, stack: Stack) -> None:
    first = page_actions.create_job(stack, max_size=64, steps=4)
    stack.wait_for(first)
    page = open_page(stack.url)
    card(page, first).get_by_role("button", name="Open:").click()
    page_actions.wait_for_view(page, "result")
    card(page, first).get_by_role("button", name="Paint again").click()
    expect(page).not_to_have_url(re.compile(first))
    page_actions.wait_for_view(page, "result")
    second = page_actions.job_id(page)
    card(page, second).get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    expect(card(page, second)).to_have_count(1)
    card(page, second).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card(page, second)).to_have_count(0)
    assert stack.http.get(f"/v1/jobs/{second}").status_code == httpx.codes.NOT_FOUND
    page_actions.wait_for_view(page, "welcome")


def test_a_link_within_the_page_leaves_the_job_open(open_page: OpenPage, stack: Stack, finished_job: str) -> None:
    page = open_page(f"{stack.url}/#job={finished_job}")
    page_actions.wait_for_view(page, "result")
    page.get_by_role("link", name="Your pictures").click()
    expect(page.locator("#history")).to_be_focused()
    expect(page).to_have_url(re.compile(finished_job))
    page_actions.wait_for_view(page, "result")
