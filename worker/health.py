"""Whether this machine's worker says that it is alive: `python -m worker.health`, for a container's health check."""

from __future__ import annotations

import socket
import sys

from jobs.connections import connect
from jobs.errors import StoreUnavailable
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry


def unhealthy_reason(roster: WorkerRegistry, host: str) -> str | None:
    """Say what is wrong with the workers of a host, None if one of them is alive."""
    try:
        alive = any(worker.host == host for worker in roster.live())
    except StoreUnavailable as error:
        return str(error)
    return None if alive else f"no worker of {host} is alive"


if __name__ == "__main__":
    settings = JobSettings()
    sys.exit(unhealthy_reason(WorkerRegistry(connect(settings), settings), socket.gethostname()))
