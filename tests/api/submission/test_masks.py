"""Masks: one in whose alpha channel nothing is drawn is refused, wherever it comes from."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from api.decoding import process
from tests.api.conftest import Api, clear_picture, form, picture

pytestmark = pytest.mark.anyio
PARTS = ("mask", "style_mask")


async def refused(api: Api, pointer: str, *, files: dict[str, bytes] | None = None, **fields: str) -> None:
    """Check that a job is refused because of its mask, and leaves nothing."""
    before = api.stored()
    answer = await api.http.post("/v1/jobs", files=form(**(files or {}), **fields))
    assert (answer.status_code, answer.json()["code"]) == (422, "mask_without_shape"), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert api.stored() == before


@pytest.mark.parametrize("opacity", [0, 255])
async def test_a_mask_in_whose_alpha_nothing_is_drawn_is_refused(api: Api, opacity: int) -> None:
    mask = clear_picture(opacity)
    asset = (await api.http.post("/v1/assets", files={"content": mask})).json()["asset"]
    job = await api.create(content=mask)
    for part in PARTS:
        await refused(api, f"#/{part}/0", files={part: mask})
        uri = f"data:image/png;base64,{base64.b64encode(mask).decode()}"
        await refused(api, f"#/{part}_url/0", **{f"{part}_url": uri})
        for reference in (asset, f"job:{job['id']}/content"):
            await refused(api, f"#/{part}_asset/0", **{f"{part}_asset": reference})


async def test_a_result_of_which_nothing_is_seen_is_refused_as_a_mask(api: Api) -> None:
    job = await api.create()
    api.worker.finish(api.worker.claim(), clear_picture(name="WEBP"), "image/webp")
    await refused(api, "#/mask_asset/0", mask_asset=f"job:{job['id']}/result")


async def test_an_asset_is_stored_as_a_mask_as_an_upload_is(api: Api) -> None:
    drawn = Image.new("RGBA", (48, 32), (200, 30, 30, 0))
    drawn.paste((0, 0, 0, 255), (0, 0, 24, 32))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    asset = (await api.http.post("/v1/assets", files={"content": file.getvalue()})).json()["asset"]
    job = await api.create(mask_asset=asset, style_mask=file.getvalue())
    inputs = (await api.services.store.get(job["id"], None)).inputs
    stored = [Image.open(io.BytesIO(api.services.blobs.read(ref.name))) for ref in inputs.masks + inputs.style_masks]
    assert [(mask.mode, mask.getpixel((2, 2)), mask.getpixel((40, 2))) for mask in stored] == [("L", 255, 0)] * 2


async def test_a_mask_without_an_alpha_channel_may_be_of_one_color(api: Api) -> None:
    asset = (await api.http.post("/v1/assets", files={"content": picture(color=(255, 255, 255))})).json()["asset"]
    await api.create(mask_asset=asset)


async def test_a_black_mask_is_refused_wherever_it_comes_from(api: Api) -> None:
    """The engine would refuse it after the job has waited."""
    black = picture(color=(0, 0, 0))
    asset = (await api.http.post("/v1/assets", files={"content": black})).json()["asset"]
    job = await api.create(content=black)
    api.worker.finish(api.worker.claim(), black)
    for part in PARTS:
        await refused(api, f"#/{part}/0", files={part: black})
        uri = f"data:image/png;base64,{base64.b64encode(black).decode()}"
        await refused(api, f"#/{part}_url/0", **{f"{part}_url": uri})
        for reference in (asset, f"job:{job['id']}/content", f"job:{job['id']}/result"):
            await refused(api, f"#/{part}_asset/0", **{f"{part}_asset": reference})


async def test_a_style_may_apply_nowhere_if_another_applies_somewhere(api: Api) -> None:
    black, gray = picture(color=(0, 0, 0)), picture(color=(1, 1, 1))
    styles = [("content", picture()), ("style", picture()), ("style", picture())]
    for masks, part, pointer in (
        ((black, gray), "mask", None),
        ((black, black), "mask", "#/mask/0"),
        ((gray, black), "style_mask", "#/style_mask/1"),
    ):
        answer = await api.http.post("/v1/jobs", files=[*styles, *((part, mask) for mask in masks)])
        assert answer.status_code == (422 if pointer else 202), answer.text
        assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer


async def test_an_asset_that_is_every_mask_is_decoded_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = (await api.http.post("/v1/assets", files={"content": picture()})).json()["asset"]
    decoded, decode = [], process.decode

    def counted(*arguments: Any, **named: Any) -> bool:
        decoded.append(named["part"])
        return decode(*arguments, **named)

    monkeypatch.setattr(process, "decode", counted)
    masks = {f"{part}_asset": [asset] * 3 for part in PARTS}
    answer = await api.http.post("/v1/jobs", json={"content_asset": asset, "style_asset": [asset] * 3} | masks)
    assert answer.status_code == 202, answer.text
    inputs = (await api.services.store.get(answer.json()["id"], None)).inputs
    assert decoded == ["mask"]
    assert [ref.name.partition("/")[2] for ref in inputs.masks] == ["mask-0", "mask-1", "mask-2"]
    stored = {api.services.blobs.read(ref.name) for ref in inputs.masks + inputs.style_masks}
    assert [Image.open(io.BytesIO(data)).mode for data in stored] == ["L"]
