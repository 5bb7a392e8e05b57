"""A visit with a film, from choosing it to playing the painted one beside the original."""

from __future__ import annotations

from playwright.sync_api import FilePayload, Page, expect

from tests.browser import page_actions
from tests.browser.conftest import PHONE
from tests.nst_engine.film import clips

CLIP = clips.video(clips.pictures(4), name="webm", codec="libvpx", rate=8, sound="libopus")
PLAY = """async () => {
  const [original, painted] = document.querySelectorAll(".films video");
  await painted.play();
  const isPlaying = !original.paused;
  painted.pause();
  const isSought = new Promise((resolve) => painted.addEventListener("seeked", resolve, { once: true }));
  painted.currentTime = 0.2;
  await isSought;
  return [isPlaying, Math.abs(original.currentTime - painted.currentTime) < 0.01];
}"""


def test_a_film_becomes_a_film_that_plays_beside_the_original(page: Page) -> None:
    expect(page.get_by_label("Frames a second")).to_have_count(0)
    page_actions.choose_file(page, "clip.webm", "video/webm", CLIP)
    page_actions.wait_for_view(page, "photo")
    expect(page.locator("#photo-row")).to_contain_text("64 × 48")
    expect(page.get_by_label("Record a time-lapse")).to_be_hidden()
    page.get_by_label("Format").select_option("WebM")
    page.get_by_label("To second").fill("0.3")
    page_actions.paint(page, steps=3)
    page_actions.wait_for_view(page, "result")
    expect(page_actions.view(page).get_by_text("3 frames")).to_be_visible()
    expect(page.locator("video[aria-label='The painted film']")).to_be_visible()
    assert page.evaluate(PLAY) == [True, True]
    expect(page.locator("#history-list .card.open")).to_contain_text("Film")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Edit settings").click()
    page_actions.wait_for_view(page, "photo")
    expect(page.get_by_label("To second")).to_have_value("0.3")
    page_actions.use_example(page, "Cat")
    expect(page.get_by_label("Frames a second")).to_have_count(0)


def test_an_animation_is_a_film_and_a_still_picture_is_none(page: Page) -> None:
    page_actions.choose_file(page, "dance.png", "image/png", clips.animation("PNG"))
    expect(page.get_by_label("Frames a second")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Another photo").click()
    still = clips.animation("PNG", clips.pictures(1))
    chooser.value.set_files(FilePayload(name="still.png", mimeType="image/png", buffer=still))
    expect(page.get_by_label("Frames a second")).to_have_count(0)
