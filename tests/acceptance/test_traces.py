"""One trace from the client's request over the worker to the webhook, through real processes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.api.conftest import form
from tests.stack.stack import Stack, running_stack
from tests.waiting import until

pytestmark = pytest.mark.acceptance
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass
class Receiver:
    """A collector of spans and a receiver of webhooks."""

    url: str = ""
    webhooks: list[str | None] = field(default_factory=list)
    spans: dict[str, str] = field(default_factory=dict)  # the id of the trace of each name

    def collect(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans |= {span.name: span.trace_id.hex() for span in scope.spans}


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                receiver.collect(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            else:
                receiver.webhooks.append(self.headers["traceparent"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def run_traced_job(service: Stack, receiver: Receiver) -> None:
    """Create a job in the trace, and wait for its webhook."""
    files = form(steps="2", webhook_url=f"{receiver.url}/hook")
    answer = service.http.post("/v1/jobs", files=files, headers={"traceparent": PARENT})
    assert answer.status_code == 202, answer.text
    until(lambda: receiver.webhooks, "the webhook was not sent", seconds=60)


def test_a_traceparent_reaches_the_webhook_unchanged_without_a_collector() -> None:
    with receiving() as receiver, running_stack(fake_engine=True, NST_WEBHOOK_HOSTS="127.0.0.1") as service:
        run_traced_job(service, receiver)
    assert receiver.webhooks == [PARENT]
    assert receiver.spans == {}


def test_spans_of_api_worker_and_webhook_are_in_the_trace_of_the_request() -> None:
    with receiving() as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with running_stack(fake_engine=True, NST_WEBHOOK_HOSTS="127.0.0.1", **variables) as service:
            run_traced_job(service, receiver)
            names = ("create job", "run job", "send webhook")
            until(lambda: all(name in receiver.spans for name in names), "the spans were not sent", seconds=60)
    assert {receiver.spans[name] for name in names} == {TRACE}
    (traceparent,) = receiver.webhooks
    assert traceparent is not None and traceparent.split("-")[1] == TRACE and traceparent != PARENT
