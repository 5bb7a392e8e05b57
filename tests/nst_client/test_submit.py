"""Requests for jobs: pictures of every kind, and parameters."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import Enum
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from PIL import Image

from nst_client import ArgumentError, Client, StyleName
from tests.nst_client.conftest import JOB, FakeService, parts, reply

LINES = b"picture\nof two lines"


class Kind(Enum):
    NOISE = "noise"


@pytest.mark.parametrize("kind", [str, Path, bytes, bytearray, memoryview, BytesIO, Path.open])
def test_a_single_style_or_mask_needs_no_list(service: FakeService, tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(LINES)

    def picture() -> Any:
        if kind is Path.open:
            return path.open("rb")
        return kind(path) if kind in (str, Path) else kind(LINES)

    service.responds(reply(202, JOB)).call("submit", picture(), picture(), masks=picture(), init_image=picture())
    (sent,) = service.requests
    assert [parts(sent, name) for name in ("content", "style", "mask", "init")] == [[LINES]] * 4


def test_pictures_that_are_none_are_left_out(service: FakeService) -> None:
    left_out: dict[str, Any] = dict.fromkeys(("masks", "style_masks", "init_image", "style_name"))
    service.responds(reply(202, JOB)).call("submit", b"c", None, **left_out)
    (sent,) = service.requests
    assert [parts(sent, name) for name in ("content", "style", "mask", "style_mask", "init")] == [
        [b"c"],
        [],
        [],
        [],
        [],
    ]


@pytest.mark.parametrize("picture", [b"", BytesIO(), Path("empty.png")], ids=["bytes", "open file", "path"])
def test_an_empty_picture_is_refused_instead_of_left_out(
    service: FakeService, picture: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.png").touch()
    with pytest.raises(ArgumentError, match="init: the picture is empty"):
        service.call("submit", b"c", b"s", init_image=picture)
    assert service.requests == []


@pytest.mark.parametrize("empty", [{"init_image": ""}, {"style_name": ["waves", ""]}, {"style_masks": [""]}])
def test_an_empty_name_is_refused_instead_of_left_out(service: FakeService, empty: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="the name is empty"):
        service.call("submit", b"c", b"s", **empty)
    assert service.requests == []


def test_a_file_that_is_open_as_text_is_refused(service: FakeService) -> None:
    with pytest.raises(ArgumentError, match="open it in binary mode"):
        service.call("submit", StringIO("picture"), b"s")


@pytest.mark.parametrize("per_style", [["style1:1,style2:0.5", "style5:1"], [{"style1": 1, "style2": 0.5}, "style5:1"]])
def test_the_layers_of_each_style_may_be_text(service: FakeService, per_style: Any) -> None:
    service.responds(reply(202, JOB)).call("submit", b"c", [b"s1", b"s2"], layers_per_style=per_style)
    assert parts(service.requests[0], "layers_per_style") == [b"style1:1,style2:0.5;style5:1"]


def test_layers_may_be_given_as_a_set(service: FakeService) -> None:
    service.responds(reply(202, JOB)).call("submit", b"c", b"s", style_layers={"style1"})
    assert parts(service.requests[0], "style_layers") == [b"style1"]


@pytest.mark.parametrize("url", ["HTTPS://example.com/A.png", "Http://example.com/a"])
def test_the_scheme_of_a_url_may_be_in_capitals(service: FakeService, url: str) -> None:
    service.responds(reply(202, JOB)).call("submit", url, b"s")
    assert parts(service.requests[0], "content_url") == [url.encode()]


@pytest.mark.parametrize(
    "server",
    [
        "",
        "nst",
        "localhost:8000",
        "ftp://nst",
        "http://",
        "http://[::1",
        "http://nst:port",
        "http://xn--a",
        "http://nst\n",
        "http:///nst",
        "http://nst:99999",
        "http://nst?key=1",
        "http://nst#jobs",
    ],
)
def test_a_server_that_is_no_url_is_refused(server: str) -> None:
    with pytest.raises(ArgumentError, match="is not the URL of a service"):
        Client(server)


@pytest.mark.parametrize("key", ["nst_\u00e9", "nst_a\n", " nst_a", "nst_a b"])
def test_a_key_that_no_request_can_carry_is_refused(service: FakeService, key: str) -> None:
    with pytest.raises(ArgumentError, match="character that no key has"):
        service.call("get", "j1", key=key)


def test_parameters_are_sent_in_the_format_of_the_http_api(service: FakeService) -> None:
    service.responds(reply(202, JOB)).call(
        "submit",
        b"c",
        [b"s1", b"s2"],
        masks=[b"m1", b"m2"],
        style_masks=[b"p1", b"p2"],
        layers_per_style=[{"style1": 1, "style2": 0.5}, {"style5": 1}],
        style_blend=(3, 1),
        style_layers={"style1": 0.5},
        carry_state=False,
        max_size=None,
        preset="default",
    )
    (sent,) = service.requests
    assert (parts(sent, "style"), parts(sent, "mask")) == ([b"s1", b"s2"], [b"m1", b"m2"])
    assert parts(sent, "style_mask") == [b"p1", b"p2"]
    assert parts(sent, "layers_per_style") == [b"style1:1,style2:0.5;style5:1"]
    names = ("style_blend", "style_layers", "carry_state", "max_size", "preset", "style_name")
    values = {name: parts(sent, name) for name in names}
    assert values == {
        "style_blend": [b"3,1"],
        "style_layers": [b"style1:0.5"],
        "carry_state": [b"false"],
        "max_size": [],
        "preset": [b"default"],
        "style_name": [],
    }


def test_numbers_of_other_libraries_are_sent_as_numbers(service: FakeService) -> None:
    service.responds(reply(202, JOB)).call(
        "submit",
        b"c",
        b"s",
        fps=np.float32(0.5),
        quality=np.int64(80),
        steps=np.array(3),
        carry_state=np.bool_(False),
        style_blend=np.array([3, 1]),
        style_layers={"style1": np.float64(0.5)},
        layers_per_style=[{"style1": True}],
        strength=Decimal("0.25"),
        init_job=UUID(int=1),
        init=Kind.NOISE,
    )
    (sent,) = service.requests
    assert {name: parts(sent, name) for name in ("fps", "quality", "steps", "carry_state", "style_blend")} == {
        "fps": [b"0.5"],
        "quality": [b"80"],
        "steps": [b"3"],
        "carry_state": [b"false"],
        "style_blend": [b"3,1"],
    }
    assert parts(sent, "style_layers") == [b"style1:0.5"]
    assert parts(sent, "strength") == [b"0.25"]
    assert parts(sent, "init_job") == [b"00000000-0000-0000-0000-000000000001"]
    assert parts(sent, "init") == [b"noise"]


@pytest.mark.parametrize("value", [b"draft", bytearray(b"draft"), [b"draft"]])
def test_bytes_are_no_parameter(service: FakeService, value: object) -> None:
    with pytest.raises(ArgumentError, match="write a text or a number, not bytes"):
        service.call("submit", b"c", b"s", preset=value)


@pytest.mark.parametrize("picture", [3, object(), Image.new("RGB", (2, 2)), [3]])
def test_what_is_no_picture_is_refused(service: FakeService, picture: object) -> None:
    with pytest.raises(ArgumentError, match="style: give the bytes of an image file, an open file, a path or a URL"):
        service.call("submit", b"c", picture)


def test_the_part_of_a_film_is_sent_as_from_and_to(service: FakeService) -> None:
    film = {"start": 0.5, "end": 2, "fps": 12, "quality": 50, "output_format": "webm"}
    service.responds(reply(202, JOB)).call("submit", b"film", style_name="waves", **film)
    (sent,) = service.requests
    values = {name: parts(sent, name) for name in ("from", "to", "fps", "quality", "output_format", "start")}
    expected = {"from": [b"0.5"], "to": [b"2"], "fps": [b"12"], "quality": [b"50"], "output_format": [b"webm"]}
    assert values == expected | {"start": []}


def test_a_built_in_style_is_sent_by_name(service: FakeService) -> None:
    service.responds(reply(202, JOB)).call("submit", b"c", style_name="waves")
    (sent,) = service.requests
    assert (parts(sent, "style_name"), parts(sent, "style")) == ([b"waves"], [])


def test_urls_and_names_keep_their_place_among_the_styles(service: FakeService) -> None:
    styles = ["https://example.com/a.jpg", b"file", StyleName("waves"), "data:image/png;base64,QQ=="]
    service.responds(reply(202, JOB)).call(
        "submit", "https://example.com/c.jpg", styles, style_name=["mosaic"], masks="https://example.com/m.png"
    )
    (sent,) = service.requests
    names = re.findall(rb'; name="((?:content|style|mask)\w*)"', sent.content)
    assert names == [b"content_url", b"style_url", b"style", b"style_name", b"style", b"style_name", b"mask_url"]
    assert parts(sent, "style_name") == [b"waves", b"mosaic"]


@pytest.mark.parametrize("uri", ["data:image/png;base64,cGhvdG8=", "DATA:;BASE64,cGhvdG8=", "data:,ph%6Fto"])
def test_a_data_uri_is_sent_as_a_file_because_fields_are_short(service: FakeService, uri: str) -> None:
    service.responds(reply(202, JOB)).call("submit", uri, style_name="waves")
    (sent,) = service.requests
    assert parts(sent, "content") == [b"photo"]


def test_a_damaged_data_uri_is_refused_before_anything_is_sent(service: FakeService) -> None:
    with pytest.raises(ArgumentError, match=r"content: the data: URI is not valid base64"):
        service.call("submit", "data:image/png;base64,%%", style_name="waves")
    assert service.requests == []


def test_a_kept_picture_takes_the_place_of_a_file(service: FakeService) -> None:
    kept = service.responds(reply(201, {"asset": "sha256:ab", "expires_at": "later"})).call("keep", b"photo")
    (sent,) = service.requests
    assert (kept, sent.url.path, parts(sent, "content")) == ("sha256:ab", "/v1/assets", [b"photo"])
    service.responds(reply(202, JOB)).call("submit", kept, ["job:j1/result"])
    asked = service.requests[-1]
    assert (parts(asked, "content_asset"), parts(asked, "style_asset")) == ([b"sha256:ab"], [b"job:j1/result"])
    service.responds(httpx.Response(204)).call("discard", kept)
    assert service.requests[-1].url.path == "/v1/assets/sha256:ab"
