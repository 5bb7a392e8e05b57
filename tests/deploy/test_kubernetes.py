"""The manifests match Kubernetes, KEDA, the images and the settings."""

from __future__ import annotations

import re
from typing import Any, Literal

import kubernetes_validate
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.deploy.files import ROOT, Document, document, documents, no_settings
from worker.settings import WorkerSettings

FOLDER = "deploy/k8s"
VERSION = "1.31"  # the oldest that the manifests support
FOUND = [found for found in documents(FOLDER) if found["kind"] != "Kustomization"]
KEDA = [found for found in FOUND if found["apiVersion"].startswith("keda.sh/")]


def named(found: Document) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"


def get(kind: str, name: str) -> Any:
    (found,) = (found for found in FOUND if named(found) == f"{kind}/{name}")
    return found["spec"]


def pods() -> dict[str, Any]:
    """Return the pod specifications by the resource that runs them."""
    kinds = ("Deployment", "StatefulSet")
    return {named(found): found["spec"]["template"]["spec"] for found in FOUND if found["kind"] in kinds}


@pytest.mark.parametrize("found", [found for found in FOUND if found not in KEDA], ids=named)
def test_a_manifest_is_valid_for_kubernetes(found: Document) -> None:
    kubernetes_validate.validate(found, VERSION, strict=True)


def test_kustomize_applies_every_manifest() -> None:
    listed = set(document(f"{FOLDER}/kustomization.yaml")["resources"])
    assert listed == {path.name for path in (ROOT / FOLDER).glob("*.yaml")} - {"kustomization.yaml"}


# The parts of KEDA's custom resources that are used here: https://keda.sh/docs/2.17/reference/scaledobject-spec/


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Named(Strict):
    name: str


class Policy(Strict):
    type: Literal["Pods", "Percent"]
    value: int = Field(gt=0)
    periodSeconds: int = Field(gt=0, le=1800)  # noqa: N815


class Rules(Strict):
    stabilizationWindowSeconds: int = Field(ge=0, le=3600)  # noqa: N815
    policies: list[Policy] = []


class Behavior(Strict):
    scaleUp: Rules  # noqa: N815
    scaleDown: Rules  # noqa: N815


class Horizontal(Strict):
    behavior: Behavior


class Advanced(Strict):
    horizontalPodAutoscalerConfig: Horizontal  # noqa: N815


class MetricsApi(Strict):
    """The metadata of the scaler, all strings: https://keda.sh/docs/2.17/scalers/metrics-api/"""

    url: str = Field(pattern="^https?://")
    format: Literal["json", "xml", "yaml", "prometheus"]
    valueLocation: str  # noqa: N815
    targetValue: str = Field(pattern=r"^\d+(\.\d+)?$")  # noqa: N815
    authMode: Literal["bearer"]  # noqa: N815


class Trigger(Strict):
    type: Literal["metrics-api"]
    metadata: MetricsApi
    authenticationRef: Named  # noqa: N815


class ScaledObject(Strict):
    scaleTargetRef: Named  # noqa: N815
    minReplicaCount: int = Field(ge=0)  # noqa: N815
    maxReplicaCount: int = Field(gt=0)  # noqa: N815
    pollingInterval: int = Field(gt=0)  # noqa: N815
    advanced: Advanced
    triggers: list[Trigger] = Field(min_length=1)


class SecretTarget(Strict):
    parameter: Literal["token"]
    name: str
    key: str


class TriggerAuthentication(Strict):
    secretTargetRef: list[SecretTarget]  # noqa: N815


@pytest.mark.parametrize("found", KEDA, ids=named)
def test_a_manifest_is_valid_for_keda(found: Document) -> None:
    assert found["apiVersion"] == "keda.sh/v1alpha1"
    {"ScaledObject": ScaledObject, "TriggerAuthentication": TriggerAuthentication}[found["kind"]](**found["spec"])


def test_the_scaled_deployment_and_the_queried_service_exist() -> None:
    scaled = ScaledObject(**get("ScaledObject", "worker"))
    (trigger,) = scaled.triggers
    assert "replicas" not in get("Deployment", scaled.scaleTargetRef.name), "replicas would undo the scaling"
    assert scaled.minReplicaCount >= 1, "without a worker, nothing expires and no webhook is sent"
    assert get("TriggerAuthentication", trigger.authenticationRef.name)
    service = re.match(r"http://(\w+)\.nst\.", trigger.metadata.url)
    assert service and get("Service", service[1])["ports"][0]["port"] == 80


def test_a_worker_has_one_gpu_and_time_to_requeue_its_job() -> None:
    spec = pods()["Deployment/worker"]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert spec["terminationGracePeriodSeconds"] > WorkerSettings().stop_grace_seconds


@pytest.mark.parametrize("name", pods())
def test_a_container_has_minimal_privileges(name: str) -> None:
    """The namespace enforces the Pod Security level `restricted`; a read-only root comes on top, except with a GPU."""
    spec = pods()[name]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": "runtimeClassName" not in spec,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("role", ["api", "worker"])
def test_pods_run_as_the_user_of_their_image(role: str) -> None:
    user = pods()[f"Deployment/{role}"]["securityContext"]["runAsUser"]
    assert f"\nUSER {user}\n" in (ROOT / f"Dockerfile.{role}").read_text()


def test_every_variable_is_a_setting() -> None:
    (config,) = (found["data"] for found in FOUND if found["kind"] == "ConfigMap")
    given = {item["name"] for spec in pods().values() for box in spec["containers"] for item in box.get("env", ())}
    assert "NST_REDIS_URL" in given
    assert no_settings(given | set(config)) == set()


def test_selectors_match_pods() -> None:
    labels = {
        found["spec"]["template"]["metadata"]["labels"]["app"] for found in FOUND if "template" in found.get("spec", {})
    }
    asked = {get("Service", name)["selector"]["app"] for name in ("api", "redis")}
    asked |= {get("NetworkPolicy", name)["podSelector"]["matchLabels"]["app"] for name in ("redis", "api")}
    assert asked <= labels
