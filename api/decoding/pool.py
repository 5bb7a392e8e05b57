"""A pool of processes that decode uploads and convert pictures, apart from the API."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from anyio import CancelScope

from api.decoding.task import DecodeResult, DecodeTask, FilmFacts, FilmTask
from api.problems import ProblemError
from nst_engine.spec.errors import PictureError

GRACE_SECONDS = 5.0
# A forked child has no memory to reuse, and taking the megabytes of a picture page by page is a third of its time.
# glibc can take large pages in one piece instead; other C libraries ignore this.
MEMORY_TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.top_pad=33554432"


class Decoder(Protocol):
    """What decodes uploads and converts pictures, each in a `turn` of its owner.

    Each task may end with a 503 on a machine without time for it.
    """

    def turn(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Wait until fewer than this owner's share of the processes work for the owner."""

    async def decode(self, source: Path, target: Path, *, part: str) -> bool:
        """Write the upload at `source`, a part of a job, as a plain PNG to `target`.

        Return whether it is a mask that is black everywhere; raises PictureError or OSError.
        """

    async def probe_film(self, source: Path, film: FilmTask) -> FilmFacts:
        """Return what is in the uploaded film at `source`; raises PictureError or OSError."""

    async def convert(self, source: Path, target: Path, format_name: str) -> None:
        """Write one of the service's own pictures in another format; raises PictureError or OSError."""

    async def close(self) -> None:
        """End the processes, if there are any."""


class DecoderPool:
    """A Decoder that keeps a few processes and gives each one task at a time.

    One owner's uploads and conversions take at most all processes but one, so that others' need not wait for them.
    """

    def __init__(self, *, processes: int, max_pixels: int, seconds: int, memory_bytes: int) -> None:
        self._processes, self._max_pixels = processes, max_pixels
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._free: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        for _ in range(processes):
            self._free.put_nowait(None)  # a process starts when it is needed
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        share = self._shares.get(owner)
        if share is None:
            share = self._shares[owner] = asyncio.Semaphore(max(1, self._processes - 1))
        async with share:
            yield

    async def decode(self, source: Path, target: Path, *, part: str) -> bool:
        return (await self._perform(self._task(source, target, part=part))).is_black_mask

    async def probe_film(self, source: Path, film: FilmTask) -> FilmFacts:
        result = await self._perform(self._task(source, source)._replace(film=film))
        assert result.film is not None
        return FilmFacts(*result.film)

    async def convert(self, source: Path, target: Path, format_name: str) -> None:
        await self._perform(self._task(source, target, format_name=format_name))

    async def close(self) -> None:
        for _ in range(self._processes):
            process = await self._free.get()
            if process is not None:
                await _end(process)

    def _task(self, source: Path, target: Path, *, part: str = "", format_name: str | None = None) -> DecodeTask:
        limits = (self._max_pixels, self._seconds, self._memory_bytes)
        return DecodeTask(str(source), str(target), part, format_name, *limits)

    async def _perform(self, task: DecodeTask) -> DecodeResult:
        try:
            result = await self._ask(task)
        except ConnectionError:  # the process was killed meanwhile; the next one is fresh
            result = await self._ask(task)
        if result.code is not None:
            raise PictureError(result.code, result.message)
        if result.errno is not None:
            raise OSError(result.errno, "the picture cannot be written")
        return result

    async def _ask(self, task: DecodeTask) -> DecodeResult:
        async with self._borrowed_process() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(task).encode() + b"\n")
            try:
                line = await asyncio.wait_for(process.stdout.readline(), self._seconds + GRACE_SECONDS)
            except TimeoutError:  # the process ends a slow picture itself, so it had no time to
                detail = "the picture was not decoded in time, because the machine is busy; send it again"
                raise ProblemError(503, "decoder_busy", detail, headers={"Retry-After": "5"}) from None
            if not line:
                raise ConnectionResetError("the decoder process ended")
            return DecodeResult(*json.loads(line))

    @asynccontextmanager
    async def _borrowed_process(self) -> AsyncIterator[Process]:
        process = await self._free.get()
        reusable: Process | None = None
        try:
            if process is not None and process.returncode is not None:
                await _kill(process)
                process = None
            process = process or await _start()
            yield process
            reusable = process
        finally:
            # A process that still owes an answer would give it to the next task.
            if reusable is None and process is not None:
                await _kill(process)
            self._free.put_nowait(reusable)


async def _start() -> Process:
    # Decoders need none of the service's settings and secrets.
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "PYTHONPATH") if name in os.environ}
    environment["GLIBC_TUNABLES"] = MEMORY_TUNABLES
    command = (sys.executable, "-m", "api.decoding.process")
    # In its own session it does not get the service's Ctrl-C; it ends when its input does.
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
    )


async def _kill(process: Process) -> None:
    """Kill a process and the child it may have, also when the request was canceled."""
    with CancelScope(shield=True):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), GRACE_SECONDS)
    except TimeoutError:
        await _kill(process)
