"""Assets: pictures that a key keeps for its jobs, stored once for all uploads of the same bytes.

A record expires when the asset has not been used for the time to live of results; the reaper then removes its picture.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from jobs.connections import store_errors
from jobs.errors import QuotaExceeded
from jobs.settings import JobSettings
from jobs.storage.blobs import blob_name
from jobs.store.scripts import key, milliseconds

FOLDER = "asset-"  # of the blobs, followed by a digest of owner and content


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A kept picture; `sha256` is that of the uploaded file, `blob` names the stored one."""

    sha256: str
    blob: str
    expires_at: datetime


class AssetStore:
    """Asynchronous access to the assets; every method raises StoreUnavailable if Redis does not answer."""

    def __init__(self, redis: Redis, settings: JobSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._redis: Any = redis
        self._ttl, self._limit, self._clock = settings.result_ttl_seconds, settings.max_assets, clock

    async def use(self, owner: str, sha256: str) -> Asset | None:
        """Return an asset of an owner, which is kept for another time to live; None if there is none."""
        name = key("asset", asset_folder(owner, sha256))
        with store_errors():
            blob = await self._redis.get(name)
        return None if blob is None else await self._write(owner, sha256, blob)

    async def check_room(self, owner: str) -> None:
        """Raise QuotaExceeded if the owner keeps as many assets as a key may."""
        index = key("assets", owner)
        with store_errors():
            pipe = self._redis.pipeline(transaction=True)
            _, count = await pipe.zremrangebyscore(index, "-inf", self._clock()).zcard(index).execute()
        if count >= self._limit:
            raise QuotaExceeded("assets", self._limit)

    async def keep(self, owner: str, sha256: str, blob: str) -> Asset:
        """Keep a picture that is already stored."""
        return await self._write(owner, sha256, blob)

    async def delete(self, owner: str, sha256: str) -> str | None:
        """Forget an asset and return the blob to remove; None if there is no such asset."""
        name = key("asset", asset_folder(owner, sha256))
        with store_errors():
            pipe = self._redis.pipeline(transaction=True)
            blob, *_ = await pipe.getdel(name).zrem(key("assets", owner), sha256).execute()
        return None if blob is None else str(blob)

    async def _write(self, owner: str, sha256: str, blob: str) -> Asset:
        expires, index = self._clock() + self._ttl, key("assets", owner)
        ttl = milliseconds(self._ttl)
        with store_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.set(key("asset", asset_folder(owner, sha256)), blob, px=ttl)
            await pipe.zadd(index, {sha256: expires}).pexpire(index, ttl).execute()
        return Asset(sha256=sha256, blob=blob, expires_at=datetime.fromtimestamp(expires, UTC))


def asset_folder(owner: str, sha256: str) -> str:
    """Return the folder of an asset's blobs."""
    return FOLDER + hashlib.sha256(f"{owner}\n{sha256}".encode()).hexdigest()[:40]


def new_asset_blob(owner: str, sha256: str) -> str:
    """Return a new name for the picture of an asset, so that no sweep removes it for an earlier one."""
    return blob_name(asset_folder(owner, sha256), f"picture-{secrets.token_hex(8)}")
