"""`Prefer: wait`."""

import asyncio

import httpx
import pytest

from api.long_poll import preferred_wait
from tests.api.conftest import Api, form, until

pytestmark = pytest.mark.anyio


async def test_waiting_ends_with_the_job(api: Api) -> None:
    request = api.http.post("/v1/jobs", files=form(), headers={"Prefer": "respond-async, wait=30"})
    pending = asyncio.create_task(request)
    async with asyncio.timeout(20):
        await until(lambda: api.redis.keys("nst:job:*"))
        api.worker.finish(api.worker.claim())
        answer = await pending
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


async def test_waiting_ends_with_the_time(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(), headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("respond-async, wait=5", 5),
        ('wait="5"', 5),
        ("WAIT = 5;x", 5),
        ("wait=999", 60),
        (None, 0),
        ("wait", 0),
        ("wait=-5", 0),
        ("await=5", 0),
    ],
)
def test_the_preference_is_parsed(prefer: str | None, seconds: int) -> None:
    assert preferred_wait(prefer) == seconds


async def test_one_key_cannot_take_every_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.long_poll.MAX_WAITING_PER_KEY", 1)
    ann, bob = await api.key("ann"), await api.key("bob")

    def create(header: dict[str, str]) -> asyncio.Task[httpx.Response]:
        headers = {**header, "Prefer": "wait=60"}
        return asyncio.create_task(api.http.post("/v1/jobs", files=form(), headers=headers))

    waiting = [create(ann)]
    await until(lambda: api.services.event_hub.listeners == 1)
    assert (await create(ann)).status_code == 202
    waiting.append(create(bob))
    await until(lambda: api.services.event_hub.listeners == 2)
    for _ in range(3):
        api.worker.finish(api.worker.claim())
    assert [(await task).json()["status"] for task in waiting] == ["succeeded", "succeeded"]


async def test_a_wait_ends_once_its_caller_loses_access(api: Api) -> None:
    api.services.key_watch.seconds = 0.02

    def create(header: dict[str, str]) -> asyncio.Task[httpx.Response]:
        headers = {**header, "Prefer": "wait=60"}
        return asyncio.create_task(api.http.post("/v1/jobs", files=form(), headers=headers))

    waiting = [create({})]
    await until(lambda: api.services.event_hub.listeners == 1)
    ann = await api.key("ann")
    async with asyncio.timeout(20):
        answers = [await waiting[0]]
        waiting.append(create(ann))
        await until(lambda: api.services.event_hub.listeners == 1)
        await api.revoke("ann")
        answers.append(await waiting[1])
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(202, "queued")] * 2
