"""A real Chromium on a real service."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.stack import Stack, running
from tests.plugins.skips import BROWSERS

PATIENCE_MILLISECONDS = 30_000  # of one look; a loaded machine is slow
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Run one service for all tests that do not harm it."""
    with running("api", "worker") as stack:
        yield stack


@pytest.fixture(scope="session")
def finished_job(stack: Stack) -> str:
    """Return a job that has succeeded, with a time-lapse."""
    job_id = stack.job(max_size=64, steps=12, timelapse=True)
    assert stack.finished(job_id)["status"] == "succeeded"
    return job_id


# Not for the whole session: Playwright's event loop would be in the way of the asynchronous tests of other folders.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run the Chromium of this machine."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@contextmanager
def pages(browser: Browser) -> Iterator[OpenPage]:
    """Open pages in fresh profiles; their errors fail the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # The browser itself reports refused and failed requests; those are what some tests are about.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            errors.append(message.text)

    def opened(url: str, *, ready: bool = True, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(
            url, wait_until="domcontentloaded"
        )  # the first visitor waits for paintings that are yet to be painted
        if ready:
            page.locator(".tile input").first.wait_for(state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def open_page(browser: Browser, stack: Stack) -> Iterator[OpenPage]:
    """Return what opens the page of a service."""
    with pages(browser) as opened:
        yield opened
    stack.cancel_all()


@pytest.fixture
def page(open_page: OpenPage, stack: Stack) -> Page:
    """Open the page on a wide screen."""
    return open_page(stack.url)


@pytest.fixture(scope="module")
def kept_page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """Open the page once for tests that leave it as it was."""
    with pages(browser) as opened:
        yield opened(stack.url)
