"""The list of workers."""

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.anyio


async def test_workers_are_listed(api: Api) -> None:
    api.announce_worker("lite", state="busy", job="j")
    (worker,) = (await api.http.get("/v1/workers")).json()["workers"]
    assert (worker["id"], worker["state"], worker["job"]) == ("w1", "busy", "j")
    assert (worker["models"], worker["priorities"]) == (["lite"], ["interactive", "batch"])
    assert worker["started_at"] == "1970-01-01T00:00:01Z"
