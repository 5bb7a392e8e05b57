import errno
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np
import pytest
from PIL import Image

from nst_engine.film import sound as copying
from nst_engine.film.frames import FilmPlan
from nst_engine.film.reading import plan, probe, read_frames
from nst_engine.film.writing import FilmWriter
from nst_engine.images.writing import SOURCE_TYPE
from nst_engine.spec.errors import ConfigError, FilmError
from nst_engine.spec.film import FilmOptions
from tests.nst_engine.film.clips import loudness, number_of, pictures, video

PLAN = FilmPlan(rate=Fraction(12), start=Fraction(0), end=Fraction(1, 2), frames=6)
NAMES = ("mp4", "webm", "gif", "webp")


def write(path: Path, name: str, frames: list[Image.Image], chosen: FilmPlan = PLAN, **options: Any) -> FilmWriter:
    with FilmWriter(path, name, chosen, **options) as writer:
        for picture in frames:
            writer.add(picture)
    return writer


def frames_of(path: Path) -> list[Image.Image]:
    with path.open("rb") as file:
        info = probe(file)
        return list(read_frames(file, info, plan(info)))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    writer = write(path, name, pictures())
    found = frames_of(path)
    assert writer.frames == 6 and writer.size == found[0].size == (64, 48)
    assert [number_of(picture) for picture in found] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", NAMES)
def test_colors_are_kept(name: str, tmp_path: Path) -> None:
    write(tmp_path / "out", name, [Image.new("RGB", (64, 48), (200, 60, 90))] * 2 + pictures(1))
    assert frames_of(tmp_path / "out")[0].getpixel((30, 20)) == pytest.approx((200, 60, 90), abs=5)


def test_an_odd_column_and_row_are_cut_off_where_the_format_needs_it(tmp_path: Path) -> None:
    odd = pictures(size=(51, 37))
    assert write(tmp_path / "out.mp4", "mp4", odd).size == (50, 36)
    assert write(tmp_path / "out.gif", "gif", odd).size == (51, 37)


def test_an_mp4_can_be_played_before_it_is_loaded_and_by_any_player(tmp_path: Path) -> None:
    write(tmp_path / "out.mp4", "mp4", pictures())
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(io.BytesIO(data)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.color_range, context.colorspace) == ("h264", "yuv420p", 1, 1)


@pytest.mark.parametrize(("name", "codec", "sound"), [("mp4", "libx264", "aac"), ("webm", "libvpx-vp9", "libopus")])
def test_the_sound_of_a_part_is_copied_in_step(name: str, codec: str, sound: str, tmp_path: Path) -> None:
    source = io.BytesIO(video(pictures() * 2, name=name, codec=codec, sound=sound))
    chosen = plan(probe(source), FilmOptions(start=0.2, end=0.7))
    writer = write(tmp_path / "out", name, list(read_frames(source, probe(source), chosen)), chosen, sound=source)
    heard = loudness((tmp_path / "out").read_bytes())
    assert writer.has_sound
    # The first tenth of a second is as loud as 0.05, and each one 0.05 louder.
    assert heard[1:4] == pytest.approx([0.2, 0.25, 0.3], abs=0.04)
    assert heard[6:] == pytest.approx([0.0] * 4, abs=0.02)


def test_the_sound_lasts_as_long_as_the_last_frame(tmp_path: Path) -> None:
    source = io.BytesIO(video(times=[0, 100, 200, 300, 400, 500, 1000], sound="aac", options={"bf": "0"}))
    chosen = plan(probe(source))
    write(tmp_path / "out", "mp4", list(read_frames(source, probe(source), chosen)), chosen, sound=source)
    assert loudness((tmp_path / "out").read_bytes())[9] == pytest.approx(0.5, abs=0.04)


def test_mp3_is_copied_into_mp4(tmp_path: Path) -> None:
    source = io.BytesIO(video(sound="mp3"))
    assert probe(source).sound == "mp3"
    assert write(tmp_path / "out.mp4", "mp4", pictures(), sound=source).has_sound


def test_mp3_of_a_rate_that_mp4_does_not_take_is_left_out(tmp_path: Path) -> None:
    source = io.BytesIO(video(name="mov", sound="mp3", sound_rate=11025))
    assert not write(tmp_path / "out.mp4", "mp4", pictures(), sound=source).has_sound


def test_a_part_without_sound_has_no_stream_for_it(tmp_path: Path) -> None:
    source = io.BytesIO(video(pictures() * 3, sound="aac"))  # its sound ends after one second
    chosen = plan(probe(source), FilmOptions(start=1.25))
    assert not write(tmp_path / "out.mp4", "mp4", pictures(), chosen, sound=source).has_sound


