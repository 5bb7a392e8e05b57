"""The `nst` command in a process of its own, and the service that `nst up` runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.stack.process import ONE_THREAD, Process, clean_environment, processes_with
from tests.stack.service import Service
from tests.stack.stack import free_port


def nst(*arguments: str, output: IO[str] | int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
    """Start a command; both of its outputs go to `output`."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        env={**clean_environment(), **ONE_THREAD, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


class NstUp(Service):
    """A service that `nst up` runs in a folder."""

    def __init__(self, folder: Path) -> None:
        port = str(free_port())
        super().__init__(f"http://127.0.0.1:{port}", folder / "data")
        self.process = Process(
            "nst up",
            (sys.executable, "-m", "cli", "up", "--port", port, "--data-dir", str(self.data_dir)),
            environment={**clean_environment(), **ONE_THREAD},
            log=folder / "log",
            is_ready=self.is_ready,
        )

    def children(self) -> set[int]:
        """Return the ids of the processes that belong to this service, but for `nst up` itself."""
        return processes_with(str(self.data_dir)) - {self.process.pid}


@contextmanager
def running_nst_up() -> Iterator[NstUp]:
    """Run `nst up` until the block ends."""
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:  # not tmp_path: a socket's path must be short
        service = NstUp(Path(folder))
        with service.process as process, service.http:
            process.wait_until_ready()
            yield service
            process.send(signal.SIGTERM)
            process.send(signal.SIGTERM)  # the second one ends it at once
