"""Fetching large files over HTTP: an interrupted download goes on where it ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.errors import CommandError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

ATTEMPTS = 5  # in a row that bring nothing new

# Called with the bytes there are and, where the server tells, how many there will be.
Progress = Callable[[int, int | None], None]


class WeightsSettings(BaseSettings):
    """Where weights come from and go to."""

    model_config = SettingsConfigDict(env_prefix="NST_", frozen=True, extra="ignore")

    weights_dir: Path | None = Field(None, description="Folder with the weights of the networks.")
    weights_mirror: str = Field(
        "https://download.pytorch.org/models",
        description="Address that `nst weights pull` gets PyTorch's files from, under PyTorch's names.",
        pattern="^https?://",
    )
    weights_timeout_seconds: float = Field(
        30, description="Longest time `nst weights pull` waits for the server to send something.", gt=0
    )


def download(url: str, part: Path, *, client: httpx.Client, progress: Progress) -> None:
    """Fetch `url` into `part`, going on after what is in it; raises CommandError, `part` being kept."""
    attempts = 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part, client=client, progress=progress)
        except httpx.TransportError as error:
            attempts = attempts + 1 if _size(part) <= before else 0
            if attempts == ATTEMPTS:
                told = f"cannot get {url}: {error or type(error).__name__}"
                raise CommandError(f"{told}; the same command goes on where this one ended") from None
        except OSError as error:
            raise CommandError(f"cannot write {part}: {error.strerror}") from None
        else:
            return


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


def _fetch(url: str, part: Path, *, client: httpx.Client, progress: Progress) -> None:
    start = _size(part)
    # Compressed on the way, the bytes would not be those of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", url, headers=headers) as answer:
        if start and answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is left to send; whether it is the right file, its hash will tell
        if not answer.is_success:
            raise CommandError(f"{url}: {answer.status_code} {answer.reason_phrase}")
        if not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
            start = 0
        length = answer.headers.get("content-length", "")
        total = start + int(length) if length.isdigit() else None
        with part.open("ab" if start else "wb") as file:
            progress(start, total)
            for piece in answer.iter_raw():
                file.write(piece)
                start += len(piece)
                progress(start, total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
