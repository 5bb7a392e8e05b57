"""A time-lapse: frames spread evenly over a run whose length need not be known."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from worker.engine import RunStep

STATE = "state.json"
QUALITY = 90
FRAMES = 48
SIDE = 512  # longest side, in pixels


@dataclass(frozen=True)
class Frame:
    """One picture; encoded once, however often it is saved."""

    picture: Image.Image

    @cached_property
    def encoded(self) -> bytes:
        """Return the picture as a WebP."""
        file = io.BytesIO()
        self.picture.save(file, "WEBP", quality=QUALITY, method=1)
        return file.getvalue()


class Timelapse:
    """Collects at most `frames` pictures; when there are too many, every second one is dropped."""

    def __init__(self, *, frames: int = FRAMES, side: int = SIDE) -> None:
        self._limit = frames
        self._side = side
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._stride = 1
        self._seen = 0
        self._frames: list[Frame] = []

    def offer(self, step: RunStep) -> None:
        """Take the picture of a step if its turn has come."""
        if self._seen % self._stride == 0:
            if len(self._frames) >= self._limit:
                self._frames = self._frames[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._frames.append(Frame(self._small(step)))
        self._seen += 1

    def frames(self, last: RunStep) -> list[Image.Image]:
        """Return the frames, the finished picture last."""
        return [*(frame.picture for frame in self._frames), self._small(last)]

    def state(self) -> bytes:
        """Return what another attempt needs to go on collecting."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(STATE, json.dumps({"stride": self._stride, "seen": self._seen}))
            for index, frame in enumerate(self._frames):
                archive.writestr(f"{index:05d}.webp", frame.encoded)
        return file.getvalue()

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned; raise ValueError if it is damaged."""
        try:
            with zipfile.ZipFile(io.BytesIO(state)) as archive:
                counts = json.loads(archive.read(STATE))
                names = sorted(name for name in archive.namelist() if name != STATE)
                frames = [Frame(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]
            self._stride, self._seen = int(counts["stride"]), int(counts["seen"])
        except (zipfile.BadZipFile, OSError, KeyError, TypeError) as error:
            raise ValueError("the frames are damaged") from error
        self._frames = frames

    def _small(self, step: RunStep) -> Image.Image:
        picture = step.picture().copy()
        picture.thumbnail((self._side, self._side))
        return picture
