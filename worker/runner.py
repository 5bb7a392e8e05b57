"""The runner: claims and runs the next job of a network."""

from __future__ import annotations

import logging
import secrets

from structlog.contextvars import bound_contextvars

from jobs.errors import StorageFull, StorageUnavailable
from worker.attempt import Outcome, Run, WorkerContext

log = logging.getLogger(__name__)


class Runner:
    """Runs one job at a time."""

    def __init__(self, around: WorkerContext) -> None:
        self._around = around
        self._token = secrets.token_hex(12)

    def run_next(self, model: str) -> Outcome:
        """Run the next waiting job of a network, whichever that is; raise StoreUnavailable if none can be claimed."""
        around = self._around
        if not self._room():
            return Outcome.NOTHING
        lease = around.store.claim(
            model,
            worker=around.registration.info.id,
            token=self._token,
            priorities=around.settings.priorities,
        )
        # Not if the claim failed: then a job may have been taken all the same, and the next claim finds it.
        self._token = secrets.token_hex(12)
        if lease is None:
            return Outcome.NOTHING
        around.registration.say(state="busy", job=lease.job.id)
        with bound_contextvars(job_id=lease.job.id, request_id=lease.job.request_id):
            try:
                outcome = Run(around, lease).run()
            finally:
                around.registration.say(state="idle", memory_bytes=around.engine.memory_bytes())
            log.info("job %s: %s", lease.job.id, outcome)
        return outcome

    def _room(self) -> bool:
        """Wait until the storage takes pictures; False if the worker has to end first."""
        around, waited = self._around, False
        while not around.draining():
            try:
                around.blobs.check()
            except (StorageFull, StorageUnavailable) as error:
                if not waited:
                    log.warning("waiting for the storage: %s", error)
                    around.registration.say(state="waiting")
                waited = True
                around.wait(around.settings.storage_wait_seconds)
            else:
                if waited:
                    log.info("the storage takes pictures again")
                return True
        return False
