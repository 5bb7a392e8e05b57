"""Idempotency keys: the same request sent twice creates one job."""

import asyncio

import httpx
import pytest

from api.problems import ProblemError
from api.submission.idempotency import earlier_job
from jobs.model import new_job_id
from jobs.store.idempotency import EarlierRequest
from tests.api.conftest import Api, form, picture

pytestmark = pytest.mark.anyio


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


async def test_the_key_of_a_deleted_job_is_free(api: Api) -> None:
    key = {"Idempotency-Key": "order-1"}
    job = await api.create(key)
    await api.http.delete(job["urls"]["self"])
    assert (await api.create(key))["id"] != job["id"]


async def test_a_job_that_is_deleted_during_the_second_upload_is_a_410(api: Api) -> None:
    earlier = EarlierRequest(job_id=new_job_id(), fingerprint="same")
    with pytest.raises(ProblemError) as caught:
        await earlier_job(api.services.store, "local", earlier, "same")
    assert (caught.value.status, caught.value.code) == (410, "job_deleted")


@pytest.mark.parametrize("key", ["two words", "", "x" * 256])
async def test_a_malformed_key_is_a_422(api: Api, key: str) -> None:
    answer = await api.http.post("/v1/jobs", files=form(), headers={"Idempotency-Key": key})
    assert answer.status_code == 422


async def test_two_keys_in_one_request_are_a_422(api: Api) -> None:
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    job = await api.create()
    api.worker.finish(api.worker.claim())
    for path in ("/v1/jobs", job["urls"]["retry"]):
        answer = await api.http.post(path, files=form(), headers=keys)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")


async def test_a_retry_sent_twice_with_one_key_is_one_job(api: Api) -> None:
    job = await api.create()
    api.worker.finish(api.worker.claim())
    key = {"Idempotency-Key": "again"}
    first = await api.http.post(job["urls"]["retry"], headers=key)
    await api.http.delete(job["urls"]["self"])  # the answer of a repeated request needs nothing of the first job
    repeated = await api.http.post(job["urls"]["retry"], headers=key)
    assert (first.status_code, repeated.status_code) == (202, 202)
    assert repeated.json()["id"] == first.json()["id"] == repeated.headers["location"].rpartition("/")[2]
    assert len(api.redis.keys("nst:job:*")) == 1


async def test_ten_retries_at_once_with_one_key_are_one_job(api: Api) -> None:
    job = await api.create()
    api.worker.finish(api.worker.claim())

    async def send() -> httpx.Response:
        return await api.http.post(job["urls"]["retry"], headers={"Idempotency-Key": "race"})

    answers = await asyncio.gather(*(send() for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(api.redis.keys("nst:job:*")) == 2


async def test_the_key_of_a_retry_is_refused_for_another_request_and_checked(api: Api) -> None:
    first, second = await api.create(), await api.create()
    api.worker.finish(api.worker.claim())
    key = {"Idempotency-Key": "again"}
    running = await api.http.post(second["urls"]["retry"], headers=key)
    assert (running.status_code, running.json()["code"]) == (409, "wrong_state")  # and the key is free again
    assert (await api.http.post(first["urls"]["retry"], headers=key)).status_code == 202
    creation = api.http.post("/v1/jobs", files=form(), headers=key)
    for answer in (await api.http.post(second["urls"]["retry"], headers=key), await creation):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    malformed = await api.http.post(first["urls"]["retry"], headers={"Idempotency-Key": "a b"})
    assert (malformed.status_code, malformed.json()["code"]) == (422, "idempotency_key_invalid")
