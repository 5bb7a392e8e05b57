"""Settings that the API and the workers share. Each process reads them from the environment once, when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def split_names(value: Any) -> Any:
    """Split `a, b` into its items; return a sequence as it is."""
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names)]
ServiceSecret = Annotated[
    SecretStr | None,
    Field(description="Secret that signs picture URLs and webhooks; if empty, one is created and kept in Redis."),
]
WebhookHosts = Annotated[
    Names,
    Field(description="Hosts (`host` or `host:port`) that webhooks may reach over http or on private addresses."),
]
LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)]


class JobSettings(BaseSettings):
    """Settings of the job store, the queue and the storage. The variable of each is `NST_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="Address of Redis, which holds the job records and the queue: redis://, rediss:// or unix://.",
    )
    redis_timeout_seconds: float = Field(
        default=5.0, gt=0, description="Maximum time to wait for an answer from Redis, in seconds."
    )
    redis_appendfsync: Literal["everysec", "always"] = Field(
        default="everysec",
        description="How often the Redis of `nst up` writes to disk: `everysec`, or `always` (slower, loses nothing).",
    )
    data_dir: Path = Field(default=Path(".nst"), description="Folder for pictures and for the Redis of `nst up`.")
    storage: str = Field(
        default="disk",
        description="Where pictures are stored: `disk` (in the data folder), `file://FOLDER`, `redis://` (in the same "
        "Redis) or `s3://BUCKET/PREFIX`. The prefix is `nst` if left out; everything under it belongs to the service.",
    )
    storage_min_free_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=0,
        description="Uploads are refused while the disk has less free space than this, in bytes.",
    )
    storage_quota_bytes: int = Field(
        default=0,
        ge=0,
        description="Maximum size of all pictures on the disk together, in bytes; 0 means no limit. For `redis://` set "
        "Redis' `maxmemory` instead, for `s3://` a quota of the bucket.",
    )
    s3_endpoint: str | None = Field(
        default=None, description="Address of an S3-compatible storage, such as http://minio:9000; AWS if empty."
    )
    s3_region: str | None = Field(default=None, description="Region of the bucket; `AWS_REGION` if empty.")
    s3_access_key: str | None = Field(
        default=None,
        description="Access key id for `s3://`; if empty, the `AWS_` variables or the machine's role apply.",
    )
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret key that belongs to `NST_S3_ACCESS_KEY`.")
    s3_timeout_seconds: float = Field(default=30.0, gt=0, description="Maximum time for one request to S3, in seconds.")
    lease_seconds: float = Field(
        default=30.0,
        gt=0,
        description="A worker that has not renewed its lease for this many seconds loses its job and its device.",
    )
    heartbeat_seconds: float = Field(
        default=1.0, gt=0, description="Interval at which a worker renews the lease of its job, in seconds."
    )
    reaper_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Interval at which lost jobs are requeued and expired data is removed, in seconds.",
    )
    checkpoint_seconds: float = Field(
        default=10.0, gt=0, description="Interval at which a run saves its state, in seconds."
    )
    max_attempts: int = Field(
        default=3, ge=1, description="A job fails after its worker has been lost this many times."
    )
    max_run_seconds: float = Field(default=3600.0, gt=0, description="Maximum time of a run, in seconds.")
    result_ttl_seconds: float = Field(
        default=24 * 3600.0, gt=0, description="How long pictures are kept after a job has ended, in seconds."
    )
    tombstone_ttl_seconds: float = Field(
        default=7 * 24 * 3600.0,
        ge=0,
        description="How long a job's record is kept after its pictures were removed, in seconds.",
    )
    upload_timeout_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Maximum time of an upload, in seconds. Older files that belong to no job are removed.",
    )
    queue_limit: int = Field(default=10_000, ge=1, description="Maximum number of waiting jobs of all owners together.")
    default_model: str = Field(default="lite", description="Network of a request that names none.")
