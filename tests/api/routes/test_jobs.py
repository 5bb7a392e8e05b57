"""Jobs over HTTP: create, get, list, cancel, retry and delete."""

import json
from typing import Any

import pytest

from api.schemas import JobView
from jobs.model import Failure
from tests.api.conftest import Api, form

pytestmark = pytest.mark.anyio


async def test_a_created_job_is_returned_with_its_location(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(max_size="64"))
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] == "queued"
    assert answer.json()["queue_position"] == 1


async def test_a_job_matches_its_schema(api: Api) -> None:
    job = JobView.model_validate(await api.create(max_size="64"), extra="forbid")
    assert job.params.max_size == 64
    assert job.params.steps > 0


async def test_parameters_come_as_json_or_as_fields(api: Api) -> None:
    as_json = await api.create(params=json.dumps({"max_size": 99, "seed": 4}))
    as_fields = await api.create(max_size="99", seed="4")
    assert as_json["params"] == as_fields["params"]


async def test_an_unknown_job_is_a_404(api: Api) -> None:
    for path in ("/v1/jobs/nope", "/v1/jobs/0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"):
        answer = await api.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown")


async def test_an_unchanged_job_is_a_304(api: Api) -> None:
    job = await api.create()
    first = await api.http.get(job["urls"]["self"])
    again = await api.http.get(job["urls"]["self"], headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    api.worker.claim()
    changed = await api.http.get(job["urls"]["self"], headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["status"]) == (200, "running")


async def test_a_new_guess_of_the_wait_is_a_change_of_the_job(api: Api) -> None:
    api.announce_worker("lite")
    api.redis.hset("nst:pace", "lite", "10")
    job = await api.create()
    first = await api.http.get(job["urls"]["self"])
    assert first.json()["queue_eta_seconds"] == 5
    api.redis.hset("nst:pace", "lite", "20")
    changed = await api.http.get(job["urls"]["self"], headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["queue_eta_seconds"]) == (200, 10)


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


async def test_the_list_can_be_filtered_by_status(api: Api) -> None:
    kept, canceled = await api.create(), await api.create()
    await api.http.post(canceled["urls"]["cancel"])
    found = (await api.http.get("/v1/jobs", params={"status": "queued"})).json()
    assert [job["id"] for job in found["jobs"]] == [kept["id"]]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "zzz"}, {"status": "lost"}])
async def test_a_wrong_query_is_a_422(api: Api, query: dict[str, Any]) -> None:
    answer = await api.http.get("/v1/jobs", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"#/{next(iter(query))}")


async def test_a_queued_job_is_canceled_at_once_and_canceling_twice_is_no_error(api: Api) -> None:
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


async def test_unknown_fields_of_a_newer_worker_are_ignored(api: Api) -> None:
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


async def test_an_unknown_failure_code_of_a_newer_worker_is_returned(api: Api) -> None:
    created = await api.create()
    api.worker.finish(api.worker.claim())
    record = f"nst:job:{created['id']}"
    api.redis.hset(
        record, mapping={"status": "failed", "failure": json.dumps({"code": "sparks", "message": "It burnt."})}
    )
    assert (await api.http.get(created["urls"]["self"])).json()["error"] == {"code": "sparks", "message": "It burnt."}


async def test_a_queued_job_says_that_no_worker_has_its_network(api: Api) -> None:
    created = await api.create()
    assert created["waiting_for"] == "a worker that has the network lite"
    api.announce_worker("lite")
    assert (await api.http.get(created["urls"]["self"])).json()["waiting_for"] is None
