"""Opens the storage that the settings name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.connections import connect
from jobs.errors import StorageMisconfigured
from jobs.settings import JobSettings
from jobs.storage.blobs import Blobs
from jobs.storage.disk import DiskBlobs
from jobs.storage.redis import RedisBlobs

if TYPE_CHECKING:
    from obstore.store import S3Config

S3_RETRIES = 2
S3_PREFIX = "nst"


def open_blobs(settings: JobSettings) -> Blobs:
    """Return the storage that NST_STORAGE names; raise StorageMisconfigured if it names none."""
    kind, _, rest = settings.storage.partition("://")
    match kind:
        case "disk":
            return _disk(settings.data_dir / "blobs", settings)
        case "file" if rest:
            return _disk(Path(rest), settings)
        case "redis":
            return RedisBlobs(connect(settings, decode=False))
        case "s3" if rest.strip("/"):
            return _s3(rest, settings)
    raise StorageMisconfigured(f"NST_STORAGE must be disk, file://, redis:// or s3://, not {settings.storage}")


def _disk(root: Path, settings: JobSettings) -> DiskBlobs:
    return DiskBlobs(root, min_free_bytes=settings.storage_min_free_bytes, quota_bytes=settings.storage_quota_bytes)


def _s3(place: str, settings: JobSettings) -> Blobs:
    try:
        from obstore.store import S3Store

        from jobs.storage.s3 import S3Blobs
    except ImportError:
        raise StorageMisconfigured("NST_STORAGE=s3:// needs the extra s3 (docs/quickstart.md, Extras)") from None
    bucket, _, prefix = place.strip("/").partition("/")
    timeout = timedelta(seconds=settings.s3_timeout_seconds)
    endpoint, given = settings.s3_endpoint, _credentials(settings)
    if endpoint is not None:
        given["endpoint"] = endpoint
    store = S3Store(
        bucket,
        # Never the whole bucket: the reaper removes files there that belong to no record.
        prefix=prefix or S3_PREFIX,
        config=given,
        client_options={"allow_http": bool(endpoint and endpoint.startswith("http://")), "timeout": timeout},
        retry_config={"max_retries": S3_RETRIES, "retry_timeout": timeout},
    )
    return S3Blobs(store)


def _credentials(settings: JobSettings) -> S3Config:
    """Return the credentials in the settings; obstore takes the rest from AWS_ variables or the machine's role."""
    given: S3Config = {}
    if settings.s3_region is not None:
        given["region"] = settings.s3_region
    if (settings.s3_access_key is None) != (settings.s3_secret_key is None):
        raise StorageMisconfigured("NST_S3_ACCESS_KEY and NST_S3_SECRET_KEY go together")
    if settings.s3_access_key is not None and settings.s3_secret_key is not None:
        given["access_key_id"] = settings.s3_access_key
        given["secret_access_key"] = settings.s3_secret_key.get_secret_value()
    return given
