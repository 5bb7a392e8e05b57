"""A service that sends prepared responses to either client."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from nst_client import AsyncClient, Client, Retries

JOB = {"id": "j1", "status": "queued", "progress": None, "result": None, "error": None, "params": {}, "new": "field"}
RESULT = {"width": 4, "height": 3, "bytes": 7, "sha256": "ab", "media_type": "image/png", "loss": 1.0}
DONE = {**JOB, "status": "succeeded", "result": RESULT}
FAILED = {**JOB, "status": "failed", "error": {"code": "worker_lost", "message": "the worker was lost"}}
NO_JITTER = Retries(attempts=3, chance=lambda: 1.0)


class FakeService:
    """Sends prepared responses to a client, and records its requests and its pauses instead of waiting."""

    def __init__(self, *, asynchronous: bool) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._asynchronous = asynchronous
        self._responses: Iterator[httpx.Response | Exception] = iter(())

    def responds(self, *responses: httpx.Response | Exception) -> FakeService:
        self._responses = iter(responses)
        return self

    def call(self, method: str, *arguments: Any, key: str | None = None, **options: Any) -> Any:
        """Call a method of the client; an iterator is returned as a list."""
        transport = httpx.MockTransport(self._respond)
        if self._asynchronous:
            return asyncio.run(self._call(transport, key, method, arguments, options))
        with Client("http://nst", key=key, retries=NO_JITTER, transport=transport, sleep=self.pauses.append) as client:
            value = getattr(client, method)(*arguments, **options)
            return list(value) if inspect.isgenerator(value) else value

    async def _call(
        self, transport: httpx.MockTransport, key: str | None, method: str, arguments: Any, options: Any
    ) -> Any:
        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        async with AsyncClient("http://nst", key=key, retries=NO_JITTER, transport=transport, sleep=sleep) as client:
            value = getattr(client, method)(*arguments, **options)
            return [item async for item in value] if inspect.isasyncgen(value) else await value

    def _respond(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        response = next(self._responses)
        if isinstance(response, Exception):
            raise response
        # A copy, because a response can be read only once.
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def service(request: pytest.FixtureRequest) -> FakeService:
    return FakeService(asynchronous=request.param)


def reply(status: int, body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def stream(*events: tuple[str, str, dict[str, Any]]) -> httpx.Response:
    text = "".join(f"id: {i}\nevent: {kind}\ndata: {json.dumps(data)}\n\n: heartbeat\n\n" for i, kind, data in events)
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def parts(request: httpx.Request, name: str) -> list[bytes]:
    """Return the values of a multipart field."""
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    found = []
    for part in request.content.split(b"--" + boundary):
        head, _, value = part.partition(b"\r\n\r\n")
        if f'; name="{name}"'.encode() in head:
            found.append(value.removesuffix(b"\r\n"))
    return found
