"""Both clients against a fake service: refusals, lost connections and interrupted streams."""

from __future__ import annotations

import inspect
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from nst_client import (
    ArgumentError,
    AsyncClient,
    Client,
    JobEndedError,
    NotReachableError,
    ServiceError,
    WaitedTooLongError,
)
from tests.nst_client.conftest import DONE, FAILED, JOB, FakeService, parts, reply, stream


def test_stylize_submits_waits_and_downloads(service: FakeService, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    running = {**JOB, "status": "running"}
    service.responds(reply(202, JOB), reply(200, running), reply(200, DONE), httpx.Response(200, content=b"png"))
    painted = service.call("stylize", photo, b"painting", max_size=64)
    painted.save(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == b"png"
    assert painted.job.result.width == 4
    sent = service.requests[0]
    assert [parts(sent, name) for name in ("content", "style", "max_size")] == [[b"photo"], [b"painting"], [b"64"]]
    asked = [f"{request.method} {request.url.path}" for request in service.requests]
    assert asked == ["POST /v1/jobs", "GET /v1/jobs/j1", "GET /v1/jobs/j1", "GET /v1/jobs/j1/result"]
    assert service.pauses == [0.5]


def test_a_failed_job_raises_its_reason(service: FakeService) -> None:
    with pytest.raises(JobEndedError, match="the job failed: the worker was lost") as caught:
        service.responds(reply(202, JOB), reply(200, FAILED)).call("stylize", b"c", b"s")
    assert caught.value.job.error_code == "worker_lost"


def test_waiting_stops_after_the_timeout(service: FakeService) -> None:
    with pytest.raises(WaitedTooLongError, match="the job is queued after 1 s"):
        service.responds(*[reply(200, JOB)] * 5).call("wait", "j1", timeout=1.0)
    assert sum(service.pauses) == 1.0


def test_a_refusal_names_each_problem_and_its_place(service: FakeService) -> None:
    errors = [{"pointer": "#/steps", "detail": "too few"}, {"pointer": "#/seed", "detail": "negative"}]
    problem = {"code": "invalid", "detail": "no", "request_id": "r1", "errors": errors}
    with pytest.raises(ServiceError, match=r"^steps: too few; seed: negative$") as caught:
        service.responds(reply(422, problem)).call("submit", b"c", b"s", steps=0)
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (422, "invalid", "r1")
    assert caught.value.errors == {"#/steps": "too few", "#/seed": "negative"}


@pytest.mark.parametrize("status", [302, 404])
def test_an_error_response_without_a_problem_document_is_reported_by_status(service: FakeService, status: int) -> None:
    with pytest.raises(ServiceError, match=f"status {status}"):
        service.responds(httpx.Response(status, text="<html>")).call("get", "j1")


def test_a_response_of_another_server_is_reported(service: FakeService) -> None:
    with pytest.raises(ServiceError, match="is this the URL of an nst service"):
        service.responds(httpx.Response(200, text="<html>")).call("get", "j1")


def test_a_busy_service_is_asked_again_after_the_pause_it_names(service: FakeService) -> None:
    service.responds(reply(503, {}, **{"Retry-After": "7"}), reply(429, {}), reply(200, JOB))
    assert service.call("get", "j1").id == "j1"
    assert service.pauses == [7.0, 1.0]


def test_a_busy_service_is_not_asked_more_often_than_allowed(service: FakeService) -> None:
    with pytest.raises(ServiceError, match="full"):
        service.responds(*[reply(503, {"detail": "the queue is full"})] * 3).call("get", "j1")
    assert service.pauses == [0.5, 1.0]


def test_a_repeated_submission_has_the_same_idempotency_key(service: FakeService) -> None:
    service.responds(httpx.ReadError("broken"), reply(202, JOB)).call("submit", b"c", b"s")
    first, second = service.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert parts(first, "content") == parts(second, "content") == [b"c"]


def test_two_submissions_have_different_idempotency_keys(service: FakeService) -> None:
    for _ in range(2):
        service.responds(reply(202, JOB)).call("submit", b"c", b"s")
    first, second = service.requests
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_a_service_that_does_not_respond_is_given_up(service: FakeService) -> None:
    with pytest.raises(NotReachableError, match=r"^http://nst does not respond: refused$"):
        service.responds(*[httpx.ConnectError("refused")] * 3).call("get", "j1")
    assert service.pauses == [0.5, 1.0]


def test_jobs_are_listed_page_by_page(service: FakeService) -> None:
    first = reply(200, {"jobs": [JOB], "next_cursor": "j1"})
    second = reply(200, {"jobs": [{**JOB, "id": "j2"}], "next_cursor": None})
    jobs = service.responds(first, second).call("jobs", status="queued", limit=1)
    assert [job.id for job in jobs] == ["j1", "j2"]
    assert dict(service.requests[1].url.params) == {"status": "queued", "limit": "1", "cursor": "j1"}


def test_an_interrupted_stream_is_resumed_after_the_last_event(service: FakeService) -> None:
    before, after = ("5-0", "progress", {"iteration": 1}), ("6-0", "completed", {"status": "succeeded"})
    events = service.responds(stream(before), stream(after)).call("events", "j1")
    assert [(event.type, event.data) for event in events] == [before[1:], after[1:]]
    assert [request.headers["Last-Event-ID"] for request in service.requests] == ["0", "5-0"]


def test_attempts_count_from_the_last_event(service: FakeService) -> None:
    progress = [stream((f"{n}-0", "progress", {})) for n in range(5)]
    events = service.responds(*progress, stream(("9-0", "completed", {}))).call("events", "j1")
    assert len(events) == 6
    assert service.pauses == [0.5] * 5


@pytest.mark.parametrize(
    ("response", "reason"), [(stream(), "the stream ended"), (httpx.ReadError("cut"), "cut")], ids=["empty", "lost"]
)
def test_a_stream_without_events_is_given_up(service: FakeService, response: Any, reason: str) -> None:
    with pytest.raises(NotReachableError, match=reason):
        service.responds(*[response] * 3).call("events", "j1")


def test_a_refused_stream_is_not_resumed(service: FakeService) -> None:
    with pytest.raises(ServiceError, match="no such job"):
        service.responds(reply(404, {"code": "job_unknown", "detail": "no such job"})).call("events", "j1")


def test_the_key_is_sent(service: FakeService) -> None:
    service.responds(reply(200, JOB), reply(200, JOB))
    service.call("get", "j1", key="nst_x")
    service.call("get", "j1")
    assert [request.headers.get("Authorization") for request in service.requests] == ["Bearer nst_x", None]


def test_a_request_that_is_still_being_served_is_repeated_until_it_returns_its_job(service: FakeService) -> None:
    in_use = reply(409, {"code": "idempotency_key_in_use"}, **{"Retry-After": "1"})
    service.responds(httpx.ReadTimeout("lost"), in_use, reply(202, JOB))
    assert service.call("retry", "j1").id == "j1"
    assert len({request.headers["Idempotency-Key"] for request in service.requests}) == 1
    assert service.pauses == [0.5, 1.0]


CALLS: dict[str, tuple[tuple[Any, ...], httpx.Response, str, Any]] = {
    "get": ((), reply(200, JOB), "GET /v1/jobs/j1", "j1"),
    "wait": ((), reply(200, DONE), "GET /v1/jobs/j1", "j1"),
    "cancel": ((), reply(202, JOB), "POST /v1/jobs/j1/cancel", "j1"),
    "retry": ((), reply(202, JOB), "POST /v1/jobs/j1/retry", "j1"),
    "delete": ((), httpx.Response(204), "DELETE /v1/jobs/j1", None),
    "result": (("webp",), httpx.Response(200, content=b"file"), "GET /v1/jobs/j1/result?format=webp", b"file"),
    "preview": ((), httpx.Response(200, content=b"file"), "GET /v1/jobs/j1/preview", b"file"),
    "timelapse": ((), httpx.Response(200, content=b"file"), "GET /v1/jobs/j1/timelapse", b"file"),
}


@pytest.mark.parametrize("method", CALLS)
def test_each_method_sends_one_request_and_returns_what_it_reads(service: FakeService, method: str) -> None:
    arguments, response, asked, wanted = CALLS[method]
    value = service.responds(response).call(method, "j1", *arguments)
    (request,) = service.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == asked
    assert getattr(value, "id", value) == wanted
    assert ("Idempotency-Key" in request.headers) == (method == "retry")


@pytest.mark.parametrize("method", CALLS)
def test_an_id_with_slashes_does_not_lead_to_another_path(service: FakeService, method: str) -> None:
    arguments, response, asked, _ = CALLS[method]
    service.responds(response).call(method, "../assets/a?b", *arguments)
    (request,) = service.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == asked.replace("j1", "..%2Fassets%2Fa%3Fb")


def test_the_events_of_an_id_with_slashes_are_not_those_of_another_path(service: FakeService) -> None:
    service.responds(httpx.Response(204)).call("events", "../usage")
    assert service.requests[0].url.raw_path == b"/v1/jobs/..%2Fusage/events"


@pytest.mark.parametrize("name", ["", ".", ".."])
@pytest.mark.parametrize("method", ["get", "delete", "discard"])
def test_what_cannot_be_an_id_is_not_sent(service: FakeService, method: str, name: str) -> None:
    with pytest.raises(ArgumentError, match="is not an id"):
        service.call(method, name)


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def signatures(kind: type) -> dict[str, list[str]]:
        methods = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
        return {name: list(inspect.signature(value).parameters) for name, value in methods.items()}

    asynchronous = signatures(AsyncClient)
    asynchronous["close"] = asynchronous.pop("aclose")
    assert asynchronous == signatures(Client)


def test_the_packages_are_marked_as_typed() -> None:
    assert all(files(package).joinpath("py.typed").is_file() for package in ("nst_client", "nst_engine"))
