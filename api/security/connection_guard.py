"""Limits on what a connection sends and on how long it takes, in every phase of a request. uvicorn has none."""

import asyncio
import re
from functools import partial
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 32 * 1024  # also of the trailers of a chunked body, and of everything else that is no body
MAX_PIPELINED = 16  # requests that wait while an earlier one of the same connection is answered
PIECE_BYTES = 16 * 1024  # the parser gets no more at a time, so that little is parsed beyond a limit
BODY_PATIENCE = 3  # times what the application waits for a part of a body, so that it can answer with a 408 first
LINGER_SECONDS = 10.0  # how long the rest of a refused request is read, so that its client can read the response
LINGER_BYTES = 64 * 1024 * 1024
LINGER_HEAD_BYTES = 16 * 1024 * 1024  # of what should have been a head, trailers or the size of a chunk
MAX_REFUSED = 64  # connections above the bound that are read on at the same time; further ones are closed at once
WHOLE_URL = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


def plain_response(status: str, text: str, *headers: str) -> bytes:
    """Return a response that closes the connection."""
    plain = ("content-type: text/plain; charset=utf-8", f"content-length: {len(text)}", "connection: close")
    return "\r\n".join((f"HTTP/1.1 {status}", *plain, *headers, "", text)).encode("ascii")


class TooLongError(Exception):
    """The head or the trailers are too long, or too many requests wait."""


class TwoHostsError(Exception):
    """The target of the request is the URL of another host than the Host header names."""


class GuardedProtocol(HttpToolsProtocol):
    """Close connections that send too much or too slowly or do not read, and those whose request was not read."""

    head_seconds: ClassVar[float]
    response_seconds: ClassVar[float]  # a client that reads nothing of a response for so long is cut off
    max_connections: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head, self._in_body = True, False
        self._field_bytes = 0  # of the names and values of this head, or of these trailers
        self._overhead_bytes = 0  # since the last part of a body, or the last request
        self._is_unread, self._lingering, self._lingered_bytes = False, False, 0
        self._linger_bytes = LINGER_BYTES
        self._broken = False  # nothing more is parsed; the connection closes after the last response
        self._timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0  # when the write timer was started
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.write(plain_response("503 Service Unavailable", "Too many connections", "retry-after: 5"))
            if len(self.connections) > self.max_connections + MAX_REFUSED:
                transport.close()
            else:
                self._linger()
            return
        self._start_timer(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > self._linger_bytes:
                self.transport.abort()
            return
        if self._broken:
            return
        for start in range(0, len(data), PIECE_BYTES):
            if self._broken or self._lingering or self.transport.is_closing():
                return
            self._parse(data[start : start + PIECE_BYTES])
        self._time_the_rest()

    def _time_the_rest(self) -> None:
        if self._lingering:
            return
        if self._in_body:
            self._start_timer(BODY_PATIENCE * self.head_seconds)
        elif (
            self._timer is None
            and not (self._in_head or self._broken)
            and (self.cycle is None or self.cycle.response_complete)
        ):
            self._start_timer(self.head_seconds)  # empty lines before a request

    def _parse(self, piece: bytes) -> None:
        self._overhead_bytes += len(piece)
        super().data_received(piece)
        if self._overhead_bytes > MAX_HEAD_BYTES and not (self._lingering or self.transport.is_closing()):
            self.send_400_response("The headers are too long.")

    def send_400_response(self, msg: str) -> None:
        """Send a 400, unless the client would take it for the response to an earlier request, which it gets first."""
        self._stop_timer()
        if self.cycle is None or self.cycle.response_complete:
            earlier = False
        else:
            earlier = self._in_head or bool(self.pipeline) or self.cycle.response_started
        if not earlier:
            self._refuse("The headers are too long." if self._field_bytes > MAX_HEAD_BYTES else msg)
        elif self._in_body:
            self.transport.close()
        else:
            self._broken, self.cycle.keep_alive = True, False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head or self._timer is None:
            self._start_timer(self.head_seconds)
        self._in_head = True
        self._field_bytes = self._overhead_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + len(": \r\n"))
        if self._in_head:  # trailers are dropped: nothing here uses them
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise TooLongError
        if (url := WHOLE_URL.match(self.url)) and [url[1].lower()] != self._hosts():
            raise TwoHostsError
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self._field_bytes = 0

    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._in_body, self._overhead_bytes = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_timer()
        elif self._is_unread and self._in_body:
            self._linger()
        elif self._is_unread:
            self._unset_keepalive_if_required()
            self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()
        if self.transport.is_closing():
            self._start_write_timer()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_write_timer()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, partial(self._answer, cycle, app))

    async def _answer(
        self,
        cycle: RequestResponseCycle,
        app: ASGI3Application,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        """Answer one request; a response that begins before the body has arrived closes the connection."""

        async def send_and_close(message: ASGISendEvent) -> None:
            if message["type"] != "http.response.start" or not cycle.more_body:
                await send(message)
                return
            self._is_unread = True
            headers = [header for header in message.get("headers", ()) if header[0].lower() != b"connection"]
            await send({**message, "headers": [*headers, CLOSE_HEADER]})
            cycle.keep_alive = True  # or else uvicorn would close before the client has read the response

        await app(scope, receive, send_and_close if cycle.more_body else send)

    def _refuse(self, message: str) -> None:
        """Send a 400; what the application still sends is dropped."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._linger_bytes = LINGER_HEAD_BYTES
        self.transport.write(plain_response("400 Bad Request", message))
        self.flow.resume_reading()
        self._linger()

    def _linger(self) -> None:
        """Close when the client does, but not much later: what it still sends is read and dropped."""
        self._unset_keepalive_if_required()
        self._lingering = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start_timer(LINGER_SECONDS)

    def _hosts(self) -> list[bytes]:
        return [value.lower() for name, value in self.headers if name == b"host"]

    def _count(self, length: int) -> None:
        self._field_bytes += length
        if self._field_bytes > MAX_HEAD_BYTES:
            raise TooLongError

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        if self._in_body and self.flow.read_paused and not self._lingering:
            self._start_timer(self.head_seconds)  # the application is slow, not the client
        elif self._in_body:
            self.transport.abort()  # close() would wait for a client that does not read
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._start_write_timer()

    def _start_write_timer(self) -> None:
        """Start it only while no more is written, so that the number of unsent bytes shows whether the client reads."""
        self._stop_write_timer()
        self._unsent_bytes = self.transport.get_write_buffer_size()
        if self._unsent_bytes:
            self._write_timer = self.loop.call_later(self.response_seconds, self._check_writing)

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _check_writing(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent_bytes:
            self._start_write_timer()
        else:
            self.transport.abort()


def guarded_protocol(*, head_seconds: float, response_seconds: float, max_connections: int) -> type[GuardedProtocol]:
    """Return the protocol class with these limits, as uvicorn takes a class."""
    limits = {"head_seconds": head_seconds, "response_seconds": response_seconds, "max_connections": max_connections}
    return type("Protocol", (GuardedProtocol,), limits)
