"""Looking at a job goes a shorter way than other requests, and the answer is what FastAPI's own way would give."""

import tempfile
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute, request_response

from api.routes.fast_route import FastRoute
from tests.api.conftest import Api, MakeApi
from tests.stack.redis import running_redis

pytestmark = pytest.mark.anyio
VARYING = {"x-request-id"}


async def both(api: Api, path: str, headers: dict[str, str]) -> tuple[httpx.Response, httpx.Response]:
    """Send a request both ways."""
    (route,) = [route for route in api.app.router.routes if isinstance(route, FastRoute)]
    lean = await api.http.get(path, headers=headers)
    own, route.app = route.app, request_response(APIRoute.get_route_handler(route))
    try:
        return lean, await api.http.get(path, headers=headers)
    finally:
        route.app = own


def seen(answer: httpx.Response) -> tuple[int, dict[str, str], object]:
    """Return status, headers and body, but for what differs from request to request."""
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
    body = answer.json() if answer.content else None
    return answer.status_code, headers, {**body, "request_id": ""} if body and "code" in body else body


async def check(api: Api, path: str, status: int, **headers: str) -> httpx.Response:
    lean, usual = await both(api, path, {name.replace("_", "-"): value for name, value in headers.items()})
    assert seen(lean) == seen(usual)
    assert lean.status_code == status
    return lean


async def test_a_job_in_each_state(api: Api) -> None:
    path = (await api.create())["urls"]["self"]
    tag = (await check(api, path, 200)).headers["etag"]
    await check(api, path, 304, If_None_Match=tag)
    await check(api, path, 304, If_None_Match=f'"other", W/{tag}')
    lease = api.worker.claim()
    assert (await check(api, path, 200, If_None_Match=tag)).headers["retry-after"] == "1"
    api.worker.progress(lease, 2)
    api.worker.preview(lease, 1)
    assert (await check(api, path, 200)).json()["urls"]["preview"]
    api.worker.finish(lease)
    assert "retry-after" not in (await check(api, path, 200)).headers


async def test_refusals(api: Api) -> None:
    path = (await api.create())["urls"]["self"]
    await check(api, "/v1/jobs/0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f", 404)
    await check(api, "/v1/jobs/nope", 404)
    await check(api, f"/v1/jobs/{'x' * 65}", 422)
    await check(api, path, 403, Host="example.org")
    await check(api, path, 403, Origin="https://example.org")
    api.redis.hset(f"nst:job:{path.rpartition('/')[2]}", "v", "99")
    await check(api, path, 409)


async def test_keys(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    path = (await api.create(ann))["urls"]["self"]
    signed = (await check(api, path, 200, **ann)).json()["urls"]["content"]
    assert (await api.http.get(signed)).status_code == 200
    await check(api, path, 404, **bob)
    await check(api, path, 401)
    await check(api, path, 401, Authorization="Bearer nst_wrong")
    await check(api, path, 401, Authorization="Basic abc")


async def test_head_and_a_root_path(make_api: MakeApi) -> None:
    api = await make_api(root_path="/nst")
    path = (await api.create())["urls"]["self"]
    assert path.startswith("/nst/")
    for either in (path, path.removeprefix("/nst")):
        assert (await check(api, either, 200)).json()["urls"]["self"] == path
    head = await api.http.head(path)
    assert (head.status_code, head.content) == (200, b"")


async def test_a_store_that_is_away_is_a_503_both_ways(make_api: MakeApi) -> None:
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="nst-") as folder, running_redis(Path(folder)) as files:
        api = await make_api(jobs={"redis_url": files.url})
        path = (await api.create())["urls"]["self"]
        await check(api, path, 200)
        api.redis.shutdown(nosave=True)
        assert (await check(api, path, 503)).headers["retry-after"] == "5"


async def test_what_this_process_did_to_a_job_shows_in_the_next_answer(api: Api) -> None:
    path = (await api.create())["urls"]["self"]
    assert (await api.http.get(path)).json()["status"] == "queued"
    await api.http.post(f"{path}/cancel")
    assert (await api.http.get(path)).json()["status"] == "canceled"
    await api.http.delete(path)
    assert (await api.http.get(path)).status_code == 404


async def test_the_route_is_documented_and_measured_like_any_other(api: Api) -> None:
    job = await api.create()
    await api.http.get(job["urls"]["self"])
    operation = (await api.http.get("/openapi.json")).json()["paths"]["/v1/jobs/{job_id}"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {"job_id", "if-none-match"}
    assert operation["security"] == [{"api_key": []}]
    text = (await api.http.get("/metrics")).text
    assert 'nst_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"} 1.0' in text
