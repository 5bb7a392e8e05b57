"""The messages between the API and its decoder processes: one JSON object a line."""

import json
from dataclasses import asdict, dataclass

from nst_engine.images.reading import PictureLimits


@dataclass(frozen=True, kw_only=True)
class DecodeTask:
    """Decode an upload into a plain PNG or, if `format` is set, convert one of the service's own pictures."""

    source: str
    target: str
    format: str | None
    limits: PictureLimits
    seconds: int
    memory_bytes: int

    @classmethod
    def from_json(cls, text: str) -> "DecodeTask":
        values = json.loads(text)
        return cls(**{**values, "limits": PictureLimits(**values["limits"])})


@dataclass(frozen=True, kw_only=True)
class DecodeResult:
    """Success, a refusal of the picture (`code` and `message`), or an error of the disk (`errno`)."""

    code: str | None = None
    message: str = ""
    errno: int | None = None

    @classmethod
    def from_json(cls, text: str | bytes) -> "DecodeResult":
        return cls(**json.loads(text))


def to_json(message: DecodeTask | DecodeResult) -> str:
    """Return a task or result as one line of JSON."""
    return json.dumps(asdict(message))
