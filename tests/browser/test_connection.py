"""What the page does while the service is away."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser import page_actions
from tests.stack.stack import Stack

RESTART_MILLISECONDS = 120_000  # for an API to start on a busy machine


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
