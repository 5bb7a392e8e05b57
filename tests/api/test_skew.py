"""The API beside workers of other releases and networks."""

from __future__ import annotations

import json

import pytest

from jobs.connections import connect
from jobs.model import WorkerInfo
from jobs.status import Priority
from jobs.worker_registry import WorkerRegistry
from tests.api.conftest import Api, form

pytestmark = pytest.mark.anyio


def announce(api: Api, *models: str) -> None:
    info = WorkerInfo(id="w1", host="here", device="cpu", models=models, priorities=tuple(Priority), started_at=1.0)
    WorkerRegistry(connect(api.settings), api.settings).announce(info)


async def test_what_a_newer_worker_adds_does_no_harm(api: Api) -> None:
    created = await api.create()
    lease = api.worker.claim()
    api.worker.progress(lease, 3)
    api.worker.finish(lease)
    record = f"nst:job:{created['id']}"
    for part in ("result", "progress"):
        api.redis.hset(record, part, json.dumps(json.loads(api.redis.hget(record, part) or "{}") | {"mood": "good"}))
    job = (await api.http.get(created["urls"]["self"])).json()
    assert (job["status"], job["result"]["width"]) == ("succeeded", 64)
    assert (await api.http.get(job["urls"]["result"])).status_code == 200


async def test_a_reason_that_only_a_newer_worker_knows_is_passed_on(api: Api) -> None:
    created = await api.create()
    api.worker.finish(api.worker.claim())
    record = f"nst:job:{created['id']}"
    api.redis.hset(
        record, mapping={"status": "failed", "failure": json.dumps({"code": "sparks", "message": "It burnt."})}
    )
    assert (await api.http.get(created["urls"]["self"])).json()["error"] == {"code": "sparks", "message": "It burnt."}


async def test_a_waiting_job_says_that_no_worker_has_its_network(api: Api) -> None:
    created = await api.create()
    assert created["waiting_for"] == "a worker that has the network lite"
    announce(api, "lite")
    assert (await api.http.get(created["urls"]["self"])).json()["waiting_for"] is None


async def test_a_network_that_no_worker_has_had_for_long_is_refused(api: Api) -> None:
    announce(api, "lite")
    refused = await api.http.post("/v1/jobs", files=form(model="vgg19"))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/model")
    announce(api, "lite", "vgg19")
    announce(api, "lite")  # the only worker that has it is being restarted
    assert (await api.http.post("/v1/jobs", files=form(model="vgg19"))).status_code == 202
