"""The backups of docs/run/operations.md, with a real Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cli.local_service.redis_server import find_redis, prepare_folder
from tests.deploy.files import ROOT
from tests.stack.redis import running_redis

RESTORE = ROOT / "deploy" / "redis-restore.sh"

pytestmark = pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="redis-cli is missing; on Debian: apt-get install redis-server"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nst-") as made:  # not tmp_path: a socket's path must be short
        yield Path(made)


def restore(folder: Path, backup: bytes) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PATH": f"{find_redis().parent}:{os.environ['PATH']}"}
    return subprocess.run(
        [RESTORE, folder], env=environment, input=backup, capture_output=True, timeout=60, check=False
    )


def test_a_backup_of_a_running_redis_is_restored_into_another(folder: Path) -> None:
    with running_redis(folder / "old") as old:
        client = redis.Redis.from_url(old.url)
        client.set("nst:job", "kept")
        client.config_set("repl-diskless-sync-delay", 0)  # do not wait for more replicas
        backup = subprocess.run(
            [find_redis().with_name("redis-cli"), "-s", old.socket, "--rdb", "-"],
            capture_output=True,
            timeout=60,
            check=True,
        ).stdout
    prepare_folder(folder / "new")
    done = restore(folder / "new", backup)
    assert (done.returncode, done.stdout) == (0, b"1 keys restored\n"), done.stderr
    with running_redis(folder / "new") as new:
        assert redis.Redis.from_url(new.url).get("nst:job") == b"kept"


def test_a_folder_with_data_is_not_overwritten(folder: Path) -> None:
    (folder / "appendonly.aof").write_text("precious")
    done = restore(folder, b"")
    assert done.returncode == 1 and b"is not empty" in done.stderr
    assert (folder / "appendonly.aof").read_text() == "precious"


def test_a_broken_backup_is_refused(folder: Path) -> None:
    prepare_folder(folder / "new")
    done = restore(folder / "new", b"REDIS0009 and no more")
    assert done.returncode == 1 and b"the input is not a readable backup" in done.stderr
