"""The time-lapse: frames spread evenly over a run whose length is not known in advance."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from worker.engine import RunStep
from worker.pictures.thumbnails import encode_webp, shrink

STATE = "state.json"
QUALITY = 90
FRAMES = 48
SIDE = 512  # longest side, in pixels


@dataclass(frozen=True)
class Frame:
    """One picture of a time-lapse, encoded only once however often it is saved."""

    picture: Image.Image

    @cached_property
    def encoded(self) -> bytes:
        """Return the picture as WebP."""
        return encode_webp(self.picture, quality=QUALITY)


class Timelapse:
    """Collects at most `frames` pictures: if there are more, it drops every second one and collects half as often."""

    def __init__(self, *, frames: int = FRAMES, side: int = SIDE) -> None:
        self._limit = frames
        self._side = side
        self.clear()

    def clear(self) -> None:
        """Drop all frames."""
        self._stride = 1
        self._seen = 0
        self._frames: list[Frame] = []
        self._begun: Callable[[], Image.Image] | None = None  # the picture that the latest offer began to copy

    def offer(self, step: RunStep) -> None:
        """Begin to take the picture of the step if it is due.

        At first every step is due, then every second, every fourth and so on. The next offer finishes the picture, so
        that the device is not waited for.
        """
        self._finish()
        if self._seen % self._stride == 0:
            if len(self._frames) >= self._limit:
                self._frames = self._frames[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._begun = step.begin_picture()
        self._seen += 1

    def frames(self, last: RunStep) -> list[Image.Image]:
        """Return the frames and, as the last one, the finished picture."""
        self._finish()
        return [*(frame.picture for frame in self._frames), shrink(last.picture(), self._side)]

    def state(self) -> bytes:
        """Return the state from which another attempt continues to collect."""
        self._finish()
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(STATE, json.dumps({"stride": self._stride, "seen": self._seen}))
            for index, frame in enumerate(self._frames):
                archive.writestr(f"{index:05d}.webp", frame.encoded)
        return file.getvalue()

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned; raise ValueError if it is damaged."""
        try:
            with zipfile.ZipFile(io.BytesIO(state)) as archive:
                counts = json.loads(archive.read(STATE))
                names = sorted(name for name in archive.namelist() if name != STATE)
                frames = [Frame(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]
            self._stride, self._seen = int(counts["stride"]), int(counts["seen"])
        except (zipfile.BadZipFile, OSError, KeyError, TypeError) as error:
            raise ValueError("the frames are damaged") from error
        self._frames, self._begun = frames, None

    def _finish(self) -> None:
        """Keep the picture that the latest offer began to copy."""
        begun, self._begun = self._begun, None
        if begun is not None:
            self._frames.append(Frame(shrink(begun(), self._side)))
