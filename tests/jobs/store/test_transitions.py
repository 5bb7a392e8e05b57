"""The transitions between the states of a job: the scripts do what the table says."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from jobs.errors import WrongState
from jobs.model import Failure, ResultInfo
from jobs.status import TRANSITIONS, Status
from jobs.store.lease import Lease
from tests.jobs.conftest import Store

pytestmark = pytest.mark.anyio
FAILURE = Failure(code="diverged", message="x")


async def release(store: Store, lease: Lease) -> None:
    lease.release("drained")


async def claim(store: Store, lease: Lease) -> None:
    store.claim()


async def complete(store: Store, lease: Lease) -> None:
    name = f"{lease.job.id}/result-1.png"
    lease.complete(ResultInfo(blob=name, width=4, height=3, bytes=9, sha256="2" * 64, media_type="image/png"))


async def fail(store: Store, lease: Lease) -> None:
    lease.fail(FAILURE)


async def cancel(store: Store, lease: Lease) -> None:
    with suppress(WrongState):
        await store.client.cancel(lease.job.id, "ann")
    lease.cancel()


MOVES: dict[Status, Callable[[Store, Lease], Awaitable[None]]] = {
    Status.QUEUED: release,
    Status.RUNNING: claim,
    Status.SUCCEEDED: complete,
    Status.FAILED: fail,
    Status.CANCELED: cancel,
}


@pytest.mark.parametrize(("here", "there"), list(itertools.permutations(Status, 2)))
async def test_the_scripts_make_the_moves_of_the_table_and_no_others(store: Store, here: Status, there: Status) -> None:
    job = await store.create()
    lease = store.must_claim()
    await MOVES[here](store, lease)
    assert (await store.client.get(job.id, "ann")).status is here
    await MOVES[there](store, lease)
    expected = there if there in TRANSITIONS[here] else here
    assert (await store.client.get(job.id, "ann")).status is expected
    listed = [status for status in Status if (await store.client.list("ann", status=status)).jobs]
    assert listed == [expected]
