"""A running service is sent everything that is bad, and stays as it was: right answers, no memory, no file."""

import contextlib
import json
import select
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.security.connection_guard import LINGER_BYTES
from api.settings import ApiSettings
from tests.api.conftest import form, picture
from tests.api.submission import corpus
from tests.api.submission.corpus import MIB, Sample
from tests.stack.stack import Stack
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SAMPLES = [*corpus.bombs(), *corpus.broken()]
GOOD = corpus.strange_but_good()
BOUNDARY = b"--b\r\nContent-Disposition: form-data; name="


@pytest.fixture(scope="module")
def http(service: Stack) -> Any:
    headers = {"Authorization": f"Bearer {service.create_key()[1]}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
        for _ in range(3):  # warm up: every code path of a good upload has run
            answer = client.post("/v1/jobs", files=form(), headers={"Prefer": "wait=30"})
            client.delete(answer.headers.get("location", f"/v1/jobs/{answer.json()['id']}"))
        client.before = service.api.memory_bytes()  # type: ignore[attr-defined]
        yield client


def check(answer: httpx.Response, sample: Sample) -> None:
    assert answer.status_code in sample.statuses, (sample.name, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        if sample.codes:
            assert answer.json()["code"] in sample.codes


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_bad_picture_is_refused(http: httpx.Client, sample: Sample) -> None:
    answer = http.post("/v1/jobs", files=form(content=sample.data))
    check(answer, sample)
    if answer.status_code == 202:
        http.delete(f"/v1/jobs/{answer.json()['id']}")


@pytest.mark.parametrize("sample", corpus.animated(), ids=lambda sample: sample.name)
def test_a_style_that_moves_is_refused(http: httpx.Client, sample: Sample) -> None:
    check(http.post("/v1/jobs", files=form(style=sample.data)), sample)


@pytest.mark.parametrize("part", ["style", "mask"])
def test_every_part_is_checked(http: httpx.Client, part: str) -> None:
    answer = http.post("/v1/jobs", files=form(**{part: b"<svg/>"}))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (415, f"#/{part}/0")


@pytest.mark.parametrize("sample", GOOD, ids=lambda sample: sample.name)
def test_an_unusual_picture_is_accepted_and_stripped(http: httpx.Client, sample: Sample) -> None:
    answer = http.post("/v1/jobs", files=form(content=sample.data, steps="2"))
    assert answer.status_code == 202, answer.text
    kept = http.get(answer.json()["urls"]["content"]).content
    assert kept.startswith(b"\x89PNG")
    for trace in (b"script", b"PK\x03\x04", b"eXIf", b"tEXt", b"iCCP"):
        assert trace not in kept
    http.delete(f"/v1/jobs/{answer.json()['id']}")


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..\\..\\x.png", "/etc/shadow", "a\0b.png", "x" * 3000, "CON.png", "%2e%2e%2f", ""]
)
def test_file_names_are_neither_used_nor_returned(service: Stack, http: httpx.Client, name: str) -> None:
    files = {"content": (name, picture()), "style": (name, picture())}
    answer = http.post("/v1/jobs", files=files, data={"steps": "2"})
    assert answer.status_code == 202
    assert "passwd" not in answer.text
    assert "shadow" not in answer.text
    assert not [path for path in service.stored() if "passwd" in path.name or path.name in ("x.png", "CON.png")]
    http.delete(f"/v1/jobs/{answer.json()['id']}")


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ([(f"field{i}", (None, "x")) for i in range(10_000)], 413, "too_many_fields"),
        ([("content", picture())] * 2, 422, "too_many_files"),
        ([("style", picture())] * 9, 422, "too_many_files"),
        ([("params", (None, "{" * 30_000))], 400, "params_malformed"),
        ([("params", (None, '{"seed": 1, "seed": 2}'))], 400, "params_malformed"),
        ([("params", (None, '{"strength": NaN}'))], 400, "params_malformed"),
        ([("params", (None, '{"strength": 1e999}'))], 422, "invalid_parameters"),
        ([("params", (None, " " * 70_000))], 413, "parameters_too_large"),
        ([("seed", (None, "9" * 5000))], 422, "invalid_parameters"),
        ([("seed", (None, b"\xff\xfe"))], 400, "multipart_malformed"),
        ([("content", b"x" * (20 * MIB + 1))], 413, "file_too_large"),
        ([("evil", ("x.png", picture()))], 422, "unknown_part"),
        ([("content", (None, picture())), ("style", (None, b"x"))], 415, "not_a_picture"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_form_is_refused(http: httpx.Client, files: Any, status: int, code: str) -> None:
    answer = http.post("/v1/jobs", files=files)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 400),  # is read, but is not JSON
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=" + "b" * 300, 400),
        ("multipart/mixed; boundary=b", 415),
        ("", 415),
    ],
)
def test_a_body_with_another_media_type_is_refused(http: httpx.Client, kind: str, status: int) -> None:
    assert http.post("/v1/jobs", content=b"--b\r\n", headers={"Content-Type": kind}).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"--b",
        b"--b\r\n\r\nno name\r\n--b--\r\n",
        BOUNDARY + b'"content"\r\n\r\ncut',
        BOUNDARY + b'"' + b"n" * 9000 + b'"\r\n\r\nx\r\n--b--\r\n',
        b"--b\r\n" + b"X-Header: 1\r\n" * 500 + b"\r\n\r\n--b--\r\n",
    ],
)
def test_a_malformed_body_is_a_400(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/jobs", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def exchange(service: Stack, http: httpx.Client, head: bytes, body: Callable[[socket.socket], None]) -> int:
    """Send raw bytes and return the status of the answer; 0 if the connection was closed without one."""
    key = http.headers["Authorization"].encode()
    place = urlsplit(service.url)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30) as wire:
        wire.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + key + b"\r\n")
        wire.sendall(b"Content-Type: multipart/form-data; boundary=b\r\n" + head + b"\r\n\r\n")
        # Refused while it streams in is what is wanted.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            body(wire)
        try:
            return status(wire)
        except ConnectionResetError:
            return 0


