"""Turning uploads into clean pictures, in processes of their own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anyio import CancelScope

from nst_engine.images.reading import PictureLimits
from nst_engine.spec.errors import PictureError

GRACE_SECONDS = 5.0
# A child begins with no memory of its own, and a picture wants megabytes: taken page by page that is a third of its
# time. So glibc is to ask for large pages, in one piece; other C libraries pass this over.
MEMORY_TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.top_pad=33554432"


@dataclass(frozen=True, kw_only=True)
class CleanPicture:
    """A normalised upload on disk."""

    path: Path
    width: int
    height: int
    bytes: int


class DecoderPool:
    """Keep a few intake processes and hand them pictures, one at a time each."""

    def __init__(self, *, processes: int, seconds: int, memory: int, limits: PictureLimits) -> None:
        self._free: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        self._processes, self._seconds, self._memory, self._limits = processes, seconds, memory, limits
        for _ in range(processes):
            self._free.put_nowait(None)

    async def clean(self, source: Path, target: Path) -> CleanPicture:
        """Normalise the picture at `source` into `target`; raises PictureError."""
        answer = await self._ask(source, target, {"limits": asdict(self._limits)})
        return CleanPicture(path=target, **answer)

    async def convert(self, source: Path, target: Path, name: str) -> None:
        """Write one of our own pictures in the named format."""
        await self._ask(source, target, {"format": name})

    async def close(self) -> None:
        """End the processes."""
        for _ in range(self._processes):
            process = await self._free.get()
            if process is not None:
                await _end(process)

    async def _ask(self, source: Path, target: Path, more: dict[str, Any]) -> dict[str, Any]:
        task = {"source": str(source), "target": str(target), "seconds": self._seconds, "memory": self._memory, **more}
        answer = await self.develop(task)
        if "code" in answer:
            raise PictureError(answer["code"], answer["message"])
        if "errno" in answer:
            raise OSError(answer["errno"], "the picture cannot be written")
        return answer

    async def develop(self, task: dict[str, Any]) -> dict[str, Any]:
        """Have a task done in one of the processes and return its answer; one that was lost is asked again."""
        try:
            async with self._borrowed() as process:
                return await self._exchange(process, task)
        except ConnectionError:
            async with self._borrowed() as process:
                return await self._exchange(process, task)

    async def _exchange(self, process: Process, task: dict[str, Any]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(task).encode() + b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), self._seconds + GRACE_SECONDS)
        if not line:
            raise ConnectionResetError("the intake process ended")
        return dict(json.loads(line))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Process]:
        process = await self._free.get()
        kept: Process | None = None
        try:
            if process is not None and process.returncode is not None:
                await _kill(process)
                process = None
            process = process or await _start()
            yield process
            kept = process
        finally:
            # A process that was left in the middle of an answer would give it to the next one who asks.
            if kept is None and process is not None:
                await _kill(process)
            self._free.put_nowait(kept)


async def _start() -> Process:
    # A clean environment: decoders need none of the service's settings and secrets.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "PYTHONPATH") if name in os.environ}
    kept["GLIBC_TUNABLES"] = MEMORY_TUNABLES
    command = (sys.executable, "-m", "api.decoding.process")
    # In a session of its own it does not get the service's Ctrl-C; it ends when its input does.
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=kept, start_new_session=True
    )


async def _kill(process: Process) -> None:
    """End a process and the child it may have, also when the request was cancelled."""
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
