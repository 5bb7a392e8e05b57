"""Jobs that start from a picture: one that is sent, or the result of an earlier job."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from jobs.model import BlobRef, Failure
from jobs.queue import CeleryQueue, make_celery
from jobs.store.reaper import Reaper
from tests.api.conftest import Api, MakeApi, form, picture

pytestmark = pytest.mark.anyio

SENT = ("init", ("x.png", picture((40, 20))))
UNKNOWN = "0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"


async def init_picture(api: Api, job: dict[str, Any], owner: str = "local") -> BlobRef:
    """Return the stored picture that a job starts from."""
    found = (await api.services.store.get(job["id"], owner)).inputs.init_image
    assert found is not None
    return found


async def refusal(api: Api, *more: tuple[str, Any], headers: dict[str, str] | None = None, **fields: str) -> Any:
    """Return status, code and pointers of a refused request, after which nothing more is stored."""
    before = api.stored()
    answer = await api.http.post("/v1/jobs", files=[*form(**fields), *more], headers=headers)
    assert api.stored() == before
    body = answer.json()
    return answer.status_code, body["code"], [error["pointer"] for error in body.get("errors", [])]


async def finished(api: Api, headers: dict[str, str] | None = None) -> tuple[dict[str, Any], bytes]:
    """Return a job that succeeded, and its result."""
    job = await api.create(headers)
    return job, api.worker.finish(api.worker.claim())


async def test_a_file_is_what_the_job_starts_from(api: Api) -> None:
    job = (await api.http.post("/v1/jobs", files=[*form(), SENT])).json()
    assert job["params"]["init"] == "image"
    stored = await init_picture(api, job)
    assert stored.name == f"{job['id']}/init"
    assert api.services.blobs.read(stored.name).startswith(b"\x89PNG")


async def test_a_file_keeps_its_transparent_parts(api: Api) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (40, 20), (200, 30, 30, 64)).save(file, "PNG")
    job = (await api.http.post("/v1/jobs", files=[*form(), ("init", ("x.png", file.getvalue()))])).json()
    with Image.open(io.BytesIO(api.services.blobs.read((await init_picture(api, job)).name))) as stored:
        assert stored.getpixel((0, 0)) == (200, 30, 30, 64)


async def test_without_a_file_the_field_is_the_parameter(api: Api) -> None:
    assert (await api.create(init="style"))["params"]["init"] == "style"


async def test_the_result_of_an_earlier_job_is_copied(api: Api) -> None:
    earlier, result = await finished(api)
    job = await api.create(init_job=earlier["id"], strength="0.7")
    assert job["params"]["init"] == "image"
    await api.http.delete(f"/v1/jobs/{earlier['id']}")
    assert api.services.blobs.read((await init_picture(api, job)).name) == result


async def test_a_retry_keeps_a_copy_of_the_picture(api: Api) -> None:
    earlier, result = await finished(api)
    job = await api.create(init_job=earlier["id"])
    api.worker.claim().fail(Failure(code="internal", message="…"))
    again = (await api.http.post(job["urls"]["retry"])).json()
    await api.http.delete(f"/v1/jobs/{job['id']}")
    assert api.services.blobs.read((await init_picture(api, again)).name) == result


async def test_two_pictures_to_start_from_are_refused(api: Api) -> None:
    earlier, _ = await finished(api)
    assert await refusal(api, SENT, init_job=earlier["id"]) == (422, "too_many_files", ["#/init"])


@pytest.mark.parametrize(
    ("more", "fields", "pointer"),
    [
        ([], {"init": "image"}, "#/init"),
        ([SENT], {"init": "content"}, "#/init"),
        ([], {"init_job": "not-an-id"}, "#/init_job"),
    ],
)
async def test_a_picture_and_the_parameter_must_agree(
    api: Api, more: list[Any], fields: dict[str, str], pointer: str
) -> None:
    assert await refusal(api, *more, **fields) == (422, "invalid_parameters", [pointer])


async def test_a_job_that_is_unknown_or_another_s_is_a_404(api: Api) -> None:
    earlier, _ = await finished(api, await api.key("ann"))
    for job_id in (UNKNOWN, earlier["id"]):
        assert (await refusal(api, headers=await api.key("bob"), init_job=job_id))[0] == 404


async def test_a_job_that_has_not_succeeded_is_a_409(api: Api) -> None:
    earlier = await api.create()
    assert (await refusal(api, init_job=earlier["id"]))[:2] == (409, "wrong_state")
    api.worker.claim().fail(Failure(code="internal", message="…"))
    assert (await refusal(api, init_job=earlier["id"]))[:2] == (409, "wrong_state")


async def test_a_job_whose_pictures_have_been_removed_is_a_410(make_api: MakeApi) -> None:
    api = await make_api(jobs={"result_ttl_seconds": 0.001})
    earlier, _ = await finished(api)
    queue = CeleryQueue(make_celery(api.settings))
    Reaper(api.redis, blobs=api.services.blobs, queue=queue, settings=api.settings).round()
    assert (await refusal(api, init_job=earlier["id"]))[:2] == (410, "result_expired")
