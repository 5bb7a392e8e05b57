"""The server that `nst up` starts: which one, and who can reach it."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from cli.local_service.redis_server import NoRedisError, find_redis, prepare_folder
from tests.stack.redis import running_redis
from tests.waiting import until


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nst-") as made:  # short: a socket's path must be
        yield Path(made)


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave no server on PATH, so that the one in the package is found and started."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return find_redis()


def server_of(socket: Path) -> psutil.Process:
    return psutil.Process(redis.Redis(unix_socket_path=str(socket)).info("server")["process_id"])


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_on_path_goes_first(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis() == tmp_path / name


def test_without_one_the_bundled_valkey_is_taken(bundled: Path) -> None:
    version = subprocess.run([bundled, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = version.split("v=")[1].split(".")[:2]
    assert version.startswith("Valkey server") and (int(major), int(minor)) >= (9, 1)


def test_the_bundled_server_listens_on_nothing_but_its_socket(bundled: Path, folder: Path) -> None:
    with running_redis(folder / "redis") as files:
        server = server_of(files.socket)
        assert Path(server.exe()) == bundled
        assert server.net_connections("inet") == []
        assert {found.laddr for found in server.net_connections("unix")} == {str(files.socket)}


def test_only_the_owner_reaches_the_socket_and_the_data(bundled: Path, folder: Path) -> None:
    (folder / "redis").mkdir(mode=0o755)
    with running_redis(folder / "redis") as files:
        assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(files.socket.stat().st_mode) == 0o600


def test_the_data_are_plain_commands_that_every_other_server_reads(bundled: Path, folder: Path) -> None:
    """Redis and Valkey do not read each other's snapshots; whoever installs another server later keeps the jobs."""
    with running_redis(folder) as files:
        client = redis.Redis.from_url(files.url)
        client.set("nst:job", "kept")
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the file is rewritten")
    contents = [path.read_bytes() for path in folder.glob("appendonlydir/*.aof")]
    assert b"kept" in b"".join(contents)
    assert not [content for content in contents if content.startswith((b"REDIS", b"VALKEY"))]


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRedisError, match="choose a shorter data folder"):
        prepare_folder(tmp_path / ("x" * 100))
    assert not os.path.lexists(tmp_path / ("x" * 100) / "redis.sock")
