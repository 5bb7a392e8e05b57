"""Who may connect to whom in Kubernetes: the policies, read as a cluster reads them."""

from typing import Any

import pytest

from tests.deploy.files import document, documents

FOUND = documents("deploy/k8s")
POLICIES = {found["metadata"]["name"]: found["spec"] for found in FOUND if found["kind"] == "NetworkPolicy"}
PODS = ("api", "worker", "redis", "any other")
DNS = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
PUBLIC = "0.0.0.0/0"


def selects(selector: dict[str, Any], app: str) -> bool:
    """Apply a selector of pods; the only label that is used is `app`."""
    wanted = selector.get("matchLabels", {})
    within = [found["values"] for found in selector.get("matchExpressions", ()) if found["operator"] == "In"]
    return set(wanted) <= {"app"} and wanted.get("app", app) == app and all(app in values for values in within)


def rules(app: str, way: str) -> list[dict[str, Any]]:
    """Return the rules for one way, `ingress` or `egress`, of the pods of an app."""
    return [
        rule
        for spec in POLICIES.values()
        if way.capitalize() in spec["policyTypes"] and selects(spec["podSelector"], app)
        for rule in spec.get(way, ())
    ]


def ports(rule: dict[str, Any]) -> set[int]:
    return {found["port"] for found in rule["ports"]}


def lets(rule: dict[str, Any], way: str, app: str) -> bool:
    peers = rule.get("from" if way == "ingress" else "to")
    return peers is None or any(selects(peer["podSelector"], app) for peer in peers if "podSelector" in peer)


def test_what_is_not_allowed_is_denied_in_both_directions() -> None:
    assert POLICIES["default"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_only_api_and_workers_reach_redis() -> None:
    for app in PODS:
        reached = {port for rule in rules("redis", "ingress") if lets(rule, "ingress", app) for port in ports(rule)}
        assert reached == ({6379} if app in ("api", "worker") else set())


def test_redis_connects_to_nothing_and_nothing_to_a_worker() -> None:
    assert rules("redis", "egress") == rules("worker", "ingress") == []


def test_the_api_is_reached_on_its_own_port_only() -> None:
    (api,) = (found for found in FOUND if found["kind"] == "Deployment" and found["metadata"]["name"] == "api")
    (port,) = api["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert rules("api", "ingress") == [{"ports": [{"port": port["containerPort"]}]}]


@pytest.mark.parametrize("app", ["api", "worker"])
def test_api_and_workers_reach_names_redis_and_the_storage(app: str) -> None:
    found = rules(app, "egress")
    names = [rule for rule in found if {"namespaceSelector": DNS} in rule.get("to", ())]
    assert [(port["protocol"], port["port"]) for rule in names for port in rule["ports"]] == [("UDP", 53), ("TCP", 53)]
    assert any(6379 in ports(rule) and lets(rule, "egress", "redis") for rule in found if "to" in rule)
    (config,) = (found["data"] for found in FOUND if found["kind"] == "ConfigMap")
    assert config["NST_S3_ENDPOINT"].startswith("https://"), "the port of the storage is 443"
    assert set().union(*(ports(rule) for rule in found)) == {53, 6379, 443}


def test_api_and_workers_reach_public_addresses_only() -> None:
    def blocks(app: str) -> list[dict[str, Any]]:
        return [peer["ipBlock"] for rule in rules(app, "egress") for peer in rule.get("to", ()) if "ipBlock" in peer]

    assert blocks("redis") == []
    assert blocks("api") == blocks("worker")
    assert {block["cidr"] for block in blocks("worker")} == {PUBLIC, "::/0"}
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= {net for block in blocks("worker") for net in block["except"]}


def test_the_policies_are_applied() -> None:
    assert "network.yaml" in document("deploy/k8s/kustomization.yaml")["resources"]
