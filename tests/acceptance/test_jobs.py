"""From an upload to a picture, through real processes; a refused upload leaves nothing behind."""

import io
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from nst_engine.images.writing import is_marked
from nst_engine.paintings import paint
from tests.stack.nst_up import NstUp
from tests.stack.service import Service

pytestmark = pytest.mark.acceptance
QUICK = {"max_size": "64", "steps": "4"}


def png(width: int, height: int, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((width, height)).save(file, "PNG")
    return file.getvalue()


def style() -> bytes:
    file = io.BytesIO()
    paint("waves", 64).save(file, "PNG")
    return file.getvalue()


def create(service: Service, *, files: dict[str, Any] | None = None, **fields: str) -> httpx.Response:
    files = files or {"content": ("c.png", png(96, 64)), "style": ("s.png", style())}
    return service.http.post("/v1/jobs", files=files, data=fields)


def test_a_photo_and_a_painting_become_a_picture_of_the_right_size(service: Service) -> None:
    answer = create(service, **QUICK)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"

    job = service.wait_for(answer.json()["id"])
    assert (job["status"], job["error"]) == ("succeeded", None)

    picture = service.http.get(job["urls"]["result"])
    assert picture.headers["Content-Type"] == "image/png"
    decoded = Image.open(io.BytesIO(picture.content))
    decoded.load()
    assert (decoded.format, decoded.mode, decoded.size) == ("PNG", "RGB", (64, 43))
    assert (job["result"]["width"], job["result"]["height"]) == (64, 43)
    as_jpeg = service.http.get(job["urls"]["result"], params={"format": "jpeg"})
    assert is_marked(picture.content) and is_marked(as_jpeg.content)


def test_a_built_in_style_needs_no_upload(service: Service) -> None:
    answer = create(service, files={"content": ("c.png", png(64, 64))}, style_name="waves", **QUICK)
    assert answer.status_code == 202
    assert service.wait_for(answer.json()["id"])["status"] == "succeeded"


def test_the_result_is_transparent_where_the_photo_is(service: Service) -> None:
    photo = Image.new("RGBA", (64, 48), (0, 255, 0, 0))
    photo.paste((200, 30, 30, 255), (0, 0, 32, 48))
    file = io.BytesIO()
    photo.save(file, "PNG")
    files = {"content": ("c.png", file.getvalue()), "style": ("s.png", style())}
    job = service.wait_for(create(service, files=files, **QUICK).json()["id"])
    assert job["status"] == "succeeded", job["error"]

    def result(name: str) -> Image.Image:
        return Image.open(io.BytesIO(service.http.get(f"{job['urls']['result']}?format={name}").content))

    for name in ("png", "webp", "tiff"):
        alpha = result(name).getchannel("A")
        assert (alpha.getpixel((4, 4)), alpha.getpixel((60, 4))) == (255, 0)
    assert result("jpeg").getpixel((60, 4)) == (255, 255, 255)


def test_the_same_seed_gives_the_same_picture(service: Service) -> None:
    jobs = [service.wait_for(create(service, seed="3", **QUICK).json()["id"]) for _ in range(2)]
    assert jobs[0]["result"]["sha256"] == jobs[1]["result"]["sha256"]


def test_a_canceled_job_ends_and_has_no_picture(service: Service) -> None:
    job = create(service, max_size="256", steps="5000").json()
    assert service.http.post(job["urls"]["cancel"]).status_code in (200, 202)
    assert service.wait_for(job["id"])["status"] == "canceled"
    assert service.http.get(f"/v1/jobs/{job['id']}/result").status_code == 409


CONTENT = {"content": ("c.png", png(64, 64))}
BOTH = {**CONTENT, "style": ("s.png", style())}
REFUSED = {
    "not an image": ({**BOTH, "content": ("c.png", b"GIF? no, only words")}, {}, 415),
    "an empty file": ({**BOTH, "style": ("s.png", b"")}, {}, 422),
    "no style": (CONTENT, {}, 422),
    "no content": ({"style": BOTH["style"]}, {}, 422),
    "an unknown model": (BOTH, {"model": "vgg99"}, 422),
    "an unknown layer": (BOTH, {"style_layers": "conv9_9"}, 422),
    "a network without its weights": (BOTH, {"model": "vgg16"}, 422),
    "no size": (BOTH, {"max_size": "0"}, 422),
    "a negative size": (BOTH, {"max_size": "-64"}, 422),
    "an unknown parameter": (BOTH, {"hue": "blue"}, 422),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_is_refused_and_leaves_nothing(service: Service, what: str) -> None:
    files, fields, status = REFUSED[what]
    stored, known = service.stored(), service.http.get("/v1/jobs").json()

    answer = create(service, files=files, **fields)

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"]
    assert problem["request_id"]
    assert problem["title"] or problem["detail"]
    # The canceled job of an earlier test may still store its last preview.
    assert [path for path in service.stored() - stored if not path.name.startswith("preview-")] == []
    assert [job["id"] for job in service.http.get("/v1/jobs").json()["jobs"]] == [job["id"] for job in known["jobs"]]


def test_a_network_without_its_weights_is_refused_with_the_command_that_gets_them(service: Service) -> None:
    assert "nst weights pull vgg16" in create(service, model="vgg16").text


def test_the_api_process_has_no_torch(service: NstUp) -> None:
    """Only the worker has torch's libraries in its memory."""
    with_torch = {}
    for process in map(psutil.Process, service.children()):
        libraries = [mapped.path for mapped in process.memory_maps()]
        with_torch[" ".join(process.cmdline())] = any("libtorch" in path for path in libraries)
    assert any(found for command, found in with_torch.items() if "worker" in command)
    assert not any(found for command, found in with_torch.items() if " api" in command)
