"""Attacks on a running API: each begins with its block and ends with it, and counts the answers that it got."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from api.security.connection_guard import LINGER_BYTES
from bench.service.load import ask

TRAILERS = b"a:b\r\n" * 10_000
# On each connection: more than the API drops after it has answered, and what the sockets hold.
TRAILER_BYTES = LINGER_BYTES + 32 * 1024 * 1024
PART_OF_A_BODY = bytes(1000)
BATCH = 50  # connections that are opened at the same time


@dataclass(frozen=True, kw_only=True)
class Target:
    """The API and what the attacker knows: a key, a job that has ended and one that runs."""

    port: int
    secret: str
    finished: str
    running: str

    def request(self, line: str, *headers: str) -> bytes:
        """Return the head of a request with the attacker's key."""
        lines = (f"{line} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.secret}", *headers)
        return "".join(f"{text}\r\n" for text in (*lines, "")).encode()


Answers = Counter[str]
Attack = Callable[[Target, int], AbstractAsyncContextManager[Answers]]


@asynccontextmanager
async def endless_trailers(target: Target, count: int) -> AsyncIterator[Answers]:
    """Send chunked bodies without a key, each with 96 MB of trailers, and expect to be cut off.

    A request that arrives without its trailers is answered at once, and what follows is read and dropped for a while.
    """

    async def send() -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        try:
            for _ in range(TRAILER_BYTES // len(TRAILERS)):
                writer.write(TRAILERS)
                await writer.drain()
        except ConnectionError:
            return "cut off"
        finally:
            writer.close()
        return "accepted"

    async with _counted(send() for _ in range(count)) as answers:
        yield answers


@asynccontextmanager
async def half_bodies(target: Target, count: int) -> AsyncIterator[Answers]:
    """Begin uploads and do not go on."""
    head = target.request("POST /v1/jobs", "Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000000")
    async with _opened(target.port, head + PART_OF_A_BODY, count):
        yield Counter({"begun": count})


@asynccontextmanager
async def conversions(target: Target, count: int) -> AsyncIterator[Answers]:
    """Ask for a result in another format, many times at once."""
    request = target.request(f"GET /v1/jobs/{target.finished}/result?format=webp")

    async def convert() -> str:
        return str((await ask(target.port, request)).status)

    async with _counted(convert() for _ in range(count)) as answers:
        yield answers


@asynccontextmanager
async def streams(target: Target, count: int) -> AsyncIterator[Answers]:
    """Open event streams of one job at the same time, and keep them open."""
    request = target.request(f"GET /v1/jobs/{target.running}/events")
    async with _opened(target.port, request, count) as opened:
        heads = await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in opened))
        yield Counter(head[9:12].decode() for head in heads)


@asynccontextmanager
async def _counted(work: Iterable[Awaitable[str]]) -> AsyncIterator[Answers]:
    """Do everything at once; the answers are complete when the block has ended."""
    tasks, answers = [asyncio.ensure_future(one) for one in work], Answers()
    yield answers
    answers.update(await asyncio.gather(*tasks))


@asynccontextmanager
async def _opened(
    port: int, request: bytes, count: int
) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """Send a request over each of many connections, which stay open during the block."""
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    while len(opened) < count:  # not all in one step, which would hold up the client that is measured
        batch = range(min(BATCH, count - len(opened)))
        opened += await asyncio.gather(*(_open(port, request) for _ in batch))
    yield opened
    for _, writer in opened:
        writer.close()
    for _, writer in opened:
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _open(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    return reader, writer


# With how many requests each begins in a full run, and in a short one.
ATTACKS: dict[str, tuple[Attack, int, int]] = {
    "trailers": (endless_trailers, 4, 1),
    "half bodies": (half_bodies, 1000, 20),
    "conversions": (conversions, 200, 10),
    "streams": (streams, 200, 10),
}
