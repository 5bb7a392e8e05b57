"""Keys: who may ask, and that one key sees nothing of another's jobs, over every route."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from jobs.status import Priority
from tests.api.conftest import Api, form, picture

pytestmark = pytest.mark.anyio

JOB_ROUTES = (
    ("GET", ""),
    ("GET", "/events"),
    ("GET", "/result"),
    ("GET", "/preview"),
    ("GET", "/timelapse"),
    ("GET", "/content"),
    ("GET", "/style/0"),
    ("GET", "/mask/0"),
    ("GET", "/style_mask/0"),
    ("POST", "/cancel"),
    ("POST", "/retry"),
    ("DELETE", ""),
)
OPEN_ROUTES = {"/healthz", "/readyz"}
Prepare = Callable[[Api], None]


def waiting(api: Api) -> None:
    """Leave the job in the queue."""


def running(api: Api) -> None:
    api.worker.progress(api.worker.claim(), 1)


def succeeded(api: Api) -> None:
    api.worker.finish(api.worker.claim())


async def test_the_matrix_has_every_route_of_a_job(api: Api) -> None:
    """A route that is added has to be added to the matrix."""
    paths = {(method, path) for path, item in api.app.openapi()["paths"].items() for method in item}
    of_jobs = {(method.upper(), path) for method, path in paths if path.startswith("/v1/jobs/{job_id}")}
    assert of_jobs == {(method, f"/v1/jobs/{{job_id}}{rest.replace('/0', '/{index}')}") for method, rest in JOB_ROUTES}


@pytest.mark.parametrize("prepare", [waiting, running, succeeded])
@pytest.mark.parametrize(("method", "rest"), JOB_ROUTES)
async def test_another_keys_job_is_a_404(api: Api, prepare: Prepare, method: str, rest: str) -> None:
    stops = rest == "/cancel" or method == "DELETE"  # what operators may do
    ann, bob = await api.key("ann"), await api.key("bob", operator=not stops)
    job = await api.create(ann)
    prepare(api)
    seen = await api.http.request(method, f"/v1/jobs/{job['id']}{rest}", headers=bob)
    unknown = await api.http.request(method, f"/v1/jobs/{job['id'][:-4]}ffff{rest}", headers=bob)
    assert (seen.status_code, unknown.status_code) == (404, 404)
    assert {**seen.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert (await api.http.get(f"/v1/jobs/{job['id']}", headers=ann)).status_code == 200


@pytest.mark.parametrize("prepare", [waiting, running])
async def test_an_operator_stops_the_job_of_a_revoked_key(api: Api, prepare: Prepare) -> None:
    ann, operator = await api.key("ann"), await api.key("operator", operator=True)
    job = await api.create(ann)
    prepare(api)
    await api.revoke("ann")
    canceled = await api.http.post(f"/v1/jobs/{job['id']}/cancel", headers=operator)
    assert canceled.status_code == (200 if prepare is waiting else 202)
    assert (await api.http.delete(f"/v1/jobs/{job['id']}", headers=operator)).status_code == 204
    assert api.stored() == []
    assert (await api.http.delete(f"/v1/jobs/{job['id']}", headers=operator)).status_code == 404


async def test_lists_and_queue_positions_contain_only_the_callers_jobs(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    for _ in range(3):
        await api.create(ann)
    job = await api.create(bob)
    assert job["queue_position"] == 1
    listed = (await api.http.get("/v1/jobs", headers=bob)).json()
    assert [found["id"] for found in listed["jobs"]] == [job["id"]]


async def test_an_idempotency_key_belongs_to_its_owner(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    first = await api.create({**ann, "Idempotency-Key": "1"})
    second = await api.create({**bob, "Idempotency-Key": "1"})
    assert first["id"] != second["id"]


async def test_the_cursor_of_another_key_returns_nothing(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    jobs = [await api.create(ann) for _ in range(3)]
    listed = await api.http.get("/v1/jobs", params={"cursor": jobs[2]["id"]}, headers=bob)
    assert listed.json()["jobs"] == []


async def test_every_route_except_health_needs_a_key_once_one_exists(api: Api) -> None:
    await api.key()
    for path, item in api.app.openapi()["paths"].items():
        concrete = path.replace("{job_id}", "x").replace("{index}", "0")
        concrete = concrete.replace("{name}", "waves").replace("{kind}", "picture")
        for method in item:
            status = (await api.http.request(method, concrete)).status_code
            assert status == (200 if path in OPEN_ROUTES else 401), (method, path)


@pytest.mark.parametrize("header", ["Bearer nst_wrong", "Bearer", "Basic YTpi", "nst_x", ""])
async def test_a_wrong_key_is_a_401_with_the_scheme(api: Api, header: str) -> None:
    await api.key()
    answer = await api.http.get("/v1/jobs", headers={"Authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_revoked_key_stops_at_once_even_if_it_was_the_only_one(api: Api) -> None:
    header = await api.key()
    job = await api.create(header)
    (key,) = await api.services.api_keys.list()
    await api.services.api_keys.revoke(key.id)
    assert (await api.http.get("/v1/jobs", headers=header)).status_code == 401
    assert (await api.http.get("/v1/jobs")).status_code == 401
    assert (await api.http.get(job["urls"]["content"])).status_code == 401


async def test_a_signed_picture_reads_its_own_key_alone(api: Api) -> None:
    job = await api.create(await api.key())
    api.redis.config_resetstat()
    assert (await api.http.get(job["urls"]["content"])).status_code == 200
    assert "cmdstat_hvals" not in api.redis.info("commandstats")  # what reads every key


async def test_only_the_digest_of_a_key_is_stored(api: Api) -> None:
    secret = (await api.key())["Authorization"].removeprefix("Bearer ")
    kept = "".join(f"{field}{value}" for field, value in api.redis.hgetall("nst:keys").items())
    assert secret.startswith("nst_")
    assert secret not in kept
    assert secret.removeprefix("nst_") not in kept


async def test_guessing_keys_is_rate_limited(make_api: Any) -> None:
    api = await make_api(bad_keys_per_minute=3)
    await api.key()
    wrong = {"Authorization": "Bearer nst_wrong"}
    statuses = [(await api.http.get("/v1/jobs", headers=wrong)).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


async def test_the_quota_of_queued_jobs_is_a_429(api: Api) -> None:
    header = await api.key(limits={"queued": 2})
    for _ in range(2):
        await api.create(header)
    before = len(api.stored())
    answer = await api.http.post("/v1/jobs", files=form(), headers=header)
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert int(answer.headers["retry-after"]) > 0
    assert len(api.stored()) == before


async def test_the_quota_of_jobs_per_day_is_a_429(api: Api) -> None:
    header = await api.key(limits={"per_day": 1})
    job = await api.create(header)
    await api.http.delete(job["urls"]["self"], headers=header)
    assert (await api.http.post("/v1/jobs", files=form(), headers=header)).status_code == 429


async def test_too_many_requests_are_a_429(make_api: Any) -> None:
    api = await make_api(creates_per_minute=2)
    ann, bob = await api.key("ann"), await api.key("bob")
    for _ in range(2):
        await api.create(ann)
    answer = await api.http.post("/v1/jobs", files=form(), headers=ann)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    await api.create(bob)


async def test_a_batch_key_creates_only_batch_jobs(api: Api) -> None:
    header = await api.key(priority=Priority.BATCH)
    assert (await api.create(header, priority="interactive"))["priority"] == "batch"


async def test_workers_and_metrics_are_for_operators(api: Api) -> None:
    user, operator = await api.key("user"), await api.key("operator", operator=True)
    for path in ("/v1/workers", "/metrics"):
        assert (await api.http.get(path, headers=user)).status_code == 403
        assert (await api.http.get(path, headers=operator)).status_code == 200


async def test_picture_urls_work_without_a_header(api: Api) -> None:
    header = await api.key()
    job = await api.create(header, mask=picture(), style_mask=picture())
    api.worker.finish(api.worker.claim())
    urls = (await api.http.get(f"/v1/jobs/{job['id']}", headers=header)).json()["urls"]
    for url in (urls["result"], urls["preview"], urls["content"], *urls["style"], *urls["mask"], *urls["style_mask"]):
        assert (await api.http.get(url)).status_code == 200
    assert (await api.http.get(f"{urls['result']}&format=jpeg")).headers["content-type"] == "image/jpeg"


async def test_a_signed_url_is_valid_only_for_its_path(api: Api) -> None:
    header = await api.key()
    job, other = await api.create(header), await api.create(header)
    url = job["urls"]["content"]
    for forged in (
        url.replace("/content", "/style/0"),
        url.replace(job["id"], other["id"]),
        url[:-1] + ("1" if url[-1] == "0" else "0"),
        url.replace("expires=", "expires=9"),
    ):
        assert (await api.http.get(forged)).status_code == 401


async def test_a_signed_url_expires(api: Api) -> None:
    job = await api.create(await api.key())
    (key,) = await api.services.api_keys.list()
    path = f"/v1/jobs/{job['id']}/content"
    for seconds, status in ((60, 200), (-1, 401)):
        url = api.services.signer.sign(path, key.id, int(time.time()) + seconds)
        assert (await api.http.get(url)).status_code == status


async def test_picture_urls_stay_the_same_for_a_while(api: Api) -> None:
    header = await api.key()
    job = await api.create(header)
    again = (await api.http.get(f"/v1/jobs/{job['id']}", headers=header)).json()
    assert job["urls"]["content"] == again["urls"]["content"]


async def test_equal_uploads_of_two_keys_are_stored_separately(api: Api) -> None:
    """Equal files of two keys are two files."""
    ann, bob = await api.key("ann"), await api.key("bob")
    first, _ = await api.create(ann, content=picture()), await api.create(bob, content=picture())
    await api.http.delete(f"/v1/jobs/{first['id']}", headers=ann)
    (job,) = (await api.http.get("/v1/jobs", headers=bob)).json()["jobs"]
    assert (await api.http.get(job["urls"]["content"])).status_code == 200
