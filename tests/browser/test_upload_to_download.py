"""The whole visit, from choosing a photo to downloading the result."""

from __future__ import annotations

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import page_actions
from tests.browser.conftest import PHONE, OpenPage
from tests.stack.stack import Stack


def test_an_uploaded_photo_becomes_a_picture_to_download_in_three_formats(page: Page) -> None:
    page_actions.choose_photo(page)
    page.get_by_role("radio", name="Red sun").check()
    page_actions.paint(page)
    page_actions.wait_for_view(page, "result")
    for format_, label in (("PNG", "PNG (lossless)"), ("JPEG", "JPEG (small)"), ("WEBP", "WebP (smallest)")):
        page.locator("#download").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        with Image.open(download.value.path()) as picture:
            assert (picture.format, picture.size) == (format_, (64, 43))
        page.keyboard.press("Escape")


def test_a_phone_is_enough(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url, viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Use the example photo: Coffee").tap()
    page_actions.wait_for_view(page, "photo")
    page_actions.paint(page)
    page_actions.wait_for_view(page, "result")
    expect(page.locator("#result")).to_be_in_viewport()
