"""Redis and a sentinel behind TLS: what arrives encrypted goes on to a server that listens on a Unix socket."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import BinaryIO

SERVICE = "nst"


@dataclass(frozen=True, kw_only=True)
class RedisOverTls:
    """The ports of Redis, and of the sentinel that names it."""

    port: int
    sentinel_port: int


@contextmanager
def redis_over_tls(redis_socket: Path, certificate: Path) -> Iterator[RedisOverTls]:
    """Serve until the block ends; `certificate` holds the key, too."""
    with (
        _serving(certificate, lambda client: _relay(client, redis_socket)) as port,
        _serving(certificate, lambda client: _answer_as_sentinel(client, port)) as sentinel_port,
    ):
        yield RedisOverTls(port=port, sentinel_port=sentinel_port)


@contextmanager
def _serving(certificate: Path, handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept TLS connections on a port of this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as client:
                handle(client)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _relay(client: socket.socket, target: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(str(target))
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _answer_as_sentinel(client: socket.socket, port: int) -> None:
    """Name the server at a port as the primary; say OK to everything else."""
    state = {"name": SERVICE, "ip": "127.0.0.1", "port": str(port), "flags": "master", "num-other-sentinels": "0"}
    words = [word for pair in state.items() for word in pair]
    with client.makefile("rb") as file:
        while command := _command(file):
            answer = f"*1\r\n{_array(words)}" if command[0].upper() == "SENTINEL" else "+OK\r\n"
            client.sendall(answer.encode())


def _command(file: BinaryIO) -> list[str]:
    count = file.readline()
    return [file.read(int(file.readline()[1:]) + 2).decode().strip() for _ in range(int(count[1:]))] if count else []


def _array(words: list[str]) -> str:
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
