"""Fetching the pictures that a request names by address, with the limits of uploads."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import httpx
from anyio import CapacityLimiter, to_thread

from api.problems import InvalidField, ProblemError, invalid_parameters
from api.settings import ApiSettings
from api.submission.body import too_large
from api.submission.sources import Address, Upload
from jobs.outbound.exchange import exchange
from jobs.outbound.url_guard import (
    AddressRefusedError,
    AddressUnknownError,
    Destination,
    Resolve,
    destination,
    resolve,
    same_origin_target,
)

MAX_REDIRECTS = 3
PARALLEL_LOOKUPS = 16  # of host names; a slow resolver must not take the threads of other requests
# `identity`, because a small compressed body could unfold into gigabytes.
HEADERS = {"User-Agent": "nst", "Accept": "image/*, video/*, */*;q=0.1", "Accept-Encoding": "identity"}
GENERIC_TYPES = ("", "application/octet-stream", "binary/octet-stream")
OK = 200


@dataclass
class _Room:
    """How many more bytes all pictures of a request may have together, and the limit to name when there are none."""

    left: int
    limit: int

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise too_large("body", self.limit)


class PictureFetcher:
    """Fetch pictures; `NST_PICTURE_HOSTS` lists the addresses that need not be public."""

    def __init__(self, settings: ApiSettings, *, resolver: Resolve = resolve) -> None:
        self._settings, self._resolve = settings, resolver
        self._lookups = CapacityLimiter(PARALLEL_LOOKUPS)

    async def fetch(self, addresses: Sequence[Address], folder: Path, *, already: int) -> list[Upload]:
        """Fetch all pictures at the same time into `folder`; raises ProblemError as soon as one cannot be had.

        `already` is the number of bytes that the request has brought; pictures count towards the limit of the body.
        """
        limit = self._settings.max_body_bytes
        room = _Room(limit - already, limit)
        tasks = [
            asyncio.ensure_future(self._fetch(address, folder / f"{address.name}.fetched", room))
            for address in addresses
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, address: Address, path: Path, room: _Room) -> Upload:
        seconds = self._settings.picture_fetch_seconds
        try:
            with anyio.fail_after(seconds):
                sha256 = await self._download(address, path, room)
        except (TimeoutError, httpx.TimeoutException):
            raise _failed(address, f"the server did not send the picture in {seconds:g} s", "fetch_too_slow") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failed(address, f"the server could not be read ({type(error).__name__})") from None
        return Upload(part=address.part, index=address.index, pointer=address.pointer, path=path, sha256=sha256)

    async def _download(self, address: Address, path: Path, room: _Room) -> str:
        place = await self._destination(address)
        for _ in range(MAX_REDIRECTS + 1):
            seconds = self._settings.picture_fetch_seconds
            async with exchange("GET", place, headers=HEADERS, seconds=seconds) as response:
                if not response.has_redirect_location:
                    return await self._save(address, response, path, room)
                place = _redirected(address, place, response.headers["location"])
        raise _failed(address, f"the server redirects more than {MAX_REDIRECTS} times")

    async def _destination(self, address: Address) -> Destination:
        find = partial(destination, address.url, allowed_hosts=self._settings.picture_hosts, resolver=self._resolve)
        try:
            return await to_thread.run_sync(find, abandon_on_cancel=True, limiter=self._lookups)
        except AddressRefusedError as error:
            raise invalid_parameters(InvalidField(pointer=address.pointer, detail=str(error))) from None
        except AddressUnknownError as error:
            raise _failed(address, str(error)) from None

    async def _save(self, address: Address, response: httpx.Response, path: Path, room: _Room) -> str:
        """Write the body to a file and return its SHA-256."""
        limit = self._settings.max_file_bytes
        _check_head(address, response, limit)
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as file:
            async for piece in response.aiter_raw():
                size += len(piece)
                if size > limit:
                    raise too_large("file", limit)
                room.take(len(piece))
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()


def _check_head(address: Address, response: httpx.Response, limit: int) -> None:
    if response.status_code != OK:
        raise _failed(address, f"the server answered with status {response.status_code}")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    kinds = ("image/", "video/") if address.part == "content" else ("image/",)
    if not media_type.startswith(kinds) and media_type not in GENERIC_TYPES:
        detail = f"the server sent {media_type[:80]}, which is no picture"
        raise _problem(415, "not_a_picture", address, detail)
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large("file", limit)


def _redirected(address: Address, place: Destination, location: str) -> Destination:
    """Return where a redirect leads on the same server; any other is refused."""
    target = same_origin_target(place, location)
    if target is None:
        raise _failed(address, "the server redirects to another one; send the address that it redirects to")
    return replace(place, target=target)


def _failed(address: Address, detail: str, code: str = "fetch_failed") -> ProblemError:
    return _problem(422, code, address, detail)


def _problem(status: int, code: str, address: Address, detail: str) -> ProblemError:
    errors = [InvalidField(pointer=address.pointer, detail=detail)]
    return ProblemError(status, code, f"{address.pointer.removeprefix('#/')}: {detail}", errors=errors)
