"""Downloads of large files over HTTP that resume where they were interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from cli.errors import CommandError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

ATTEMPTS = 5  # in a row that bring no new bytes

# Called with the number of bytes so far and, if the server sends it, the number in total.
Progress = Callable[[int, int | None], None]


def download(url: str, partial: Path, *, client: httpx.Client, progress: Progress) -> None:
    """Download `url` into `partial`, resuming after its last byte; raises CommandError and keeps `partial`."""
    attempts = 0
    while True:
        before = _size(partial)
        try:
            _fetch(url, partial, client=client, progress=progress)
        except httpx.TransportError as error:
            attempts = attempts + 1 if _size(partial) <= before else 0
            if attempts == ATTEMPTS:
                message = f"cannot download {without_password(url)}: {error or type(error).__name__}"
                raise CommandError(f"{message}; run the same command again to resume") from None
        except OSError as error:
            raise CommandError(f"cannot write {partial}: {error.strerror}") from None
        else:
            return


def without_password(url: str) -> str:
    """Return a URL without user name and password, for messages."""
    return str(httpx.URL(url).copy_with(userinfo=b""))


def download_bar(*, quiet: bool = False) -> Bar:
    """Return a bar on stderr that counts bytes."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from cli.terminal import console

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console(stderr=True), disable=quiet)


def _fetch(url: str, partial: Path, *, client: httpx.Client, progress: Progress) -> None:
    start = _size(partial)
    # A compressed response would not have the file's bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", url, headers=headers) as response:
        if start and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # there is nothing left to send; the caller checks the hash
        if not response.is_success:
            raise CommandError(f"{without_password(url)}: {response.status_code} {response.reason_phrase}")
        if not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
            start = 0
        length = response.headers.get("content-length", "")
        total = start + int(length) if length.isdigit() else None
        with partial.open("ab" if start else "wb") as file:
            progress(start, total)
            for chunk in response.iter_raw():
                file.write(chunk)
                start += len(chunk)
                progress(start, total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
