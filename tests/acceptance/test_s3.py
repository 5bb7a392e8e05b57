"""The service with nothing but Redis and S3 between API and worker, each in a folder of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from cli.local_service.stack import free_port
from jobs.storage.factory import open_blobs
from tests.acceptance.service import nst, until
from tests.fakes.engine import picture_bytes
from tests.fakes.s3 import FakeS3

pytestmark = pytest.mark.acceptance


@contextmanager
def role(folder: Path, *command: str, **environment: str) -> Iterator[None]:
    """Run one role of the service in a folder of its own."""
    folder.mkdir()
    with (folder / "log").open("w") as log:
        process = nst(*command, output=log, NST_DATA_DIR=str(folder / "data"), **environment)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def test_a_job_is_painted_and_deleted_through_s3_alone(redis_url: str, tmp_path: Path, s3: FakeS3) -> None:
    bucket, port = s3.bucket(), str(free_port())
    environment = {"NST_REDIS_URL": redis_url, **s3.environment(bucket)}
    blobs = open_blobs(s3.settings(bucket))
    with ExitStack() as running, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        running.enter_context(role(tmp_path / "api", "api", "--port", port, **environment))
        running.enter_context(role(tmp_path / "worker", "worker", "--device", "cpu", **environment))
        until(lambda: http.get("/readyz").status_code == httpx.codes.OK, "the API did not become ready")
        files = {"content": picture_bytes(size=(64, 48)), "style": picture_bytes((0, 0, 250))}
        job = http.post("/v1/jobs", files=files, data={"max_size": "64", "steps": "2", "timelapse": "true"}).json()
        ended = until(
            lambda: (now := http.get(job["urls"]["self"]).json())["status"] not in ("queued", "running") and now,
            "the job did not end",
        )
        assert ended["status"] == "succeeded", ended["error"]
        result = http.get(ended["urls"]["result"])
        assert Image.open(io.BytesIO(result.content)).size == (64, 48)
        tail = http.get(ended["urls"]["result"], headers={"Range": "bytes=-10"})
        assert (tail.status_code, tail.content) == (206, result.content[-10:])
        assert http.get(ended["urls"]["timelapse"]).status_code == httpx.codes.OK
        names = {info.name.partition("/")[2].partition("-")[0] for info in blobs.list()}
        assert names >= {"content", "style", "result", "timelapse"}
        assert http.delete(job["urls"]["self"]).status_code == httpx.codes.NO_CONTENT
        assert list(blobs.list()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "log"] == []
