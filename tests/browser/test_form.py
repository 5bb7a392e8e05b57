"""How visitors fill in the form, and what it says about mistakes."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.browser import page_actions
from tests.stack.stack import Stack


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "media_type", "content", "message"),
    [
        ("notes.txt", "text/plain", b"not an image", "notes.txt is not a supported photo or film. Use JPEG"),
        ("cat.png", "image/png", b"<svg onload=alert(1)>", "cat.png cannot be read"),
        ("empty.png", "image/png", b"", "empty.png is empty"),
        ("dot.png", "image/png", encoded(Image.new("RGB", (15, 64))), "dot.png is too small: 15 × 64 pixels"),
    ],
)
def test_an_unusable_file_is_refused_with_a_reason(
    kept_page: Page, name: str, media_type: str, content: bytes, message: str
) -> None:
    page_actions.choose_file(kept_page, name, media_type, content)
    expect(kept_page.locator(".toast").last).to_contain_text(message)
    expect(page_actions.view(kept_page)).to_have_attribute("data-view", "welcome")


def test_a_refusal_by_the_service_is_shown_and_the_form_is_kept(page: Page) -> None:
    pages = [Image.new("RGB", (64, 64), color) for color in ("red", "blue")]
    scans = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    page_actions.choose_file(page, "scans.tif", "image/tiff", scans)
    page_actions.wait_for_view(page, "photo")
    page_actions.submit_button(page).click()
    expect(page.locator("#form-error")).to_contain_text("more than one picture")
    expect(page.locator("#photo-row")).to_contain_text("scans.tif")
    expect(page_actions.submit_button(page)).to_be_enabled()


def test_an_image_that_the_browser_cannot_show_can_be_painted(page: Page) -> None:
    page_actions.choose_file(page, "scan.tif", "image/tiff", encoded(Image.new("RGB", (64, 64), "olive"), "TIFF"))
    expect(page_actions.view(page)).to_contain_text("This browser cannot show scan.tif, but you can paint it")
    page_actions.paint(page)
    page_actions.wait_for_view(page, "result")


def test_a_number_out_of_range_is_marked_and_focused(page: Page) -> None:
    page_actions.use_example(page, "Cat")
    size = page.get_by_label(page_actions.SIZE)
    size.fill("3")
    page_actions.submit_button(page).click()
    expect(page.locator("#form-error")).to_contain_text("from 16 to 8192")
    expect(size).to_be_focused()
    expect(size).to_have_attribute("aria-invalid", "true")
    page.get_by_role("radio", name="256").check()
    expect(size).not_to_have_attribute("aria-invalid", "true")


def test_a_missing_photo_is_named(kept_page: Page) -> None:
    page_actions.submit_button(kept_page).click()
    expect(kept_page.locator("#form-error")).to_contain_text("Choose a photo or film first")


def test_a_photo_can_be_dropped_and_a_style_pasted(page: Page) -> None:
    image = list(encoded(Image.new("RGB", (80, 70), "teal")))
    transfer = page.evaluate_handle(TRANSFER, ["dropped.png", image])
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    page.dispatch_event('[data-role="photo"]', "drop", {"dataTransfer": transfer})
    expect(page.locator("#photo-row")).to_contain_text("dropped.png")
    page.evaluate(PASTE, ["pasted.png", image])
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


def test_two_styles_can_be_mixed(page: Page, stack: Stack) -> None:
    page.get_by_role("checkbox", name="Mix several").check()
    page.get_by_role("checkbox", name="Red sun").check()
    page.get_by_role("slider", name="Weight of Red sun").fill("2")
    page_actions.choose_photo(page)
    page_actions.paint(page)
    job = stack.http.get(f"/v1/jobs/{page_actions.job_id(page)}").json()
    assert job["params"]["style_blend"] == [1, 2]
    assert len(job["urls"]["style"]) == 2
    page_actions.wait_for_view(page, "result")


def test_a_mask_is_chosen_for_one_of_two_styles(page: Page, stack: Stack) -> None:
    page.get_by_text("More options").click()
    page.get_by_role("checkbox", name="Mix several").check()
    page.get_by_role("checkbox", name="Red sun").check()
    page_actions.choose_photo(page)
    clear = encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))
    choose_mask(page, "Where to paint Red sun", clear)
    page_actions.submit_button(page).click()
    expect(page.locator("#form-error")).to_contain_text("transparent everywhere")
    refused = page.get_by_role("button", name="Remove the mask: Where to paint Red sun")
    expect(refused).to_be_focused()
    refused.click()
    choose_mask(page, "Where to paint Red sun", encoded(Image.linear_gradient("L")))
    choose_mask(page, "Which part of Red sun counts", encoded(Image.linear_gradient("L")))
    page_actions.paint(page, steps=3)
    job = stack.folder / "data" / "blobs" / page_actions.job_id(page)
    masks = [Image.open(job / f"{part}-{index}") for part in ("mask", "style_mask") for index in range(2)]
    assert [mask.getextrema() for mask in masks] == [(255, 255), (0, 255)] * 2
    page_actions.wait_for_view(page, "result")
    page.get_by_role("button", name="Edit settings").click()
    page_actions.wait_for_view(page, "photo")
    remove = page.get_by_role("button", name="Remove the mask")
    # The page sends two pictures, whose names the job does not have; the white masks are no masks of the visitor.
    expect(remove).to_have_count(2)
    expect(page.get_by_role("button", name="Remove the mask: Where to paint Earlier style 2")).to_be_visible()
    page_actions.use_example(page, "Coffee")
    expect(remove).to_have_count(1)
    expect(page.locator(".toast").last).to_contain_text("masks of the photo before it were removed")
    page.get_by_role("checkbox", name="Earlier style 2", exact=True).uncheck()
    expect(page.locator(".toast").last).to_contain_text("The masks of Earlier style 2 were removed")


def choose_mask(page: Page, question: str, mask: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=f"Choose a mask: {question}").click()
    chooser.value.set_files(FilePayload(name="mask.png", mimeType="image/png", buffer=mask))
    expect(page.get_by_role("button", name=f"Remove the mask: {question}")).to_be_visible()


def test_every_parameter_has_a_control(page: Page, stack: Stack) -> None:
    page.get_by_text("More options").click()
    page.locator("#advanced fieldset").first.wait_for()
    fields = set(page.locator("[data-field]").evaluate_all("(all) => all.map((one) => one.dataset.field)"))
    params = stack.http.get("/v1/presets").json()["presets"][0]["params"]
    # Colors are a group of radio buttons; the weights of mixed styles are sliders; films have controls of their own.
    assert set(params) - fields == {"preserve_color", "style_blend", "temporal_weight"}


def test_a_wrong_advanced_value_is_explained_and_reset_with_the_preset(page: Page) -> None:
    page.get_by_text("More options").click()
    page.get_by_text("Losses", exact=True).click()
    weight = page.get_by_label("Content weight")
    before = weight.input_value()
    weight.fill("-1")
    page.keyboard.press("Tab")
    error = page.get_by_text(re.compile("Out of range. Allowed: "))
    expect(error).to_be_visible()
    page.get_by_role("button", name="Reset to the preset").click()
    expect(error).to_be_hidden()
    expect(weight).to_have_value(before)


def test_a_new_preset_keeps_the_size_and_drops_other_changes(page: Page) -> None:
    size, steps = page.get_by_label(page_actions.SIZE), page.get_by_label(page_actions.STEPS)
    expect(steps).not_to_have_value("")
    before = steps.input_value()
    expect(page.get_by_role("radio", name="Normal")).to_be_checked()
    for field in (size, steps):
        field.fill("99")
        page.keyboard.press("Tab")
    page.get_by_label("Preset").select_option("default")
    expect(size).to_have_value("99")
    expect(steps).to_have_value(before)
    page.get_by_label("Preset").select_option("draft")
    expect(page.get_by_role("radio", name="Normal")).to_be_checked()
