"""A load generator that costs little compared with what it measures: HTTP/1.1 over kept connections, with asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import httpx
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status and body of a response, and the seconds it took."""

    status: int
    body: bytes
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result of a load: answers, answers per second, and the 99th percentile of their seconds."""

    count: int
    rate: float
    p99: float

    @classmethod
    def of(cls, times: Sequence[float], seconds: float) -> Load:
        """Summarize the times of all answers."""
        return cls(
            count=len(times),
            rate=len(times) / seconds,
            p99=float(np.percentile(times, 99)),
        )


def get(path: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, *, files: dict[str, bytes], fields: dict[str, str] | None = None) -> bytes:
    """Return a POST request with a multipart body."""
    request = httpx.Request("POST", f"http://127.0.0.1{path}", files=files, data=fields)
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Connection:
    """A kept connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return the answer."""
        started = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        body = await self._reader.readexactly(length) if length else b""
        return Answer(status=int(head[9:12]), body=body, seconds=time.perf_counter() - started)

    async def read_until(self, request: bytes, end: bytes) -> int:
        """Send a request and read its endless answer until `end`; return the bytes read."""
        self._writer.write(request)
        count, tail = 0, b""
        while end not in tail:
            data = await self._reader.read(2**16)
            if not data:
                raise ConnectionError("the stream ended early")
            count, tail = count + len(data), tail[-len(end) :] + data
        return count

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def ask(port: int, request: bytes) -> Answer:
    """Send one request over a new connection."""
    connection = await Connection.open(port)
    try:
        return await connection.ask(request)
    finally:
        connection.close()


async def saturate(port: int, *requests: bytes, connections: int, seconds: float, status: int = 200) -> Load:
    """Send requests over each connection, one after another, without a pause."""
    opened = [await Connection.open(port) for _ in range(connections)]
    started = time.perf_counter()

    async def one(connection: Connection) -> list[float]:
        times = []
        for request in cycle(requests):
            if time.perf_counter() - started >= seconds:
                break
            answer = await connection.ask(request)
            if answer.status != status:
                raise RuntimeError(f"{answer.status}: {answer.body[:200]!r}")
            times.append(answer.seconds)
        return times

    found = await asyncio.gather(*(one(connection) for connection in opened))
    passed = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return Load.of([t for times in found for t in times], passed)


async def pace(port: int, request: bytes, *, rate: float, seconds: float) -> Load:
    """Send a request at a fixed rate, whether or not earlier ones were answered; their waiting time counts."""
    free = [await Connection.open(port) for _ in range(16)]
    opened, times = list(free), []

    async def one(due: float) -> None:
        connection = free.pop() if free else await Connection.open(port)
        await connection.ask(request)
        times.append(time.perf_counter() - due)
        free.append(connection)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(round(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(due))
    for connection in {*opened, *free}:
        connection.close()
    return Load.of(times, seconds)
