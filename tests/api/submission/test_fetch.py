"""Pictures by address: from a local https server, whose name the tests resolve as they like."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.submission.fetch import PictureFetcher
from api.submission.job_request import JobRequests
from jobs.outbound import exchange
from tests.api.conftest import Api, MakeApi, clear_picture, form, picture
from tests.fakes.web_server import HOST, WebServer, running_web_server, send, stream
from tests.jobs.outbound.hostile_urls import NOT_CALLED

pytestmark = pytest.mark.anyio
PHOTO, STYLE = picture(), picture(color=(20, 90, 200))


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with running_web_server(tmp_path) as server:
        context = ssl.create_default_context(cafile=server.certificate)
        monkeypatch.setattr(exchange, "_certificates", lambda: context)
        yield server


@pytest.fixture
async def api(make_api: MakeApi, web: WebServer) -> Api:
    """Start an API that may fetch from the server."""
    return await fetching_api(make_api, picture_hosts=(f"{HOST}:{web.port}",))


async def fetching_api(make_api: MakeApi, address: str = "127.0.0.1", **settings: Any) -> Api:
    """Start an API for which every name has the same address."""
    api: Api = await make_api(**settings)
    services = api.services
    fetcher = PictureFetcher(services.settings, resolver=lambda host, port: (address,))
    services.job_requests = JobRequests(
        services.settings, services.job_settings, services.temporary_files, fetcher=fetcher
    )
    return api


async def post(api: Api, **fields: Any) -> httpx.Response:
    return await api.http.post("/v1/jobs", json=fields)


async def refused(api: Api, status: int, code: str, **fields: Any) -> dict[str, Any]:
    """Check that a request is refused and leaves nothing."""
    answer = await post(api, **({"style_name": "waves"} | fields))
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert api.stored() == []
    return problem


async def test_the_pictures_of_a_json_body_are_fetched(api: Api, web: WebServer) -> None:
    mask = web.serve("/mask.png", picture(color=(255, 255, 255)))
    answer = await post(
        api,
        content_url=web.serve("/photo.png", PHOTO),
        style_url=[web.serve("/style.png?size=1", STYLE)],
        mask_url=mask,
        seed=5,
    )
    assert answer.status_code == 202, answer.text
    assert (answer.json()["params"]["seed"], len(answer.json()["urls"]["style"])) == (5, 1)
    method, _, headers, _ = web.seen[0]
    assert (method, headers["Host"], headers["Accept-Encoding"]) == ("GET", f"{HOST}:{web.port}", "identity")


async def test_a_fetched_mask_in_whose_alpha_nothing_is_drawn_is_refused(api: Api, web: WebServer) -> None:
    mask = web.serve("/mask.png", clear_picture())
    problem = await refused(api, 422, "mask_without_shape", content_url=web.serve("/photo.png", PHOTO), mask_url=[mask])
    assert problem["errors"][0]["pointer"] == "#/mask_url/0"


async def test_an_address_an_upload_and_a_data_uri_of_the_same_picture_are_the_same_request(
    api: Api, web: WebServer
) -> None:
    import base64

    key = {"Idempotency-Key": "k"}
    uploaded = await api.create(key, content=PHOTO, style=STYLE)
    content, style = web.serve("/photo.png", PHOTO), web.serve("/style.png", STYLE)
    as_form = await api.http.post("/v1/jobs", data={"content_url": content, "style_url": style}, headers=key, files={})
    assert as_form.status_code == 415, "a form without files is urlencoded"
    as_form = await api.http.post(
        "/v1/jobs", files=[("content_url", (None, content)), ("style_url", (None, style))], headers=key
    )
    data = f"data:image/png;base64,{base64.b64encode(PHOTO).decode()}"
    as_json = await api.http.post("/v1/jobs", json={"content_url": data, "style_url": style}, headers=key)
    assert {uploaded["id"]} == {as_form.json()["id"], as_json.json()["id"]}


async def test_styles_keep_the_order_in_which_they_are_sent(api: Api, web: WebServer) -> None:
    parts = [
        ("content", ("c.png", PHOTO)),
        ("style_url", (None, web.serve("/wide.png", picture((40, 20))))),
        ("style", ("s.png", picture((20, 40)))),
        ("style_name", (None, "waves")),
        ("style_url", (None, web.serve("/small.png", picture((16, 16))))),
    ]
    answer = await api.http.post("/v1/jobs", files=parts, data={})
    job = await api.services.store.get(answer.json()["id"], None)
    from io import BytesIO

    from PIL import Image

    sizes = [Image.open(BytesIO(api.services.blobs.read(ref.name))).size for ref in job.inputs.styles]
    assert sizes == [(40, 20), (20, 40), (512, 512), (16, 16)]
    assert job.inputs.style_names == ("waves",)


async def test_an_octet_stream_and_a_redirect_on_the_same_server_are_followed(api: Api, web: WebServer) -> None:
    web.serve("/photo", PHOTO, "binary/octet-stream")
    web.answers["/old"] = lambda request: send(request, b"", "text/plain", status=302, Location="/photo")
    assert (await post(api, content_url=web.url("/old"), style_name="waves")).status_code == 202


@pytest.mark.parametrize(
    "target",
    ["https://127.0.0.1:{port}/photo", "http://pictures.example.com/photo", "//169.254.169.254/", "https://[::"],
)
async def test_a_redirect_to_another_server_is_refused(api: Api, web: WebServer, target: str) -> None:
    web.serve("/photo", PHOTO)
    location = target.format(port=web.port)
    web.answers["/away"] = lambda request: send(request, b"", "text/plain", status=302, Location=location)
    problem = await refused(api, 422, "fetch_failed", content_url=web.url("/away"))
    assert problem["errors"][0]["pointer"] == "#/content_url"
    assert [path for _, path, _, _ in web.seen] == ["/away"]


async def test_endless_redirects_end(api: Api, web: WebServer) -> None:
    web.answers["/loop"] = lambda request: send(request, b"", "text/plain", status=302, Location="/loop")
    await refused(api, 422, "fetch_failed", content_url=web.url("/loop"))


async def test_what_is_no_picture_is_refused_as_an_upload_is(api: Api, web: WebServer) -> None:
    page = b"<!doctype html><title>Not found</title>"
    await refused(api, 415, "not_a_picture", content_url=web.serve("/page", page, "text/html; charset=utf-8"))
    await refused(api, 415, "not_a_picture", content_url=web.serve("/page.png", page))
    await refused(api, 422, "fetch_failed", content_url=web.url("/missing"))
    problem = await refused(
        api, 422, "picture_too_small", content_url=web.serve("/p", PHOTO), style_url=web.serve("/s", picture((8, 8)))
    )
    assert problem["errors"][0]["pointer"] == "#/style_url/0"


async def test_a_server_that_drips_is_left_when_the_time_is_up(make_api: MakeApi, web: WebServer) -> None:
    api = await fetching_api(make_api, picture_hosts=(HOST,), picture_fetch_seconds=0.5)
    left = threading.Event()

    def drip() -> Iterator[bytes]:
        while not left.wait(0.05):
            yield b"x"

    web.answers["/drip"] = lambda request: stream(request, drip())
    await refused(api, 422, "fetch_too_slow", content_url=web.url("/drip"))
    left.set()


async def test_a_file_that_is_too_large_is_left_in_the_middle(make_api: MakeApi, web: WebServer) -> None:
    api = await fetching_api(make_api, picture_hosts=(HOST,), max_file_bytes=2**20)
    web.answers["/endless"] = lambda request: stream(request, itertools.repeat(bytes(2**16)))
    await refused(api, 413, "file_too_large", content_url=web.url("/endless"))
    size = {"Content-Length": str(10 * 2**30)}
    web.answers["/huge"] = lambda request: send(request, b"", "image/png", **size)
    await refused(api, 413, "file_too_large", content_url=web.url("/huge"))


async def test_fetched_pictures_count_towards_the_limit_of_the_body(make_api: MakeApi, web: WebServer) -> None:
    api = await fetching_api(make_api, picture_hosts=(HOST,), max_body_bytes=4096, max_file_bytes=4096)
    urls = [web.serve(f"/{number}.png", PHOTO + bytes(1500)) for number in range(3)]
    await refused(api, 413, "body_too_large", content_url=urls[0], style_url=urls[1:])


@pytest.mark.parametrize("url", NOT_CALLED)
async def test_addresses_that_are_not_public_are_refused(api: Api, web: WebServer, url: str) -> None:
    problem = await refused(api, 422, "invalid_parameters", content_url=url)
    assert problem["errors"][0]["pointer"] == "#/content_url"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "fe80::1%eth0", "::ffff:127.0.0.1"])
async def test_a_public_name_of_a_private_address_is_not_called(
    make_api: MakeApi, web: WebServer, address: str
) -> None:
    api = await fetching_api(make_api, address)
    problem = await refused(api, 422, "invalid_parameters", content_url=web.serve("/photo.png", PHOTO))
    assert problem["detail"] == "content_url: the address is not public"
    assert web.seen == []


async def test_the_certificate_has_to_be_of_the_name(make_api: MakeApi, web: WebServer) -> None:
    api = await fetching_api(make_api, picture_hosts=("other.example.com",))
    await refused(api, 422, "fetch_failed", content_url=web.url("/photo.png", host="other.example.com"))
    assert web.seen == []


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"content_url": "data:image/png;base64,%%"}, 422, "invalid_parameters", "#/content_url"),
        ({"content_url": "data:nothing"}, 422, "invalid_parameters", "#/content_url"),
        ({"content_url": "data:,hello"}, 415, "not_a_picture", "#/content_url"),
        ({"content_url": 5}, 422, "invalid_parameters", "#/content_url"),
        ({"content_url": ["data:,a", "data:,b"]}, 422, "too_many_files", "#/content"),
        ({"content_url": f"https://example.com/{'x' * 2000}"}, 422, "invalid_parameters", "#/content_url"),
        ({"content": "data:,a"}, 422, "invalid_parameters", "#/content"),
        ({}, 422, "invalid_parameters", "#/content"),
        ({"content_url": "data:,a", "style_layers": "x" * 2**17}, 413, "parameters_too_large", None),
        ({"content_url": "data:,a", "seed": "NaN"}, 422, "invalid_parameters", "#/seed"),
    ],
)
async def test_a_wrong_json_body_is_refused_by_field(
    api: Api, fields: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    problem = await refused(api, status, code, **fields)
    assert pointer is None or problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"seed": 1, "seed": 2}', b'{"seed": NaN}', b"[" * 100_000])
async def test_a_body_that_is_no_json_is_a_400(api: Api, body: bytes) -> None:
    answer = await api.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "params_malformed")
    assert api.stored() == []


async def test_parameters_are_checked_before_anything_is_fetched(api: Api, web: WebServer) -> None:
    await refused(api, 422, "invalid_parameters", content_url=web.serve("/photo.png", PHOTO), max_size=1)
    assert web.seen == []


async def test_an_upload_and_an_address_of_the_same_part_are_too_many(api: Api, web: WebServer) -> None:
    answer = await api.http.post("/v1/jobs", files=form(content_url=web.serve("/photo.png", PHOTO)))
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_files")


async def test_half_of_a_surrogate_pair_in_a_data_uri_is_refused(api: Api) -> None:
    body = json.dumps({"content_url": "data:image/png,\ud800", "style_name": "waves"})
    answer = await api.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/content_url")
