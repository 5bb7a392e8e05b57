"""API keys: who may use the service, how much, and with which priority. Only the SHA-256 of a key is stored."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from jobs.connections import store_errors
from jobs.errors import JobsError
from jobs.model import OwnerLimits
from jobs.status import Priority
from jobs.store.coalescing import RequestCoalescer
from jobs.timestamps import format_rfc3339

PREFIX = "nst_"
KEYS = "nst:keys"  # hash: SHA-256 of the key -> record, so that a request costs one lookup
KEY_IDS = "nst:key_ids"  # hash: id of the key -> its SHA-256, so that a signed URL costs two
KEYS_REQUIRED = "keys-required"  # file in the data folder of an API: a key existed, so the service never opens again
NO_LIMITS = OwnerLimits()


class UnknownKeyError(JobsError):
    """There is no key with this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no API key {key_id}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """The record of a key; its `id` is the owner of the jobs that it creates."""

    id: str
    name: str
    sha256: str
    created_at: str
    revoked_at: str | None = None
    operator: bool = False
    priority: Priority = Priority.INTERACTIVE
    limits: OwnerLimits = NO_LIMITS

    @property
    def is_active(self) -> bool:
        """Tell whether the key is not revoked."""
        return self.revoked_at is None


class ApiKeys:
    """The keys in Redis; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._redis: Any = redis
        self._now = now
        self._records: RequestCoalescer[str, str | None] = RequestCoalescer(self._read)

    async def create(
        self,
        name: str,
        *,
        operator: bool = False,
        priority: Priority = Priority.INTERACTIVE,
        limits: OwnerLimits = NO_LIMITS,
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret, which cannot be shown again."""
        secret = PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(
            id="k" + secrets.token_hex(8),
            name=name,
            sha256=_digest(secret),
            created_at=format_rfc3339(self._now()),
            operator=operator,
            priority=priority,
            limits=limits,
        )
        await self._write(key)
        return key, secret

    async def list(self) -> tuple[ApiKey, ...]:
        """Return every key, revoked ones included, oldest first."""
        with store_errors():
            records = await self._redis.hvals(KEYS)
        return tuple(sorted((_decode(record) for record in records), key=lambda key: (key.created_at, key.id)))

    async def get(self, key_id: str) -> ApiKey:
        """Return the key with an id; raise UnknownKeyError."""
        with store_errors():
            digest = await self._redis.hget(KEY_IDS, key_id)
        record = None if digest is None else await self._records.get(digest)
        if record is None:
            raise UnknownKeyError(key_id)
        return _decode(record)

    async def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key at once and return it; raise UnknownKeyError."""
        key = await self.get(key_id)
        if key.is_active:
            key = replace(key, revoked_at=format_rfc3339(self._now()))
            await self._write(key)
        return key

    async def forget_revoked(self) -> int:
        """Delete the records of the revoked keys and return their number."""
        revoked = [key for key in await self.list() if not key.is_active]
        if revoked:
            with store_errors():
                pipe = self._redis.pipeline(transaction=True)
                pipe.hdel(KEYS, *(key.sha256 for key in revoked)).hdel(KEY_IDS, *(key.id for key in revoked))
                await pipe.execute()
        return len(revoked)

    async def find(self, secret: str) -> ApiKey | None:
        """Return the active key that a secret belongs to."""
        digest = _digest(secret)
        record = await self._records.get(digest)
        if record is None:
            return None
        key = _decode(record)
        return key if hmac.compare_digest(key.sha256, digest) and key.is_active else None

    async def is_active(self, key_id: str) -> bool:
        """Tell whether a key with this id exists and is not revoked."""
        try:
            return (await self.get(key_id)).is_active
        except UnknownKeyError:
            return False

    async def exist(self) -> bool:
        """Tell whether there is a key, even a revoked one: the service then requires one."""
        with store_errors():
            return bool(await self._redis.exists(KEYS))

    async def _read(self, digests: Sequence[str]) -> Sequence[str | None]:
        with store_errors():
            records: Sequence[str | None] = await self._redis.hmget(KEYS, list(digests))
        return records

    async def _write(self, key: ApiKey) -> None:
        with store_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(KEYS, key.sha256, json.dumps(asdict(key))).hset(KEY_IDS, key.id, key.sha256)
            await pipe.execute()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _decode(record: str) -> ApiKey:
    values = json.loads(record)
    limits = OwnerLimits(**values.pop("limits"))
    return ApiKey(priority=Priority(values.pop("priority")), limits=limits, **values)
