import io
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from typing import Any

import pytest
from PIL import Image

from nst_engine.film.formats import SEGMENT
from nst_engine.film.frames import frame_rate
from nst_engine.film.reading import FilmInfo, FilmLimits, is_film, plan, probe, read_frames
from nst_engine.spec.errors import ConfigError, FilmError
from nst_engine.spec.film import FilmOptions
from tests.nst_engine.film.clips import animation, number_of, pictures, rotated, video


def read(data: bytes, *, first: int = 0, limits: FilmLimits | None = None, **options: Any) -> list[Image.Image]:
    file = io.BytesIO(data)
    info = probe(file, limits)
    return list(read_frames(file, info, plan(info, FilmOptions(**options), limits), limits, first=first))


def numbers(data: bytes, **options: Any) -> list[int]:
    return [number_of(picture) for picture in read(data, **options)]


FILMS = {
    "H.264 in MP4": video(),
    "H.264 in MOV": video(name="mov"),
    "H.265": video(codec="libx265", options={"x265-params": "log-level=none"}),
    "H.265 of 10 bits": video(codec="libx265", pixels="yuv420p10le", options={"x265-params": "log-level=none"}),
    "VP9 in WebM": video(name="webm", codec="libvpx-vp9"),
    "AV1": video(codec="libsvtav1", options={"svtav1-params": "lp=1"}),
    "GIF": animation("GIF"),
    "WebP": animation("WEBP", lossless=True),
    "PNG": animation("PNG"),
}


@pytest.mark.parametrize("data", FILMS.values(), ids=FILMS)
def test_every_format_is_read_frame_by_frame(data: bytes) -> None:
    assert is_film(data)
    found = read(data)
    assert [number_of(picture) for picture in found] == [0, 1, 2, 3, 4, 5]
    assert {picture.size for picture in found} == {(64, 48)} and {picture.mode for picture in found} == {"RGB"}
    assert found[0].getpixel((8, 8)) == pytest.approx((255, 255, 255), abs=6)


def test_what_a_film_holds_is_known_without_decoding_it() -> None:
    info = probe(io.BytesIO(video(sound="aac")))
    assert info == FilmInfo(
        format="mp4", width=64, height=48, rate=Fraction(12), frames=6, seconds=Fraction(1, 2), sound="aac"
    )


def test_a_picture_is_no_film() -> None:
    still = io.BytesIO()
    Image.new("RGB", (32, 32)).save(still, "PNG")
    webp = io.BytesIO()
    Image.new("RGB", (32, 32)).save(webp, "WEBP", exif=b"Exif\0\0")
    assert not any(map(is_film, (still.getvalue(), webp.getvalue(), b"\xff\xd8\xff\xe0", b"", b"\0\0\0\x1cftypavif")))


def test_a_rotated_film_is_upright() -> None:
    (first, *_) = read(rotated(video()))
    assert first.size == (48, 64)
    white, gray = first.getpixel((40, 8)), first.getpixel((8, 8))
    assert white[0] > 240 and gray[0] < 40  # type: ignore[index]


def test_pixels_that_are_not_square_are_made_so() -> None:
    wide = video(sample_aspect_ratio=Fraction(4, 3))
    assert read(wide)[0].size == (85, 48)


def test_a_film_of_full_range_has_the_same_colors() -> None:
    full = video(pixels="yuvj420p")
    assert numbers(full) == [0, 1, 2, 3, 4, 5]


def test_odd_sizes_are_read() -> None:
    data = video(pictures(size=(51, 37)), pixels="yuv444p")
    assert read(data)[0].size == (51, 37)


