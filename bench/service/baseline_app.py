"""The baseline: a FastAPI application that answers so many bytes and does nothing else.

python -m bench.service.baseline_app PORT
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, Response, UploadFile
from fastapi.responses import StreamingResponse

from tests.stack.process import Process, clean_environment
from tests.stack.stack import free_port

app = FastAPI()


@app.get("/bytes/{count}")
async def answer(count: int) -> Response:
    """Answer so many bytes."""
    return Response(b"x" * count, media_type="application/json")


@app.post("/bytes/{count}")
async def receive(count: int, content: UploadFile) -> Response:
    """Read a file, as FastAPI does by itself, and answer so many bytes."""
    await content.read()
    return Response(b"x" * count, media_type="application/json")


@app.get("/events/{number}/{size}")
async def stream(number: int, size: int) -> StreamingResponse:
    """Send so many chunks of a size, and `end`."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(number):
            yield b"x" * size
        yield b"end"

    return StreamingResponse(chunks(), media_type="text/event-stream")


class BaselineApp(Process):
    """The application in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        super().__init__(
            "baseline",
            (sys.executable, "-m", "bench.service.baseline_app", str(self.port)),
            environment=clean_environment(),
            log=folder / "baseline.log",
            is_ready=lambda: httpx.get(f"http://127.0.0.1:{self.port}/bytes/1", trust_env=False).is_success,
        )


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
