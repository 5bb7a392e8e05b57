"""The messages between the API and its decoder processes: a JSON array a line."""

from typing import NamedTuple


class DecodeTask(NamedTuple):
    """Decode an upload, `part` of a job, into a plain PNG.

    If `format` is set, convert one of the service's own pictures instead.
    """

    source: str
    target: str
    part: str
    format: str | None
    max_pixels: int
    seconds: int
    memory_bytes: int


class DecodeResult(NamedTuple):
    """Success, a refusal of the picture (`code` and `message`), or an error of the disk (`errno`)."""

    code: str | None = None
    message: str = ""
    errno: int | None = None
