"""The trace context without OpenTelemetry, and spans with it, each in a fresh process: its provider is global."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jobs.tracing import span, valid_traceparent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SPANS = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from jobs.tracing import span

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
with span("outer", "{PARENT}", kind="CONSUMER", **{{"nst.model": "lite"}}) as outer, span("inner", "{PARENT}") as inner:
    pass
with span("new", None) as new:
    pass
assert outer[:36] == inner[:36] == "{PARENT}"[:36] and new[:36] != "{PARENT}"[:36]
second, first, third = exporter.get_finished_spans()
print(first.name, format(first.parent.span_id, "016x"), first.kind.name, first.attributes["nst.model"])
print(second.name, second.parent.span_id == first.context.span_id, third.name, third.parent)
"""
CONFIGURED = """
import sys
from jobs.tracing import SDK, configure_tracing
configure_tracing("test")
print(SDK in sys.modules)
"""


def python(code: str, **environment: str) -> list[str]:
    """Run code in a fresh interpreter and return the lines that it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**inherited, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        PARENT.upper(),
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        PARENT + "\nx",
    ],
)
def test_a_malformed_traceparent_is_ignored(text: str | None) -> None:
    assert valid_traceparent(text) is None


def test_a_well_formed_traceparent_is_passed_on_without_opentelemetry() -> None:
    with span("run", PARENT) as parent:
        assert parent == PARENT


def test_spans_belong_to_the_trace_of_their_parent() -> None:
    assert python(SPANS) == ["outer b7ad6b7169203331 CONSUMER lite", "inner True new None"]


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environment", "configured"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_spans_are_sent_only_if_the_environment_names_a_collector(
    environment: dict[str, str], configured: bool
) -> None:
    assert python(CONFIGURED, **environment) == [str(configured)]


def test_a_missing_extra_is_a_warning() -> None:
    missing = "import sys, logging; logging.basicConfig(stream=sys.stdout)\nsys.modules['opentelemetry'] = None\n"
    (warning, loaded) = python(missing + CONFIGURED, **ENDPOINT)
    assert "the extra otel is not installed" in warning
    assert loaded == "False"
