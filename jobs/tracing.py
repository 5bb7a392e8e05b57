"""Traces: the W3C trace context of a job, and OpenTelemetry spans if the extra `otel` is installed and configured.

Without the extra, a job passes on the `traceparent` that it was created with.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from opentelemetry.context import Context

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SDK = "opentelemetry.sdk.trace"
log = logging.getLogger(__name__)


def configure_tracing(role: str) -> None:
    """Send the spans of this process to the collector that OTEL_… variables name; call it after a fork."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp" or not any(map(os.environ.get, ENDPOINTS)):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        log.warning("no traces are sent, because the extra otel is not installed (%s)", error.name)
        return
    name = os.environ.get("OTEL_SERVICE_NAME", f"nst-{role}")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def valid_traceparent(text: str | None) -> str | None:
    """Return a `traceparent` if it is well formed; any other is ignored, as the standard demands."""
    return text if text is not None and TRACEPARENT.fullmatch(text) else None


@contextmanager
def span(
    name: str,
    parent: str | None,
    *,
    kind: Literal["INTERNAL", "PRODUCER", "CONSUMER", "CLIENT"] = "INTERNAL",
    **attributes: str,
) -> Iterator[str | None]:
    """Record a span, if traces are configured, and yield the `traceparent` for what is called in it.

    It belongs to the current span, or else to `parent`, which is yielded if there are no spans.
    """
    parent = valid_traceparent(parent)
    if SDK not in sys.modules:
        yield parent
        return
    from opentelemetry import trace

    tracer, span_kind = trace.get_tracer("nst"), trace.SpanKind[kind]
    with tracer.start_as_current_span(name, _context(parent), kind=span_kind, attributes=attributes):
        yield _current() or parent


def _context(parent: str | None) -> Context | None:
    """Return the context of the parent; None, for the current one, if a span is active."""
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if parent is None or trace.get_current_span().get_span_context().is_valid:
        return None
    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _current() -> str | None:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