def test_a_variable_frame_rate_becomes_constant() -> None:
    data = video(times=[0, 100, 200, 600, 700, 800])
    assert probe(io.BytesIO(data)).rate == 10
    assert numbers(data) == [0, 1, 2, 2, 2, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("times", "options"),
    [
        ([0, 3000, 6000, 9000], {"options": {"bf": "0"}}),
        ([0, 100, 200, 2500], {"options": {"bf": "0"}}),
        ([0, 100, 200, 2500], {"name": "mov", "options": {"bf": "0"}}),
        ([0, 100, 200, 2500], {"name": "webm", "codec": "libvpx-vp9"}),
    ],
    ids=["slides", "MP4", "MOV", "WebM"],
)
def test_the_last_frame_stays_on_for_as_long_as_the_file_says(times: list[int], options: dict[str, Any]) -> None:
    data = video(pictures(3), times=times, **options)
    gap, end = times[1], times[-1]
    assert probe(io.BytesIO(data)).seconds == Fraction(end, 1000)
    assert numbers(data) == [0, 1] + [2] * ((end - 2 * gap) // gap)


def test_a_last_frame_without_a_duration_stays_on_for_one_frame() -> None:
    assert numbers(video(pictures(4), times=[0, 3000, 6000, 9000, 9001], options={"bf": "0"})) == [0, 1, 2, 3]


def test_a_duration_that_belongs_to_another_frame_does_not_prolong_the_film() -> None:
    times = [0, 100, 200, 300, 5300, 5400, 5500, 5600]
    data = video(pictures(7), times=times, options={"bf": "3", "b_strategy": "0"})
    assert probe(io.BytesIO(data)).seconds == Fraction(56, 10)


@pytest.mark.parametrize(
    ("durations", "shown"),
    [
        ([2000, 100], [0] * 20 + [1]),
        ([2000, 100, 100], [0] * 20 + [1, 2]),
        ([500, 100, 500, 100], [0] * 5 + [1] + [2] * 5 + [3]),
    ],
)
def test_a_short_animation_with_long_frames_keeps_its_motion(durations: list[int], shown: list[int]) -> None:
    assert numbers(animation("GIF", pictures(len(durations)), duration=durations)) == shown


def test_a_film_whose_frames_last_for_hours_has_a_rate() -> None:
    assert frame_rate([Fraction(0), Fraction(90_000)]) == Fraction(1, 10_000)


def test_fps_leaves_frames_out_or_repeats_them() -> None:
    assert numbers(FILMS["H.264 in MP4"], fps=6) == [0, 2, 4]
    assert numbers(FILMS["GIF"], fps=20) == [n for n in range(6) for _ in range(2)]


def test_a_part_is_read_from_and_to_a_second() -> None:
    assert numbers(FILMS["H.264 in MP4"], start=1 / 6, end=0.4) == [2, 3, 4]
    assert numbers(FILMS["VP9 in WebM"], start=0.25) == [3, 4, 5]


def test_reading_goes_on_where_it_stopped() -> None:
    assert numbers(FILMS["H.264 in MP4"], first=4) == [4, 5]
    assert numbers(FILMS["WebP"], first=6) == []


def test_a_part_far_into_the_film_is_sought() -> None:
    frames = [picture for picture in pictures() for _ in range(8)]
    data = video(frames, options={"g": "12", "bf": "2"})
    assert numbers(data, start=3.5) == [5] * 6


@pytest.mark.parametrize(("name", "milliseconds", "rate"), [("WEBP", 16, 62.5), ("PNG", 50 / 3, 60), ("GIF", 10, 10)])
def test_an_animation_keeps_its_speed_up_to_what_browsers_show(name: str, milliseconds: float, rate: float) -> None:
    assert float(probe(io.BytesIO(animation(name, duration=milliseconds))).rate) == rate


def test_what_cannot_be_a_part_is_refused() -> None:
    with pytest.raises(FilmError, match=r"0\.50 seconds"):
        read(FILMS["H.264 in MP4"], start=2)
    with pytest.raises(ValueError, match="later than from"):
        FilmOptions(start=2, end=1)
    with pytest.raises(ConfigError, match="fps"):
        FilmOptions.checked({"fps": 500})


LIMITS = {
    "film_too_long": FilmLimits(max_seconds=0.4),
    "film_too_large": FilmLimits(max_pixels=3000),
    "film_too_small": FilmLimits(min_side=50),
}


@pytest.mark.parametrize("name", ["H.264 in MP4", "VP9 in WebM", "GIF", "WebP", "PNG"])
@pytest.mark.parametrize("code", LIMITS)
def test_limits_have_codes(name: str, code: str) -> None:
    with pytest.raises(FilmError) as raised:
        read(FILMS[name], limits=LIMITS[code])
    assert raised.value.code == code


def test_a_film_may_be_exactly_as_long_as_the_limit_although_webm_rounds_its_times() -> None:
    info = probe(io.BytesIO(video(pictures(3), name="webm", codec="libvpx-vp9", rate=30)))
    assert info.seconds > Fraction(3, 30)
    assert plan(info, limits=FilmLimits(max_seconds=3 / 30)).frames == 3


def test_the_frames_of_the_file_and_those_to_paint_are_bounded() -> None:
    for limits in (FilmLimits(max_decoded=5), FilmLimits(max_frames=5)):
        with pytest.raises(FilmError) as raised:
            read(FILMS["H.264 in MP4"], limits=limits)
        assert raised.value.code == "film_too_many_frames"


def test_very_many_frames_in_a_small_file_are_refused_before_they_are_decoded() -> None:
    still = Image.new("RGB", (16, 16))
    gif = animation("GIF", [still, Image.new("RGB", (16, 16), "white")])
    frame = gif[gif.index(b"\x21\xf9") : -1]
    data = gif[:-1] + frame * 2000 + gif[-1:]
    with pytest.raises(FilmError) as raised:
        probe(io.BytesIO(data), FilmLimits(max_decoded=500))
    assert raised.value.code == "film_too_many_frames"


def test_a_later_frame_of_a_gif_cannot_be_larger_than_the_limit() -> None:
    gif = bytearray(animation("GIF", [Image.new("L", (32, 32), shade) for shade in (0, 255)]))
    frame = gif.rindex(b"\x2c\0\0\0\0\x20\0\x20\0")
    gif[frame + 5 : frame + 9] = b"\xff\xff\x20\0"
    with pytest.raises(FilmError, match="goes beyond the edges"):
        read(bytes(gif), limits=FilmLimits(max_pixels=32 * 32))


def test_a_film_may_be_exactly_as_large_as_the_limit() -> None:
    for frames, options in (
        (pictures(size=(54, 96)), {}),
        (pictures(size=(98, 50)), {"codec": "libvpx-vp9", "name": "webm"}),
    ):
        width, height = frames[0].size
        assert len(read(video(frames, **options), limits=FilmLimits(max_pixels=width * height))) == 6


def _without_frames() -> bytes:
    """Return an animated PNG of no frame; its picture is for programs that show no animation."""
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "PNG")
    still = file.getvalue()
    place, control = still.index(b"IDAT") - 4, b"acTL" + struct.pack(">II", 1, 0)
    chunk = struct.pack(">I", 8) + control + struct.pack(">I", zlib.crc32(control))
    padding = bytes(int.from_bytes(still[place : place + 4]))  # Pillow skips as much before it finds no frame
    return still[:place] + chunk + still[place:] + padding + still[-12:]


