"""What the page says when something is wrong, and what it keeps."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser import studio
from tests.browser.conftest import OpenPage
from tests.browser.stack import Stack, running

MOST_MILLISECONDS = 120_000  # for an API to start on a loaded machine


def offer(page: Page, name: str, media_type: str, content: bytes) -> None:
    """Choose a file as the photo."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files(FilePayload(name=name, mimeType=media_type, buffer=content))


def animation() -> bytes:
    """Return what browsers show but the service does not take."""
    file = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "media_type", "content", "words"),
    [
        ("notes.txt", "text/plain", b"not a picture", "notes.txt is not a picture"),
        ("cat.png", "image/png", b"<svg onload=alert(1)>", "cat.png cannot be read as a picture"),
        ("empty.png", "image/png", b"", "empty.png is empty"),
    ],
)
def test_a_wrong_file_is_refused_with_a_reason(
    kept_page: Page, name: str, media_type: str, content: bytes, words: str
) -> None:
    offer(kept_page, name, media_type, content)
    expect(kept_page.locator(".toast").last).to_contain_text(words)
    expect(studio.stage(kept_page)).to_have_attribute("data-view", "welcome")


def test_a_refusal_of_the_service_is_shown_and_nothing_is_lost(page: Page) -> None:
    offer(page, "dance.webp", "image/webp", animation())
    studio.wait_for(page, "photo")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#recipe-problem")).to_contain_text("more than one picture")
    expect(page.locator("#photo-row")).to_contain_text("dance.webp")
    expect(page.get_by_role("button", name="Paint", exact=True)).to_be_enabled()


def test_a_picture_that_browsers_cannot_show_can_still_be_painted(page: Page) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "olive").save(file, "TIFF")
    offer(page, "scan.tif", "image/tiff", file.getvalue())
    expect(studio.stage(page)).to_contain_text("cannot be shown by this browser, but it can be painted")
    studio.paint(page)
    studio.wait_for(page, "result")


def test_a_number_out_of_bounds_is_pointed_at(page: Page) -> None:
    page.get_by_role("button", name="Use the example photo: Cat").click()
    studio.wait_for(page, "photo")
    size = page.get_by_label("Longest side, pixels, exactly")
    size.fill("3")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#recipe-problem")).to_contain_text("from 16 to 8192")
    expect(size).to_be_focused()


def test_without_a_photo_the_page_says_what_is_missing(kept_page: Page) -> None:
    kept_page.get_by_role("button", name="Paint", exact=True).click()
    expect(kept_page.locator("#recipe-problem")).to_contain_text("Choose a photo first")


def test_an_address_of_an_unknown_job_is_explained(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(f"{stack.url}/#job=01a1fbeb-f6f9-738d-976c-5b52559fde4e")
    expect(page.locator(".toast")).to_contain_text("no such job")
    expect(studio.stage(page)).to_have_attribute("data-view", "welcome")


def ended_otherwise(page: Page, job_id: str, **changes: Any) -> None:
    """Let the page see a job with another end than the one it had."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **changes})

    page.route(f"**/v1/jobs/{job_id}", answer)
    page.goto(f"{page.url}#job={job_id}")
    page.reload()
    studio.wait_for(page, "ended")


def test_a_failed_job_says_why_and_what_to_do(page: Page, finished_job: str) -> None:
    error = {"code": "out_of_memory", "message": "The picture does not fit in the memory of the device."}
    ended_otherwise(page, finished_job, status="failed", error=error, result=None)
    expect(studio.stage(page)).to_contain_text(error["message"])
    expect(studio.stage(page)).to_contain_text("Choose a smaller size")
    expect(page.locator("#retry")).to_be_visible()


def test_an_expired_picture_is_explained(page: Page, finished_job: str) -> None:
    gone = {"content": None, "style": [], "preview": None, "result": None, "timelapse": None}
    urls = dict.fromkeys(("self", "cancel", "retry", "events"), f"/v1/jobs/{finished_job}")
    ended_otherwise(page, finished_job, expired=True, urls={**urls, **gone})
    expect(studio.stage(page)).to_contain_text("This picture has expired")
    expect(page.locator("#retry")).to_have_count(0)


def test_a_service_that_goes_and_comes_back_is_waited_for(page: Page, stack: Stack) -> None:
    studio.choose_photo(page)
    studio.paint(page, steps=studio.ENDLESS)
    before = studio.wait_for_steps(page)
    stack.kill("api")
    expect(page.locator("#banner")).to_contain_text("The service does not answer")
    expect(page.locator("#photo-row")).to_contain_text("cat.jpg")
    with page.expect_request(lambda request: "last-event-id" in request.headers, timeout=MOST_MILLISECONDS):
        stack.start("api")
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.get_by_text(re.compile(rf"^step {before} of"))).to_have_count(0)
    studio.cancel(page)


@pytest.fixture
def locked(stack: Stack) -> Iterator[Stack]:
    """Run a service of its own, without a worker, for a key; what the other one painted is painted already."""
    stack.http.get("/v1/styles/flow-strokes/thumbnail")
    with running("api") as locked:
        shutil.copytree(stack.paintings, locked.paintings)
        yield locked


def test_a_key_is_asked_for_and_pictures_are_shown_with_it(locked: Stack, open_page: OpenPage) -> None:
    secret = locked.make_key()
    page = open_page(locked.url, ready=False)
    page.get_by_label("Key", exact=True).fill("nst_wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_text("does not accept this key")).to_be_visible()
    page.get_by_label("Key", exact=True).fill(secret)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_text("No worker is running")).to_be_visible()
    page.get_by_role("button", name="Use the example photo: Rocket").click()
    studio.wait_for(page, "photo")
    studio.paint(page)
    expect(studio.stage(page)).to_contain_text("Waiting, next in line")
    photo = page.locator("#stage .frame img")
    expect(photo).to_have_attribute("src", re.compile("signature="))
    assert photo.evaluate("(image) => image.naturalWidth") == 640
    page.reload()
    expect(studio.stage(page)).to_contain_text("Waiting, next in line")
