"""What a visitor does on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.stack.stack import Stack

JOB_MILLISECONDS = 60_000
ENDLESS_STEPS = 20_000
CAT = Path(__file__).parents[2] / "api" / "page" / "examples" / "cat.jpg"
SIZE, STEPS = "Longest side in pixels, exact value", "Steps, exact value"


def choose_photo(page: Page) -> None:
    """Upload a photo with the file picker."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(CAT)
    wait_for_view(page, "photo")


def choose_file(page: Page, name: str, media_type: str, content: bytes) -> None:
    """Choose a file as the photo, whatever it contains."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(FilePayload(name=name, mimeType=media_type, buffer=content))


def use_example(page: Page, name: str) -> None:
    """Take an example as the photo."""
    page.get_by_role("button", name=f"Use the example photo: {name}").click()
    wait_for_view(page, "photo")


def submit_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Paint", exact=True)


def paint(page: Page, *, size: int = 64, steps: int = 12) -> None:
    """Set size and steps and press Paint."""
    page.get_by_label(SIZE).fill(str(size))
    page.get_by_label(STEPS).fill(str(steps))
    submit_button(page).click()
    expect(page).to_have_url(re.compile("#job="))


def paint_endlessly(page: Page) -> int:
    """Start a job that does not end by itself; return the first step it shows."""
    choose_photo(page)
    paint(page, steps=ENDLESS_STEPS)
    return wait_for_step(page)


def view(page: Page) -> Locator:
    return page.locator("#view")


def wait_for_view(page: Page, name: str) -> None:
    expect(view(page)).to_have_attribute("data-view", name, timeout=JOB_MILLISECONDS)


def wait_for_step(page: Page) -> int:
    """Wait until the job runs and return the step it shows."""
    fact = view(page).get_by_text(re.compile(r"^step \d+ of"))
    expect(fact).to_be_visible(timeout=JOB_MILLISECONDS)
    return int(fact.inner_text().split()[1])


def cancel(page: Page) -> None:
    """Cancel the open job."""
    page.get_by_role("button", name="Cancel", exact=True).click()
    wait_for_view(page, "failure")


def job_id(page: Page) -> str:
    """Return the id of the job in the page's URL."""
    return page.url.rpartition("=")[2]


def create_job(stack: Stack, **params: Any) -> str:
    """Create a job without the page and return its id."""
    return str(stack.create({"content": CAT.read_bytes()}, style_name="waves", **params)["id"])
