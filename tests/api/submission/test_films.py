"""Films as the content of a job."""

from __future__ import annotations

import base64
import sys
from typing import Any

import pytest

from tests.api.conftest import Api, MakeApi, form, picture
from tests.nst_engine.film import clips

pytestmark = pytest.mark.anyio
CLIP = clips.video(clips.pictures(4))
HEADER_OF_PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"


async def refused(api: Api, **values: bytes | str) -> dict[str, Any]:
    """Send a job that is refused and leaves nothing behind, and return the problem."""
    answer = await api.http.post("/v1/jobs", files=form(**values))
    assert answer.status_code >= 400, answer.text
    assert api.stored() == []
    return dict(answer.json())


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (CLIP, "video/mp4"),
        (clips.video(name="webm", codec="libvpx-vp9"), "video/webm"),
        (clips.animation("GIF"), "image/gif"),
        (clips.animation("WEBP"), "image/webp"),
        (clips.animation("PNG"), "image/png"),
    ],
    ids=["MP4", "WebM", "GIF", "WebP", "PNG"],
)
async def test_a_film_is_stored_as_it_was_sent(api: Api, content: bytes, media_type: str) -> None:
    job = await api.create(content=content)
    answer = await api.http.get(job["urls"]["content"])
    assert (answer.headers["content-type"], answer.content) == (media_type, content)
    assert job["output_format"] == "mp4"


async def test_a_job_says_what_is_painted_of_the_film(api: Api) -> None:
    job = await api.create(content=CLIP, fps="6", to="0.3", quality="70", output_format="webm")
    film = {"frames": 2, "width": 64, "height": 48, "fps": 6.0, "from": None, "to": 0.3, "quality": 70}
    assert (job["film"], job["output_format"]) == (film, "webm")
    options = api.worker.claim().job.options
    assert options.film is not None
    assert (options.film.fps, options.film.start, options.film.end) == (6.0, None, 0.3)


async def test_a_film_may_be_a_data_uri(api: Api) -> None:
    uri = "data:video/mp4;base64," + base64.b64encode(CLIP).decode()
    answer = await api.http.post("/v1/jobs", json={"content_url": uri, "style_name": "waves", "from": 0.1})
    assert answer.status_code == 202, answer.text
    assert answer.json()["film"]["from"] == 0.1


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (clips.video(container={"movflags": "frag_keyframe+empty_moov"})[:-150], 415, "film_truncated"),
        (clips.video(codec="", sound="aac"), 415, "film_without_video"),
        (HEADER_OF_PLAYLIST, 415, "not_a_picture"),
        (clips.animation("GIF", clips.pictures(1)), 415, "film_still"),
        (clips.video(clips.pictures(1, (16, 8))), 422, "film_too_small"),
    ],
    ids=["truncated", "only sound", "a playlist", "a still GIF", "too small"],
)
async def test_a_film_that_cannot_be_painted_is_refused(api: Api, content: bytes, status: int, code: str) -> None:
    problem = await refused(api, content=content)
    assert (problem["status"], problem["code"], problem["errors"][0]["pointer"]) == (status, code, "#/content")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"max_film_seconds": 0.1}, "film_too_long"),
        ({"max_film_frames": 3}, "film_too_many_frames"),
        ({"max_film_pixels": 256}, "film_too_large"),
    ],
)
async def test_the_settings_limit_a_film(make_api: MakeApi, settings: dict[str, Any], code: str) -> None:
    problem = await refused(await make_api(**settings), content=CLIP)
    assert (problem["status"], problem["code"]) == (413, code)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"fps": "6"}, "#/fps"),
        ({"from": "0"}, "#/from"),
        ({"to": "1"}, "#/to"),
        ({"quality": "50"}, "#/quality"),
        ({"output_format": "mp4"}, "#/output_format"),
    ],
)
async def test_options_of_films_do_not_go_with_a_picture(api: Api, values: dict[str, str], pointer: str) -> None:
    problem = await refused(api, content=picture(), **values)
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"timelapse": "true"}, "#/timelapse"),
        ({"alpha": "white"}, "#/alpha"),
        ({"output_format": "png"}, "#/output_format"),
        ({"output_format": "gif", "quality": "50"}, "#/quality"),
        ({"from": "2", "to": "1"}, "#/to"),
        ({"fps": "0"}, "#/fps"),
    ],
)
async def test_what_does_not_go_with_a_film_is_refused_by_name(api: Api, values: dict[str, str], pointer: str) -> None:
    problem = await refused(api, content=CLIP, **values)
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, pointer)


async def test_a_gif_is_not_faster_than_browsers_play_it(api: Api) -> None:
    problem = await refused(api, content=CLIP, output_format="gif", fps="60")
    assert (problem["status"], problem["code"]) == (422, "film_rate")


async def test_only_the_content_may_be_a_film(api: Api) -> None:
    assert (await refused(api, style=CLIP))["code"] == "not_a_picture"
    answer = await api.http.post("/v1/assets", files={"content": ("a.mp4", CLIP)})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_a_picture")


async def test_a_film_of_a_job_is_not_used_as_a_picture(api: Api) -> None:
    job = await api.create(content=CLIP)
    api.worker.finish(api.worker.claim(), CLIP, "video/mp4")
    for what in ("content", "result"):
        picture_of_job = {"content_asset": f"job:{job['id']}/{what}", "style_name": "waves"}
        answer = await api.http.post("/v1/jobs", json=picture_of_job)
        assert (answer.status_code, answer.json()["code"]) == (422, "asset_unknown")
        assert "this is a film" in answer.json()["detail"]
    answer = await api.http.post("/v1/jobs", files=form(init_job=job["id"]))
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "the job in init_job is for a film" in answer.json()["detail"]


async def test_without_the_extra_the_problem_says_what_to_install(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    problem = await refused(api, content=CLIP)
    assert (problem["status"], problem["code"]) == (415, "film_unsupported")
    assert "films need the extra video" in problem["detail"]


async def test_a_retry_paints_the_same_part(api: Api) -> None:
    job = await api.create(content=CLIP, fps="6")
    await api.http.post(f"/v1/jobs/{job['id']}/cancel")
    retry = (await api.http.post(f"/v1/jobs/{job['id']}/retry")).json()
    assert retry["film"] == job["film"]
    assert (await api.http.get(retry["urls"]["content"])).content == CLIP