def _of_unknown_length(webm: bytes) -> bytes:
    """Return a WebM as a live stream writes it."""
    place = webm.index(SEGMENT) + len(SEGMENT)
    return webm[:place] + b"\x01" + b"\xff" * 7 + webm[place + 8 :]


def test_a_webm_of_unknown_length_is_whole() -> None:
    assert numbers(_of_unknown_length(FILMS["VP9 in WebM"])) == [0, 1, 2, 3, 4, 5]


SLOW_WEBM = video(name="webm", codec="libvpx-vp9", rate=2)
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
DAMAGED = {
    "nothing": (b"", "not_a_film"),
    "text": (b"not a film", "not_a_film"),
    "a song": (video(codec="", sound="aac"), "film_without_video"),
    "no frames": (video([], container=FRAGMENTED), "film_empty"),
    "only a header": (FILMS["H.264 in MP4"][:40], "film_damaged"),
    "no index": (FILMS["H.264 in MP4"][:900], "film_truncated"),
    "an MP4 cut short in its index": (FILMS["H.264 in MP4"][:1100], "film_truncated"),
    "an MP4 cut short": (video(container=FRAGMENTED)[:-150], "film_truncated"),
    "a WebM cut short": (FILMS["VP9 in WebM"][:-1], "film_truncated"),
    "a WebM of unknown length cut short": (_of_unknown_length(SLOW_WEBM)[:-200], "film_truncated"),
    "noise": (FILMS["VP9 in WebM"][:40] + bytes(range(256)) * 8, "film_damaged"),
    "a codec that few have": (video(name="matroska", codec="ffv1"), "film_unsupported"),
    "a still GIF": (animation("GIF", pictures(1)), "film_still"),
    "a GIF cut short": (FILMS["GIF"][:200], "film_truncated"),
    "a WebP cut short": (FILMS["WebP"][:300], "film_damaged"),
    "a PNG cut short": (FILMS["PNG"][:300], "film_truncated"),
    "a PNG whose only picture is no frame": (_without_frames(), "film_empty"),
    "HLS": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not_a_film"),
    "concat": (b"ffconcat version 1.0\nfile /etc/passwd\n", "not_a_film"),
    "DASH": (b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>', "not_a_film"),
}


@pytest.mark.parametrize(("data", "code"), DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_cannot_be_read_has_the_right_code(data: bytes, code: str) -> None:
    with pytest.raises(FilmError) as raised:
        read(data)
    assert raised.value.code == code


def test_no_film_library_is_loaded_before_the_first_film() -> None:
    code = "import sys, nst_engine.film.reading, nst_engine.film.writing\nprint({'av', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_without_the_extra_a_film_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FilmError, match="the extra video"):
        probe(io.BytesIO(FILMS["H.264 in MP4"]))
