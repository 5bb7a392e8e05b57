"""Films for the harness, whose frames tell their numbers, and what a painted one has to hold."""

from __future__ import annotations

import io
from functools import cache

import av
import pytest

from tests.nst_engine.film import clips

FRAMES = 8
RATE = 8  # frames a second: the film is as long as its sound


@cache
def film_bytes() -> bytes:
    """Make a film of a second, with sound that gets louder."""
    return clips.video(clips.pictures(FRAMES), rate=RATE, sound="aac")


def is_whole(film: bytes) -> bool:
    """Tell whether a film has each frame once, at its time, and the sound in step."""
    with av.open(io.BytesIO(film)) as container:
        if not container.streams.audio:
            return False
        frames = [(clips.number_of(frame.to_image()), frame.time) for frame in container.decode(video=0)]
    heard = clips.loudness(film)
    return frames == [(number, number / RATE) for number in range(FRAMES)] and heard[1:9] == pytest.approx(
        [0.05 * tenth for tenth in range(2, 10)], abs=0.04
    )
