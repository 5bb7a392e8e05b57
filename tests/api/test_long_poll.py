"""`Prefer: wait`."""

import asyncio

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
