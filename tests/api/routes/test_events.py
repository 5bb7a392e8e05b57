"""Server-sent events: live, replayed, ended."""

import asyncio
import json

import pytest

from tests.api.conftest import Api, MakeApi

pytestmark = pytest.mark.anyio


def parsed(text: str) -> list[tuple[str, str, dict[str, object]]]:
    """Return id, kind and data of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


async def listen(api: Api, job_id: str, after: str | None = None) -> list[tuple[str, str, dict[str, object]]]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with asyncio.timeout(20):
        answer = await api.http.get(f"/v1/jobs/{job_id}/events", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    return parsed(answer.text)


async def listening(api: Api, count: int = 1) -> None:
    """Wait until somebody listens."""
    async with asyncio.timeout(10):
        while api.services.event_hub.listeners < count:
            await asyncio.sleep(0.005)


async def run_job(api: Api, iterations: int = 3) -> None:
    """Play a worker that takes its time between events, as one does."""
    lease = api.worker.claim()
    for iteration in range(1, iterations + 1):
        api.worker.progress(lease, iteration)
        api.worker.preview(lease, iteration)
        await asyncio.sleep(0.02)
    api.worker.finish(lease)


async def test_a_listener_hears_the_whole_story(api: Api) -> None:
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    await run_job(api)
    events = await heard
    kinds = [kind for _, kind, _ in events]
    assert kinds[0] == "status"
    assert kinds[-1] == "completed"
    assert kinds.count("progress") == kinds.count("preview") == 3
    assert events[-1][2]["status"] == "succeeded"
    assert events[-1][2]["url"] == f"/v1/jobs/{job['id']}/result"


async def test_events_name_no_file_of_ours(api: Api) -> None:
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    await run_job(api, 1)
    preview = next(data for _, kind, data in await heard if kind == "preview")
    assert preview["url"] == f"/v1/jobs/{job['id']}/preview"
    assert "blob" not in preview


async def test_a_listener_that_comes_back_hears_what_it_missed(api: Api) -> None:
    job = await api.create()
    first = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    lease = api.worker.claim()
    for iteration in range(1, 7):
        api.worker.progress(lease, iteration)
    stored = [entry for entry, _ in api.redis.xrange(f"nst:events:{job['id']}")]
    again = asyncio.create_task(listen(api, job["id"], after=stored[3]))
    await listening(api, 2)
    await asyncio.sleep(0.05)
    api.worker.finish(lease)
    whole, rest = await first, await again
    assert [entry for entry, _, _ in rest] == [entry for entry, _, _ in whole][4:]


async def test_an_ended_job_tells_its_end(api: Api) -> None:
    job = await api.create()
    await run_job(api, 1)
    assert (await listen(api, job["id"]))[-1][1] == "completed"


async def test_a_client_that_has_heard_everything_hears_the_end_again(api: Api) -> None:
    """Else a client that lost its connection on the last event would wait for ever."""
    job = await api.create()
    await run_job(api, 1)
    last = (await listen(api, job["id"]))[-1][0]
    assert [kind for _, kind, _ in await listen(api, job["id"], after=last)] == ["completed"]


@pytest.mark.parametrize("strange", ["nonsense", "-", "9" * 40, "1-1-1", "0x10-0"])
async def test_a_strange_event_id_replays_everything(api: Api, strange: str) -> None:
    job = await api.create()
    await api.http.post(job["urls"]["cancel"])
    kinds = [kind for _, kind, _ in await listen(api, job["id"], after=strange)]
    assert kinds == ["status", "completed"]


async def test_silence_is_broken_by_comments(api: Api) -> None:
    api.services.event_heartbeat_seconds = 0.02
    job = await api.create()
    answer = asyncio.create_task(api.http.get(job["urls"]["events"]))
    await listening(api)
    await asyncio.sleep(0.3)
    await api.http.post(job["urls"]["cancel"])
    assert ": nothing new\n\n" in (await answer).text


async def test_listeners_of_a_deleted_job_are_let_go(api: Api) -> None:
    api.services.event_heartbeat_seconds = 0.05
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    await api.http.delete(job["urls"]["self"])
    assert (await heard)[-1][1] == "completed"


async def test_an_end_that_the_stream_lost_is_found_in_the_record(api: Api) -> None:
    api.services.event_heartbeat_seconds = 0.05
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"], after="99999999999999-0"))
    await listening(api)
    await run_job(api, 1)
    assert (await heard)[-1][2]["status"] == "succeeded"


async def test_an_unknown_job_is_refused_before_the_stream_begins(api: Api) -> None:
    answer = await api.http.get("/v1/jobs/nope/events")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_there_are_only_so_many_listeners(make_api: MakeApi) -> None:
    api = await make_api(max_listeners=1)
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    refused = await api.http.get(job["urls"]["events"])
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_listeners")
    await api.http.post(job["urls"]["cancel"])
    await heard


async def test_one_key_cannot_take_every_stream(make_api: MakeApi) -> None:
    api = await make_api(max_listeners=3)
    ann, bob = await api.key("ann"), await api.key("bob")
    jobs = [await api.create(header) for header in (ann, bob)]
    heard = [asyncio.create_task(api.http.get(jobs[0]["urls"]["events"], headers=ann))]
    await listening(api)
    assert (await api.http.get(jobs[0]["urls"]["events"], headers=ann)).status_code == 429
    heard.append(asyncio.create_task(api.http.get(jobs[1]["urls"]["events"], headers=bob)))
    await listening(api, 2)
    for job, header in zip(jobs, (ann, bob), strict=True):
        await api.http.post(job["urls"]["cancel"], headers=header)
    assert [answer.status_code for answer in await asyncio.gather(*heard)] == [200, 200]
    assert not api.services.open_streams


async def test_nothing_is_kept_for_listeners_that_went(api: Api) -> None:
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    await api.http.post(job["urls"]["cancel"])
    await heard
    assert api.services.event_hub.listeners == 0
    assert api.services.event_hub._channels == {}