def status(wire: socket.socket) -> int:
    """Return the status of the answer; 0 if the connection was closed without one."""
    line = wire.makefile("rb").readline()
    return int(line.split(b" ", 2)[1]) if line else 0


START = BOUNDARY + b'"content"; filename="x"\r\n\r\n'


def test_a_declared_length_over_the_limit_is_refused_before_the_body(service: Stack, http: httpx.Client) -> None:
    assert exchange(service, http, b"Content-Length: 99999999999", lambda wire: None) == 413


def test_a_body_without_a_length_is_refused_while_it_streams_in(service: Stack, http: httpx.Client) -> None:
    sent = 0

    def endless(wire: socket.socket) -> None:
        nonlocal sent
        wire.sendall(b"%x\r\n" % len(START) + START + b"\r\n")
        while sent < 200 * MIB:
            wire.sendall(b"100000\r\n" + bytes(MIB) + b"\r\n")
            sent += MIB

    assert exchange(service, http, b"Transfer-Encoding: chunked", endless) in (413, 0)
    assert sent < ApiSettings().max_body_bytes + LINGER_BYTES


@pytest.mark.parametrize(
    ("part", "size"), [('"content"; filename="x"', 21), ('"content"; filename="x"', 60), ('"seed"', 1)]
)
def test_a_client_that_reads_only_after_it_has_written_gets_the_413(
    service: Stack, http: httpx.Client, part: str, size: int
) -> None:
    place = urlsplit(service.url)
    body = BOUNDARY + part.encode() + b"\r\n\r\n" + bytes(size * MIB) + b"\r\n--b--\r\n"
    with contextlib.closing(HTTPConnection(str(place.hostname), place.port, timeout=60)) as connection:
        headers = {"Authorization": http.headers["Authorization"], "Content-Type": "multipart/form-data; boundary=b"}
        connection.request("POST", "/v1/jobs", body, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        assert b"too_large" in answer.read()


@pytest.mark.parametrize("length", [b"-5", b"abc", b"10, 20", b"1e3"])
def test_a_length_that_is_not_a_number_is_a_400(service: Stack, http: httpx.Client, length: bytes) -> None:
    assert exchange(service, http, b"Content-Length: " + length, lambda wire: wire.sendall(START)) == 400


def test_a_length_shorter_than_the_body_is_a_400(service: Stack, http: httpx.Client) -> None:
    assert exchange(service, http, b"Content-Length: 20", lambda wire: wire.sendall(START)) == 400


def test_a_length_longer_than_the_body_times_out(service: Stack, http: httpx.Client) -> None:
    assert exchange(service, http, b"Content-Length: 5000", lambda wire: wire.sendall(START)) == 408


def test_a_client_that_disconnects_leaves_nothing(service: Stack, http: httpx.Client) -> None:
    def leave(wire: socket.socket) -> None:
        wire.sendall(START + bytes(1000))
        wire.shutdown(socket.SHUT_RDWR)

    exchange(service, http, b"Content-Length: 5000", leave)


def test_endless_headers_are_cut_off(service: Stack) -> None:
    place, sent = urlsplit(service.url), 0
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30) as wire:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: ")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < 64 * MIB:
                wire.sendall(b"x" * 65536)
                sent += 65536
    assert sent < 64 * MIB


def test_headers_that_do_not_arrive_time_out(service: Stack) -> None:
    place, begun = urlsplit(service.url), (b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    with contextlib.ExitStack() as opened:
        wires = [socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30) for _ in begun]
        for wire, sent in zip(wires, begun, strict=True):
            opened.enter_context(wire).sendall(sent)
        assert [wire.recv(10) for wire in wires] == [b"", b"", b""]


def test_two_lengths_or_length_and_chunks_are_refused(service: Stack, http: httpx.Client) -> None:
    """What a proxy in front might read differently."""
    for head in (b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5\r\nTransfer-Encoding: chunked"):
        assert exchange(service, http, head, lambda wire: wire.sendall(b"hello")) in (400, 0)


def test_slow_uploads_do_not_delay_other_requests(service: Stack, http: httpx.Client) -> None:
    place = urlsplit(service.url)
    head = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n" % http.headers["Authorization"].encode()
    )
    head += b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n" + START
    wires = [socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30) for _ in range(100)]
    try:
        for wire in wires:
            wire.sendall(head)
        assert http.get("/v1/jobs").status_code == 200
        answered, _, _ = select.select(wires, [], [], 0)
        assert len(answered) < len(wires)
        assert {status(wire) for wire in wires} == {408}
    finally:
        for wire in wires:
            wire.close()


def test_afterwards_the_service_is_as_it_was(service: Stack, http: httpx.Client) -> None:
    """Comes last: no file of a refused upload, less than 64 MiB more memory, no error in the log."""
    assert http.get("/v1/jobs", params={"limit": 1}).json()["jobs"] == []
    incoming = service.settings.data_dir / "incoming"
    until(lambda: not list(incoming.iterdir()), "a refused upload left a file", seconds=10)
    grown = service.api.memory_bytes() - http.before  # type: ignore[attr-defined]
    assert grown < 64 * MIB
    events = [json.loads(line) for line in service.api.log.read_text().splitlines()]
    assert [event for event in events if event.get("level") == "error"] == []
