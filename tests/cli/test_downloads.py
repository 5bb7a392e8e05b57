from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.downloads import ATTEMPTS, download
from cli.errors import CommandError
from tests.cli.mirror import Mirror, serving

DATA = bytes(range(256)) * 200
URL = "/weights.bin"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"weights.bin": DATA})) as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "weights.part"


def fetch(mirror: Mirror, part: Path, url: str = URL) -> list[tuple[int, int | None]]:
    """Download, and return the progress that was reported."""
    progress: list[tuple[int, int | None]] = []
    with httpx.Client(timeout=10) as client:
        download(mirror.address + url, part, client=client, progress=lambda n, total: progress.append((n, total)))
    return progress


def test_a_file_arrives_whole(mirror: Mirror, part: Path) -> None:
    progress = fetch(mirror, part)
    assert part.read_bytes() == DATA
    assert progress[0] == (0, len(DATA))
    assert progress[-1] == (len(DATA), len(DATA))


def test_a_download_resumes_where_it_ended(mirror: Mirror, part: Path) -> None:
    part.write_bytes(DATA[:1000])
    progress = fetch(mirror, part)
    assert part.read_bytes() == DATA
    assert mirror.requests == [(URL, "bytes=1000-")]
    assert progress[0] == (1000, len(DATA))


def test_after_a_lost_connection_the_rest_is_requested(mirror: Mirror, part: Path) -> None:
    mirror.cuts = [3000, 5000]
    fetch(mirror, part)
    assert part.read_bytes() == DATA
    assert mirror.requests == [(URL, None), (URL, "bytes=3000-"), (URL, "bytes=8000-")]


def test_after_too_many_lost_connections_the_download_fails_and_keeps_its_bytes(mirror: Mirror, part: Path) -> None:
    mirror.cuts = [3000, *[0] * 20]
    with pytest.raises(CommandError, match="run the same command again to resume"):
        fetch(mirror, part)
    assert part.read_bytes() == DATA[:3000]
    assert len(mirror.requests) == 1 + ATTEMPTS


def test_a_server_without_range_requests_sends_the_whole_file_again(mirror: Mirror, part: Path) -> None:
    part.write_bytes(b"old" * 10)
    mirror.ranges = False
    fetch(mirror, part)
    assert part.read_bytes() == DATA


def test_a_complete_download_is_left_unchanged(mirror: Mirror, part: Path) -> None:
    part.write_bytes(DATA)
    fetch(mirror, part)
    assert part.read_bytes() == DATA


def test_an_error_status_is_reported(mirror: Mirror, part: Path) -> None:
    with pytest.raises(CommandError, match="404 Not Found"):
        fetch(mirror, part, "/other.bin")
    assert not part.exists()


def test_an_unreachable_server_is_reported(mirror: Mirror, part: Path) -> None:
    with httpx.Client() as client, pytest.raises(CommandError, match=r"cannot download http://127\.0\.0\.1:1/x"):
        download("http://127.0.0.1:1/x", part, client=client, progress=lambda n, total: None)


def test_a_missing_folder_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        fetch(mirror, tmp_path / "missing" / "part")
