"""docker-compose.yml and the files laid over it fit each other, the images and the settings."""

import re

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema

from tests.deploy.files import ROOT, document, layered, no_settings
from worker.settings import WorkerSettings

SERVICES = document("docker-compose.yml")["services"]
GPU_WORKER = document("deploy/compose/gpu.yml")["services"]["worker"]
OURS = ("api", "worker")


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    given = set(SERVICES[name]["environment"]) | set(GPU_WORKER["environment"])
    assert "NST_REDIS_URL" in given
    assert no_settings(given) == set()


@pytest.mark.parametrize("name", OURS)
def test_a_service_can_only_write_to_its_volume_and_tmp(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert service["volumes"] == ["pictures:/data"]


def test_a_worker_has_time_to_requeue_its_job() -> None:
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > WorkerSettings().stop_grace_seconds


def test_more_workers_can_be_started() -> None:
    assert not {"ports", "container_name"} & set(SERVICES["worker"])


def test_redis_persists_its_data_and_requires_a_password() -> None:
    options = SERVICES["redis"]["command"][1:]
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert (given["--appendonly"], given["--maxmemory-policy"]) == ("yes", "noeviction")
    assert given["--requirepass"].startswith("${NST_REDIS_PASSWORD:?")
    assert "ports" not in SERVICES["redis"]


def test_compose_and_kubernetes_pin_the_same_redis() -> None:
    image = SERVICES["redis"]["image"]
    assert re.fullmatch(r"redis:\d+\.\d+\.\d+-bookworm@sha256:[0-9a-f]{64}", image)
    assert image in (ROOT / "deploy/k8s/redis.yaml").read_text()


def test_the_redis_has_the_fixes_of_its_line() -> None:
    """7.4.6 fixed CVE-2025-49844, and the releases up to 7.4.10 what was found after it."""
    version = re.findall(r"redis:(\d+)\.(\d+)\.(\d+)", SERVICES["redis"]["image"])[0]
    assert tuple(map(int, version)) >= (7, 4, 10)


def test_every_worker_sees_every_gpu() -> None:
    """With a count, all replicas would get the same GPU; each worker takes a free one itself."""
    (devices,) = GPU_WORKER["deploy"]["resources"]["reservations"]["devices"]
    assert (devices["driver"], devices["count"], devices["capabilities"]) == ("nvidia", "all", ["gpu"])


def test_a_worker_on_a_gpu_gets_the_driver_and_writes_its_caches_to_tmp() -> None:
    given = GPU_WORKER["environment"]
    assert given["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert GPU_WORKER["read_only"] is False, "NVIDIA's toolkit writes into the root"
    caches = {name: value for name, value in given.items() if "CACHE" in name}
    assert len(caches) == 2 and all(path.startswith("/tmp/") for path in caches.values())


def test_workers_that_share_a_gpu_through_mps_reach_its_daemon_and_keep_the_rest() -> None:
    whole = layered("docker-compose.yml", "deploy/compose/gpu.yml", "deploy/compose/mps.yml")
    jsonschema.validate(whole, get_builtin_schema("vendor.compose-spec"))
    worker = whole["services"]["worker"]
    pipes = worker["environment"].pop("CUDA_MPS_PIPE_DIRECTORY")
    assert (worker["volumes"], worker["ipc"]) == (["pictures:/data", f"{pipes}:{pipes}"], "host")
    assert worker["environment"] == SERVICES["worker"]["environment"] | GPU_WORKER["environment"]
    assert worker["environment"]["NST_PER_DEVICE"] == "${NST_PER_DEVICE:-1}"
    assert worker["deploy"] == GPU_WORKER["deploy"]
    assert not {"ports", "container_name"} & set(worker), "--scale needs neither"


def seconds(text: str) -> float:
    """Read a duration such as 90s."""
    assert text.endswith("s")
    return float(text[:-1])
