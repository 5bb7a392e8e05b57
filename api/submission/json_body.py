"""Receiving a JSON body, in which every picture is an address or a `data:` URI.

The body waits in a file until it is complete, so a slow client takes no memory.
"""

from pathlib import Path

from fastapi import Request

from api.problems import ProblemError
from api.settings import ApiSettings
from api.submission.body import receive_body
from api.submission.params import json_object
from api.submission.sources import Pair

JSON_TYPE = "application/json"


async def received_json(request: Request, settings: ApiSettings, folder: Path, *, timeout: float) -> Path:
    """Receive the body into a file in `folder`."""
    path = folder / "body.json"
    with path.open("xb") as file:
        await receive_body(request, settings, file.write, timeout=timeout)
    return path


def read_json(path: Path) -> list[Pair]:
    """Return the names and values of a body; raises ProblemError."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ProblemError(400, "params_malformed", "body: not UTF-8 text") from None
    finally:
        path.unlink()
    return list(json_object(text, "body").items())
