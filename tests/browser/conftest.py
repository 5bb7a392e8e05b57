"""Run a real Chromium against a real service."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser import page_actions
from tests.plugins.skips import BROWSERS
from tests.stack.process import ONE_THREAD
from tests.stack.stack import Stack, running_stack

TIMEOUT_MILLISECONDS = 30_000  # for one action or expectation; the machine may be busy
DRAFTS_OFF = 'localStorage.setItem("nst.draft", "off")'
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Run one service for all tests."""
    with running_stack(NST_PREVIEW_SECONDS="0.1", **ONE_THREAD) as stack:
        yield stack


@pytest.fixture(scope="session")
def finished_job(stack: Stack) -> str:
    """Return the id of a job that has succeeded, with a time-lapse."""
    job_id = page_actions.create_job(stack, max_size=64, steps=12, timelapse=True)
    assert stack.wait_for(job_id)["status"] == "succeeded"
    return job_id


# Not for the whole session: Playwright's event loop would get in the way of asynchronous tests in other folders.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run the Chromium of this machine."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        expect.set_options(timeout=TIMEOUT_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@contextmanager
def pages(browser: Browser) -> Iterator[OpenPage]:
    """Open pages in fresh profiles; an error in the browser's console fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def collect(message: ConsoleMessage) -> None:
        # The browser reports failed requests itself, and some tests cause them.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            errors.append(message.text)

    def open_page(
        url: str,
        *,
        ready: bool = True,
        drafts: bool = False,
        prepare: Callable[[Page], None] = lambda page: None,
        **options: Any,
    ) -> Page:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        page.on("console", collect)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if not drafts:  # they have tests of their own, and would take the worker's time from the others
            page.add_init_script(DRAFTS_OFF)
        prepare(page)
        # The load event waits for thumbnails, which the service paints for the first visitor.
        page.goto(url, wait_until="domcontentloaded")
        if ready:
            page.locator(".tile input").first.wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def open_page(browser: Browser, stack: Stack) -> Iterator[OpenPage]:
    """Return a function that opens a page; afterwards, cancel all jobs that still run."""
    with pages(browser) as open_page:
        yield open_page
    stack.cancel_all()


@pytest.fixture
def page(open_page: OpenPage, stack: Stack) -> Page:
    """Open the page on a wide screen."""
    return open_page(stack.url)


@pytest.fixture(scope="module")
def kept_page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """Open the page once for all tests of a module that do not change it."""
    with pages(browser) as open_page:
        yield open_page(stack.url)
