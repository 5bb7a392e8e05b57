"""Creating jobs: what is stored, and that nothing is left of a refused request."""

import io
from typing import Any

import pytest
from PIL import Image

from jobs.status import Priority
from tests.api.conftest import Api, MakeApi, form, picture

pytestmark = pytest.mark.anyio


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def test_a_builtin_style_needs_no_file(api: Api) -> None:
    job = await api.create(style=b"", style_name="waves")
    assert job["style_names"] == ["waves"]
    answer = await api.http.get(job["urls"]["style"][0])
    assert answer.headers["content-type"] == "image/png"


async def test_several_styles_and_their_masks_are_stored_in_order(api: Api) -> None:
    styles, masks = [(32, 20), (32, 21), (32, 22)], [(40, 20), (40, 21), (40, 22)]
    files = [("content", picture()), *(("style", picture(size)) for size in styles)]
    files += [(part, picture(size)) for part in ("mask", "style_mask") for size in masks]
    job = (await api.http.post("/v1/jobs", files=files, data={"style_blend": "3,2,1"})).json()
    inputs = (await api.services.store.get(job["id"], "local")).inputs

    def sizes(refs: Any) -> list[tuple[int, int]]:
        return [Image.open(io.BytesIO(api.services.blobs.read(ref.name))).size for ref in refs]

    assert (sizes(inputs.styles), sizes(inputs.masks), sizes(inputs.style_masks)) == (styles, masks, masks)
    assert job["params"]["style_blend"] == [3.0, 2.0, 1.0]


async def test_a_job_that_no_replica_has_is_a_503_and_keeps_its_pictures(make_api: MakeApi) -> None:
    """The record may survive, so the pictures must; a repeated request is not acknowledged either."""
    api = await make_api(jobs={"redis_wait_replicas": 1, "redis_timeout_seconds": 1.0})
    for _ in range(2):
        answer = await api.http.post("/v1/jobs", files=form(), headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert len(api.stored()) == 2
    (job,) = (await api.http.get("/v1/jobs")).json()["jobs"]
    assert job["status"] == "queued"


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"content": b""}, "#/content"),
        ({"style": b""}, "#/style"),
        ({"mask": picture(), "style": b"", "style_name": "nope"}, "#/style_name"),
        ({"style_blend": "1,2"}, "#/style_blend"),
        ({"layers_per_style": "style1;style5"}, "#/layers_per_style"),
        ({"style_name": "waves", "style_mask": picture()}, "#/style_mask"),
        ({"max_size": "0"}, "#/max_size"),
        ({"max_size": "-5"}, "#/max_size"),
        ({"model": "gpt"}, "#/model"),
        ({"style_layers": "relu9_9:1"}, "#/style_layers"),
        ({"preset": "nope"}, "#/preset"),
        ({"init": "image"}, "#/init"),
        ({"surprise": "1"}, "#/surprise"),
        ({"params": "[1]"}, "#/params"),
        ({"params": '{"max_size": 99}', "max_size": "99"}, "#/max_size"),
    ],
)
async def test_a_wrong_part_is_named_and_nothing_is_stored(api: Api, values: dict[str, Any], pointer: str) -> None:
    answer = await api.http.post("/v1/jobs", files=form(**values))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert api.stored() == []
    assert api.redis.keys("nst:job:*") == []


async def test_the_photo_keeps_its_transparency_and_a_mask_becomes_its_alpha(api: Api) -> None:
    cut_out = encoded(Image.new("RGBA", (48, 32), (200, 30, 30, 100)))
    job = await api.create(content=cut_out, style=cut_out, mask=cut_out, alpha="#0080ff")
    stored = (await api.services.store.get(job["id"], None)).inputs
    refs = (stored.content, stored.styles[0], stored.masks[0])
    modes = [Image.open(io.BytesIO(api.services.blobs.read(ref.name))).mode for ref in refs]
    assert (modes, job["alpha"]) == (["RGBA", "RGB", "L"], "#0080ff")


async def test_a_color_that_is_none_is_refused(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(alpha="mauve"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/alpha")


async def test_one_bad_picture_among_many_is_named_and_nothing_is_stored(api: Api) -> None:
    files = [("content", picture()), ("style", picture()), ("style", b"no picture"), ("style", picture())]
    answer = await api.http.post("/v1/jobs", files=files)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (415, "#/style/1")
    assert api.stored() == []


async def test_a_network_without_a_worker_is_refused_with_the_command_that_installs_it(api: Api) -> None:
    api.announce_worker("lite")
    answer = await api.http.post("/v1/jobs", files=form(model="vgg19"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/model")
    assert "nst weights pull vgg19" in answer.json()["detail"]
    assert api.stored() == []


async def test_a_network_is_accepted_while_its_only_worker_restarts(api: Api) -> None:
    api.announce_worker("lite", "vgg19")
    api.announce_worker("lite")
    assert (await api.http.post("/v1/jobs", files=form(model="vgg19"))).status_code == 202


async def test_tf32_is_refused_if_a_worker_without_a_device_for_it_may_take_the_job(api: Api) -> None:
    job = form(precision="tf32")
    assert (await api.http.post("/v1/jobs", files=job)).status_code == 202  # no worker yet
    api.announce_worker("lite", id="w2", device="cuda:0")
    assert (await api.http.post("/v1/jobs", files=job)).status_code == 202
    api.announce_worker("lite")
    before = api.stored()
    answer = await api.http.post("/v1/jobs", files=job)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/precision")
    assert api.stored() == before
    for network, priorities in (("vgg19", tuple(Priority)), ("lite", (Priority.BATCH,))):
        api.announce_worker(network, priorities=priorities)  # now it cannot take the job
        assert (await api.http.post("/v1/jobs", files=job)).status_code == 202


async def test_a_full_queue_is_a_503_that_leaves_nothing(make_api: MakeApi) -> None:
    api = await make_api(jobs={"queue_limit": 1})
    await api.create()
    before = api.stored()
    answer = await api.http.post("/v1/jobs", files=form())
    assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
    assert "retry-after" in answer.headers
    assert api.stored() == before


async def test_a_full_disk_is_a_507_that_leaves_nothing(make_api: MakeApi) -> None:
    api = await make_api(jobs={"storage_min_free_bytes": 2**62})
    answer = await api.http.post("/v1/jobs", files=form())
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert "retry-after" in answer.headers
    assert api.stored() == []


@pytest.mark.parametrize(
    ("size", "values", "pointer", "detail"),
    [
        ((16, 16), {}, "#/content", "the smallest photo that works has 32 x 32"),
        ((5000, 64), {}, "#/max_size", "the smallest max_size for this photo is 2461"),
        ((60, 60), {"model": "inception_v3"}, "#/content", "the smallest photo that works has 75 x 75"),
    ],
)
async def test_a_photo_too_small_for_the_network_is_refused_with_the_size_that_works(
    api: Api, size: tuple[int, int], values: dict[str, str], pointer: str, detail: str
) -> None:
    api.announce_worker("lite", "inception_v3")
    answer = await api.http.post("/v1/jobs", files=form(content=picture(size), **values))
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, pointer)
    assert detail in error["detail"]
    assert api.stored() == []
