"""Pictures over HTTP: formats, ranges, ETags, and what a browser is told about them."""

import asyncio
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.downloads import CHUNK_BYTES
from jobs.model import BlobRef, ResultInfo
from nst_engine.images.writing import encode, read_metadata
from tests.api.conftest import Api, MakeApi, picture

pytestmark = pytest.mark.anyio


async def finished(api: Api, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[str, bytes]:
    """Make a job that has ended well and return the path of its result and what is in it."""
    job = await api.create(headers)
    data = api.worker.finish(api.worker.claim(), data)
    return f"/v1/jobs/{job['id']}/result", data


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


async def test_the_result_is_the_file_that_was_stored(api: Api) -> None:
    path, data = await finished(api)
    answer = await api.http.get(path)
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert answer.headers["content-length"] == str(len(data))


async def test_head_returns_the_headers_without_the_picture(api: Api) -> None:
    path, _ = await finished(api)
    whole, head = await api.http.get(path), await api.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "content-type", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]


async def test_browsers_save_the_result_and_do_not_sniff_its_type(api: Api) -> None:
    path, _ = await finished(api)
    headers = (await api.http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith('attachment; filename="nst-')
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "private" in headers["cache-control"]


async def test_a_matching_etag_is_a_304(api: Api) -> None:
    path, _ = await finished(api)
    etag = (await api.http.get(path)).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = await api.http.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await api.http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-7", -7, None)]
)
async def test_a_range_is_a_206(api: Api, asked: str, first: int, last: int | None) -> None:
    path, data = await finished(api)
    answer = await api.http.get(path, headers={"Range": asked})
    expected = data[first:] if last is None else data[first : last + 1]
    assert (answer.status_code, answer.content) == (206, expected)
    start = first % len(data)
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(data)}"


async def test_a_download_can_be_resumed(api: Api) -> None:
    noise = Image.effect_noise((900, 900), 100).convert("RGB")
    path, data = await finished(api, encode(noise, "png"))
    assert len(data) > 3 * CHUNK_BYTES
    half = len(data) // 2
    head = await api.http.get(path, headers={"Range": f"bytes=0-{half - 1}"})
    headers = {"Range": f"bytes={half}-", "If-Range": head.headers["etag"]}
    assert head.content + (await api.http.get(path, headers=headers)).content == data


async def test_a_range_of_another_version_returns_the_whole_file(api: Api) -> None:
    path, data = await finished(api)
    answer = await api.http.get(path, headers={"Range": "bytes=5-", "If-Range": '"old"'})
    assert (answer.status_code, answer.content) == (200, data)


@pytest.mark.parametrize("asked", ["bytes=5-3", "bytes=0-1,4-5", "items=0-3", "bytes=a-b", "bytes=-"])
async def test_a_malformed_range_is_ignored(api: Api, asked: str) -> None:
    path, data = await finished(api)
    answer = await api.http.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, data)


async def test_a_range_may_end_at_the_largest_integer(api: Api) -> None:
    path, data = await finished(api)
    answer = await api.http.get(path, headers={"Range": f"bytes=4-{2**64 - 1}"})
    assert (answer.status_code, answer.content) == (206, data[4:])


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", f"bytes={2**64 - 1}-"])
async def test_a_range_beyond_the_file_is_a_416(api: Api, asked: str) -> None:
    path, data = await finished(api)
    answer = await api.http.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(data)}")


@pytest.mark.parametrize(("name", "media_type"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF"), ("png", "PNG")])
async def test_the_result_is_converted_to_the_requested_format(api: Api, name: str, media_type: str) -> None:
    data = encode(Image.new("RGB", (64, 48), "teal"), "png", metadata={"seed": 3})
    path, _ = await finished(api, data)
    answer = await api.http.get(path, params={"format": name})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{name}"
    assert (opened(answer.content).format, opened(answer.content).size) == (media_type, (64, 48))
    assert read_metadata(answer.content) == {"seed": 3}
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await api.http.get(path, params={"format": name}, headers=known)).status_code == 304


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "image/png"),
        ("image/webp", "image/webp"),
        ("text/html, image/avif, image/jpeg;q=0.5, image/webp;q=0.9", "image/webp"),
        ("image/*", "image/png"),
        (" , ,", "image/png"),
        ("image/png;q=0, image/*;q=0.1", "image/jpeg"),
        ("image/webp, */*;q=0.8", "image/webp"),
        ("text/html,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8", "image/png"),
        ("text/html,application/xhtml+xml,image/avif,image/webp,image/png;q=0.5,image/*;q=0.4", "image/png"),
    ],
)
async def test_accept_decides_the_format(api: Api, accept: str, expected: str) -> None:
    path, _ = await finished(api)
    answer = await api.http.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, expected)
    assert "Accept" in answer.headers["vary"]


async def test_the_parts_of_a_header_may_be_headers_of_their_own(api: Api) -> None:
    path, _ = await finished(api)
    answer = await api.http.get(path, headers=[("Accept", "application/json"), ("Accept", "image/webp")])
    assert answer.headers["content-type"] == "image/webp"
    for url in (path, path.removesuffix("/result")):
        tag = (await api.http.get(url)).headers["etag"]
        answer = await api.http.get(url, headers=[("If-None-Match", '"old"'), ("If-None-Match", tag)])
        assert answer.status_code == 304


async def test_an_unavailable_format_is_refused(api: Api) -> None:
    path, _ = await finished(api)
    assert (await api.http.get(path, headers={"Accept": "application/json"})).status_code == 406
    assert (await api.http.get(path, params={"format": "gif"})).status_code == 422


