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
  const sought = () => new Promise((resolve) => painted.addEventListener("seeked", resolve, { once: true }));
  const isPlaying = [];
  for (let loop = 0; loop < 2; loop += 1) {
    original.pause(); // as the browser does at its end
    await sought();
    isPlaying.push(!original.paused);
  }
  painted.pause();
  painted.currentTime = painted.currentTime > 0.18 ? 0 : 0.36; // too far away to be within the drift that is allowed
  await sought();
  return [...isPlaying, Math.abs(original.currentTime - painted.currentTime) < 0.01];
}"""
SOUND = clips.video([], name="webm", codec="", sound="libopus")
READ_FILM = """async (bytes) => {
  const { readFilm } = await import("/js/film/film_file.js");
  const { url, film } = await readFilm(new Blob([new Uint8Array(bytes)]), { name: "sound.webm", type: "video/webm" });
  return [url, film.source];
}"""
SHOW_WAITING_FILM = """async () => {
  const { runningView } = await import("/js/views/running_view.js");
  const job = { film: {}, status: "queued", urls: { content: "/examples/cat.jpg" } };
  document.body.append(...runningView({}, job).elements);
}"""
OPTIONS = """async () => {
  const { createFilmOptions } = await import("/js/film/film_controls.js");
  const options = createFilmOptions();
  options.load({ film: { quality: 50 }, output_format: "webm" });
  const kept = options.toJson();
  options.set("output_format", "gif");
  return [kept, options.toJson()];
}"""


def test_a_film_becomes_a_film_that_plays_beside_the_original(page: Page) -> None:
    expect(page.get_by_label("Frames a second")).to_have_count(0)
    page_actions.choose_file(page, "clip.webm", "video/webm", CLIP)
    page_actions.wait_for_view(page, "photo")
    expect(page.locator("#photo-row")).to_contain_text("64 × 48")
    player = page.get_by_label("Your film: clip.webm").element_handle()
    page.get_by_role("radio", name="Red sun").check()
    assert player.evaluate("(video) => video.isConnected")
    expect(page.get_by_label("Record a time-lapse")).to_be_hidden()
    page.get_by_label("Format").select_option("WebM")
    page.get_by_label("To second").fill("0.3")
    page_actions.paint(page, steps=3)
    page_actions.wait_for_view(page, "result")
    expect(page_actions.view(page).get_by_text("3 frames")).to_be_visible()
    expect(page.locator("video[aria-label='The painted film']")).to_be_visible()
    assert page.evaluate(PLAY) == [True, True, True]
    expect(page.locator("#history-list .card.open")).to_contain_text("Film")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Edit settings").click()
    page_actions.wait_for_view(page, "photo")
    expect(page.get_by_label("To second")).to_have_value("0.3")
    page_actions.use_example(page, "Cat")
    expect(page.get_by_label("Frames a second")).to_have_count(0)


def test_a_video_without_a_picture_is_left_to_the_service(kept_page: Page) -> None:
    assert kept_page.evaluate(READ_FILM, list(SOUND)) == [None, None]


def test_a_film_that_waits_shows_its_original(kept_page: Page) -> None:
    kept_page.evaluate(SHOW_WAITING_FILM)
    expect(kept_page.get_by_role("img", name="The original film")).to_be_attached()


def test_a_quality_is_not_sent_for_a_gif(kept_page: Page) -> None:
    kept, gif = kept_page.evaluate(OPTIONS)
    assert kept == {"output_format": "webm", "quality": 50, "timelapse": False}
    assert gif == {"output_format": "gif", "timelapse": False}


def test_an_animation_is_a_film_and_a_still_picture_is_none(page: Page) -> None:
    page_actions.choose_file(page, "dance.png", "image/png", clips.animation("PNG"))
    expect(page.get_by_label("Frames a second")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Another photo").click()
    still = clips.animation("PNG", clips.pictures(1))
    chooser.value.set_files(FilePayload(name="still.png", mimeType="image/png", buffer=still))
    expect(page.get_by_label("Frames a second")).to_have_count(0)
