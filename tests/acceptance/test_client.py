"""The Python client and `nst jobs` against the real service."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from nst_client import AsyncClient, Client, ServiceError
from nst_engine.paintings import paint
from tests.stack.service import Service

pytestmark = pytest.mark.acceptance


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    paint("pointillism", 64).save(path)
    return path


def test_a_program_gets_its_picture(service: Service, photo: Path) -> None:
    with Client(service.url) as client:
        painted = client.stylize(photo, style_name="waves", max_size=48, steps=3, timeout=150)
    assert Image.open(io.BytesIO(painted.data)).size == (48, 48)


def test_a_finished_picture_appears_in_the_usage(service: Service, photo: Path) -> None:
    def used(client: Client) -> tuple[int, int, float]:
        days = client.usage()
        return sum(day.jobs for day in days), sum(day.pixels for day in days), sum(day.device_seconds for day in days)

    with Client(service.url) as client:
        jobs, pixels, seconds = used(client)
        client.stylize(photo, style_name="waves", max_size=48, steps=3, timeout=150)
        after = used(client)
    assert after[:2] == (jobs + 1, pixels + 48 * 48)
    assert after[2] > seconds


def test_a_service_on_this_machine_is_reached_without_the_proxy_of_the_environment(
    service: Service, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Client(service.url) as client:
        job = client.submit(photo, photo, max_size=48, steps=1)
        assert client.get(job.id).id == job.id


def test_the_events_of_a_job_end_with_its_completion(service: Service, photo: Path) -> None:
    async def main() -> list[str]:
        async with AsyncClient(service.url) as client:
            job = await client.submit(photo, photo, max_size=48, steps=3)
            return [event.type async for event in client.events(job.id)]

    told = asyncio.run(main())
    assert told[-1] == "completed"
    assert "status" in told


def test_a_refusal_is_an_exception_with_its_reason(service: Service, photo: Path) -> None:
    with Client(service.url) as client, pytest.raises(ServiceError) as caught:
        client.submit(photo, photo, max_size=0)
    assert caught.value.status == 422
    assert "#/max_size" in caught.value.errors


def test_nst_jobs_submits_shows_lists_retries_watches_and_downloads(
    service: Service, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--server", service.url]
    quick = ["--max-size", "48", "--steps", "3"]
    assert main(["jobs", "submit", str(photo), "waves", *quick, "-o", str(tmp_path / "out.jpg"), *there]) == 0
    job_id = capsys.readouterr().out.strip()
    assert Image.open(tmp_path / "out.jpg").format == "JPEG"

    assert main(["jobs", "show", job_id, *there]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "succeeded"
    assert main(["jobs", "list", *there]) == 0
    assert job_id in capsys.readouterr().out
    assert main(["jobs", "retry", job_id, *there]) == 0
    again = capsys.readouterr().out.strip()
    assert main(["jobs", "watch", again, *there]) == 0
    assert main(["jobs", "result", again, "-o", str(tmp_path / "again.png"), *there]) == 0
    assert Image.open(tmp_path / "again.png").size == (48, 48)


def test_nst_jobs_prints_an_error_in_one_line(
    service: Service, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "show", "0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f", "--server", service.url]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["jobs", "submit", str(photo), str(photo), "--steps", "0", "--server", service.url]) == 2
    assert "steps" in capsys.readouterr().err
