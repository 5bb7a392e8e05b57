"""Settings that the API and the workers share. Each process reads them from the environment once, when it starts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nst_engine.spec.enums import Model

PREFIX = "NST_"
LONGEST = 1e9  # seconds, 31 years; timers and timeouts of sockets take at most 9e9
LONGEST_TTL = 1e10  # seconds, 317 years; times of Redis and dates take more
SHORTEST_SECRET = 8  # characters
SENTINEL_PORT = 26379
SENTINEL_URL = re.compile(
    r"redis(?P<tls>s?)\+sentinel://((?P<username>[^:@/]*):(?P<password>[^:@/]*)@)?(?P<hosts>[^@/?#\s]+)/(?P<service>[^/?#\s]+)"
    r"(/(?P<database>[0-9]+))?(\?sentinel_password=(?P<sentinel_password>[^&#\s]+))?"
)
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def split_names(value: Any) -> Any:
    """Split `a, b` into its items; return a sequence as it is."""
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def host_name(value: str) -> str:
    """Return a host name or an address without zone in lower case; raises ValueError if it is neither."""
    host = value.lower().rstrip(".")
    if "%" in host or not (_is_address(host) or HOST_NAME.fullmatch(host)):
        raise ValueError(f"{value!r} is no host; write a name or an address only, such as nst.example or 192.0.2.1")
    return host


def _host_and_port(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if colon and port.isdecimal() and not _is_address(value):
        if not 0 < int(port) < 2**16:
            raise ValueError(f"{value!r} has no valid port; write a port from 1 to 65535")
        return f"{host_name(host)}:{int(port)}"
    return host_name(value)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class SentinelAddress:
    """Where to ask which Redis server is the primary of a service; `tls` is for the sentinels and for the servers."""

    sentinels: tuple[tuple[str, int], ...]  # host and port
    service: str
    database: int = 0
    username: str | None = None
    password: str | None = None
    sentinel_password: str | None = None
    tls: bool = False


def sentinel_address(url: str) -> SentinelAddress | None:
    """Read redis[s]+sentinel://[USER:PASSWORD@]HOST[:PORT][,…]/SERVICE[/DB]; return None if it is another."""
    match = SENTINEL_URL.fullmatch(url)
    hosts = [split_url(f"redis://{host}") for host in match["hosts"].split(",")] if match else []
    found = [(host.hostname, host.port or SENTINEL_PORT) for host in hosts if host is not None and host.hostname]
    if match is None or len(found) < len(hosts):
        return None

    def text(name: str) -> str | None:
        return unquote(match[name]) if match[name] else None

    return SentinelAddress(
        sentinels=tuple((str(host), port) for host, port in found),
        service=unquote(match["service"]),
        database=int(match["database"] or 0),
        username=text("username"),
        password=text("password"),
        sentinel_password=text("sentinel_password"),
        tls=match["tls"] == "s",
    )


def _redis_url(value: str) -> str:
    if sentinel_address(value) is not None:
        return value
    parts = split_url(value)
    if parts is not None and not parts.fragment:
        if parts.scheme == "unix" and parse_qs(parts.query).get("db", ["0"]) != ["0"]:
            raise ValueError("the queue uses only database 0 of a Unix socket; leave out ?db=, or write redis://")
        if parts.scheme == "unix" and parts.path.startswith("/") and not parts.hostname:
            return value
        if parts.scheme in ("redis", "rediss") and re.fullmatch(r"/?[0-9]*", parts.path):
            return value
    raise ValueError(
        "write redis://HOST:PORT/NUMBER, rediss://…, unix:///FOLDER/SOCKET or redis+sentinel://HOST:PORT,…/SERVICE "
        "(rediss+sentinel://… with TLS); escape special characters of a password or path, such as # as %23"
    )


