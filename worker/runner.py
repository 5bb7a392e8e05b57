"""The runner: claims the next job of a network and runs it."""

from __future__ import annotations

import logging
import secrets

from structlog.contextvars import bound_contextvars

from jobs.errors import StorageFull, StorageUnavailable, StoreUnavailable
from jobs.status import Priority
from jobs.tracing import span
from worker.attempt import Attempt, Outcome
from worker.context import WorkerContext
from worker.films.run import check_disk

log = logging.getLogger(__name__)
STORAGE_WAIT_SECONDS = 2.0  # between two checks of a full storage


class Runner:
    """Runs one job at a time."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._token = secrets.token_hex(12)

    def run_next(self, model: str) -> Outcome:
        """Run the next waiting job of a network; raise StoreUnavailable if none can be claimed."""
        context, registration = self._context, self._context.registration
        if not self._wait_for_storage():
            return Outcome.NOTHING
        lease = context.store.claim(
            model,
            worker=registration.info.id,
            token=self._token,
            priorities=context.settings.priorities,
            others=[name for name in registration.info.models if name != model],
        )
        # A claim that raised keeps its token: it may have taken a job all the same, which the next claim finds by it.
        self._token = secrets.token_hex(12)
        if lease is None:
            return Outcome.NOTHING
        if lease.job.model != model:
            self._notify_again(model)
        registration.set_state("busy", job=lease.job.id)
        job, attributes = lease.job, {"nst.job.id": lease.job.id, "nst.model": lease.job.model}
        with (
            bound_contextvars(job_id=job.id, request_id=job.request_id),
            span("run job", job.traceparent, kind="CONSUMER", **attributes),
        ):
            try:
                outcome = Attempt(context, lease).run()
            finally:
                registration.set_state("idle", memory_bytes=context.engine.memory_bytes())
            log.info("job %s: %s", lease.job.id, outcome)
        return outcome

    def _notify_again(self, model: str) -> None:
        """Wake up a worker for the draft that another job went before; without that, the reaper does so later."""
        try:
            self._context.queue.notify(model, Priority.BATCH)
        except StoreUnavailable as error:
            log.warning("no worker was notified of a waiting draft, the reaper will do it: %s", error)

    def _wait_for_storage(self) -> bool:
        """Wait until the storage accepts pictures, and the disk films; return False if the worker is draining."""
        context, waited = self._context, False
        while not context.draining():
            try:
                context.blobs.check()
                check_disk(context.jobs)
            except (StorageFull, StorageUnavailable) as error:
                if not waited:
                    log.warning("waiting for the storage: %s", error)
                    context.registration.set_state("waiting")
                waited = True
                context.wait(STORAGE_WAIT_SECONDS)
            else:
                if waited:
                    log.info("the storage accepts pictures again")
                return True
        return False
