"""Temporary folders."""

import os
from pathlib import Path

from jobs.storage.temporary_files import TemporaryFiles


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
