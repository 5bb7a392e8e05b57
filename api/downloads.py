"""Downloads of pictures and films: content negotiation, conditional requests and byte ranges."""

import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import BinaryIO

from anyio import to_thread
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.problems import InvalidField, ProblemError
from api.routes.responses import matches, whole_header
from nst_engine.film.formats import WRITABLE as FILMS
from nst_engine.images.writing import WRITABLE

CHUNK_BYTES = 256 * 1024
FORMAT_BY_MEDIA_TYPE = {form.media_type: name for name, form in WRITABLE.items()}
FILM_FORMAT_BY_MEDIA_TYPE = {form.media_type: name for name, form in FILMS.items()} | {"image/png": "png"}
RANGE = re.compile(r"bytes=([0-9]{0,40})-([0-9]{0,40})")


def negotiate_format(stored: str, *, query: str | None, accept: str | None) -> str:
    """Return the format to send: that of `?format=`, else the best that `Accept` allows, else the stored one.

    Raises a 406 if Accept allows none.
    """
    if query is not None:
        if query not in WRITABLE:
            errors = [InvalidField(pointer="#/format", detail=f"a picture is available as {', '.join(WRITABLE)}")]
            raise ProblemError(422, "invalid_request", "the request is not valid", errors=errors)
        return query
    qualities = _parse_accept(accept or "")
    if not qualities:
        return stored
    if "text/html" in qualities and _quality(WRITABLE[stored].media_type, qualities) > 0:
        return stored  # a browser opens the URL; its Accept ranks what it can show, not what its user wants
    names = [stored, *(name for name in WRITABLE if name != stored)]
    best = max(names, key=lambda name: _quality(WRITABLE[name].media_type, qualities))
    if _quality(WRITABLE[best].media_type, qualities) <= 0:
        raise ProblemError(406, "not_acceptable", f"pictures are available as {', '.join(FORMAT_BY_MEDIA_TYPE)}")
    return best


def check_film_format(media_type: str, *, query: str | None, accept: str | None) -> None:
    """Raise a 406 if a client wants a film in another format than the stored one: films are not converted."""
    wanted = query in (None, FILM_FORMAT_BY_MEDIA_TYPE[media_type])
    qualities = _parse_accept(accept or "")
    if not wanted or (query is None and qualities and _quality(media_type, qualities) <= 0):
        raise ProblemError(406, "not_acceptable", f"the film is available as {media_type}")


def _parse_accept(accept: str) -> dict[str, float]:
    qualities = {}
    for item in accept.split(",")[:50]:
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        if media_range:
            qualities[media_range] = _q_value(parameters)
    return qualities


def _q_value(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def _quality(media_type: str, qualities: dict[str, float]) -> float:
    """Return the quality of a media type; the most specific range counts."""
    for media_range in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if media_range in qualities:
            return qualities[media_range]
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Download:
    """A picture as HTTP describes it; browsers keep it for an hour if it is `inline` and not `changing`."""

    etag: str
    media_type: str
    filename: str
    inline: bool
    changing: bool = False

    def not_modified(self, request: Request) -> Response | None:
        """Return a 304 if the client has the picture already."""
        if matches(whole_header(request, "if-none-match"), self.etag):
            return Response(status_code=304, headers=self._headers())
        return None

    def send(self, request: Request, file: BinaryIO) -> Response:
        """Send the file, or the range of it that the client asks for, and close it."""
        size = file.seek(0, io.SEEK_END)  # reads nothing
        try:
            selected = self._requested_range(request, size)
        except ProblemError:
            file.close()
            raise
        first, last = selected or (0, size - 1)
        headers = {**self._headers(), "Content-Length": str(last - first + 1)}
        if selected is not None:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        status = 200 if selected is None else 206
        chunks = _chunks(file, first, last - first + 1)
        return StreamingResponse(chunks, status_code=status, media_type=self.media_type, headers=headers)

    def _headers(self) -> dict[str, str]:
        disposition = "inline" if self.inline else "attachment"
        return {
            "ETag": self.etag,
            "Cache-Control": "private, max-age=3600" if self.inline and not self.changing else "private, no-cache",
            "Content-Disposition": f'{disposition}; filename="{self.filename}"',
            "X-Content-Type-Options": "nosniff",
            "Accept-Ranges": "bytes",
            "Vary": "Accept, Authorization",
        }

    def _requested_range(self, request: Request, size: int) -> tuple[int, int] | None:
        header, if_range = request.headers.get("range"), request.headers.get("if-range")
        if header is None or (if_range is not None and if_range.strip() != self.etag):
            return None
        return _parse_range(header, size)


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a range; None, for the whole file, if it is malformed or more than one."""
    found = RANGE.fullmatch(header.strip().replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    start, end = found.groups()
    if start:
        first, last = int(start), min(int(end), size - 1) if end else size - 1
    else:
        first, last = max(0, size - int(end)), size - 1
    if first >= size:
        headers = {"Content-Range": f"bytes */{size}"}
        raise ProblemError(416, "range_not_satisfiable", "the file does not have these bytes", headers=headers)
    return (first, last) if first <= last else None


async def _chunks(file: BinaryIO, first: int, count: int) -> AsyncIterator[bytes]:
    try:
        await to_thread.run_sync(file.seek, first)
        while count > 0:
            chunk = await to_thread.run_sync(file.read, min(CHUNK_BYTES, count))
            if not chunk:
                return
            count -= len(chunk)
            yield chunk
    finally:
        file.close()
