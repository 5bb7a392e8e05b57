"""Idempotency keys: a request that is sent twice creates one job."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Idempotency:
    """The key of a request and the fingerprint of its content (SHA-256 of the files, canonical parameters)."""

    key: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierRequest:
    """The request that created a job with a key."""

    job_id: str
    fingerprint: str


def key_digest(key: str) -> str:
    """Return a digest of a key that can be part of a Redis key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
