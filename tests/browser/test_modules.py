"""Modules of the page that work without the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page


@pytest.mark.parametrize(
    "pieces", [["id: 1-0\nevent: prog", "ress\ndata: {}\n\n"], list("id: 1-0\r\nevent: progress\r\ndata: {}\r\n\r\n")]
)
def test_events_are_parsed_wherever_they_are_split(kept_page: Page, pieces: list[str]) -> None:
    events = kept_page.evaluate(
        """async (pieces) => {
          const { createParser } = await import("/js/api/event_stream.js");
          const events = [];
          const push = createParser((event) => events.push(event));
          pieces.forEach(push);
          return events;
        }""",
        pieces,
    )
    assert events == [{"id": "1-0", "type": "progress", "data": "{}"}]


def test_a_quote_survives_the_shell(kept_page: Page) -> None:
    quoted = "import('/js/views/curl_command.js').then(({ shellQuoted }) => shellQuoted(\"it's\"))"
    assert kept_page.evaluate(quoted) == r"'it'\''s'"


def test_the_curl_command_sends_the_files_of_each_part(kept_page: Page) -> None:
    command = kept_page.evaluate(
        """async () => {
          const { curlCommand } = await import("/js/views/curl_command.js");
          const files = { style: 1, mask: 2, style_mask: 0 };
          return curlCommand({ origin: "/", content: "photo.jpg", params: {}, files });
        }"""
    )
    files = [line.removesuffix(" \\") for line in command.split("\n")[1:-1]]
    assert [file.strip() for file in files] == [
        "-F content=@photo.jpg",
        "-F style=@style.png",
        "-F mask=@mask1.png",
        "-F mask=@mask2.png",
    ]


def formatted(page: Page, function: str, *arguments: object) -> str:
    text: str = page.evaluate(
        "([name, values]) => import('/js/lib/format.js').then((format) => format[name](...values))",
        [function, arguments],
    )
    return text


@pytest.mark.parametrize(("seconds", "text"), [(7.6, "8 s"), (125, "2 min 5 s"), (4200, "1 h 10 min")])
def test_durations_are_formatted(kept_page: Page, seconds: float, text: str) -> None:
    assert formatted(kept_page, "duration", seconds) == text


@pytest.mark.parametrize(
    ("position", "text"), [(1, "next in line"), (2, "2nd in line"), (11, "11th in line"), (23, "23rd in line")]
)
def test_queue_positions_are_formatted(kept_page: Page, position: int, text: str) -> None:
    assert formatted(kept_page, "queuePosition", position) == text


@pytest.mark.parametrize(("size", "text"), [(383_000, "383 kB"), (20 * 1024**2, "21 MB"), (1_240_000, "1.2 MB")])
def test_sizes_are_formatted(kept_page: Page, size: int, text: str) -> None:
    assert formatted(kept_page, "byteSize", size) == text


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.5, "just now"), (5, "5 min. ago"), (130, "2 hr. ago"), (2 * 24 * 60, "Mar 1")]
)
def test_ages_are_formatted(kept_page: Page, minutes: float, text: str) -> None:
    now = 1772496000000  # 2026-03-03
    created = kept_page.evaluate("(time) => new Date(time).toISOString()", now - minutes * 60_000)
    assert formatted(kept_page, "timeAgo", created, now) == text


def test_the_palette_has_the_colors_of_the_image(kept_page: Page) -> None:
    colors = kept_page.evaluate(
        """async () => {
          const { dominantColors } = await import("/js/shell/palette.js");
          const pixels = [...Array(60).fill([200, 40, 30]), ...Array(40).fill([20, 60, 160])];
          return dominantColors(pixels).filter(({ share }) => share > 0.1).map(({ rgb }) => rgb);
        }"""
    )
    assert sorted(colors) == [[20, 60, 160], [200, 40, 30]]


SLOW_PHOTO = """async () => {
  const { createStore } = await import("/js/state/store.js");
  const store = createStore({});
  const read = async (url) => (await fetch(url)).blob();
  const slow = Promise.withResolvers();
  const first = store.setPhoto(slow.promise, "Slow").catch(({ name }) => name);
  await store.setPhoto(read("/examples/cat.jpg"), "Fast");
  slow.resolve(read("/examples/coffee.jpg"));
  return [await first, store.photo.get().name];
}"""


def test_a_photo_that_is_slow_to_read_does_not_replace_a_later_one(kept_page: Page) -> None:
    assert kept_page.evaluate(SLOW_PHOTO) == ["AbortError", "Fast"]


EDITED_STYLES = """async (names) => {
  const { createStore } = await import("/js/state/store.js");
  const store = createStore({ client: { blob: async (url) => (await fetch(url)).blob() } });
  store.styles.set(["gold", "waves"].map((name) => ({ id: name, name, title: name, summary: "" })));
  const style = ["/examples/cat.jpg", "/examples/coffee.jpg"];
  const urls = { content: "/examples/rocket.jpg", style, mask: style, style_mask: [] };
  await store.editJob({ urls, style_names: names, params: { style_blend: [1, 2] } });
  return store.chosenStyles.get().map(({ title, weight, mask }) => [title, weight, mask.width]);
}"""
WIDTHS = """async () => Promise.all(["cat", "coffee"].map(async (name) => {
  const { measure } = await import("/js/state/image_file.js");
  return (await measure(`/examples/${name}.jpg`)).width;
}))"""


# A mix of built-in and uploaded styles does not say which is which, so all are uploaded again.
@pytest.mark.parametrize(
    ("names", "titles"), [(["waves", "gold"], ["waves", "gold"]), (["waves"], ["Earlier style 1", "Earlier style 2"])]
)
def test_the_styles_of_a_job_keep_their_order_weights_and_masks(
    kept_page: Page, names: list[str], titles: list[str]
) -> None:
    cat, coffee = kept_page.evaluate(WIDTHS)
    assert kept_page.evaluate(EDITED_STYLES, names) == [[titles[0], 1, cat], [titles[1], 2, coffee]]
