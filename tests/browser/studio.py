"""The page as a visitor uses it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.stack import CAT

JOB_MILLISECONDS = 60_000
ENDLESS = 20_000  # steps


def choose_photo(page: Page) -> None:
    """Upload a photo with the file picker."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(CAT)
    expect(stage(page)).to_have_attribute("data-view", "photo")


def paint(page: Page, *, size: int = 64, steps: int = 12) -> None:
    """Set size and steps and press the button."""
    page.get_by_label("Longest side, pixels, exactly").fill(str(size))
    page.get_by_label("Effort, steps, exactly").fill(str(steps))
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page).to_have_url(re.compile("#job="))


def stage(page: Page) -> Locator:
    """Return the part of the page that shows the picture."""
    return page.locator("#stage")


def wait_for(page: Page, view: str) -> None:
    """Wait until the stage shows a view."""
    expect(stage(page)).to_have_attribute("data-view", view, timeout=JOB_MILLISECONDS)


def wait_for_steps(page: Page) -> int:
    """Wait until the run has begun and return the step it shows."""
    fact = stage(page).get_by_text(re.compile(r"^step \d+ of"))
    expect(fact).to_be_visible(timeout=JOB_MILLISECONDS)
    return int(fact.inner_text().split()[1])


def cancel(page: Page) -> None:
    """Cancel the job that is shown."""
    page.get_by_role("button", name="Cancel", exact=True).click()
    wait_for(page, "ended")


def job_of(page: Page) -> str:
    """Return the id of the job in the address."""
    return page.url.rpartition("=")[2]
