"""Assets: kept once, used by several jobs, gone when they are deleted or unused."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from api.security.concurrency import ConcurrencyLimit
from jobs.queue import CeleryQueue, make_celery
from jobs.store.assets import asset_folder
from jobs.store.reaper import Reaper
from tests.api.conftest import Api, MakeApi, picture

pytestmark = pytest.mark.anyio
PHOTO = picture()
ADDRESS = f"sha256:{hashlib.sha256(PHOTO).hexdigest()}"


async def keep(api: Api, data: bytes = PHOTO, **options: Any) -> httpx.Response:
    return await api.http.post("/v1/assets", files={"content": ("x.png", data)}, **options)


async def create(api: Api, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    return await api.http.post("/v1/jobs", json={"style_name": "waves"} | fields, headers=headers)


async def test_the_same_bytes_are_kept_once_and_used_by_several_jobs(api: Api) -> None:
    first, again = await keep(api), await keep(api)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["asset"] == again.json()["asset"] == ADDRESS
    assert len(api.stored()) == 1
    parts = {f"{part}_asset": ADDRESS for part in ("content", "style", "mask", "style_mask", "init")}
    jobs = [(await create(api, style_name=[], **parts, seed=seed)).json() for seed in (1, 2)]
    assert (await api.http.delete(f"/v1/assets/{ADDRESS}")).status_code == 204
    assert (await api.http.get(f"/v1/assets/{ADDRESS}")).status_code == 404
    for job in jobs:
        assert (await api.http.get(job["urls"]["content"])).status_code == 200, "a job has its own copy"
    assert (await create(api, content_asset=ADDRESS)).json()["code"] == "asset_unknown"


async def test_an_asset_and_an_upload_of_the_same_bytes_are_the_same_request(api: Api) -> None:
    await keep(api)
    key = {"Idempotency-Key": "k"}
    uploaded = await api.create(key, content=PHOTO, style=b"", style_name="waves")
    assert (await create(api, key, content_asset=ADDRESS)).json()["id"] == uploaded["id"]


@pytest.mark.parametrize("media_type", ["image/png", "image/webp"])
async def test_a_picture_of_an_own_job_is_an_asset_too(api: Api, media_type: str) -> None:
    job = await api.create()
    before = await create(api, content_asset=f"job:{job['id']}/result")
    assert (before.status_code, before.json()["code"]) == (422, "asset_unknown"), "there is no result yet"
    api.worker.finish(api.worker.claim(), picture((40, 40), name=media_type[6:].upper()), media_type)
    for what in ("result", "content", "style/0"):
        answer = await create(api, content_asset=f"job:{job['id']}/{what}")
        assert answer.status_code == 202, answer.text
        stored = await api.http.get(answer.json()["urls"]["content"])
        assert stored.content.startswith(b"\x89PNG")


async def test_assets_and_pictures_of_others_are_unknown(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    await keep(api, headers=ann)
    job = (await create(api, ann, content_asset=ADDRESS)).json()
    for asset in (ADDRESS, f"job:{job['id']}/content"):
        answer = await create(api, bob, content_asset=asset)
        assert (answer.status_code, answer.json()["code"]) == (422, "asset_unknown")
    for method in ("GET", "DELETE"):
        assert (await api.http.request(method, f"/v1/assets/{ADDRESS}", headers=bob)).status_code == 404


async def test_a_key_keeps_a_limited_number_of_assets(make_api: MakeApi) -> None:
    api = await make_api(jobs={"max_assets": 1})
    assert (await keep(api)).status_code == 201
    answer = await keep(api, picture(color=(1, 2, 3)))
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert (await keep(api)).status_code == 200


@pytest.mark.parametrize("asset", ["sha256:abc", "job:1/result", f"job:{'0' * 36}/preview", ""])
async def test_what_is_no_address_is_refused(api: Api, asset: str) -> None:
    assert (await create(api, content_asset=asset)).status_code == 422


async def test_a_bad_picture_is_refused_as_in_a_job_and_leaves_nothing(api: Api) -> None:
    assert (await keep(api, b"<svg/>")).json()["code"] == "not_a_picture"
    assert (await api.http.post("/v1/assets", json={"content_url": "data:,x", "seed": 1})).status_code == 422
    assert (await api.http.post("/v1/assets", json={})).status_code == 422
    assert api.stored() == []


async def test_uploads_of_assets_are_bounded_as_those_of_jobs(api: Api) -> None:
    api.services.uploads = ConcurrencyLimit("too_many_uploads", "too many", per_key=1, total=2)
    with api.services.uploads.hold("local"):
        answer = await keep(api)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_uploads")
    assert (await keep(api)).status_code == 201


async def test_the_reaper_removes_the_picture_of_an_asset_that_has_expired(api: Api) -> None:
    await keep(api)
    settings = api.settings.model_copy(update={"upload_timeout_seconds": 1e-6})
    queue = CeleryQueue(make_celery(settings))

    def sweep() -> None:
        api.redis.delete("nst:swept", "nst:reaper")
        Reaper(api.redis, blobs=api.services.blobs, queue=queue, settings=settings)._sweep()

    sweep()
    assert len(api.stored()) == 1
    api.redis.delete(f"nst:asset:{asset_folder('local', ADDRESS.removeprefix('sha256:'))}")
    sweep()
    assert api.stored() == []
