"""Jobs over HTTP: create, look, list, cancel, retry, delete; waiting and idempotency."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from api.schemas import JobView
from jobs.model import Failure
from tests.api.conftest import Api, MakeApi, form, picture

pytestmark = pytest.mark.anyio


async def test_a_created_job_is_answered_with_its_place(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(max_size="64"))
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] == "queued"
    assert answer.json()["queue_position"] == 1


async def test_the_answer_is_what_the_contract_says(api: Api) -> None:
    job = JobView.model_validate(await api.create(max_size="64"), extra="forbid")
    assert job.params.max_size == 64
    assert job.params.steps > 0


async def test_parameters_come_as_json_or_as_fields(api: Api) -> None:
    as_json = await api.create(params=json.dumps({"max_size": 99, "seed": 4}))
    as_fields = await api.create(max_size="99", seed="4")
    assert as_json["params"] == as_fields["params"]


async def test_a_built_in_style_needs_no_file(api: Api) -> None:
    job = await api.create(style=b"", style_name="waves")
    assert job["style_names"] == ["waves"]
    answer = await api.http.get(job["urls"]["style"][0])
    assert answer.headers["content-type"] == "image/png"


async def test_several_styles_and_their_masks_are_kept_in_order(api: Api) -> None:
    files = [("content", picture())] + [("style", picture((32, 20 + i))) for i in range(3)]
    files += [("mask", picture((40, 20 + i))) for i in range(3)]
    job = (await api.http.post("/v1/jobs", files=files, data={"style_blend": "3,2,1"})).json()
    record = await api.services.store.get(job["id"], "local")
    assert [ref.name.partition("/")[2] for ref in record.inputs.styles] == ["style-0", "style-1", "style-2"]
    assert [ref.name.partition("/")[2] for ref in record.inputs.masks] == ["mask-0", "mask-1", "mask-2"]
    assert job["params"]["style_blend"] == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"content": b""}, "#/content"),
        ({"style": b""}, "#/style"),
        ({"style_name": "waves"}, "#/style_name"),
        ({"mask": picture(), "style": b"", "style_name": "nope"}, "#/style_name"),
        ({"style_blend": "1,2"}, "#/style_blend"),
        ({"max_size": "0"}, "#/max_size"),
        ({"max_size": "-5"}, "#/max_size"),
        ({"model": "gpt"}, "#/model"),
        ({"style_layers": "relu9_9:1"}, "#/style_layers"),
        ({"preset": "nope"}, "#/preset"),
        ({"init": "image"}, "#/init"),
        ({"surprise": "1"}, "#/surprise"),
        ({"params": "[1]"}, "#/params"),
        ({"params": '{"max_size": 99}', "max_size": "99"}, "#/max_size"),
    ],
)
async def test_a_wrong_part_is_named_and_nothing_is_kept(api: Api, values: dict[str, Any], pointer: str) -> None:
    answer = await api.http.post("/v1/jobs", files=form(**values))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert api.stored() == []
    assert api.redis.keys("nst:job:*") == []


async def test_one_bad_picture_among_many_is_named_and_nothing_is_kept(api: Api) -> None:
    files = [("content", picture()), ("style", picture()), ("style", b"no picture"), ("style", picture())]
    answer = await api.http.post("/v1/jobs", files=files)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (415, "#/style/1")
    assert api.stored() == []


async def test_a_network_that_no_worker_has_is_refused_with_the_command_that_gets_it(api: Api) -> None:
    from jobs.model import WorkerInfo
    from jobs.worker_registry import WorkerRegistry

    info = WorkerInfo(id="w", host="h", device="cpu", models=("lite",), priorities=())
    WorkerRegistry(api.redis, api.settings).announce(info)
    answer = await api.http.post("/v1/jobs", files=form(model="vgg19"))
    assert answer.status_code == 422
    assert "nst weights pull vgg19" in answer.json()["detail"]
    assert api.stored() == []


async def test_an_unknown_job_is_a_404(api: Api) -> None:
    for path in ("/v1/jobs/nope", "/v1/jobs/0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"):
        answer = await api.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown")


async def test_a_state_that_is_known_is_not_sent_again(api: Api) -> None:
    job = await api.create()
    first = await api.http.get(job["urls"]["self"])
    again = await api.http.get(job["urls"]["self"], headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    api.worker.claim()
    changed = await api.http.get(job["urls"]["self"], headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["status"]) == (200, "running")


async def test_progress_shows_in_the_job(api: Api) -> None:
    job = await api.create()
    api.worker.progress(api.worker.claim(), 3)
    found = (await api.http.get(job["urls"]["self"])).json()
    assert (found["progress"]["iteration"], found["progress"]["total"], found["attempt"]) == (3, 10, 1)


async def test_a_failure_shows_its_code_and_message(api: Api) -> None:
    job = await api.create()
    api.worker.claim().fail(Failure(code="out_of_memory", message="512 pixels would fit"))
    answer = await api.http.get(job["urls"]["self"])
    assert answer.json()["status"] == "failed"
    assert answer.json()["error"] == {"code": "out_of_memory", "message": "512 pixels would fit"}
    assert "retry-after" not in answer.headers


async def test_the_list_is_newest_first_and_pages(api: Api) -> None:
    ids = [(await api.create())["id"] for _ in range(5)]
    first = (await api.http.get("/v1/jobs", params={"limit": 3})).json()
    rest = (await api.http.get("/v1/jobs", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids[::-1]
    assert rest["next_cursor"] is None


async def test_the_list_can_be_of_one_state(api: Api) -> None:
    kept, canceled = await api.create(), await api.create()
    await api.http.post(canceled["urls"]["cancel"])
    found = (await api.http.get("/v1/jobs", params={"status": "queued"})).json()
    assert [job["id"] for job in found["jobs"]] == [kept["id"]]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "zzz"}, {"status": "lost"}])
async def test_a_wrong_query_is_a_422(api: Api, query: dict[str, Any]) -> None:
    answer = await api.http.get("/v1/jobs", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"#/{next(iter(query))}")


async def test_a_waiting_job_is_canceled_at_once_and_twice_is_no_error(api: Api) -> None:
    job = await api.create()
    for _ in range(2):
        answer = await api.http.post(job["urls"]["cancel"])
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")


async def test_a_running_job_is_asked_to_stop(api: Api) -> None:
    job = await api.create()
    api.worker.claim()
    answer = await api.http.post(job["urls"]["cancel"])
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.json()["cancel_requested_at"] is not None


async def test_a_finished_job_cannot_be_canceled(api: Api) -> None:
    job = await api.create()
    api.worker.finish(api.worker.claim())
    answer = await api.http.post(job["urls"]["cancel"])
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


async def test_a_retry_is_a_new_job_with_the_same_inputs(api: Api) -> None:
    job = await api.create(seed="5")
    api.worker.claim().fail(Failure(code="timeout", message="too long"))
    answer = await api.http.post(job["urls"]["retry"])
    again = answer.json()
    assert (answer.status_code, again["retry_of"], again["params"]) == (202, job["id"], job["params"])
    old, new = [await api.http.get(found["urls"]["content"]) for found in (job, again)]
    assert old.content == new.content
    await api.http.delete(job["urls"]["self"])
    assert (await api.http.get(again["urls"]["content"])).status_code == 200


async def test_only_an_ended_job_can_be_retried(api: Api) -> None:
    job = await api.create()
    assert (await api.http.post(job["urls"]["retry"])).status_code == 409


async def test_a_deleted_job_is_gone_with_its_pictures(api: Api) -> None:
    job = await api.create()
    api.worker.finish(api.worker.claim())
    assert (await api.http.delete(job["urls"]["self"])).status_code == 204
    assert api.stored() == []
    for call in (api.http.get, api.http.delete):
        assert (await call(job["urls"]["self"])).status_code == 404


async def test_waiting_ends_with_the_job(api: Api) -> None:
    request = api.http.post("/v1/jobs", files=form(), headers={"Prefer": "respond-async, wait=30"})
    pending = asyncio.create_task(request)
    async with asyncio.timeout(20):
        while not api.redis.keys("nst:job:*"):
            await asyncio.sleep(0.01)
        api.worker.finish(api.worker.claim())
        answer = await pending
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


async def test_waiting_ends_with_the_time(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(), headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


async def test_the_same_key_and_request_are_one_job(api: Api) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await api.create(key, max_size="64")
    # Another body: the parameter comes as JSON, and the boundary differs anyway.
    again = await api.create(key, params='{"max_size": 64}')
    assert again["id"] == first["id"]
    assert len(api.redis.keys("nst:job:*")) == 1


async def test_the_same_key_with_another_request_is_refused(api: Api) -> None:
    key = {"Idempotency-Key": "order-1"}
    await api.create(key, max_size="64")
    for other in ({"max_size": "65"}, {"max_size": "64", "content": picture(color=(1, 2, 3))}):
        answer = await api.http.post("/v1/jobs", files=form(**other), headers=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(api.stored()) == 2


async def test_a_key_in_use_is_a_conflict_and_a_refused_request_frees_it(api: Api) -> None:
    key = {"Idempotency-Key": "order-1"}
    await api.services.store.reserve_key("local", "order-1")
    answer = await api.http.post("/v1/jobs", files=form(), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    await api.services.store.release_key("local", "order-1")
    refused = await api.http.post("/v1/jobs", files=form(max_size="0"), headers=key)
    assert refused.status_code == 422
    await api.create(key)


async def test_ten_requests_at_once_with_one_key_are_one_job(api: Api) -> None:
    async def send() -> httpx.Response:
        return await api.http.post("/v1/jobs", files=form(), headers={"Idempotency-Key": "race"})

    answers = await asyncio.gather(*(send() for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(api.redis.keys("nst:job:*")) == 1
    assert len(api.stored()) == 2


async def test_a_full_queue_is_a_503_that_leaves_nothing(make_api: MakeApi) -> None:
    api = await make_api(jobs={"queue_limit": 1})
    await api.create()
    before = api.stored()
    answer = await api.http.post("/v1/jobs", files=form())
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
    assert "retry-after" in answer.headers
    assert api.stored() == before


async def test_a_full_disk_is_a_507_that_leaves_nothing(make_api: MakeApi) -> None:
    api = await make_api(jobs={"storage_min_free_bytes": 2**62})
    answer = await api.http.post("/v1/jobs", files=form())
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert "retry-after" in answer.headers
    assert api.stored() == []


async def test_each_answer_has_a_request_id_that_the_job_remembers(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(), headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer.headers["x-request-id"] == "from-the-proxy-1"
    assert answer.json()["request_id"] == "from-the-proxy-1"
    made = await api.http.get("/v1/jobs", headers={"X-Request-ID": "bad id\twith\ttabs"})
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])
