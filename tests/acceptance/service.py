"""The real service in a process of its own, started as a user would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import httpx

from cli.local_service.stack import free_port
from tests import waiting

PATIENCE = 150.0  # seconds; a loaded machine takes its time to import torch
until = partial(waiting.until, seconds=PATIENCE)
# Small pictures gain nothing from more threads, and lose much where tests share the cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NST_WORKER_THREADS": "1"}


class Service:
    """A running `nst up`."""

    def __init__(self, process: subprocess.Popen[str], url: str, data_dir: Path) -> None:
        self.process, self.url, self.data_dir = process, url, data_dir
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job once it has ended."""
        return until(lambda: ended(self.http.get(f"/v1/jobs/{job_id}").json()), "the job did not end")

    def stored(self) -> set[str]:
        """List the files of the pictures kept."""
        return {str(path) for path in (self.data_dir / "blobs").rglob("*") if path.is_file()}

    def processes(self) -> set[int]:
        """List the processes that belong to this service: its data folder stands in their environment or command."""
        return {pid for pid in all_processes() if belongs(pid, str(self.data_dir))} - {self.process.pid}


def ended(job: dict[str, Any]) -> dict[str, Any] | None:
    """Return the job if it has ended."""
    return job if job["status"] in ("succeeded", "failed", "canceled") else None


def all_processes() -> set[int]:
    """List the processes of this machine."""
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}


def belongs(pid: int, data_dir: str) -> bool:
    """Tell whether a process runs that was told of this data folder."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return state != "Z" and data_dir.encode() in told


def nst(*arguments: str, output: IO[str] | int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
    """Start a command; NST_ variables of the caller do not reach it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        env={**inherited, **ONE_THREAD, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def running(**environment: str) -> Iterator[Service]:
    """Run `nst up` on a free port for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:  # short: a socket's path must be
        port = str(free_port())
        log = Path(folder) / "log"
        with log.open("w") as file:
            process = nst("up", "--port", port, "--data-dir", f"{folder}/data", output=file, **environment)
        service = Service(process, f"http://127.0.0.1:{port}", Path(folder) / "data")
        try:
            try:
                until(lambda: is_ready(service), "the service did not become ready")
            except AssertionError as error:
                raise AssertionError(f"{error}\n{log.read_text()[-3000:]}") from None
            yield service
        finally:
            service.http.close()
            for number in (signal.SIGINT, signal.SIGTERM):  # the second ends it at once
                process.send_signal(number)
            process.wait(60)


def is_ready(service: Service) -> bool:
    """Tell whether the service answers; fail if it has ended."""
    assert service.process.poll() is None, "the service ended"
    return service.http.get("/readyz").status_code == httpx.codes.OK
