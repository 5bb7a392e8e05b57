"""Serving stored files: conditional requests and byte ranges, in pieces, from any storage."""

import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import BinaryIO

from anyio import to_thread
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.problems import ProblemError
from api.responses import matches

PIECE = 256 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, kw_only=True)
class File:
    """What is sent: an open file, and what the client is told of it."""

    file: BinaryIO
    size: int
    etag: str
    media_type: str
    name: str

    @classmethod
    def of(cls, data: bytes, *, etag: str, media_type: str, name: str) -> "File":
        """Make a file of bytes."""
        return cls(file=io.BytesIO(data), size=len(data), etag=etag, media_type=media_type, name=name)


def headers_of(etag: str, name: str, *, inline: bool, changing: bool = False) -> dict[str, str]:
    """Return what is said of a file whether or not it is sent; browsers are not to show it as a page."""
    disposition = "inline" if inline else "attachment"
    return {
        "ETag": etag,
        "Cache-Control": "private, max-age=3600" if inline and not changing else "private, no-cache",
        "Content-Disposition": f'{disposition}; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "Vary": "Accept, Authorization",
    }


def not_modified(request: Request, etag: str, headers: dict[str, str]) -> Response | None:
    """Answer 304 where the client has the file already."""
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return None


def send(request: Request, file: File, headers: dict[str, str]) -> Response:
    """Send a file, or the range of it that is asked for."""
    wanted = request.headers.get("range")
    if_range = request.headers.get("if-range")
    if wanted is None or (if_range is not None and if_range.strip() != file.etag):
        first, last = 0, file.size - 1
        status = 200
    else:
        found = _range(wanted, file.size)
        status = 200 if found is None else 206
        first, last = found or (0, file.size - 1)
    headers = {**headers, "Content-Length": str(last - first + 1)}
    if status == 206:
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    body = _pieces(file.file, first, last - first + 1)
    return StreamingResponse(body, status_code=status, media_type=file.media_type, headers=headers)


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Read one range; None for what is not understood, and for several at once: all of it is sent then."""
    found = RANGE.fullmatch(header.strip().replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    start, end = found.groups()
    if not start:
        first, last = max(0, size - int(end)), size - 1
        unsatisfiable = int(end) == 0
    else:
        first, last = int(start), min(int(end), size - 1) if end else size - 1
        unsatisfiable = first >= size
        if not unsatisfiable and last < first:
            return None
    if unsatisfiable:
        headers = {"Content-Range": f"bytes */{size}"}
        raise ProblemError(416, "range_not_satisfiable", "the file has no such bytes", headers=headers)
    return first, last


async def _pieces(file: BinaryIO, first: int, count: int) -> AsyncIterator[bytes]:
    try:
        await to_thread.run_sync(file.seek, first)
        while count > 0:
            piece = await to_thread.run_sync(file.read, min(PIECE, count))
            if not piece:
                return
            count -= len(piece)
            yield piece
    finally:
        file.close()
