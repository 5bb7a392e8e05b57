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
    """Download; return the progress that was told."""
    told: list[tuple[int, int | None]] = []
    with httpx.Client(timeout=10) as client:
        download(mirror.address + url, part, client=client, progress=lambda n, total: told.append((n, total)))
    return told


def test_a_file_arrives_whole(mirror: Mirror, part: Path) -> None:
    told = fetch(mirror, part)
    assert part.read_bytes() == DATA
    assert told[0] == (0, len(DATA))
    assert told[-1] == (len(DATA), len(DATA))


def test_a_download_goes_on_where_it_ended(mirror: Mirror, part: Path) -> None:
    part.write_bytes(DATA[:1000])
    told = fetch(mirror, part)
    assert part.read_bytes() == DATA
    assert mirror.asked == [(URL, "bytes=1000-")]
    assert told[0] == (1000, len(DATA))


def test_a_server_that_hangs_up_is_asked_again_for_the_rest(mirror: Mirror, part: Path) -> None:
    mirror.cuts = [3000, 5000]
    fetch(mirror, part)
    assert part.read_bytes() == DATA
    assert mirror.asked == [(URL, None), (URL, "bytes=3000-"), (URL, "bytes=8000-")]


def test_a_server_that_keeps_hanging_up_ends_in_an_error_and_keeps_what_came(mirror: Mirror, part: Path) -> None:
    mirror.cuts = [3000, *[0] * 20]
    with pytest.raises(CommandError, match="goes on where this one ended"):
        fetch(mirror, part)
    assert part.read_bytes() == DATA[:3000]
    assert len(mirror.asked) == 1 + ATTEMPTS


def test_a_server_that_sends_no_parts_sends_everything_again(mirror: Mirror, part: Path) -> None:
    part.write_bytes(b"old" * 10)
    mirror.ranges = False
    fetch(mirror, part)
    assert part.read_bytes() == DATA


def test_a_download_that_is_whole_already_asks_for_no_more(mirror: Mirror, part: Path) -> None:
    part.write_bytes(DATA)
    fetch(mirror, part)
    assert part.read_bytes() == DATA


def test_an_answer_that_is_no_success_is_told(mirror: Mirror, part: Path) -> None:
    with pytest.raises(CommandError, match="404 Not Found"):
        fetch(mirror, part, "/other.bin")
    assert not part.exists()


def test_a_server_that_is_not_there_is_told(mirror: Mirror, part: Path) -> None:
    with httpx.Client() as client, pytest.raises(CommandError, match=r"cannot get http://127\.0\.0\.1:1/x"):
        download("http://127.0.0.1:1/x", part, client=client, progress=lambda n, total: None)


def test_a_folder_that_cannot_be_written_is_told(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        fetch(mirror, tmp_path / "missing" / "part")
