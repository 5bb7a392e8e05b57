"""The client against a service that is played: refusals, silence, and streams that break."""

import asyncio
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from nst_client import AsyncClient, Client, JobEndedError, NotReachableError, Retries, ServiceError, WaitedTooLongError

JOB = {"id": "j1", "status": "queued", "progress": None, "result": None, "error": None, "params": {}, "new": "field"}
DONE = {
    **JOB,
    "status": "succeeded",
    "result": {"width": 4, "height": 3, "bytes": 7, "sha256": "ab", "media_type": "image/png", "loss": 1.0},
}
Handler = Callable[[httpx.Request], httpx.Response]


class Played:
    """A client whose service answers from a list, and whose pauses are noted instead of waited."""

    def __init__(self, *answers: httpx.Response | Exception, attempts: int = 3) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._answers: Iterator[httpx.Response | Exception] = iter(answers)
        self._retries = Retries(attempts=attempts, chance=lambda: 1.0)
        self.client = Client("http://nst", retries=self._retries, transport=self._transport(), sleep=self.pauses.append)

    def asynchronous(self) -> AsyncClient:
        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        return AsyncClient("http://nst", retries=self._retries, transport=self._transport(), sleep=sleep)

    def _transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def told(status: int, body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def stream(*events: tuple[str, str, dict[str, Any]]) -> httpx.Response:
    text = "".join(f"id: {i}\nevent: {kind}\ndata: {json.dumps(data)}\n\n: heartbeat\n\n" for i, kind, data in events)
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def test_a_picture_is_sent_waited_for_and_fetched(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    played = Played(
        told(202, JOB), told(200, {**JOB, "status": "running"}), told(200, DONE), httpx.Response(200, content=b"png")
    )
    painted = played.client.stylize(photo, b"painting", max_size=64, style_layers={"style1": 0.5}, carry_state=False)
    painted.save(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == b"png"
    assert painted.job.result is not None
    assert painted.job.result.width == 4
    sent = played.requests[0].content
    for part in (b'name="content"', b"photo", b'name="style"', b"painting", b"64", b"style1:0.5", b"false"):
        assert part in sent
    assert [request.url.path for request in played.requests[1:]] == ["/v1/jobs/j1", "/v1/jobs/j1", "/v1/jobs/j1/result"]


def test_a_job_that_fails_says_why() -> None:
    failed = {**JOB, "status": "failed", "error": {"code": "worker_lost", "message": "the worker was lost"}}
    with pytest.raises(JobEndedError, match="the worker was lost") as caught:
        Played(told(202, JOB), told(200, failed)).client.stylize(b"c", b"s")
    assert caught.value.job.error_code == "worker_lost"


def test_a_wait_has_an_end() -> None:
    played = Played(*[told(200, JOB)] * 5)
    with pytest.raises(WaitedTooLongError):
        played.client.wait("j1", timeout=1.0)
    assert sum(played.pauses) == 1.0


def test_a_refusal_names_what_is_wrong_where() -> None:
    problem = {
        "code": "invalid",
        "detail": "no",
        "request_id": "r1",
        "errors": [{"pointer": "#/steps", "detail": "too few"}],
    }
    with pytest.raises(ServiceError, match="steps: too few") as caught:
        Played(told(422, problem)).client.submit(b"c", b"s", steps=0)
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (422, "invalid", "r1")


def test_a_refusal_that_is_no_problem_document_is_still_told() -> None:
    with pytest.raises(ServiceError, match="status 404"):
        Played(httpx.Response(404, text="<html>")).client.get("j1")


def test_a_busy_service_is_asked_again_after_the_time_it_names() -> None:
    played = Played(told(503, {}, **{"Retry-After": "7"}), told(429, {}), told(200, JOB))
    assert played.client.get("j1").id == "j1"
    assert played.pauses == [7.0, 1.0]


def test_a_repeated_creation_is_the_same_request() -> None:
    played = Played(httpx.ReadError("broken"), told(202, JOB))
    played.client.submit(b"c", b"s")
    keys = {request.headers["Idempotency-Key"] for request in played.requests}
    assert len(played.requests) == 2
    assert len(keys) == 1


def test_silence_is_given_up_on() -> None:
    played = Played(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(NotReachableError, match="refused"):
        played.client.get("j1")
    assert played.pauses == [0.5, 1.0]


def test_jobs_come_page_by_page() -> None:
    second = {**JOB, "id": "j2"}
    played = Played(told(200, {"jobs": [JOB], "next_cursor": "j1"}), told(200, {"jobs": [second], "next_cursor": None}))
    assert [job.id for job in played.client.jobs(status="queued", limit=1)] == ["j1", "j2"]
    assert dict(played.requests[1].url.params) == {"status": "queued", "limit": "1", "cursor": "j1"}


def test_a_broken_stream_is_taken_up_where_it_was() -> None:
    played = Played(
        stream(("5-0", "progress", {"iteration": 1})),
        stream(("6-0", "completed", {"status": "succeeded"})),
    )
    assert [event.type for event in played.client.events("j1")] == ["progress", "completed"]
    assert [request.headers["Last-Event-ID"] for request in played.requests] == ["0", "5-0"]


def test_a_stream_that_never_says_anything_is_given_up_on() -> None:
    with pytest.raises(NotReachableError):
        list(Played(*[stream()] * 3).client.events("j1"))


def test_the_key_is_sent() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return told(200, JOB)

    Client("http://nst", key="nst_x", transport=httpx.MockTransport(answer)).get("j1")
    assert seen == ["Bearer nst_x"]


def test_the_asynchronous_client_does_the_same() -> None:
    played = Played(
        told(503, {}, **{"Retry-After": "2"}),
        told(202, JOB),
        told(200, DONE),
        httpx.Response(200, content=b"png"),
        stream(("1-0", "completed", {"status": "succeeded"})),
        told(200, {"jobs": [JOB], "next_cursor": None}),
    )

    async def main() -> tuple[bytes, list[str], list[str]]:
        async with played.asynchronous() as client:
            painted = await client.stylize(b"c", b"s")
            events = [event.type async for event in client.events("j1")]
            return painted.data, events, [job.id async for job in client.jobs()]

    assert asyncio.run(main()) == (b"png", ["completed"], ["j1"])
    assert played.pauses == [2.0]


CALLS: dict[str, tuple[tuple[Any, ...], tuple[int, Any], str, Any]] = {
    "get": ((), (200, JOB), "GET /v1/jobs/j1", "j1"),
    "wait": ((), (200, DONE), "GET /v1/jobs/j1", "j1"),
    "cancel": ((), (202, JOB), "POST /v1/jobs/j1/cancel", "j1"),
    "retry": ((), (202, JOB), "POST /v1/jobs/j1/retry", "j1"),
    "delete": ((), (204, None), "DELETE /v1/jobs/j1", None),
    "result": (("webp",), (200, "file"), "GET /v1/jobs/j1/result?format=webp", b'"file"'),
    "preview": ((), (200, "file"), "GET /v1/jobs/j1/preview", b'"file"'),
    "timelapse": ((), (200, "file"), "GET /v1/jobs/j1/timelapse", b'"file"'),
}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("method", CALLS)
def test_a_method_asks_for_what_its_name_says(method: str, asynchronous: bool) -> None:
    arguments, answer, asked, wanted = CALLS[method]
    played = Played(told(*answer))
    call = getattr(played.asynchronous() if asynchronous else played.client, method)("j1", *arguments)
    got = asyncio.run(call) if asynchronous else call
    (request,) = played.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == asked
    assert getattr(got, "id", got) == wanted
    assert ("Idempotency-Key" in request.headers) == (method == "retry")


def test_a_job_is_sent_with_masks_and_parameters_as_the_service_reads_them() -> None:
    played = Played(told(202, JOB))
    played.client.submit(
        b"c", [b"s1", b"s2"], masks=[b"m1", b"m2"], style_blend=(3, 1), max_size=None, preset="default"
    )
    sent = played.requests[0].content
    assert [sent.count(f' name="{part}"'.encode()) for part in ("style", "mask", "style_blend", "max_size")] == [
        2,
        2,
        1,
        0,
    ]
    assert b"3,1" in sent


def test_the_asynchronous_client_gives_up_as_the_other_does() -> None:
    async def ask(*answers: httpx.Response | Exception) -> None:
        async with Played(*answers).asynchronous() as client:
            await client.wait("j1", timeout=1.0)

    async def listen(*answers: httpx.Response | Exception) -> list[str]:
        async with Played(*answers).asynchronous() as client:
            return [event.type async for event in client.events("j1")]

    with pytest.raises(WaitedTooLongError):
        asyncio.run(ask(*[told(200, JOB)] * 5))
    with pytest.raises(NotReachableError, match="refused"):
        asyncio.run(ask(*[httpx.ConnectError("refused")] * 3))
    with pytest.raises(ServiceError, match="gone"):
        asyncio.run(ask(told(410, {"code": "job_deleted", "detail": "gone"})))
    with pytest.raises(ServiceError, match="no such job"):
        asyncio.run(listen(told(404, {"code": "job_unknown", "detail": "no such job"})))
    with pytest.raises(NotReachableError, match="cut"):
        asyncio.run(listen(*[httpx.ReadError("cut")] * 3))


def test_the_asynchronous_client_says_why_there_is_no_picture() -> None:
    failed = {**JOB, "status": "failed", "error": {"code": "timeout", "message": "it took too long"}}
    with pytest.raises(JobEndedError, match="it took too long"):
        asyncio.run(Played(told(202, JOB), told(200, failed)).asynchronous().stylize(b"c", b"s"))


def test_both_clients_have_the_same_methods() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")} - {"close", "aclose"}

    assert names(Client) == names(AsyncClient)


def test_other_programs_type_checkers_are_told_of_its_types() -> None:
    assert all(files(package).joinpath("py.typed").is_file() for package in ("nst_client", "nst_engine"))
