"""What can go wrong in the engine. Every message may be shown to the user as it is.

EngineError
    ConfigError         parameters that cannot be run; `.problems` names each field
    PictureError        a picture that cannot be read; `.code` says why
    WeightsError        a network's weights are not there; `.command` gets them
    MemoryLimitError    the run does not fit; `.would_fit` is the side in pixels that would
    CheckpointError     a saved state is damaged or belongs to another run
    DivergedError       the loss is no longer a number
    DeviceError         this machine has no such device
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One field and what is wrong with it."""

    field: str
    message: str


class EngineError(Exception):
    """Carry a message that may be shown to the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(EngineError):
    """Refuse parameters."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class PictureError(EngineError):
    """Refuse a picture."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WeightsError(EngineError):
    """Say which network's weights are missing and the command that gets them."""

    def __init__(self, message: str, *, model: str, command: str) -> None:
        super().__init__(message)
        self.model = model
        self.command = command


class MemoryLimitError(EngineError):
    """Say the side in pixels that would fit."""

    def __init__(self, message: str, *, would_fit: int | None = None) -> None:
        super().__init__(message)
        self.would_fit = would_fit


class CheckpointError(EngineError):
    """Refuse a saved state."""


class DivergedError(EngineError):
    """Stop a run whose loss is no longer a number."""


class DeviceError(EngineError):
    """Refuse a device that this machine does not have."""
