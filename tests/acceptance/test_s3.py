"""API and worker with separate data folders: they share nothing but Redis and S3."""

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from PIL import Image

from jobs.storage.factory import open_blobs
from tests.fakes.engine import picture_bytes
from tests.fakes.s3 import FakeS3
from tests.stack.stack import Stack

pytestmark = pytest.mark.acceptance


def test_a_job_is_painted_and_deleted_through_s3_alone(s3: FakeS3) -> None:
    bucket = s3.bucket()
    blobs = open_blobs(s3.settings(bucket))
    with tempfile.TemporaryDirectory(prefix="nst-") as name:
        folder = Path(name)
        with closing(Stack(folder, workers=0, fake_engine=True, **s3.environment(bucket))) as stack:
            stack.add_worker(NST_DATA_DIR=str(folder / "worker-data"))
            stack.start()
            files = {"content": picture_bytes(size=(64, 48)), "style": picture_bytes((0, 0, 250))}
            job = stack.wait_for(stack.create(files, max_size=64, steps=2, timelapse="true")["id"])
            assert job["status"] == "succeeded", job["error"]
            result = stack.http.get(job["urls"]["result"])
            assert Image.open(io.BytesIO(result.content)).size == (64, 48)
            tail = stack.http.get(job["urls"]["result"], headers={"Range": "bytes=-10"})
            assert (tail.status_code, tail.content) == (206, result.content[-10:])
            assert stack.http.get(job["urls"]["timelapse"]).status_code == httpx.codes.OK
            names = {info.name.partition("/")[2].partition("-")[0] for info in blobs.list()}
            assert names >= {"content", "style", "result", "timelapse"}
            assert stack.http.delete(job["urls"]["self"]).status_code == httpx.codes.NO_CONTENT
            assert list(blobs.list()) == []
        for data in ("data", "worker-data"):
            assert [path for path in (folder / data).rglob("*") if path.is_file()] == []