def test_sound_that_the_format_does_not_take_is_left_out(tmp_path: Path) -> None:
    source = io.BytesIO(video(sound="aac"))
    for name in ("webm", "gif"):
        assert not write(tmp_path / "out", name, pictures(), sound=source).has_sound
    with av.open(str(tmp_path / "out")) as container:
        assert not container.streams.audio


def marks_of(path: Path, name: str) -> Mapping[str, Any]:
    if name in ("mp4", "webm"):
        with av.open(str(path)) as container:
            return {key.lower(): value for key, value in container.metadata.items()}
    with Image.open(path) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            image.load()
        return dict(image.info)


@pytest.mark.parametrize("name", NAMES)
def test_files_hold_the_parameters_and_the_mark(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, name, pictures(), metadata={"steps": 3}, mark=True)
    data = path.read_bytes()
    assert SOURCE_TYPE.encode() in data and json.dumps({"steps": 3}, separators=(",", ":")).encode() in data
    assert marks_of(path, name)
    write(path, name, pictures())
    assert SOURCE_TYPE.encode() not in path.read_bytes()


@pytest.mark.parametrize("count", [1, 3])
def test_a_webp_of_equal_frames_can_be_opened_and_is_marked(count: int, tmp_path: Path) -> None:
    """The encoder makes a still picture of them, whose file has another structure."""
    path = tmp_path / "out.webp"
    write(path, "webp", pictures(1, size=(51, 37)) * count, metadata={"steps": 3}, mark=True)
    with Image.open(path) as image:
        image.load()
        assert image.size == (51, 37) and SOURCE_TYPE in image.info["xmp"].decode()
        assert np.asarray(image.convert("L"))[-1, -1] == pytest.approx(20, abs=3)
    assert path.stat().st_size == 8 + int.from_bytes(path.read_bytes()[4:8], "little")


def test_a_gif_without_parameters_is_marked(tmp_path: Path) -> None:
    write(tmp_path / "out.gif", "gif", pictures(), mark=True)
    assert SOURCE_TYPE.encode() in (tmp_path / "out.gif").read_bytes()
    assert len(frames_of(tmp_path / "out.gif")) == 6


def test_sound_whose_times_do_not_increase_is_copied_without_what_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "opened", partial(repeating, copying.opened))
    writer = write(tmp_path / "out.mp4", "mp4", pictures(), sound=io.BytesIO(video(sound="aac")))
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [packet.pts for packet in container.demux(audio=0) if packet.size]
    assert writer.has_sound and len(times) > 10 and times == sorted(set(times))


@contextmanager
def repeating(opened: Callable[..., Any], *given: Any) -> Iterator[Any]:
    """Open a film whose packets of sound repeat the time of the one before."""
    with opened(*given) as (container, video):
        packets = (packet for packet in container.demux(audio=0) for _ in range(2))
        yield mock.Mock(streams=container.streams, demux=lambda stream: packets), video


@pytest.mark.parametrize(("error", "raised"), [(errno.EINVAL, FilmError), (errno.ENOSPC, OSError)])
def test_an_encoder_that_fails_is_an_error_of_the_film_and_a_full_disk_one_of_the_disk(
    error: int, raised: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        av.error.err_check(-error)

    monkeypatch.setattr(FilmWriter, "_converted", fail)
    with pytest.raises(raised):
        write(tmp_path / "out.mp4", "mp4", pictures(1))
    assert not (tmp_path / "out.mp4").exists()


def test_after_an_error_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with pytest.raises(AttributeError):
        write(path, "mp4", [pictures()[0], "not a picture"])  # type: ignore[list-item]
    with pytest.raises(FilmError, match="no frames"), FilmWriter(path, "mp4", PLAN):
        pass
    assert not path.exists()


def test_what_a_format_does_not_have_is_refused(tmp_path: Path) -> None:
    fast = FilmPlan(rate=Fraction(60), start=Fraction(0), end=Fraction(1), frames=60)
    with pytest.raises(FilmError, match="one of mp4, webm, gif, webp"):
        FilmWriter(tmp_path / "out", "avi", PLAN)
    with pytest.raises(FilmError, match="at most 50"):
        FilmWriter(tmp_path / "out", "gif", fast)
    with pytest.raises(ConfigError, match="quality"):
        FilmWriter(tmp_path / "out", "gif", PLAN, quality=80)
