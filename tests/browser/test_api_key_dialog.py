"""How the page asks for an API key, keeps it and uses it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import page_actions
from tests.browser.conftest import OpenPage
from tests.stack.stack import Stack, running_stack


@pytest.fixture
def locked(stack: Stack) -> Iterator[Stack]:
    """Run a second service, without a worker, for a test that creates an API key."""
    stack.http.get("/v1/styles/flow-strokes/thumbnail")
    with running_stack(workers=0) as locked:
        shutil.copytree(stack.data_dir / "paintings", locked.data_dir / "paintings")  # saves painting the styles again
        yield locked


def enter_key(page: Page, secret: str) -> None:
    page.get_by_label("Key", exact=True).fill(secret)
    page.get_by_role("button", name="Use this key").click()


def test_the_key_is_asked_for_kept_for_the_tab_and_used_for_pictures(locked: Stack, open_page: OpenPage) -> None:
    secret = locked.create_key()[1]
    page = open_page(locked.url, ready=False)
    enter_key(page, " ")
    expect(page.get_by_text("Keys start with nst_")).to_be_visible()
    enter_key(page, "nst_wrong")
    expect(page.get_by_text("The service rejected this key")).to_be_visible()
    enter_key(page, secret)
    expect(page.get_by_text("No worker is running")).to_be_visible()
    page_actions.use_example(page, "Rocket")
    page_actions.paint(page)
    expect(page_actions.view(page)).to_contain_text("Waiting, next in line")
    photo = page.locator("#view .frame img")
    expect(photo).to_have_attribute("src", re.compile("signature="))
    assert photo.evaluate("(image) => image.naturalWidth") == 640
    page.reload()
    expect(page_actions.view(page)).to_contain_text("Waiting, next in line")
    assert page.evaluate("Object.keys(localStorage)") in ([], ["nst.draft"])  # a switch of the page, not the key
