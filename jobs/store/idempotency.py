"""Idempotency keys: the same request sent twice makes one job."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Idempotency:
    """The key a client sent and the fingerprint of its request (files' SHA-256 and canonical parameters)."""

    key: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierRequest:
    """What is remembered of a key whose job exists."""

    job_id: str
    fingerprint: str


def key_digest(key: str) -> str:
    """Shorten a key of any length and content to what can be part of a Redis key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
