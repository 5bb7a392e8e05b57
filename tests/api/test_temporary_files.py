"""Temporary folders."""

import os
import time
from pathlib import Path

import pytest

from jobs.settings import JobSettings
from jobs.storage.temporary_files import TemporaryFiles
from tests.api.conftest import MakeApi, until


def test_a_folder_is_removed_at_the_end_of_its_block(tmp_path: Path) -> None:
    files = TemporaryFiles(tmp_path / "incoming", max_age_seconds=300)
    with files.folder("upload-") as folder:
        (folder / "0.upload").write_bytes(b"x")
    assert list(files.path.iterdir()) == []


def test_a_folder_in_use_is_not_swept_however_old_by_any_process(tmp_path: Path) -> None:
    mine, another = (TemporaryFiles(tmp_path / "incoming", max_age_seconds=300) for _ in range(2))
    with mine.folder("convert-") as folder:
        for files in (mine, another):
            os.utime(folder, (0, 0))
            files.sweep()
            assert folder.is_dir()


@pytest.mark.anyio
async def test_the_api_removes_folders_that_a_killed_process_left(make_api: MakeApi, job_settings: JobSettings) -> None:
    incoming = job_settings.data_dir / "incoming"
    for name, age in (("upload-old", 1000), ("upload-new", 0)):
        (incoming / name).mkdir(parents=True)
        os.utime(incoming / name, (time.time() - age,) * 2)
    await make_api(jobs={"upload_timeout_seconds": 300.0})
    await until(lambda: [path.name for path in incoming.iterdir()] == ["upload-new"])
