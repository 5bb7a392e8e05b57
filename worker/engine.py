"""What the runner asks of an engine; the real one is in `worker.torch_engine`, tests bring their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from jobs.model import Progress


class RunError(Exception):
    """A run that ended without a picture; `code` is one of the failure codes, the text may be shown to the client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ParametersError(RunError):
    """The parameters cannot be run by this release; if a newer one took them in, a newer worker can."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_input", message)


class OutOfMemoryRunError(RunError):
    """The run does not fit in the memory of the device; a fresh process may try once more, saving memory."""

    def __init__(self, message: str) -> None:
        super().__init__("out_of_memory", message)


class BadCheckpointError(Exception):
    """The saved state cannot be used; the run starts afresh."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Everything a run depends on; `resume` is what `state()` of an earlier run returned.

    `workers` share the processor of this machine, this one included.
    """

    params: Mapping[str, Any]
    content: Image.Image
    styles: tuple[Image.Image, ...]
    masks: tuple[Image.Image, ...] = ()
    init_image: Image.Image | None = None
    resume: bytes | None = None
    memory_saving: bool = False
    workers: int = 1


class RunStep(Protocol):
    """One iteration of a run."""

    @property
    def progress(self) -> Progress:
        """Return how far the run has come; without speed and time left."""

    def picture(self) -> Image.Image:
        """Return the picture so far."""

    def encoded(self, name: str, metadata: Mapping[str, Any]) -> bytes:
        """Return the picture so far as a file of a format, at the full depth that it has."""

    def state(self) -> bytes:
        """Return what another run needs to go on from here."""


class Engine(Protocol):
    """Something that can run style transfer."""

    device: str

    def models(self) -> tuple[str, ...]:
        """Name the networks that can be run here."""

    def run(self, request: RunRequest) -> Iterator[RunStep]:
        """Yield a step for each iteration; raise RunError, or BadCheckpointError before the first step."""

    def memory_bytes(self) -> int | None:
        """Return how much memory of the device is taken, where that is known."""
