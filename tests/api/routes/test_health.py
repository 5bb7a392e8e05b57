"""Health, readiness and metrics."""

import pytest

from jobs.model import Failure
from tests.api.conftest import Api, MakeApi, form

pytestmark = pytest.mark.anyio


async def test_health_needs_neither_redis_nor_storage(make_api: MakeApi) -> None:
    api = await make_api(jobs={"redis_timeout_seconds": 0.1, "storage_min_free_bytes": 2**62})
    api.redis.execute_command("CLIENT", "PAUSE", 2000, "ALL")
    try:
        assert (await api.http.get("/healthz")).json() == {"status": "ok"}
    finally:
        api.redis.execute_command("CLIENT", "UNPAUSE")


async def test_ready_means_that_jobs_can_be_accepted(api: Api) -> None:
    assert (await api.http.get("/readyz")).status_code == 200


async def test_ready_names_what_is_down(make_api: MakeApi) -> None:
    api = await make_api(jobs={"storage_min_free_bytes": 2**62})
    api.services.draining = True
    answer = await api.http.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "not ready: draining, storage")
    assert "retry-after" in answer.headers


async def test_an_unavailable_job_store_is_a_503(api: Api) -> None:
    await api.create()
    api.redis.config_set("maxmemory", "1")  # Redis refuses writes
    try:
        refused = await api.http.post("/v1/jobs", files=form())
        ready = await api.http.get("/readyz")
    finally:
        api.redis.config_set("maxmemory", "0")
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert (ready.status_code, ready.json()["detail"]) == (503, "not ready: redis")
    assert "retry-after" in refused.headers
    assert len(api.stored()) == 2


async def test_metrics_count_requests_queue_and_workers(api: Api) -> None:
    api.announce_worker("lite", speed={"lite": 9.5}, memory_bytes=123)
    await api.create()
    await api.create(priority="batch")
    api.worker.claim().fail(Failure(code="out_of_memory", message="no"))
    text = (await api.http.get("/metrics")).text
    for line in (
        'nst_http_requests_total{method="POST",route="/v1/jobs",status="202"} 2.0',
        'nst_queue_depth{model="lite",priority="batch"} 1.0',
        "nst_jobs_running 0.0",
        "nst_jobs_unfinished 1.0",
        "nst_workers 1.0",
        'nst_model_workers{model="lite"} 1.0',
        "nst_jobs_created_total 2.0",
        'nst_jobs_failed_total{code="out_of_memory"} 1.0',
        'nst_iterations_per_second{model="lite",worker="w1"} 9.5',
        'nst_device_memory_bytes{device="cpu",worker="w1"} 123.0',
    ):
        assert line in text
    assert "nst_jobs_queue_seconds_total" in text
    assert "nst_http_request_seconds_bucket" in text


async def test_clients_cannot_create_time_series(api: Api) -> None:
    for path in ("/nope/1", "/nope/2", "/v1/jobs/a", "/v1/jobs/b"):
        await api.http.request("BREW", path)
    text = (await api.http.get("/metrics")).text
    assert "nope" not in text
    assert "BREW" not in text
