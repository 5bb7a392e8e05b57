"""What the attempts of a worker process share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.queue import JobQueue
from jobs.settings import JobSettings
from jobs.storage.blobs import Blobs
from jobs.store.lease import WorkerStore
from worker.engine import Engine
from worker.pictures.checkpoints import SHARE
from worker.registration import Registration
from worker.settings import WorkerSettings


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """What the attempts of a worker process share."""

    store: WorkerStore
    blobs: Blobs
    queue: JobQueue
    engine: Engine
    registration: Registration
    draining: Callable[[], bool]
    abort: Callable[[], None]
    jobs: JobSettings
    settings: WorkerSettings
    checkpoint_share: float = SHARE
    wait: Callable[[float], None] = time.sleep
