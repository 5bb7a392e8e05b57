"""Downloads of finished films."""

from __future__ import annotations

from typing import Any

import pytest

from nst_engine.images.writing import WRITABLE
from tests.api.conftest import Api
from tests.nst_engine.film import clips

pytestmark = pytest.mark.anyio
CLIP = clips.video(clips.pictures(4))


@pytest.fixture
async def job(api: Api) -> dict[str, Any]:
    """Return a film job that has succeeded."""
    created = await api.create(content=CLIP)
    lease = api.worker.claim()
    api.worker.preview(lease, 1)
    api.worker.finish(lease, CLIP, "video/mp4")
    return dict((await api.http.get(created["urls"]["self"])).json())


async def test_the_result_is_the_stored_film(api: Api, job: dict[str, Any]) -> None:
    answer = await api.http.get(job["urls"]["result"])
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "video/mp4", CLIP)
    assert answer.headers["content-disposition"].endswith(f'filename="nst-{job["id"]}.mp4"')
    again = await api.http.get(job["urls"]["result"], headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_a_player_gets_ranges(api: Api, job: dict[str, Any]) -> None:
    headers = {"Range": "bytes=10-19", "Sec-Fetch-Dest": "video"}
    answer = await api.http.get(job["urls"]["result"], headers=headers)
    assert (answer.status_code, answer.content) == (206, CLIP[10:20])
    assert answer.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "*/*", 200),
        ("?format=mp4", "image/png", 200),
        ("?format=gif", "*/*", 406),
        ("?format=png", "*/*", 406),
        ("", "image/*", 406),
        ("", "video/*", 200),
    ],
)
async def test_a_film_is_not_converted(api: Api, job: dict[str, Any], query: str, accept: str, status: int) -> None:
    answer = await api.http.get(job["urls"]["result"] + query, headers={"Accept": accept})
    assert answer.status_code == status


async def test_a_picture_is_not_converted_to_a_film(api: Api) -> None:
    created = await api.create()
    api.worker.finish(api.worker.claim())
    answer = await api.http.get(f"/v1/jobs/{created['id']}/result?format=mp4")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/format")


async def test_the_preview_of_a_film_is_a_frame(api: Api, job: dict[str, Any]) -> None:
    answer = await api.http.get(job["urls"]["preview"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    answer = await api.http.get(job["urls"]["preview"], params={"format": "gif"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/format")


async def test_a_preview_is_documented_as_a_picture(api: Api) -> None:
    operation = api.app.openapi()["paths"]["/v1/jobs/{job_id}/preview"]["get"]
    (wanted,) = (item["schema"] for item in operation["parameters"] if item["name"] == "format")
    assert wanted["enum"] == list(WRITABLE)


async def test_a_film_without_a_preview_names_none(api: Api) -> None:
    created = await api.create(content=CLIP)
    api.worker.finish(api.worker.claim(), CLIP, "video/mp4")
    job = (await api.http.get(created["urls"]["self"])).json()
    assert (job["urls"]["preview"], job["status"]) == (None, "succeeded")
