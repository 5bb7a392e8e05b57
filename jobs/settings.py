"""Settings that API and worker share; read from the environment once, at a composition root."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def names(value: Any) -> Any:
    """Read `a, b`; leave sequences alone."""
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(names)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)]


class JobSettings(BaseSettings):
    """Settings of the job store, the queue and the storage; each is `NST_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="Where Redis is: redis://, rediss:// or unix://; holds the records and the queue.",
    )
    redis_timeout_seconds: float = Field(default=5.0, gt=0, description="Longest wait for one answer of Redis.")
    redis_connections: int = Field(
        default=64, ge=2, description="Most connections of one API process to Redis; requests wait for a free one."
    )
    redis_appendfsync: Literal["everysec", "always"] = Field(
        default="everysec",
        description="How often the Redis of `nst up` syncs its file: everysec, or always (slower, loses nothing).",
    )
    data_dir: Path = Field(default=Path(".nst"), description="Folder for pictures (and for the embedded Redis).")
    storage: str = Field(
        default="disk",
        description="Where pictures are kept: `disk` (in the data folder), file://FOLDER, redis:// (the same Redis) "
        "or s3://BUCKET/PREFIX (PREFIX is `nst` when left out; all that is under it belongs to this service).",
    )
    storage_min_free_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Pictures are refused when less than this is free on the disk."
    )
    storage_quota_bytes: int = Field(
        default=0,
        ge=0,
        description="Pictures are refused when they would take more than this of the disk together; 0: no limit. "
        "Not for redis:// and s3://: give Redis its maxmemory, the bucket a quota; both are heeded.",
    )
    s3_endpoint: str | None = Field(
        default=None, description="Address of an S3-compatible storage, as http://minio:9000; AWS when empty."
    )
    s3_region: str | None = Field(default=None, description="Region of the bucket; AWS_REGION when empty.")
    s3_access_key: str | None = Field(
        default=None, description="Key id for s3://; when empty, what AWS' own variables or the machine's role say."
    )
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret that belongs to NST_S3_ACCESS_KEY.")
    s3_timeout_seconds: float = Field(default=30.0, gt=0, description="Longest time for one request to S3.")
    redis_blob_limit_bytes: int = Field(
        default=8 * 1024 * 1024, ge=1, description="Largest single picture that `redis://` storage takes."
    )
    lease_seconds: float = Field(
        default=30.0, gt=0, description="A worker not heard of for this long has lost its job and its device."
    )
    heartbeat_seconds: float = Field(default=1.0, gt=0, description="How often a worker renews the lease of its job.")
    reaper_seconds: float = Field(
        default=5.0, gt=0, description="How often lost, expired and forgotten things are looked for."
    )
    checkpoint_seconds: float = Field(default=10.0, gt=0, description="How often a run saves its state.")
    checkpoint_share: float = Field(
        default=0.05, gt=0, le=1, description="Largest share of the run time spent on saving the state."
    )
    max_attempts: int = Field(default=3, ge=1, description="A job that loses its worker this often fails.")
    max_run_seconds: float = Field(default=3600.0, gt=0, description="A run longer than this fails.")
    result_ttl_seconds: float = Field(
        default=24 * 3600.0, gt=0, description="How long pictures are kept after the job ended."
    )
    tombstone_ttl_seconds: float = Field(
        default=7 * 24 * 3600.0, ge=0, description="How long the record is kept after its pictures went."
    )
    upload_timeout_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Longest time an upload may take; a file without a record older than this is removed.",
    )
    sweep_seconds: float = Field(default=60.0, gt=0, description="How often files without a record are looked for.")
    idempotency_ttl_seconds: float = Field(
        default=24 * 3600.0, gt=0, description="How long an Idempotency-Key is remembered."
    )
    network_seconds: float = Field(
        default=3600.0,
        ge=0,
        description="How long jobs may still ask for a network after the last worker that had it went; they wait.",
    )
    queue_limit: int = Field(default=10_000, ge=1, description="Most jobs that may wait altogether.")
    batch_turn: int = Field(
        default=4,
        ge=2,
        description="Every how many-th turn of an owner goes to its batch jobs while interactive ones wait.",
    )
    event_limit: int = Field(default=500, ge=10, description="Events kept of a running job.")
    event_ttl_seconds: float = Field(
        default=60.0, gt=0, description="How long the last events of an ended job are kept."
    )
    default_model: str = Field(default="lite", description="The network used when a request names none.")
