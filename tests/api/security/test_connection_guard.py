"""What a connection may send: raw sockets against a real server."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from api.security.connection_guard import MAX_HEAD_BYTES, MAX_PIPELINED, guarded_protocol
from tests.waiting import until

OPEN_ENDED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
LARGE_BYTES, PIECES = 50 * 1024 * 1024, 200  # more than the buffers of two sockets hold


@dataclass
class App:
    """Answers at once, without reading the body; `/read` reads it first, `/wait` waits for `go`.

    The response to `/large` is long, as is that to `/whole`, which is sent in one piece.
    """

    scopes: list[dict[str, Any]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        while scope["path"] == "/read" and (await receive()).get("more_body"):
            pass
        if scope["path"] == "/wait":
            await asyncio.to_thread(self.go.wait, 30)
        if scope["path"] in ("/large", "/whole"):
            await self._send_large(send, pieces=PIECES if scope["path"] == "/large" else 1)
            return
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _send_large(self, send: Any, *, pieces: int) -> None:
        piece = bytes(LARGE_BYTES // pieces)
        headers = [(b"content-length", str(LARGE_BYTES).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(1, pieces + 1):
            await send({"type": "http.response.body", "body": piece, "more_body": number < pieces})


@dataclass
class Server:
    """A running server and its app."""

    app: App
    address: tuple[str, int]
    connections: set[Any]

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=30) as client:
            yield client


def serve(*, head_seconds: float = 30, response_seconds: float = 30, max_connections: int = 100) -> Any:
    @contextmanager
    def running() -> Iterator[Server]:
        app, listener = App(), socket.create_server(("127.0.0.1", 0))
        protocol = guarded_protocol(
            head_seconds=head_seconds, response_seconds=response_seconds, max_connections=max_connections
        )
        options: dict[str, Any] = {
            "ws": "none",
            "lifespan": "off",
            "log_config": None,
            "access_log": False,
            "timeout_keep_alive": 10,
        }
        server = uvicorn.Server(uvicorn.Config(app, http=protocol, **options))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield Server(app, listener.getsockname(), server.server_state.connections)
        finally:
            app.go.set()
            server.should_exit = True
            thread.join()

    return running()


def next_answer(client: socket.socket) -> bytes:
    """Return the whole next response, which may arrive in pieces, on a connection that stays open."""
    received = bytearray()
    while not received.endswith(b"\r\n\r\nok") and (data := client.recv(1000)):
        received += data
    return bytes(received)


def until_closed(client: socket.socket) -> bytes:
    """Return everything that the server sends before it closes; a connection that stays open times out."""
    received = bytearray()
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionError:
        pass
    return bytes(received)


def send_until_refused(client: socket.socket, data: bytes, *, times: int) -> int:
    """Send the same data again and again, and return how often it was accepted."""
    for sent in range(times):
        try:
            client.sendall(data)
        except ConnectionError:
            return sent
    return times


@pytest.mark.parametrize("path", [b"/", b"/read", b"/wait"])
def test_endless_trailers_are_cut_off_and_not_kept(path: bytes) -> None:
    with serve() as server, server.connect() as client:
        client.sendall(OPEN_ENDED.replace(b"POST /", b"GET " + path) + b"0\r\n")
        assert send_until_refused(client, b"a:b\r\n" * 10_000, times=4000) < 4000
        server.app.go.set()
    assert len(server.app.scopes[0]["headers"]) == 2


def test_an_endless_trailer_line_is_cut_off() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(OPEN_ENDED.replace(b"/", b"/wait", 1) + b"0\r\na:")
        assert send_until_refused(client, b"b" * 50_000, times=4000) < 4000


def test_short_trailers_are_dropped() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(OPEN_ENDED.replace(b"/", b"/read", 1) + b"2\r\nab\r\n0\r\nx-owner: eve\r\n\r\n")
        assert next_answer(client).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert until_closed(client).endswith(b"ok")
    assert [name for name, _ in server.app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 8000],
)
def test_a_long_head_is_refused_even_if_it_arrives_in_one_read(head: bytes) -> None:
    with serve() as server, server.connect() as client:
        client.sendall(head + b"\r\n")
        answer = until_closed(client)
    assert b" 400 " in answer and b"too long" in answer
    assert server.app.scopes == []


def test_a_head_up_to_the_limit_is_read() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nconnection: close\r\na: " + b"b" * (MAX_HEAD_BYTES - 200) + b"\r\n\r\n")
        assert until_closed(client).endswith(b"ok")


def test_a_large_body_in_small_chunks_is_read() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(OPEN_ENDED.replace(b"/", b"/read", 1) + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
        assert next_answer(client).startswith(b"HTTP/1.1 200")


def test_empty_lines_without_end_are_cut_off() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert next_answer(client).startswith(b"HTTP/1.1 200")
        assert send_until_refused(client, b"\r\n" * 10_000, times=4000) < 4000


def test_pipelined_requests_are_bounded() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
        server.app.go.set()
        until_closed(client)
    assert len(server.app.scopes) <= MAX_PIPELINED + 1


def test_a_broken_request_leaves_the_response_before_it_alone() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
        server.app.go.set()
        answer = until_closed(client)
    assert (answer.count(b"HTTP/1.1"), answer.endswith(b"ok")) == (1, True)


def test_a_few_pipelined_requests_are_answered_in_turn() -> None:
    with serve() as server, server.connect() as client:
        last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 9 + last)
        assert until_closed(client).count(b"200 OK") == 10


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"GET / HT",
        b"\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n\r\n",
        b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab",
        b"POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab",
        OPEN_ENDED.replace(b"/", b"/read", 1) + b"0\r\na:b\r\n",
    ],
)
def test_a_connection_that_stops_sending_is_closed_in_every_phase(part: bytes) -> None:
    with serve(head_seconds=0.2) as server, server.connect() as client:
        client.sendall(part)
        until_closed(client)


@pytest.mark.parametrize("path", [b"/large", b"/whole"])
@pytest.mark.parametrize("header", [b"", b"connection: close\r\n"])
def test_a_client_that_reads_nothing_of_a_large_response_is_cut_off(path: bytes, header: bytes) -> None:
    with serve(response_seconds=0.2) as server, server.connect() as client:
        client.sendall(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n" + header + b"\r\n")
        until(lambda: server.app.scopes and not server.connections, "the connection stayed open")
        assert len(until_closed(client)) < LARGE_BYTES


def test_a_client_that_reads_receives_all_of_a_large_response() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert len(until_closed(client).partition(b"\r\n\r\n")[2]) == LARGE_BYTES


def test_a_response_to_an_unread_body_closes_the_connection() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nab")
        answer = until_closed(client)
    assert (answer.count(b"connection: close"), answer.endswith(b"ok")) == (1, True)


def test_a_client_that_is_still_writing_receives_the_response() -> None:
    with serve() as server, server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 12000000\r\n\r\n")
        client.sendall(bytes(12_000_000))
        assert until_closed(client).endswith(b"ok")


CHUNKED = OPEN_ENDED.replace(b"/", b"/wait", 1)
TOO_LONG = {
    "empty lines": b"\r\n" * 500_000,
    "target": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "trailers": CHUNKED + b"0\r\n" + b"a:b\r\n" * 200_000,
    "chunk extension": CHUNKED + b"1;" + b"a" * 1_000_000 + b"\r\nx\r\n0\r\n\r\n",
    "chunk size": CHUNKED + b"0" * 1_000_000 + b"1\r\nx\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("request_", TOO_LONG.values(), ids=TOO_LONG)
def test_a_client_that_is_still_writing_what_is_too_long_receives_a_400(request_: bytes) -> None:
    with serve() as server, server.connect() as client:
        client.sendall(request_)
        answer = until_closed(client)
    assert (answer.count(b"HTTP/1.1"), answer.startswith(b"HTTP/1.1 400 Bad Request")) == (1, True)


def test_a_read_body_keeps_the_connection() -> None:
    request = b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"
    with serve() as server, server.connect() as client:
        for _ in range(3):
            client.sendall(request)
            client.sendall(b"abcd")
            answer = next_answer(client)
            assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" not in answer


def test_a_target_that_names_another_host_than_the_host_header_is_refused() -> None:
    """Only the Host header reaches the application, which checks it."""
    heads = {
        b"GET http://evil.example/ HTTP/1.1\r\nhost: localhost": b"400",
        b"GET http://localhost@evil.example/ HTTP/1.1\r\nhost: localhost": b"400",
        b"GET http://localhost/ HTTP/1.1\r\nhost: localhost\r\nhost: localhost": b"400",
        b"GET http://LocalHost:8000/ HTTP/1.1\r\nhost: localhost:8000": b"200",
        b"GET /?u=http://evil.example/ HTTP/1.1\r\nhost: localhost": b"200",
    }
    with serve() as server:
        for head, status in heads.items():
            with server.connect() as client:
                client.sendall(head + b"\r\nconnection: close\r\n\r\n")
                assert until_closed(client).split()[1] == status, head
    assert len(server.app.scopes) == 2


def test_connections_beyond_the_bound_are_refused_even_while_they_write() -> None:
    with serve(max_connections=1) as server, server.connect() as first:
        first.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert next_answer(first).startswith(b"HTTP/1.1 200")
        with server.connect() as second:
            second.sendall(bytes(12_000_000))
            assert b" 503 " in until_closed(second)
        first.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert next_answer(first).startswith(b"HTTP/1.1 200")
