"""Server-sent events: live ones, replayed ones and the end."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from tests.api.conftest import Api, MakeApi, until

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


async def read_until(api: Api, path: str, text: bytes) -> None:
    """Read a response until it contains a text, then disconnect; httpx would wait for the end."""
    body, found = b"", asyncio.Event()

    async def receive() -> dict[str, str]:
        await found.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal body
        body += message.get("body", b"")
        if text in body:
            found.set()

    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    async with asyncio.timeout(20):
        await api.app(scope, receive, send)


async def listening(api: Api, count: int = 1) -> None:
    """Wait for listeners."""
    await until(lambda: api.services.event_hub.listeners >= count)


async def run_job(api: Api, iterations: int = 3) -> None:
    """Do what a worker does."""
    lease = api.worker.claim()
    for iteration in range(1, iterations + 1):
        api.worker.progress(lease, iteration)
        api.worker.preview(lease, iteration)
    api.worker.finish(lease)


async def test_a_listener_gets_every_event(api: Api) -> None:
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


async def test_events_do_not_name_blobs(api: Api) -> None:
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    await run_job(api, 1)
    preview = next(data for _, kind, data in await heard if kind == "preview")
    assert preview["url"] == f"/v1/jobs/{job['id']}/preview"
    assert "blob" not in preview


async def test_a_listener_that_reconnects_gets_what_it_missed(api: Api) -> None:
    job = await api.create()
    first = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    lease = api.worker.claim()
    for iteration in range(1, 7):
        api.worker.progress(lease, iteration)
    stored = [entry for entry, _ in api.redis.xrange(f"nst:events:{job['id']}")]
    again = asyncio.create_task(listen(api, job["id"], after=stored[3]))
    await listening(api, 2)
    api.worker.finish(lease)
    whole, rest = await first, await again
    assert [entry for entry, _, _ in rest] == [entry for entry, _, _ in whole][4:]


async def test_the_stream_of_an_ended_job_ends_at_once(api: Api) -> None:
    job = await api.create()
    await run_job(api, 1)
    assert (await listen(api, job["id"]))[-1][1] == "completed"


async def test_an_event_source_that_reconnects_after_completed_is_told_to_stop(api: Api) -> None:
    job = await api.create()
    await run_job(api, 1)
    last = (await listen(api, job["id"]))[-1][0]
    answer = await api.http.get(job["urls"]["events"], headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "x-request-id" in answer.headers


async def test_a_client_that_missed_completed_gets_it_and_is_then_told_to_stop(api: Api) -> None:
    job = await api.create()
    await run_job(api, 1)
    before = (await listen(api, job["id"]))[-2][0]
    assert [kind for _, kind, _ in await listen(api, job["id"], after=before)] == ["completed"]
    api.redis.delete(f"nst:events:{job['id']}")
    ((last, kind, _),) = await listen(api, job["id"], after=before)
    assert (bool(last), kind) == (True, "completed")
    assert (await api.http.get(job["urls"]["events"], headers={"Last-Event-ID": last})).status_code == 204


async def test_head_of_a_stream_has_its_headers(api: Api) -> None:
    job = await api.create()
    answer = await api.http.head(job["urls"]["events"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (await api.http.head("/v1/jobs/nope/events")).status_code == 404


@pytest.mark.parametrize("malformed", ["nonsense", "-", "9" * 40, "1-1-1", "0x10-0"])
async def test_a_malformed_event_id_replays_everything(api: Api, malformed: str) -> None:
    job = await api.create()
    await api.http.post(job["urls"]["cancel"])
    kinds = [kind for _, kind, _ in await listen(api, job["id"], after=malformed)]
    assert kinds == ["status", "completed"]


async def test_silence_is_broken_by_comments_and_a_disconnect_ends_the_stream(api: Api) -> None:
    api.services.event_heartbeat_seconds = 0.02
    job = await api.create()
    await read_until(api, job["urls"]["events"], b": nothing new\n\n")
    assert api.services.event_hub.listeners == 0
    assert not api.services.open_streams


async def test_the_stream_of_a_deleted_job_ends(api: Api) -> None:
    api.services.event_heartbeat_seconds = 0.05
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    await api.http.delete(job["urls"]["self"])
    assert (await heard)[-1][1] == "completed"


async def test_an_end_without_an_event_is_found_in_the_record(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_known(job_id: str, event_id: str) -> bool:
        return True

    monkeypatch.setattr(api.services.store, "has_event", is_known)
    api.services.event_heartbeat_seconds = 0.05
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"], after="99999999999999-0"))
    await listening(api)
    await run_job(api, 1)
    assert (await heard)[-1][2]["status"] == "succeeded"


async def test_an_unknown_job_is_refused_before_the_stream_begins(api: Api) -> None:
    answer = await api.http.get("/v1/jobs/nope/events")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_the_number_of_streams_is_limited(make_api: MakeApi) -> None:
    api = await make_api(max_listeners=1)
    job = await api.create()
    heard = asyncio.create_task(listen(api, job["id"]))
    await listening(api)
    refused = await api.http.get(job["urls"]["events"])
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_listeners")
    await api.http.post(job["urls"]["cancel"])
    await heard


async def test_one_key_cannot_open_every_stream(make_api: MakeApi) -> None:
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


async def test_streams_that_are_opened_at_the_same_time_are_counted(make_api: MakeApi) -> None:
    api = await make_api(max_listeners=6)
    header = await api.key()
    job = await api.create(header)
    heard = [asyncio.create_task(api.http.get(job["urls"]["events"], headers=header)) for _ in range(20)]
    await until(lambda: sum(task.done() for task in heard) >= 17)
    await listening(api, 3)
    await api.http.post(job["urls"]["cancel"], headers=header)
    answers = [answer.status_code for answer in await asyncio.gather(*heard)]
    assert (answers.count(200), answers.count(429)) == (3, 17)
    assert not api.services.open_streams


async def test_the_streams_of_a_revoked_key_end(api: Api) -> None:
    api.services.key_watch.seconds = 0.02
    ann, bob = await api.key("ann"), await api.key("bob")
    jobs = [await api.create(header) for header in (ann, bob)]
    heard = [
        asyncio.create_task(api.http.get(job["urls"]["events"], headers=header))
        for job, header in zip(jobs, (ann, bob), strict=True)
    ]
    await listening(api, 2)
    await api.revoke("ann")
    async with asyncio.timeout(20):
        answer = await heard[0]
    assert "completed" not in answer.text
    assert not heard[1].done()
    await api.http.post(jobs[1]["urls"]["cancel"], headers=bob)
    assert parsed((await heard[1]).text)[-1][1] == "completed"


async def test_a_stream_that_was_opened_without_a_key_ends_once_a_key_exists(api: Api) -> None:
    api.services.key_watch.seconds = 0.02
    job = await api.create()
    heard = asyncio.create_task(api.http.get(job["urls"]["events"]))
    await listening(api)
    await api.key()
    async with asyncio.timeout(20):
        assert "completed" not in (await heard).text


@pytest.mark.parametrize("unknown", ["999999999999999-0", "1-1", "99999999999999-7"])
async def test_an_unknown_event_id_replays_everything_and_holds_up_nobody(api: Api, unknown: str) -> None:
    job = await api.create()
    liar = asyncio.create_task(listen(api, job["id"], after=unknown))
    await listening(api)
    honest = asyncio.create_task(listen(api, job["id"]))
    await listening(api, 2)
    await run_job(api, 1)
    assert await liar == await honest
