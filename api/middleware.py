"""The outermost layer: request ids, security headers, access log and metrics. The innermost: unambiguous queries."""

import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import InvalidField, ProblemError, pointer, problem_response

PROXY_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")
UNEXPECTED_ERROR = ProblemError(500, "internal", "an unexpected error occurred")
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}

log = structlog.get_logger("api.requests")


class RequestMiddleware:
    """Wrap an app; an unexpected error becomes a 500 that reveals nothing about the service."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, root_path: str = "", shared_with: Iterable[str] = ()) -> None:
        self._app, self._metrics, self._root_path = app, metrics, root_path.rstrip("/")
        resource_policy = b"cross-origin" if tuple(shared_with) else b"same-origin"
        self._headers = {**HEADERS, b"cross-origin-resource-policy": resource_policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._root_path:  # paths work with and without it, because not every proxy strips it
            scope["root_path"] = self._root_path
        request_id = scope["nst.request_id"] = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if scope["method"] == "HEAD" and not scope["path"].endswith("/events"):  # whose GET does not end
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        began, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message["headers"], request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception:  # the details go to the log only
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if status == 0:
                await problem_response(UNEXPECTED_ERROR, request_id)(scope, receive, send_on)
        finally:
            self._record(scope, status, time.perf_counter() - began)

    def _add_headers(self, headers: list[tuple[bytes, bytes]], request_id: str) -> None:
        """Add the default headers, unless the app has set its own."""
        given = {name for name, _ in headers}
        headers.append((b"x-request-id", request_id.encode("latin-1")))
        headers += [header for header in self._headers.items() if header[0] not in given]

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.observe_request(scope["method"], route, status, seconds)
        if scope["path"] in QUIET and status < 400:
            return
        # Without the query, which may contain a signature.
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"][:200],
            status=status,
            milliseconds=round(seconds * 1000, 1),
            client=(scope.get("client") or ("-",))[0],
            owner=scope.get("nst.owner"),
        )


class UniqueQueryMiddleware:
    """Refuse a query that gives a parameter twice, of which every server reads another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        query = scope["query_string"] if scope["type"] == "http" and "/v1/" in scope["path"] else b""
        if b"&" in query and (name := _repeated_name(query)) is not None:
            field = InvalidField(pointer=pointer(name[:80]), detail="given more than once")
            error = ProblemError(422, "invalid_request", "the request is not valid", errors=[field])
            await problem_response(error, scope["nst.request_id"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _repeated_name(query: bytes) -> str | None:
    counts = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return next((name for name, count in counts.items() if count > 1), None)


def _without_body(send: Send) -> Send:
    """Send the headers of a response without its body, as HEAD requires."""

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_headers


def _request_id(scope: Scope) -> str:
    """Return the id that a proxy has set, if it is well formed, or else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if PROXY_ID.fullmatch(given) else secrets.token_hex(16)
