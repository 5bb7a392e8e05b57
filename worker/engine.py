"""The engine as the worker sees it; `worker.torch_engine` is the real one, tests bring a fake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from PIL import Image

from jobs.model import Progress
from nst_engine.machine.devices import Device


class RunError(Exception):
    """A run that ended without a picture; `code` is a failure code, and clients may see the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class OutOfMemoryRunError(RunError):
    """The run does not fit in the memory of the device; a fresh process may try once more, saving memory."""

    def __init__(self, message: str) -> None:
        super().__init__("out_of_memory", message)


class BrokenDeviceError(Exception):
    """The device fails whatever this process asks of it from now on; a fresh process may use it."""


class BadCheckpointError(Exception):
    """The saved state cannot be used; the run starts from the beginning."""


@dataclass(frozen=True, kw_only=True)
class FilmFrames:
    """The frames of a film: there are `total`, and an earlier run has painted the first `painted` of them.

    `before` are the last results of the earlier run: LOOKBACK, or all there are. `iterations` counts those of the
    earlier run. `read` yields the frames from a number on, which counts from 0.
    """

    total: int
    painted: int
    before: tuple[Image.Image, ...]
    iterations: int
    read: Callable[[int], Iterator[Image.Image]]


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Everything a run depends on.

    `resume` is a file with the `state()` of an earlier run, which is open until the first step. `alpha` belongs on the
    result. `workers` counts the workers that share this machine's CPU, including this one.
    """

    params: Mapping[str, Any]
    content: Image.Image
    styles: tuple[Image.Image, ...]
    masks: tuple[Image.Image, ...] = ()
    style_masks: tuple[Image.Image, ...] = ()
    init_image: Image.Image | None = None
    alpha: Image.Image | None = None
    resume: BinaryIO | None = None
    memory_saving: bool = False
    workers: int = 1


class RunStep(Protocol):
    """One iteration of a run, of a picture or a film."""

    @property
    def progress(self) -> Progress:
        """Return the progress, without speed and time left."""

    @property
    def pixels_left(self) -> int:
        """Return the work of all iterations to come, the sum of their pixels."""

    def picture(self) -> Image.Image:
        """Return the picture so far; of a film, the frame so far."""

    def begin_picture(self) -> Callable[[], Image.Image]:
        """Start to copy the picture so far; return a function, for any thread and time, that returns it."""


class PictureStep(RunStep, Protocol):
    """One iteration of the run of a picture."""

    def encoded(self, name: str, metadata: Mapping[str, Any], *, mark: bool = False) -> bytes:
        """Return the picture so far, with its alpha, as a file in the named format's full bit depth.

        With `mark`, the file says that a trained network made the picture.
        """

    def state(self) -> Iterable[bytes]:
        """Yield the state from which another run continues, piece by piece; use it up before the next step."""


class Engine(Protocol):
    """Runs style transfer on one device."""

    def run(self, request: RunRequest) -> Iterator[PictureStep]:
        """Yield a step for each iteration; raise RunError, or BadCheckpointError before the first step.

        This method and those of the steps raise BrokenDeviceError if the device failed.
        """

    def run_film(self, request: RunRequest, film: FilmFrames) -> Iterator[RunStep]:
        """Yield a step for each iteration of each frame; raise RunError or BrokenDeviceError.

        The content of the request is the first frame of the film. A step whose progress has one more finished `frame`
        than the step before has the picture of that frame.
        """

    def memory_bytes(self) -> int | None:
        """Return how much of the device's memory is taken; None if unknown."""


@dataclass(frozen=True, kw_only=True)
class EngineFactory:
    """The networks that a worker serves, the devices of its machine, and how its child process makes an engine.

    `make` raises BrokenDeviceError if the device cannot compute.
    """

    models: tuple[str, ...]
    devices: tuple[Device, ...]
    make: Callable[[str], Engine]


class WorkerSetupError(Exception):
    """A worker cannot run with these settings on this machine; the message names the setting."""
