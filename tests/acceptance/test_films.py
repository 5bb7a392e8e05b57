"""From a film to a painted film, through real processes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import av
import pytest

from tests.nst_engine.film import clips
from tests.stack.service import Service

pytestmark = pytest.mark.acceptance
FRAMES = 4


def events(service: Service, url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of a job up to its end."""
    with service.http.stream("GET", url, headers={"Accept": "text/event-stream"}) as answer:
        kind = ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)


def test_a_film_becomes_a_film_with_progress_by_frame_and_ranges(service: Service) -> None:
    clip = clips.video(clips.pictures(FRAMES), sound="aac")
    job = service.create({"content": ("clip.mp4", clip)}, style_name="waves", max_size=64, steps=4)
    received = list(events(service, job["urls"]["events"]))
    frames = [data["frame"] for kind, data in received if kind == "progress"]
    assert received[-1][0] == "completed" and received[-1][1]["status"] == "succeeded"
    assert frames and frames == sorted(frames)

    job = service.job(job["id"])
    assert (job["film"]["frames"], job["progress"]["frame"], job["progress"]["frames"]) == (FRAMES,) * 3
    film = service.http.get(job["urls"]["result"])
    assert (film.headers["Content-Type"], len(film.content)) == ("video/mp4", job["result"]["bytes"])
    with av.open(io.BytesIO(film.content)) as container:
        assert [frame.time for frame in container.decode(video=0)] == [number / 12 for number in range(FRAMES)]
        assert len(container.streams.audio) == 1
    part = service.http.get(job["urls"]["result"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, film.content[100:200])
    assert service.http.get(job["urls"]["content"]).content == clip
    assert service.http.get(job["urls"]["preview"]).headers["Content-Type"].startswith("image/")
