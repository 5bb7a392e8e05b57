"""`nst jobs` against a server that sends prepared responses; tests/acceptance/test_client.py uses the real service."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.api_client import api_client
from cli.errors import CommandError
from cli.main import main
from nst_client import NotReachableError, ServiceError
from tests.cli.mirror import Mirror, serving

JOB = {
    "id": "j1",
    "status": "running",
    "progress": {"iteration": 7, "total": 300},
    "created_at": "2026-01-02T03:04:05.000Z",
    "field_of_a_later_version": 1,
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    jobs = json.dumps({"jobs": [JOB], "next_cursor": None}).encode()
    with serving(Mirror({"v1/jobs?limit=20": jobs, "v1/jobs/j1": json.dumps(JOB).encode()})) as running:
        monkeypatch.setenv("NST_SERVER", running.address)
        yield running


def test_jobs_are_listed_with_status_progress_and_time(server: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list"]) == 0
    _, row = capsys.readouterr().out.splitlines()
    assert row.split() == ["j1", "running", "7/300", "2026-01-02T03:04:05.000Z"]


def test_a_job_is_shown_with_all_that_the_service_sends(server: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "show", "j1"]) == 0
    assert json.loads(capsys.readouterr().out) == JOB


def test_an_option_overrides_the_server_of_the_settings(
    server: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_SERVER", "http://127.0.0.1:1")
    assert main(["jobs", "show", "j1", "--server", server.address]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "j1"


def test_a_job_takes_urls_and_assets_and_says_where_the_result_goes(
    server: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["v1/jobs"] = json.dumps(JOB).encode()
    options = [
        "--result-url",
        "https://bucket.example/r.png",
        "--style-mask",
        "sha256:ab",
        "--init-image",
        "job:j/result",
    ]
    assert main(["jobs", "submit", "http://example.com/c.jpg", "https://example.com/s.jpg", *options]) == 0
    assert capsys.readouterr().out == "j1\n"
    (sent,) = server.bodies
    fields = dict(re.findall(rb'; name="(\w+)"\r\n\r\n([^\r]*)', sent))
    assert (
        fields.items()
        >= {
            b"content_url": b"http://example.com/c.jpg",
            b"style_url": b"https://example.com/s.jpg",
            b"style_mask_asset": b"sha256:ab",
            b"init_asset": b"job:j/result",
            b"result_url": b"https://bucket.example/r.png",
        }.items()
    )


def test_a_picture_is_kept_and_deleted_as_an_asset(
    server: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    server.files |= {"v1/assets": b'{"asset": "sha256:ab"}', "v1/assets/sha256:ab": b""}
    assert main(["assets", "put", str(tmp_path / "photo.jpg")]) == 0
    assert capsys.readouterr().out == "sha256:ab\n"
    assert b"photo" in server.bodies[0]
    assert main(["assets", "delete", "sha256:ab"]) == 0
    assert server.requests[-1][0] == "/v1/assets/sha256:ab"


def test_a_rejected_request_is_one_line_and_code_2(server: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "show", "j2"]) == 2
    assert capsys.readouterr().err == "nst: status 404\n"


def test_a_server_that_is_not_nst_is_one_line_and_code_1(server: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    server.files["v1/jobs/j1"] = b"<html>"
    assert main(["jobs", "show", "j1"]) == 1
    error = capsys.readouterr().err
    assert (
        error == f"nst: the response of {server.address}/v1/jobs/j1 is not JSON: is this the URL of an nst service?\n"
    )


def test_a_service_that_requires_a_key_asks_for_the_option_or_the_setting() -> None:
    refusal = ServiceError(401, {"detail": "send an API key: Authorization: Bearer nst_…"})
    with pytest.raises(CommandError, match="requires an API key: give it with --key or"), api_client(None, None):
        raise refusal
    with pytest.raises(CommandError, match="Authorization"), api_client(None, "nst_wrong"):
        raise refusal


def test_a_service_that_is_down_can_be_started_or_another_one_named() -> None:
    with (
        pytest.raises(CommandError, match=r"^no response; start the service with `nst up`"),
        api_client(None, None),
    ):
        raise NotReachableError("no response")


def test_an_invalid_url_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--server", "ftp://example.com"]) == 2
    assert capsys.readouterr().err.startswith("nst: --server: ")


def test_a_film_is_sent_with_its_part_and_the_format_of_the_output(
    server: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "clip.mp4"
    film.write_bytes(b"\0\0\0\x18ftypisom")
    done = JOB | {"status": "succeeded", "progress": {"iteration": 9, "total": 9, "frame": 3, "frames": 3}}
    events = f"event: completed\ndata: {json.dumps(done)}\n\n".encode()
    server.files |= {
        "v1/jobs": json.dumps(JOB).encode(),
        "v1/jobs/j1": json.dumps(done).encode(),
        "v1/jobs/j1/events": events,
        "v1/jobs/j1/result?format=webm": b"painted",
    }
    options = ["--fps", "12", "--from", "0", "--to", "2.5", "--quality", "50", "-o", str(tmp_path / "out.webm")]
    assert main(["jobs", "submit", str(film), "waves", *options]) == 0
    assert (tmp_path / "out.webm").read_bytes() == b"painted"
    fields = dict(re.findall(rb'; name="(\w+)"\r\n\r\n([^\r]*)', server.bodies[0]))
    expected = {b"fps": b"12.0", b"from": b"0.0", b"to": b"2.5", b"quality": b"50", b"output_format": b"webm"}
    assert fields.items() >= expected.items()


@pytest.mark.parametrize(("content", "output"), [(b"\0\0\0\x18ftypisom", "out.png"), (b"\xff\xd8\xff", "out.mp4")])
def test_a_film_is_not_written_as_a_picture_nor_the_other_way_round(
    content: bytes, output: str, server: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "content").write_bytes(content)
    assert main(["jobs", "submit", str(tmp_path / "content"), "waves", "-o", output]) == 2
    assert f"{output} must end in one of" in capsys.readouterr().err
    assert server.bodies == []


def test_a_url_that_leads_to_a_film_is_canceled_if_the_output_is_a_picture(
    server: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = JOB | {"film": {"frames": 3}, "output_format": "mp4"}
    server.files |= {"v1/jobs": json.dumps(job).encode(), "v1/jobs/j1/cancel": json.dumps(job).encode()}
    output = str(tmp_path / "out.png")
    assert main(["jobs", "submit", "https://example.com/clip", "waves", "-o", output]) == 2
    assert "out.png must end in one of .mp4, .webm, .gif, .webp, because this is a film" in capsys.readouterr().err
    assert [path for path, _ in server.requests] == ["/v1/jobs", "/v1/jobs/j1/cancel"]
