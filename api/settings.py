"""The API's settings: read once from NST_… variables at the composition root, frozen, passed down."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.cores import cores
from jobs.settings import LogLevel, Names, ServiceSecret, WebhookHosts

MIB = 1024 * 1024


class ApiSettings(BaseSettings):
    """Everything about the HTTP side that an operator may set."""

    model_config = SettingsConfigDict(env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, description="Port the API listens on.", ge=0, le=65535)
    insecure_no_auth: bool = Field(False, description="Serve other machines although no API key exists.")
    allowed_hosts: Names = Field((), description="Host names answered besides loopback ones while no key exists.")
    cors_origins: Names = Field((), description="Origins whose pages may call the API, e.g. https://app.example.")
    root_path: str = Field("", description="Path under which a proxy serves the API, e.g. /nst.")
    trusted_proxies: Names = Field((), description="Addresses or networks whose X-Forwarded-… headers are believed.")
    log_level: LogLevel = Field("info", description="Lowest level that is logged.")
    secret: ServiceSecret = None

    max_head_bytes: int = Field(32 * 1024, description="Largest request line and headers together.", ge=4096)
    head_seconds: float = Field(20, description="Longest time a request line and headers may take.", gt=0)
    max_body_bytes: int = Field(48 * MIB, description="Largest request body.", ge=1024)
    max_file_bytes: int = Field(20 * MIB, description="Largest uploaded file.", ge=1024)
    max_params_bytes: int = Field(64 * 1024, description="Largest parameters of a job, all fields together.", ge=256)
    max_styles: int = Field(8, description="Most style pictures of a job.", ge=1, le=64)
    max_fields: int = Field(128, description="Most form fields of a request that are not files.", ge=1)
    upload_idle_seconds: float = Field(20, description="Longest pause within a request body.", gt=0)

    max_pixels: int = Field(50_000_000, description="Most pixels of an uploaded picture.", ge=256)
    max_side: int = Field(16384, description="Longest side of an uploaded picture.", ge=16)
    min_side: int = Field(16, description="Shortest side of an uploaded picture.", ge=1)
    picture_processes: int = Field(
        0,
        description="Uploaded pictures decoded at the same time, one key's at most one less; "
        "0: one more than the cores, at most 8.",
        ge=0,
        le=64,
    )
    picture_seconds: int = Field(20, description="Longest time one picture may take to decode.", ge=1)
    picture_memory_bytes: int = Field(2048 * MIB, description="Most memory of a decoding process.", ge=256 * MIB)

    view_seconds: float = Field(
        1, description="Most that the seconds counted in a job which has not changed may lag behind.", ge=0
    )
    creates_per_minute: int = Field(120, description="Jobs one key may send a minute.", ge=1)
    bad_keys_per_minute: int = Field(30, description="Wrong keys one address may try a minute.", ge=1)
    max_wait_seconds: int = Field(60, description="Longest `Prefer: wait`.", ge=0)
    max_waiting_requests: int = Field(200, description="Requests that may wait for a job at a time.", ge=0)
    max_listeners: int = Field(2000, description="Event streams open at a time.", ge=1)
    max_listeners_per_key: int = Field(1000, description="Event streams that one key may have open.", ge=1)
    event_heartbeat_seconds: float = Field(15, description="Pause after which an event stream sends a comment.", gt=0)
    picture_url_seconds: int = Field(900, description="How long a signed picture URL is good for, at least.", ge=30)
    webhook_hosts: WebhookHosts = ()

    @property
    def decoders(self) -> int:
        """Return how many pictures are decoded at the same time."""
        return self.picture_processes or min(8, cores() + 1)