def _http_url(value: str) -> str:
    parts = split_url(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a URL that begins with http:// or https:// and names a host")
    return value


def split_url(value: str) -> SplitResult | None:
    """Split a URL into its parts; return None if its host or its port is invalid."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # raises ValueError if it is no port
    except ValueError:
        return None
    return None if re.search(r"\s", value) else parts


def _network_name(value: str) -> str:
    if value not in list(Model):
        raise ValueError(f"no network is called {value!r}; write one of {', '.join(Model)}")
    return value


def _long_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().strip()) < SHORTEST_SECRET:
        raise ValueError(
            f"this secret is too short; write at least {SHORTEST_SECRET} characters (`openssl rand -hex 32` makes a "
            "good one), or leave it empty"
        )
    return value


def settings_problem(error: ValidationError, options: Container[str] = ()) -> str:
    """Name the settings that are wrong, in one line; `options` are those that were given on the command line."""
    return "; ".join(_problem(item["loc"], item["msg"], options) for item in error.errors())


def _problem(location: Sequence[int | str], message: str, options: Container[str]) -> str:
    """Name the setting; the message of a rule about several settings names them itself."""
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    name = str(location[0])
    return f"--{name.replace('_', '-')}: {text}" if name in options else f"{PREFIX}{name.upper()}: {text}"


Seconds = Annotated[float, Field(gt=0, le=LONGEST)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names)]
ServiceSecret = Annotated[
    Annotated[SecretStr, AfterValidator(_long_secret)] | None,
    Field(
        description="Secret that signs picture URLs and webhooks, of at least "
        f"{SHORTEST_SECRET} characters; if empty, one is created and kept in Redis."
    ),
]
HostsAndPorts = Annotated[
    tuple[Annotated[str, AfterValidator(_host_and_port)], ...], NoDecode, BeforeValidator(split_names)
]
WebhookHosts = Annotated[
    HostsAndPorts,
    Field(description="Hosts (`host` or `host:port`) that webhooks may reach over http or on private addresses."),
]
LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)]


class JobSettings(BaseSettings):
    """Settings of the job store, the queue and the storage. The variable of each is `NST_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False
    )

    redis_url: Annotated[str, AfterValidator(_redis_url)] = Field(
        default="redis://127.0.0.1:6379/0",
        description="Address of Redis, which holds the job records and the queue: redis://, rediss://, unix:// or, to "
        "follow a failover, redis+sentinel://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]/SERVICE[/NUMBER]; "
        "rediss+sentinel://… is that with TLS.",
    )
    redis_wait_replicas: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Number of replicas of Redis that must have a new job before the API accepts it; 0 does not wait.",
    )
    redis_timeout_seconds: Seconds = Field(
        default=5.0, description="Maximum time to wait for an answer from Redis, in seconds."
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
        description="Uploads are refused, and workers wait, while the disk has less free space than this, in bytes.",
    )
    storage_quota_bytes: int = Field(
        default=0,
        ge=0,
        description="Maximum size of all pictures on the disk together, in bytes; 0 means no limit. For `redis://` set "
        "Redis' `maxmemory` instead, for `s3://` a quota of the bucket.",
    )
    s3_endpoint: Annotated[str, AfterValidator(_http_url)] | None = Field(
        default=None, description="Address of an S3-compatible storage, such as http://minio:9000; AWS if empty."
    )
    s3_region: str | None = Field(default=None, description="Region of the bucket; `AWS_REGION` if empty.")
    s3_access_key: str | None = Field(
        default=None,
        description="Access key id for `s3://`; if empty, the `AWS_` variables or the machine's role apply.",
    )
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret key that belongs to `NST_S3_ACCESS_KEY`.")
    s3_timeout_seconds: Seconds = Field(default=30.0, description="Maximum time for one request to S3, in seconds.")
    lease_seconds: Seconds = Field(
        default=30.0,
        description="A worker that has not renewed its lease for this many seconds loses its job and its device.",
    )
    heartbeat_seconds: Seconds = Field(
        default=1.0, description="Interval at which a worker renews the lease of its job, in seconds."
    )
    reaper_seconds: Seconds = Field(
        default=5.0,
        description="Interval at which lost jobs are requeued and expired data is removed, in seconds.",
    )
    checkpoint_seconds: Seconds = Field(
        default=10.0, description="Interval at which a run saves its state, in seconds."
    )
    max_attempts: int = Field(
        default=3, ge=1, description="A job fails after its worker has been lost this many times."
    )
    max_run_seconds: Seconds = Field(
        default=3600.0, description="Maximum time of a run, or of each frame of a film, in seconds."
    )
    max_film_run_seconds: Seconds = Field(
        default=24 * 3600.0,
        description="Maximum time that a whole film is painted, all attempts together, in seconds.",
    )
    result_ttl_seconds: float = Field(
        default=24 * 3600.0,
        gt=0,
        le=LONGEST_TTL,
        description="How long pictures are kept after a job has ended, in seconds.",
    )
    tombstone_ttl_seconds: float = Field(
        default=7 * 24 * 3600.0,
        ge=0,
        le=LONGEST_TTL,
        description="How long a job's record is kept after its pictures were removed, in seconds.",
    )
    upload_timeout_seconds: Seconds = Field(
        default=300.0,
        description="Maximum time of an upload, in seconds. Older files that belong to no job are removed.",
    )
    mark_results: bool = Field(
        default=True,
        description="Mark results as made by a trained network: `DigitalSourceType` of IPTC, in the file's XMP.",
    )
    max_assets: int = Field(default=1000, ge=1, description="Maximum number of pictures that a key keeps as assets.")
    queue_limit: int = Field(default=10_000, ge=1, description="Maximum number of waiting jobs of all owners together.")
    default_model: Annotated[str, AfterValidator(_network_name)] = Field(
        default="lite", description="Network of a request that names none."
    )

    @model_validator(mode="after")
    def _lease_outlasts_heartbeat(self) -> Self:
        if self.heartbeat_seconds >= self.lease_seconds:
            raise ValueError("NST_HEARTBEAT_SECONDS must be less than NST_LEASE_SECONDS, or every run loses its lease")
        return self
