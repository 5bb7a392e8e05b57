"""The Model Context Protocol over streamable HTTP at /mcp, with the API's keys."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import httpx
from fastapi import FastAPI, Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.mcp.tools import make_server
from api.problems import ProblemError, as_problem, problem_response
from api.security.auth import authenticate, bearer
from api.services import get_services
from jobs.errors import JobsError
from nst_client import AsyncClient, Retries

PATH = "/mcp"


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

    def run(self) -> AbstractAsyncContextManager[None]:
        """Serve until the block ends."""
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        request = Request(scope, receive)
        try:
            await authenticate(request, await get_services(request), await bearer(request))
        except (ProblemError, JobsError) as error:
            await problem_response(as_problem(error), scope["nst.request_id"])(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)

    def _connect(self, headers: Mapping[str, str] | None) -> AsyncClient:
        """Connect to the API in this process; it checks the caller's key again."""
        scheme, _, key = (headers or {}).get("authorization", "").partition(" ")
        return AsyncClient(
            "http://127.0.0.1",
            key=key if scheme.lower() == "bearer" else None,
            retries=Retries(attempts=1),
            transport=httpx.ASGITransport(self._app),
        )


def mount_mcp(app: FastAPI, *, max_body_bytes: int) -> McpEndpoint:
    """Add the endpoint to the app; it answers while `run` is active."""
    endpoint = McpEndpoint(app, max_body_bytes=max_body_bytes)
    # Without sessions, the stream of a GET would never carry a message, and there is nothing to DELETE.
    app.router.routes.append(Route(PATH, endpoint, methods=["POST"], include_in_schema=False))
    return endpoint
