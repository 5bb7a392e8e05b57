"""Idempotency keys: the same request sent twice creates one job."""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from anyio import CancelScope

from api.problems import ProblemError
from jobs.errors import JobNotFound, KeyReused, StoreUnavailable
from jobs.model import Job
from jobs.store.idempotency import EarlierRequest
from jobs.store.job_store import JobStore

KEY = re.compile(r"[\x21-\x7e]{1,255}")


def check_keys(keys: Sequence[str]) -> None:
    """Refuse several keys, and a key that is not printable ASCII."""
    if len(keys) > 1:
        raise ProblemError(422, "idempotency_key_invalid", "send one Idempotency-Key header, not several")
    if not all(map(KEY.fullmatch, keys)):
        detail = "an Idempotency-Key must have 1 to 255 printable ASCII characters without spaces"
        raise ProblemError(422, "idempotency_key_invalid", detail)


def retry_fingerprint(job_id: str) -> str:
    """Identify a request to retry a job; creations have other fingerprints."""
    return hashlib.sha256(f"retry {job_id}".encode()).hexdigest()


@asynccontextmanager
async def reserved_key(store: JobStore, owner: str, key: str | None) -> AsyncIterator[EarlierRequest | None]:
    """Reserve a key until its job is created; yield what an earlier request with it created, or None.

    A request that fails releases the key, so that the client can send it again. Raises KeyInUse.
    """
    earlier = None if key is None else await store.reserve_key(owner, key)
    try:
        yield earlier
    except BaseException:
        if key is not None and earlier is None:
            with CancelScope(shield=True), suppress(StoreUnavailable):
                await store.release_key(owner, key)
        raise


async def earlier_job(store: JobStore, owner: str, earlier: EarlierRequest, fingerprint: str) -> Job:
    """Return the job of an earlier request with the same key; raises KeyReused if that request was different."""
    if earlier.fingerprint != fingerprint:
        raise KeyReused
    await store.confirm()  # that request may have been waiting for the replicas when it failed
    try:
        return await store.get(earlier.job_id, owner)
    except JobNotFound:
        raise ProblemError(410, "job_deleted", "the job of this Idempotency-Key has been deleted") from None
