"""What a key has used, over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.anyio


async def test_a_key_sees_what_it_used_today(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    await api.create(ann)
    api.worker.finish(api.worker.claim())
    await api.create(bob)
    before = datetime.now(UTC).date()
    (found,) = (await api.http.get("/v1/usage", headers=ann)).json()["usage"]
    (key,) = [key.id for key in await api.services.api_keys.list() if key.name == "ann"]
    assert (found["key"], found["jobs"], found["pixels"]) == (key, 1, 64 * 48)
    assert found["device_seconds"] >= 0
    assert found["day"] in (str(before), str(before - timedelta(days=1)))


async def test_only_an_operator_sees_every_key(api: Api) -> None:
    ann, operator = await api.key("ann"), await api.key("operator", operator=True)
    await api.create(ann)
    refused = await api.http.get("/v1/usage?all_keys=true", headers=ann)
    assert (refused.status_code, refused.json()["code"]) == (403, "operators_only")
    assert len((await api.http.get("/v1/usage?all_keys=true", headers=operator)).json()["usage"]) == 1
    assert (await api.http.get("/v1/usage", headers=operator)).json() == {"usage": []}


@pytest.mark.parametrize("period", ["days=31&until=2026-01-31", "until=0001-01-01", "days=366&until=9999-12-31"])
async def test_a_period_without_usage_is_empty(api: Api, period: str) -> None:
    assert (await api.http.get(f"/v1/usage?{period}")).json() == {"usage": []}


async def test_a_period_ends_with_its_last_day(api: Api) -> None:
    api.redis.hset("nst:usage:10", mapping={"local|jobs": 3})
    counts = [(await api.http.get(f"/v1/usage?days=2&until=1970-01-{day}")).json()["usage"] for day in (10, 11, 12, 13)]
    assert [[day["jobs"] for day in days] for days in counts] == [[], [3], [3], []]


@pytest.mark.parametrize("query", ["days=0", "days=367", "until=x", "until=2026-02-30"])
async def test_a_wrong_period_is_a_422(api: Api, query: str) -> None:
    answer = await api.http.get(f"/v1/usage?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"#/{query.partition('=')[0]}")


async def test_a_day_in_another_form_is_refused_with_the_right_one(api: Api) -> None:
    for value in ("1", "2026-1-2", "20260102", "2026-W01-1"):
        (error,) = (await api.http.get(f"/v1/usage?until={value}")).json()["errors"]
        assert error["detail"].endswith("write the day as YYYY-MM-DD")
