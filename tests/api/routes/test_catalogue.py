"""Networks, presets, limits and built-in styles."""

import asyncio
import errno
from pathlib import Path

import pytest
from PIL import Image

from api.builtin_styles import BuiltinStyles
from tests.api.conftest import Api

pytestmark = pytest.mark.anyio


async def test_models_say_whether_a_live_worker_has_them(api: Api) -> None:
    api.announce_worker("lite")
    models = {model["name"]: model for model in (await api.http.get("/v1/models")).json()["models"]}
    assert (models["lite"]["available"], models["vgg19"]["available"]) == (True, False)
    assert models["lite"]["default"]
    assert models["vgg19"]["layers"][0] == "conv1_1"


async def test_presets_are_compressed_for_clients_that_take_it(api: Api) -> None:
    compressed = await api.http.get("/v1/presets", headers={"Accept-Encoding": "gzip"})
    plain = await api.http.get("/v1/presets", headers={"Accept-Encoding": "identity"})
    assert (compressed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
    assert int(compressed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert compressed.json() == plain.json()


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br, gzip;q=0.5", "gzip"),
        ("gzip ; q=1.0, identity", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.000, deflate", None),
        ("br", None),
    ],
)
async def test_a_client_says_whether_it_accepts_gzip(api: Api, accepted: str, coding: str | None) -> None:
    answer = await api.http.get("/v1/presets", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding


async def test_presets_are_complete_and_limits_are_listed(api: Api) -> None:
    answer = (await api.http.get("/v1/presets")).json()
    names = [preset["name"] for preset in answer["presets"]]
    assert names[0] == "default"
    assert all(preset["params"]["preset"] == preset["name"] for preset in answer["presets"])
    limits = answer["limits"]
    assert (limits["max_styles"], limits["max_file_bytes"]) == (8, 20 * 2**20)
    films = (limits["max_film_seconds"], limits["max_film_frames"], limits["max_film_pixels"])
    assert films == (60, 1800, 3840 * 2160)
    assert "video/quicktime" in limits["film_input_formats"]
    assert limits["film_output_formats"] == ["mp4", "webm", "gif", "webp"]


async def test_styles_have_pictures(api: Api) -> None:
    styles = {style["name"]: style for style in (await api.http.get("/v1/styles")).json()["styles"]}
    style = styles["waves"]
    for url, most in ((style["picture"], 2_000_000), (style["thumbnail"], 150_000)):
        answer = await api.http.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert len(answer.content) < most
        again = await api.http.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    assert (await api.http.get("/v1/styles/nope/picture")).status_code == 404
    assert (await api.http.get(f"/v1/styles/{style['name']}/nope")).status_code == 422


def test_a_style_that_cannot_be_painted_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_picture: Image.Image, path: Path, _form: str) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(BuiltinStyles(tmp_path).path("waves", "thumbnail"))
    assert list(tmp_path.iterdir()) == []
