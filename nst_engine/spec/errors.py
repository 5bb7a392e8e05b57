"""The errors of the engine. Every message may be shown to the user as it is.

EngineError
├── ConfigError         parameters that cannot be run; `.problems` names each field
├── PictureError        a picture that cannot be read; `.code` says why
│   └── FilmError       a film that cannot be read or written
├── WeightsError        a network's weights are missing or damaged; `.command` gets them
├── MemoryLimitError    the run does not fit into memory; `.would_fit` is the side in pixels that would
├── CheckpointError     a saved state is damaged or belongs to another run
└── DivergedError       the loss is no longer a number
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One field and what is wrong with it."""

    field: str
    message: str


class EngineError(Exception):
    """Base class: an error with a message that may be shown to the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(EngineError):
    """The parameters cannot be run."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems

    @classmethod
    def of(cls, *problems: Problem) -> Self:
        """Return the error whose message lists the problems."""
        return cls("; ".join(f"{problem.field}: {problem.message}" for problem in problems), problems)


class PictureError(EngineError):
    """The picture cannot be read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FilmError(PictureError):
    """The film cannot be read or written."""


class WeightsError(EngineError):
    """The weights of a network are missing or damaged."""

    def __init__(self, message: str, *, model: str, command: str) -> None:
        super().__init__(message)
        self.model = model
        self.command = command


class MemoryLimitError(EngineError):
    """The run does not fit into memory."""

    def __init__(self, message: str, *, would_fit: int | None = None) -> None:
        super().__init__(message)
        self.would_fit = would_fit


class CheckpointError(EngineError):
    """The saved state cannot be resumed."""


class DivergedError(EngineError):
    """The loss is no longer a number."""


class DeviceError(EngineError):
    """Refuse a device that this machine does not have."""
