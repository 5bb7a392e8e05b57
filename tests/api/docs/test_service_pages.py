"""Health, metrics, documentation, refusals of the framework, headers, logs, and life behind a proxy."""

import json
import logging
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.web_page import mount_page
from jobs.logs import configure_logging
from jobs.model import Failure, Job, WorkerInfo
from jobs.status import Priority
from jobs.worker_registry import WorkerRegistry
from tests.api.conftest import Api, MakeApi, form

pytestmark = pytest.mark.anyio
DOWN = "unix:///nowhere/redis.sock"


def make_worker(**values: object) -> WorkerInfo:
    given = {"id": "w1", "host": "h", "device": "cpu", "models": ("lite",), "priorities": tuple(Priority)} | values
    return WorkerInfo(**given)  # type: ignore[arg-type]


async def test_health_asks_nothing_of_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.services, "store", None)
    monkeypatch.setattr(api.services, "api_keys", None)
    assert (await api.http.get("/healthz")).json() == {"status": "ok"}


async def test_ready_means_that_jobs_can_be_taken(api: Api) -> None:
    assert (await api.http.get("/readyz")).status_code == 200


async def test_ready_names_what_is_down(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await make_api(jobs={"storage_min_free_bytes": 2**62})
    api.services.draining = True
    answer = await api.http.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "not ready: draining, storage")
    assert "retry-after" in answer.headers


async def test_a_job_store_that_is_away_is_a_503(api: Api) -> None:
    job = await api.create()
    api.redis.config_set("maxmemory", "1")  # Redis refuses writes
    try:
        refused = await api.http.post("/v1/jobs", files=form())
        ready = await api.http.get("/readyz")
    finally:
        api.redis.config_set("maxmemory", "0")
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert (ready.status_code, ready.json()["detail"]) == (503, "not ready: redis")
    assert "retry-after" in refused.headers
    assert len(api.stored()) == 2, job


async def test_metrics_tell_of_requests_queue_and_workers(api: Api) -> None:
    WorkerRegistry(api.redis, api.settings).announce(make_worker(speed={"lite": 9.5}, memory_bytes=123))
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


async def test_clients_cannot_make_series_of_metrics(api: Api) -> None:
    for path in ("/nope/1", "/nope/2", "/v1/jobs/a", "/v1/jobs/b"):
        await api.http.request("BREW", path)
    text = (await api.http.get("/metrics")).text
    assert "nope" not in text
    assert "BREW" not in text


async def test_workers_are_listed(api: Api) -> None:
    WorkerRegistry(api.redis, api.settings).announce(make_worker(state="busy", job="j"))
    (worker,) = (await api.http.get("/v1/workers")).json()["workers"]
    assert (worker["id"], worker["state"], worker["job"]) == ("w1", "busy", "j")


async def test_models_say_whether_a_live_worker_has_them(api: Api) -> None:
    WorkerRegistry(api.redis, api.settings).announce(make_worker())
    models = {model["name"]: model for model in (await api.http.get("/v1/models")).json()["models"]}
    assert (models["lite"]["available"], models["vgg19"]["available"]) == (True, False)
    assert models["lite"]["default"]
    assert models["vgg19"]["layers"][0] == "conv1_1"


async def test_presets_are_complete_and_limits_are_told(api: Api) -> None:
    answer = (await api.http.get("/v1/presets")).json()
    names = [preset["name"] for preset in answer["presets"]]
    assert names[0] == "default"
    assert all(preset["params"]["preset"] == preset["name"] for preset in answer["presets"])
    assert (answer["limits"]["max_styles"], answer["limits"]["max_file_bytes"]) == (8, 20 * 2**20)


async def test_styles_have_pictures(api: Api) -> None:
    styles = {style["name"]: style for style in (await api.http.get("/v1/styles")).json()["styles"]}
    style = styles["waves"]
    for url, most in ((style["picture"], 2_000_000), (style["thumbnail"], 150_000)):
        answer = await api.http.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert len(answer.content) < most
        again = await api.http.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    assert (await api.http.get("/v1/styles/nope/picture")).status_code == 404
    assert (await api.http.get(f"/v1/styles/{style['name']}/nope")).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/v1/jobs/", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs?limit=x", 422, "invalid_request"),
        ("POST", "/v1/jobs", 415, "not_multipart"),
    ],
)
async def test_the_frameworks_own_refusals_are_problems_too(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["status"] == status


async def test_a_refused_method_names_those_that_are_taken(api: Api) -> None:
    assert (await api.http.put("/v1/jobs")).headers["allow"] == "GET, HEAD, POST"
    assert (await api.http.put("/v1/jobs/x")).headers["allow"] == "DELETE, GET, HEAD"


class BrokenStore:
    async def get(self, job_id: str, owner: str) -> Job:
        raise ZeroDivisionError("/secret/path")

    async def aclose(self) -> None:
        pass


async def test_an_unexpected_error_says_nothing_of_the_inside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.services, "store", BrokenStore())
    answer = await api.http.get("/v1/jobs/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "Zero" not in answer.text


async def test_every_answer_carries_the_security_headers(api: Api) -> None:
    for path in ("/healthz", "/v1/jobs", "/nope", "/docs"):
        headers = (await api.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers


async def test_the_reference_lists_every_operation_and_loads_nothing_from_elsewhere(api: Api) -> None:
    answer = await api.http.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for item in api.app.openapi()["paths"].values():
        for operation in item.values():
            assert f"id={operation['operationId']}" in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text.replace("https:// URL", "").replace("https://host", "")
    assert "<script" not in answer.text
    assert (await api.http.get("/docs.css")).headers["content-type"].startswith("text/css")


async def test_the_page_is_served_under_a_strict_policy(tmp_path: Path) -> None:
    import httpx

    (tmp_path / "index.html").write_text("<!doctype html><title>t</title>")
    app = FastAPI()
    mount_page(app, tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        answer = await http.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


async def test_links_name_the_path_that_a_proxy_serves_the_api_under(make_api: MakeApi) -> None:
    api = await make_api(root_path="/nst")
    job = await api.create()
    assert job["urls"]["self"].startswith("/nst/v1/jobs/")
    header = await api.key()
    keyed = await api.create(header)
    url = keyed["urls"]["content"]
    # A proxy takes its prefix off; one that leaves it on works as well.
    for asked in (url.removeprefix("/nst"), url):
        assert (await api.http.get(asked)).status_code == 200


def test_logs_are_json_with_the_ids_of_requests(capsys: pytest.CaptureFixture[str]) -> None:
    import structlog

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("info")
        structlog.contextvars.bind_contextvars(request_id="r1")
        structlog.get_logger("api.requests").info("request", status=200)
        logging.getLogger("jobs.store.job_store").warning("a library says %s", "this")
    finally:
        root.handlers, root.level = handlers, level
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()
    own, foreign = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (own["event"], own["status"], own["request_id"]) == ("request", 200, "r1")
    assert (foreign["event"], foreign["level"], foreign["request_id"]) == ("a library says this", "warning", "r1")
