"""Requests for jobs: pictures of every kind, and parameters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from nst_client import StyleName
from tests.nst_client.conftest import JOB, FakeService, parts, reply


@pytest.mark.parametrize("kind", [str, Path, bytes, bytearray])
def test_a_single_style_or_mask_needs_no_list(service: FakeService, tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(b"picture")
    picture = kind(path) if kind in (str, Path) else kind(b"picture")
    service.responds(reply(202, JOB)).call("submit", picture, picture, masks=picture)
    (sent,) = service.requests
    assert [parts(sent, name) for name in ("content", "style", "mask")] == [[b"picture"]] * 3


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
    assert names == [b"content_url", b"style_url", b"style", b"style_name", b"style_url", b"style_name", b"mask_url"]
    assert parts(sent, "style_name") == [b"waves", b"mosaic"]


def test_a_kept_picture_takes_the_place_of_a_file(service: FakeService) -> None:
    kept = service.responds(reply(201, {"asset": "sha256:ab", "expires_at": "later"})).call("keep", b"photo")
    (sent,) = service.requests
    assert (kept, sent.url.path, parts(sent, "content")) == ("sha256:ab", "/v1/assets", [b"photo"])
    service.responds(reply(202, JOB)).call("submit", kept, ["job:j1/result"])
    asked = service.requests[-1]
    assert (parts(asked, "content_asset"), parts(asked, "style_asset")) == ([b"sha256:ab"], [b"job:j1/result"])
    service.responds(httpx.Response(204)).call("discard", kept)
    assert service.requests[-1].url.path == "/v1/assets/sha256:ab"
