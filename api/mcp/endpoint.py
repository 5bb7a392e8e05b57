"""The Model Context Protocol over streamable HTTP at /mcp, with the API's keys.

As other JSON bodies do, a call waits in a file until it is complete. Then it is in memory until it is answered, and
only a few large ones are so at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import httpx
from anyio import to_thread
from fastapi import FastAPI, Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from api.mcp.tools import make_server
from api.problems import ProblemError, as_problem, problem_response
from api.security.auth import authenticate, bearer
from api.security.concurrency import ConcurrencyLimit
from api.services import Services, get_services
from api.submission.body import receive_body
from jobs.errors import JobsError
from nst_client import AsyncClient, Retries

PATH = "/mcp"
LARGE = 2**20  # bytes: a larger call carries pictures
MAX_LARGE, MAX_LARGE_PER_KEY = 4, 2  # calls that are in memory


class McpEndpoint:
    """Serves the tools to callers whom the API accepts; each tool calls the API itself with the caller's key."""

    def __init__(self, app: FastAPI, *, max_body_bytes: int) -> None:
        self._app = app
        server = make_server(self._connect, files=False)
        # Stateless, so that any API process can answer any request. `authenticate` checks Host and Origin.
        server.streamable_http_app(
            stateless_http=True, json_response=True, max_request_body_size=max_body_bytes, host="0.0.0.0"
        )
        self._manager = server.session_manager
        detail = "too many calls carry pictures; name pictures by URL or asset, or wait"
        self._large = ConcurrencyLimit("too_many_uploads", detail, per_key=MAX_LARGE_PER_KEY, total=MAX_LARGE)

    def run(self) -> AbstractAsyncContextManager[None]:
        """Serve until the block ends."""
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        request = Request(scope, receive)
        try:
            services = await get_services(request)
            caller = await authenticate(request, services, await bearer(request))
            async with self._received(request, services, caller.owner) as body:
                await self._manager.handle_request(scope, _replayed(body, receive), send)
        except (ProblemError, JobsError) as error:
            await problem_response(as_problem(error), scope["nst.request_id"])(scope, receive, send)

    @asynccontextmanager
    async def _received(self, request: Request, services: Services, owner: str) -> AsyncIterator[bytes]:
        """Receive the body; raises ProblemError."""
        settings, timeout = services.settings, services.job_settings.upload_timeout_seconds
        with services.uploads.hold(owner), services.temporary_files.folder("upload-") as folder:
            path = folder / "body.json"
            with path.open("xb") as file:
                await receive_body(request, settings, file.write, timeout=timeout)
            with self._large.hold(owner) if path.stat().st_size > LARGE else nullcontext():
                yield await to_thread.run_sync(path.read_bytes)

    def _connect(self, headers: Mapping[str, str] | None) -> AsyncClient:
        """Connect to the API in this process; it checks the caller's key again."""
        scheme, _, key = (headers or {}).get("authorization", "").partition(" ")
        return AsyncClient(
            "http://127.0.0.1",
            key=key if scheme.lower() == "bearer" else None,
            retries=Retries(attempts=1),
            transport=httpx.ASGITransport(self._app),
        )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the whole body first, and then what comes after it."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


def mount_mcp(app: FastAPI, *, max_body_bytes: int) -> McpEndpoint:
    """Add the endpoint to the app; it answers while `run` is active."""
    endpoint = McpEndpoint(app, max_body_bytes=max_body_bytes)
    # Without sessions, the stream of a GET would never carry a message, and there is nothing to DELETE.
    app.router.routes.append(Route(PATH, endpoint, methods=["POST"], include_in_schema=False))
    return endpoint
