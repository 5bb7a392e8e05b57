"""Delivery of a finished picture to the presigned URL that the client gave (`result_url`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import BinaryIO, Protocol

import httpx

from jobs.outbound.exchange import exchange
from jobs.outbound.url_guard import Destination
from jobs.storage.blobs import chunks

TEMPORARY = frozenset({408, 425, 429})  # statuses after which a client may try again, besides those of the server


class Uploader(Protocol):
    """Sends a file; `put` is the real one."""

    def __call__(self, place: Destination, file: BinaryIO, *, size: int, media_type: str, seconds: float) -> int:
        """Return the status of the response; raise httpx.HTTPError."""


def put(place: Destination, file: BinaryIO, *, size: int, media_type: str, seconds: float) -> int:
    """Send a file to the checked address; `seconds` limits the whole exchange."""
    try:
        return asyncio.run(asyncio.wait_for(_put(place, file, size, media_type, seconds), seconds))
    except TimeoutError:
        raise httpx.WriteTimeout("the picture was not sent in time") from None


async def _put(place: Destination, file: BinaryIO, size: int, media_type: str, seconds: float) -> int:
    # Object storage refuses a body without a length.
    headers = {"Content-Length": str(size), "Content-Type": media_type, "User-Agent": "nst"}
    async with exchange("PUT", place, headers=headers, content=_pieces(file), seconds=seconds) as answer:
        return answer.status_code


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    for piece in chunks(file):
        yield piece


def is_final(status: int) -> bool:
    """Tell whether another attempt would get the same response."""
    return status < 500 and status not in TEMPORARY
