"""Receiving a request body piece by piece, with limits on its size and on the time it takes."""

from collections.abc import Callable

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

from api.problems import ProblemError
from api.settings import ApiSettings


async def receive_body(
    request: Request, settings: ApiSettings, write: Callable[[bytes], object], *, timeout: float
) -> None:
    """Pass each piece of the body to `write`; raises ProblemError if the body is too large, too slow or incomplete."""
    _check_declared_length(request, settings)
    chunks, received = request.stream().__aiter__(), 0
    try:
        with anyio.fail_after(timeout):
            while True:
                with anyio.fail_after(settings.upload_idle_seconds):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                received += len(chunk)
                if received > settings.max_body_bytes:
                    raise too_large("body", settings.max_body_bytes)
                write(chunk)
    except TimeoutError:
        raise ProblemError(408, "upload_too_slow", "the request body did not arrive in time") from None
    except ClientDisconnect:
        raise ProblemError(400, "upload_incomplete", "the client disconnected before the body was complete") from None


def _check_declared_length(request: Request, settings: ApiSettings) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > settings.max_body_bytes:
        raise too_large("body", settings.max_body_bytes)


def too_large(what: str, limit: int) -> ProblemError:
    """Make the 413 of a body, a file or the parameters of a form."""
    # The rest of the body is not read, so the connection cannot be reused.
    shown = f"{limit / 2**20:g} MiB" if limit >= 2**20 else f"{limit / 2**10:g} KiB"
    verb = "are" if what.endswith("s") else "is"
    text = f"the {what} {verb} larger than {shown}"
    return ProblemError(413, f"{what}_too_large", text, headers={"Connection": "close"})
