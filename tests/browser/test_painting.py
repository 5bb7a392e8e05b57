"""From a photo to a painting, as a visitor does it."""

from __future__ import annotations

import io
import re

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import studio
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.stack import Stack


def test_an_uploaded_photo_becomes_a_painting_that_can_be_downloaded(page: Page) -> None:
    studio.choose_photo(page)
    page.get_by_role("radio", name="Red sun").check()
    studio.paint(page)
    studio.wait_for(page, "result")
    for format_, words in (("PNG", "PNG, exact"), ("JPEG", "JPEG, small"), ("WEBP", "WebP, smaller")):
        page.locator("#download").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=words).click()
        with Image.open(download.value.path()) as picture:
            assert (picture.format, picture.size) == (format_, (64, 43))
        page.keyboard.press("Escape")


def test_the_picture_changes_while_it_is_painted(page: Page) -> None:
    studio.choose_photo(page)
    studio.paint(page, steps=studio.ENDLESS)
    studio.wait_for_steps(page)
    seen = set()
    for shown in range(2, 9):  # the first that was shown is the photo
        frame = page.locator("#stage .frame")
        expect(frame).to_have_attribute("data-shown", re.compile(rf"^({shown}|\d{{2,}}|[{shown}-9])$"), timeout=30_000)
        seen.add(frame.locator("img").last.evaluate(PIXELS))
    assert len(seen) >= 4
    expect(page.get_by_role("img", name=re.compile("Loss so far: from .* to "))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Painting, .* left"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"scale 1 of \d|\d+ × \d+")).first).to_be_visible()
    studio.cancel(page)


PIXELS = """(image) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 24;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 24, 24);
  return canvas.toDataURL();
}"""


def test_a_running_job_can_be_canceled(page: Page, stack: Stack) -> None:
    studio.choose_photo(page)
    studio.paint(page, steps=studio.ENDLESS)
    studio.wait_for_steps(page)
    studio.cancel(page)
    expect(page.get_by_role("heading", name="Canceled")).to_be_visible()
    assert stack.http.get(f"/v1/jobs/{studio.job_of(page)}").json()["status"] == "canceled"


def test_a_reload_finds_the_running_job_again(page: Page) -> None:
    studio.choose_photo(page)
    studio.paint(page, steps=studio.ENDLESS)
    before = studio.wait_for_steps(page)
    page.reload()
    assert studio.wait_for_steps(page) >= before
    expect(page.get_by_role("img", name=re.compile("Loss so far: from"))).to_be_visible()
    studio.cancel(page)


def test_coming_back_without_an_address_finds_the_running_job(page: Page, open_page: OpenPage, stack: Stack) -> None:
    job_id = stack.job(max_size=64, steps=studio.ENDLESS)
    other = open_page(stack.url)
    expect(other).to_have_url(re.compile(job_id))
    studio.cancel(other)


def test_a_phone_can_do_it_all(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url, viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Use the example photo: Coffee").tap()
    studio.wait_for(page, "photo")
    studio.paint(page)
    studio.wait_for(page, "result")
    expect(page.locator("#result")).to_be_in_viewport()


def test_a_photo_can_be_dropped_and_a_painting_pasted(page: Page) -> None:
    drop = page.evaluate_handle(TRANSFER, ["dropped.png", picture(80)])
    page.dispatch_event("body", "dragenter", {"dataTransfer": drop})
    page.dispatch_event('[data-role="photo"]', "drop", {"dataTransfer": drop})
    expect(page.locator("#photo-row")).to_contain_text("dropped.png")
    page.evaluate(PASTE, ["pasted.png", picture(70)])
    expect(page.get_by_role("radio", name="pasted.png")).to_be_checked()


TRANSFER = """([name, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  return transfer;
}"""
PASTE = f"""(file) => {{
  const clipboardData = ({TRANSFER})(file);
  window.dispatchEvent(new ClipboardEvent("paste", {{ clipboardData }}));
}}"""


def picture(size: int) -> list[int]:
    """Return the bytes of a picture."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), "teal").save(file, "PNG")
    return list(file.getvalue())


def test_two_paintings_can_be_mixed(page: Page, stack: Stack) -> None:
    page.get_by_role("checkbox", name="Mix several").check()
    page.get_by_role("checkbox", name="Red sun").check()
    page.get_by_role("slider", name="Weight of Red sun").fill("2")
    studio.choose_photo(page)
    studio.paint(page)
    job = stack.http.get(f"/v1/jobs/{studio.job_of(page)}").json()
    assert job["params"]["style_blend"] == [1, 2]
    assert len(job["urls"]["style"]) == 2
    studio.wait_for(page, "result")


def test_every_parameter_of_the_service_has_a_field(page: Page, stack: Stack) -> None:
    page.get_by_text("More options").click()
    page.locator("#advanced fieldset").first.wait_for()
    fields = set(page.locator("[data-field]").evaluate_all("(all) => all.map((one) => one.dataset.field)"))
    params = stack.http.get("/v1/presets").json()["presets"][0]["params"]
    # Colours are a control of their own; a blend belongs to the paintings.
    assert set(params) - fields == {"preserve_color", "style_blend"}
    page.get_by_label("Content weight").fill("-1")
    page.keyboard.press("Tab")
    expect(page.get_by_text(re.compile("Takes a number from 0 to"))).to_be_visible()
