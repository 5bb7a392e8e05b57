"""Multipart bodies as browsers and other senders write them."""

from typing import Any

import pytest

from api.submission.boundaries import BoundaryFilter
from tests.api.conftest import Api, picture

pytestmark = pytest.mark.anyio

PNG = ("x.png", picture(), "image/png")
NO_FILE = ("", b"", "application/octet-stream")


async def test_file_inputs_without_a_file_are_as_if_left_out(api: Api) -> None:
    files = [("content", NO_FILE), ("content", PNG), *[("style", NO_FILE)] * 9, ("style", PNG)]
    files += [("mask", NO_FILE), ("params", NO_FILE), ("other", NO_FILE)]
    answer = await api.http.post("/v1/jobs", files=files, data={"style_name": "", "seed": "", "webhook_url": ""})
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["urls"]["style"]) == 1
    named = await api.http.post("/v1/jobs", files=[("content", PNG), ("style", NO_FILE)], data={"style_name": "waves"})
    assert named.status_code == 202, named.text


async def test_a_form_without_a_photo_says_that_it_is_missing(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=[("content", NO_FILE), ("style", PNG)])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/content")


async def test_an_empty_file_with_a_name_is_refused(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=[("content", ("x.png", b"")), ("style", PNG)])
    assert (answer.status_code, answer.json()["code"]) == (422, "picture_empty")


def body(*, preamble: bytes = b"", header: bytes = b"") -> bytes:
    parts = [b'--b\r\nContent-Disposition: form-data; name="style_name"\r\n\r\nwaves\r\n']
    parts.append(b'--b\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n' + header)
    return preamble + b"".join(parts) + b"\r\n" + picture() + b"\r\n--b--\r\nepilogue"


async def send(api: Api, *chunks: bytes) -> Any:
    async def stream() -> Any:
        for chunk in chunks:
            yield chunk

    return await api.http.post(
        "/v1/jobs", content=stream(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )


@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"This is a multi-part message.\r\n", b"--a\r\n--\r\n"])
async def test_lines_before_the_first_boundary_are_ignored(api: Api, preamble: bytes) -> None:
    text = body(preamble=preamble)
    assert (await send(api, text)).status_code == 202
    assert (await send(api, *(text[i : i + 1] for i in range(len(text))))).status_code == 202


@pytest.mark.parametrize("padding", [b" ", b"\t", b" \t  "])
async def test_spaces_after_a_boundary_are_ignored(api: Api, padding: bytes) -> None:
    text = body().replace(b"--b\r\n", b"--b" + padding + b"\r\n").replace(b"--b--", b"--b--" + padding)
    assert (await send(api, text)).status_code == 202
    assert (await send(api, *(text[i : i + 1] for i in range(len(text))))).status_code == 202


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_nothing_but_preamble_and_padding_is_left_out(size: int) -> None:
    data = b"\r\n--a \r\n--b x\r\n --b \r\n\r--b\r\n--b" + b" " * 2000 + b"\r\n\r\n-"
    text = b"preamble\r\n--b \t\r\n" + data + b"\r\n--b--\t\r\n"
    boundaries = BoundaryFilter(b"b")
    pieces = [boundaries.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert b"".join([*pieces, boundaries.rest()]) == b"--b\r\n" + data + b"\r\n--b--\t\r\n"


@pytest.mark.parametrize("encoding", ["binary", "8BIT", "7bit"])
async def test_a_transfer_encoding_that_changes_nothing_is_accepted(api: Api, encoding: str) -> None:
    header = f"Content-Transfer-Encoding: {encoding}\r\n".encode()
    assert (await send(api, body(header=header))).status_code == 202


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-unknown"])
async def test_another_transfer_encoding_is_refused_by_name(api: Api, encoding: str) -> None:
    answer = await send(api, body(header=f"content-transfer-encoding: {encoding}\r\n".encode()))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (415, "transfer_encoding_unsupported")
    assert problem["errors"][0]["pointer"] == "#/content"
    assert encoding in problem["detail"]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/assets"])
@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=b", "application/json"])
async def test_a_compressed_body_is_refused_by_name(api: Api, path: str, media_type: str) -> None:
    headers = {"Content-Type": media_type, "Content-Encoding": "GZip"}
    answer = await api.http.post(path, content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding_unsupported")
    assert "gzip" in answer.json()["detail"]
    assert answer.headers["accept-encoding"] == "identity"
    plain = await api.http.post("/v1/jobs", content=b"{", headers={**headers, "Content-Encoding": "identity"})
    assert plain.json()["code"] in ("params_malformed", "upload_incomplete")
