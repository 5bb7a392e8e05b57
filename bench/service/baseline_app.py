"""What FastAPI does at most: an application that answers so many bytes and does nothing.

python -m bench.service.baseline_app PORT
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Response, UploadFile
from fastapi.responses import StreamingResponse

app = FastAPI()


@app.get("/bytes/{count}")
async def answer(count: int) -> Response:
    """Answer so many bytes."""
    return Response(b"x" * count, media_type="application/json")


@app.post("/bytes/{count}")
async def take(count: int, content: UploadFile) -> Response:
    """Take a file in, as FastAPI does by itself, and answer so many bytes."""
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


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
