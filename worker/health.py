"""The health check of a worker container: `python -m worker.health` fails if no worker of this host is alive."""

from __future__ import annotations

import socket
import sys

from jobs.connections import connect
from jobs.errors import StoreUnavailable
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry


def unhealthy_reason(registry: WorkerRegistry, host: str) -> str | None:
    """Return why the workers of a host are unhealthy, or None if one of them is alive."""
    try:
        alive = any(worker.host == host for worker in registry.live())
    except StoreUnavailable as error:
        return str(error)
    return None if alive else f"no worker of {host} is alive"


if __name__ == "__main__":
    settings = JobSettings()
    sys.exit(unhealthy_reason(WorkerRegistry(connect(settings), settings), socket.gethostname()))