async def test_each_format_has_its_own_etag(api: Api) -> None:
    path, _ = await finished(api)
    tags = {(await api.http.get(path, params={"format": name})).headers["etag"] for name in ("png", "jpeg", "webp")}
    assert len(tags) == 3


async def test_there_is_no_result_before_the_end_or_after_a_cancel(api: Api) -> None:
    job = await api.create()
    waiting = await api.http.get(f"/v1/jobs/{job['id']}/result")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "not_finished")
    await api.http.post(job["urls"]["cancel"])
    canceled = await api.http.get(f"/v1/jobs/{job['id']}/result")
    assert (canceled.status_code, canceled.json()["code"]) == (409, "no_result")


async def test_an_expired_result_is_a_410(make_api: MakeApi) -> None:
    from jobs.queue import CeleryQueue, make_celery
    from jobs.store.reaper import Reaper

    api = await make_api(jobs={"result_ttl_seconds": 0.001})
    path, _ = await finished(api)
    queue = CeleryQueue(make_celery(api.settings))
    Reaper(api.redis, blobs=api.services.blobs, queue=queue, settings=api.settings).round()
    for part in ("result", "preview", "content", "style/0", "mask/0", "style_mask/0"):
        answer = await api.http.get(path.replace("result", part))
        assert (answer.status_code, answer.json()["code"]) == (410, "result_expired")
    job = (await api.http.get(path.removesuffix("/result"))).json()
    assert (job["status"], job["expired"], job["urls"]["result"]) == ("succeeded", True, None)
    assert (await api.http.post(job["urls"]["retry"])).status_code == 410


async def test_previews_show_the_latest_picture_and_then_the_result(api: Api) -> None:
    job = await api.create()
    path = f"/v1/jobs/{job['id']}/preview"
    assert (await api.http.get(path)).json()["code"] == "no_preview"
    lease = api.worker.claim()
    api.worker.preview(lease, 1)
    first = await api.http.get(path)
    api.worker.preview(lease, 2)
    second = await api.http.get(path)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["etag"] != second.headers["etag"]
    data = api.worker.finish(lease)
    assert (await api.http.get(path)).content == data


async def test_browsers_cache_a_result_but_not_a_preview(api: Api) -> None:
    path, _ = await finished(api)
    shown = {"Sec-Fetch-Dest": "image"}
    result = await api.http.get(path, headers=shown)
    preview = await api.http.get(path.replace("result", "preview"), headers=shown)
    assert result.headers["content-disposition"].startswith("inline")
    assert "max-age" in result.headers["cache-control"]
    assert preview.headers["cache-control"] == "private, no-cache"


async def test_a_timelapse_is_returned_if_the_job_has_one(api: Api) -> None:
    without, _ = await finished(api)
    assert (await api.http.get(without.replace("result", "timelapse"))).json()["code"] == "no_timelapse"
    job = await api.create(timelapse="true")
    lease, data = api.worker.claim(), picture(name="WEBP")
    ref: BlobRef = api.services.blobs.put(f"{job['id']}/timelapse.webp", data, "image/webp")
    values: dict[str, Any] = {"width": 32, "height": 24, "media_type": "image/png", "timelapse": ref}
    blob = api.services.blobs.put(f"{job['id']}/result.png", picture(), "image/png")
    lease.complete(ResultInfo(blob=blob.name, bytes=blob.bytes, sha256=blob.sha256, **values))
    answer = await api.http.get(f"/v1/jobs/{job['id']}/timelapse")
    assert (answer.content, answer.headers["content-type"]) == (data, "image/webp")


@pytest.mark.parametrize("part", ["style", "mask", "style_mask"])
async def test_an_input_out_of_range_is_a_404(api: Api, part: str) -> None:
    job = await api.create(mask=picture())
    index = len(job["urls"][part])
    answer = await api.http.get(f"/v1/jobs/{job['id']}/{part}/{index}")
    assert (answer.status_code, answer.json()["code"]) == (404, f"{part}_unknown")


async def test_masks_are_returned_in_the_order_of_the_styles(api: Api) -> None:
    masks = [picture(color=(level,) * 3) for level in (60, 200)]
    fields = [("content", picture()), ("style", picture()), ("style", picture()), *(("mask", mask) for mask in masks)]
    answer = await api.http.post("/v1/jobs", files=[(name, ("x.png", data)) for name, data in fields])
    urls = answer.json()["urls"]
    assert (len(urls["mask"]), urls["style_mask"]) == (2, [])
    stored = [opened((await api.http.get(url)).content) for url in urls["mask"]]
    assert [(mask.mode, mask.getextrema()) for mask in stored] == [("L", (60, 60)), ("L", (200, 200))]


async def test_inputs_are_returned_without_the_metadata_of_the_upload(api: Api) -> None:
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    file = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "JPEG", exif=exif)
    job = await api.create(content=file.getvalue() + b"PK\x03\x04 and an archive behind it")
    answer = await api.http.get(job["urls"]["content"])
    assert opened(answer.content).size == (40, 40)
    assert not opened(answer.content).getexif()
    assert b"script" not in answer.content
    assert b"PK\x03\x04" not in answer.content


async def test_a_conversion_stops_when_its_client_disconnects(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await api.create()
    api.worker.finish(api.worker.claim())
    started, stopped = asyncio.Event(), asyncio.Event()

    async def convert(source: Path, target: Path, format_name: str) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def receive() -> dict[str, str]:
        await started.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    monkeypatch.setattr(api.services.decoder, "convert", convert)
    scope = {"type": "http", "method": "GET", "path": f"/v1/jobs/{job['id']}/result", "query_string": b"format=webp"}
    async with asyncio.timeout(20):
        await api.app({**scope, "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1)}, receive, send)
    assert stopped.is_set()
    assert list(api.services.temporary_files.path.iterdir()) == []
