"""Grafana's dashboard uses metrics that the service exports, and compose.observability gives it what it needs."""

import json
import re

import pytest
import yaml

from tests.deploy.files import ROOT, document
from tests.deploy.test_prometheus import exported, metrics_of

__all__ = ["exported"]  # the fixture
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
TARGETS = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
COMPOSE = document("deploy/compose/observability.yml")


@pytest.mark.parametrize("target", TARGETS)
def test_a_panel_uses_exported_metrics(target: str, exported: set[str]) -> None:
    names = metrics_of(TARGETS[target])
    assert names and names <= exported | {"up"}


def test_every_metric_of_jobs_and_workers_is_on_the_dashboard(exported: set[str]) -> None:
    shown = {name for expression in TARGETS.values() for name in metrics_of(expression)}
    derived = {"nst_jobs_unfinished", "nst_http_requests_created", "nst_http_request_seconds_created"}
    parts = {"nst_http_request_seconds_count", "nst_http_request_seconds_sum"}
    assert exported - shown <= derived | parts


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_dashboard_reads_the_data_source_that_is_provided() -> None:
    (source,) = document("deploy/grafana/datasource.yml")["datasources"]
    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]}
    assert used == {source["uid"]}
    name, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert (name in COMPOSE["services"], port) == (True, "9090")


def test_every_image_has_an_exact_tag_and_a_digest() -> None:
    pinned = r"[a-z/]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}"
    images = [service["image"] for service in COMPOSE["services"].values()]
    assert [image for image in images if not re.fullmatch(pinned, image)] == []


def test_every_mounted_file_exists() -> None:
    mounted = [volume for service in COMPOSE["services"].values() for volume in service["volumes"]]
    paths = [volume.split(":")[0] for volume in mounted if volume.startswith("./")]
    assert [path for path in paths if not (ROOT / path).exists()] == ["./nst.key"]  # the operator's key


def test_prometheus_loads_the_alerts_and_reads_the_api_of_compose() -> None:
    config = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])
    assert config["rule_files"] == document("deploy/prometheus/prometheus.yml")["rule_files"]
    (job,) = config["scrape_configs"]
    assert (job["job_name"], job["static_configs"][0]["targets"]) == ("nst", ["api:8000"])
    assert "api" in document("docker-compose.yml")["services"]
