"""The alerts and the scaling use metrics that the service exports."""

import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import Metrics
from jobs.model import FAILURE_CODES, Stats, WorkerInfo
from jobs.status import Priority, Status
from tests.deploy.files import ROOT, document, documents

RULES = document("deploy/prometheus/alerts.yml")["groups"][0]["rules"]
OPERATIONS = ROOT / "docs" / "run" / "operations.md"


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """Return the names of the samples once everything has been counted."""
    metrics = Metrics()
    metrics.observe_request("GET", "/v1/jobs/{id}", 200, 0.1)
    worker = WorkerInfo(
        id="w",
        host="h",
        device="cpu",
        models=("lite",),
        priorities=tuple(Priority),
        speed={"lite": 1.0},
        memory_bytes=1,
    )
    waiting = {("lite", Priority.BATCH): 1}
    page = metrics.page(Stats(waiting=waiting, running=1, workers=1, totals=dict.fromkeys(totals(), 1.0)), [worker])
    families = text_string_to_metric_families(page.decode())
    return {sample.name for family in families for sample in family.samples}


def totals() -> Iterator[str]:
    """Yield the names of the counters in the scripts of the store."""
    for script in Path(ROOT / "jobs" / "store" / "lua").rglob("*.lua"):
        for name in re.findall(r"count\('(\w+:?)'", script.read_text()):
            yield name + "reason" if name.endswith(":") else name
    yield from (f"failed:{code}" for code in FAILURE_CODES)
    yield from (status.value for status in (Status.SUCCEEDED, Status.CANCELED))


def metrics_of(expression: str) -> set[str]:
    """Return the metrics in an expression."""
    names: set[str] = set()

    def note(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            names.add(node.name)
        return True

    promql_parser.walk(promql_parser.parse(expression), note)
    return names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_uses_exported_metrics(rule: dict[str, str], exported: set[str]) -> None:
    names = metrics_of(rule["expr"])
    assert names and names <= exported | {"up"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_documented(rule: dict[str, str]) -> None:
    assert f"`{rule['alert']}`" in OPERATIONS.read_text()


def test_every_metric_is_documented(exported: set[str]) -> None:
    parts = re.compile("_(bucket|count|sum|created)$")
    names = {parts.sub("", name) for name in exported - {"nst_jobs_created_total"}} - {"nst_http_requests"}
    table = set(re.findall(r"`(nst_[a-z_]+)`", OPERATIONS.read_text()))
    assert names | {"nst_jobs_created_total"} <= table


def test_the_scaling_uses_an_exported_metric(exported: set[str]) -> None:
    (scaled,) = (found for found in documents("deploy/k8s") if found["kind"] == "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"]["valueLocation"] in exported


def test_the_example_loads_the_alerts_and_defines_their_job() -> None:
    example = document("deploy/prometheus/prometheus.yml")
    assert example["rule_files"] == ["alerts.yml"]
    assert [job["job_name"] for job in example["scrape_configs"]] == ["nst"]
