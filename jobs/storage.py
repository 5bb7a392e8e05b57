"""Which storage the settings ask for."""

from __future__ import annotations

from pathlib import Path

import redis

from jobs.blobs import Blobs
from jobs.disk import DiskBlobs
from jobs.errors import StorageUnavailable
from jobs.redis_blobs import RedisBlobs
from jobs.settings import JobSettings


def open_blobs(settings: JobSettings) -> Blobs:
    """Build the storage that NST_STORAGE names; raise StorageUnavailable for one that is not known."""
    kind, _, rest = settings.storage.partition("://")
    match kind:
        case "disk":
            return _disk(settings.data_dir / "blobs", settings)
        case "file":
            return _disk(Path(rest), settings)
        case "redis":
            timeout = settings.redis_timeout_seconds
            client = redis.Redis.from_url(settings.redis_url, protocol=2, socket_timeout=timeout)
            return RedisBlobs(client, limit_bytes=settings.redis_blob_limit_bytes)
    raise StorageUnavailable(f"NST_STORAGE={settings.storage} is neither disk, file://, nor redis://")


def _disk(root: Path, settings: JobSettings) -> DiskBlobs:
    return DiskBlobs(root, min_free_bytes=settings.storage_min_free_bytes, quota_bytes=settings.storage_quota_bytes)
