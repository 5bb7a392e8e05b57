"""Pictures by address, from an https server of the test's own, through the whole service."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import obstore
import psutil
import pytest

from nst_client import Client, StyleName
from tests.api.conftest import picture
from tests.fakes.s3 import FakeS3
from tests.fakes.web_server import WebServer, running_web_server, send, stream
from tests.jobs.outbound.hostile_urls import NOT_CALLED
from tests.stack.stack import Stack, running_stack
from tests.waiting import until

pytestmark = pytest.mark.acceptance
SECONDS = 5.0


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with running_web_server(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture(scope="module")
def service(web: WebServer) -> Iterator[Stack]:
    settings = {
        "SSL_CERT_FILE": str(web.certificate),
        "NST_PICTURE_HOSTS": f"localhost:{web.port}",
        "NST_WEBHOOK_HOSTS": f"localhost:{web.port}",
        "NST_MAX_FILE_BYTES": str(2**20),
        "NST_PICTURE_FETCH_SECONDS": str(SECONDS),
    }
    with running_stack(fake_engine=True, **settings) as stack:
        yield stack


def here(web: WebServer, path: str, data: bytes | None = None) -> str:
    """Return an address that the service may fetch."""
    if data is not None:
        web.serve(path, data)
    return web.url(path, host="localhost")


def test_the_client_names_its_pictures_by_address(service: Stack, web: WebServer) -> None:
    photo, style = here(web, "/photo.png", picture((48, 32))), here(web, "/style.png", picture(color=(0, 0, 200)))
    with Client(service.url) as client:
        painted = client.stylize(
            photo,
            [style, StyleName("waves")],
            masks=[style, style],
            style_masks=[style, style],
            layers_per_style=[{"style1": 1}, {"style5": 1}],
            steps=2,
            timeout=60,
        )
    assert painted.job.raw["params"]["layers_per_style"] == [{"style1": 1.0}, {"style5": 1.0}]
    assert len(painted.job.raw["urls"]["style"]) == 2


def memory(service: Stack) -> int:
    api = psutil.Process(service.api.pid)
    return sum(process.memory_info().rss for process in (api, *api.children(recursive=True)))


def refused(service: Stack, status: int, code: str, **fields: Any) -> None:
    """Check that a job is refused in time, and that nothing of it is stored."""
    before, began = service.stored(), time.monotonic()
    answer = httpx.post(f"{service.url}/v1/jobs", json={"style_name": "waves"} | fields, timeout=60, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert time.monotonic() - began < SECONDS + 20
    assert service.stored() == before


def test_hostile_servers_get_the_right_problem_in_time_and_leave_nothing(service: Stack, web: WebServer) -> None:
    left = threading.Event()
    web.answers["/drip"] = lambda request: stream(request, (b"x" for _ in iter(lambda: left.wait(0.1), True)))
    web.answers["/endless"] = lambda request: stream(request, itertools.repeat(bytes(2**16)))
    web.answers["/huge"] = lambda request: send(request, b"", "image/png", **{"Content-Length": str(10 * 2**30)})
    away = {"Location": "https://169.254.169.254/latest/meta-data/"}
    web.answers["/away"] = lambda request: send(request, b"", "text/plain", status=302, **away)
    web.serve("/page", b"<html></html>", "text/html")
    refused(service, 415, "not_a_picture", content_url=here(web, "/page"))
    before = memory(service)
    for path in ("/endless", "/huge"):
        refused(service, 413, "file_too_large", content_url=here(web, path))
    refused(service, 422, "fetch_too_slow", content_url=here(web, "/drip"))
    refused(service, 422, "fetch_failed", content_url=here(web, "/away"))
    left.set()
    assert memory(service) - before < 32 * 2**20


def test_addresses_inside_the_network_are_never_called(service: Stack, web: WebServer) -> None:
    called = len(web.seen)
    for url in (*NOT_CALLED, web.url("/photo.png", host="127.0.0.1")):
        refused(service, 422, "invalid_parameters", content_url=url)
    assert len(web.seen) == called


def test_a_name_without_an_address_is_a_failed_fetch(service: Stack) -> None:
    refused(service, 422, "fetch_failed", content_url="https://no-such-host.example.invalid/photo.png")


def test_a_kept_picture_and_a_result_are_used_again(service: Stack) -> None:
    with Client(service.url) as client:
        photo = client.keep(picture((48, 32)))
        first = client.stylize(photo, style_name="waves", steps=2, timeout=60)
        again = client.stylize(f"job:{first.job.id}/result", photo, steps=2, timeout=60)
        client.discard(photo)
    assert again.job.status == "succeeded"


def test_a_client_chooses_of_which_events_its_webhook_is_told(service: Stack, web: WebServer) -> None:
    web.answers["/hook"] = lambda request: send(request, b"", "text/plain")
    events = ["started", "completed"]
    with Client(service.url) as client:
        client.submit(
            picture((48, 32)), style_name="waves", steps=2, webhook_url=here(web, "/hook"), webhook_events=events
        )

    def told() -> list[str]:
        return sorted(json.loads(body)["type"] for _, path, _, body in list(web.seen) if path == "/hook")

    until(lambda: len(told()) == len(events), "the webhooks were not sent", seconds=60)
    assert told() == ["job.started", "job.succeeded"]


def test_a_result_is_delivered_to_a_presigned_url(s3: FakeS3) -> None:
    bucket = s3.bucket()
    url = obstore.sign(s3.store(bucket), "PUT", "painted.png", timedelta(hours=1))
    hosts = s3.url.removeprefix("http://")
    with running_stack(fake_engine=True, NST_WEBHOOK_HOSTS=hosts) as stack, Client(stack.url) as client:
        done = client.stylize(picture((48, 32)), style_name="waves", steps=2, result_url=url, timeout=60)
        until(lambda: client.get(done.job.id).raw["delivery"]["status"] != "pending", "the result is never delivered")
        assert client.get(done.job.id).raw["delivery"] == {"status": "delivered", "detail": ""}
    assert bytes(s3.store(bucket).get("painted.png").bytes()) == done.data
