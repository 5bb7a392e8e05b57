"""Settings of the API. The process reads them from the environment once, when it starts."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobs.cores import cores
from jobs.settings import (
    LONGEST,
    HostsAndPorts,
    LogLevel,
    Seconds,
    ServiceSecret,
    WebhookHosts,
    host_name,
    split_names,
    split_url,
)

MIB = 1024 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


def _root_path(value: str) -> str:
    path = re.fullmatch(r"(/([\w.~!$&'()*+,;=:@-]|%[0-9a-f]{2})+)*/?", value, re.ASCII | re.IGNORECASE)
    if path is None or {".", ".."} & set(unquote(value).split("/")):
        raise ValueError("write a path that begins with a slash, such as /nst")
    return value


def _origin(value: str) -> str:
    """Accept an origin as browsers send it, `null` and `*`."""
    if value in ("*", "null"):
        return value
    example, parts = "https://app.example", split_url(value)
    if parts and parts.scheme and parts.hostname and re.fullmatch(r"[a-z0-9_.:-]+", parts.hostname):
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
        example = f"{parts.scheme}://{host}{port}"
    if value != example:
        raise ValueError(f"{value!r} is no origin; write scheme and host without a path, such as {example}")
    return value


def _proxies(values: tuple[str, ...]) -> tuple[str, ...]:
    """Accept `*` alone, or addresses and networks."""
    if values == ("*",):
        return values
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(f"{value!r} is no address or network; {_proxy_advice(value)}") from None
    return values


def _proxy_advice(value: str) -> str:
    try:
        return f"write {ipaddress.ip_network(value, strict=False)}"
    except ValueError:
        return "write for example 192.0.2.1 or 10.0.0.0/8, or * alone to trust every proxy"


def _listen_address(value: str) -> str:
    """Accept a host; an IPv6 address may have a zone, whose case counts, such as fe80::1%eth0."""
    address, percent, zone = value.partition("%")
    if not percent:
        return host_name(value)
    if ":" not in address or not re.fullmatch(r"[\w.@-]+", zone, re.ASCII):
        raise ValueError(f"{value!r} is no address; write an IPv6 address and its zone, such as fe80::1%eth0")
    return f"{host_name(address)}%{zone}"


Hosts = Annotated[tuple[Annotated[str, AfterValidator(host_name)], ...], NoDecode, BeforeValidator(split_names)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(split_names)]
Proxies = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names), AfterValidator(_proxies)]


class ApiSettings(BaseSettings):
    """Settings of the API. The variable of each is `NST_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False
    )

    host: Annotated[str, AfterValidator(_listen_address)] = Field(
        "127.0.0.1", description="Address that the API listens on."
    )
    port: int = Field(8000, description="Port that the API listens on.", ge=0, le=65535)
    insecure_no_auth: bool = Field(False, description="Serve other machines although there is no API key.")
    allowed_hosts: Hosts = Field(
        (), description="Host names that requests may use, besides loopback ones, while there is no API key."
    )
    cors_origins: Origins = Field(
        (), description="Origins whose web pages may call the API, such as https://app.example."
    )
    root_path: Annotated[str, AfterValidator(_root_path)] = Field(
        "", description="Path under which a proxy serves the API, such as /nst."
    )
    trusted_proxies: Proxies = Field(
        (), description="Addresses or networks of proxies whose `X-Forwarded-…` headers are trusted."
    )
    log_level: LogLevel = Field("info", description="Lowest level of messages that are logged.")
    secret: ServiceSecret = None

    max_body_bytes: int = Field(
        48 * MIB, description="Maximum size of a request body, fetched pictures included, in bytes.", ge=1024
    )
    max_file_bytes: int = Field(20 * MIB, description="Maximum size of an uploaded or fetched file, in bytes.", ge=1024)
    max_pixels: int = Field(
        50_000_000,
        description="Maximum number of pixels of an uploaded picture; never more than 178956970.",
        ge=256,
    )
    max_film_seconds: Seconds = Field(60, description="Maximum length of the painted part of a film, in seconds.")
    max_film_frames: int = Field(1800, description="Maximum number of painted frames of a film.", ge=1)
    max_film_pixels: int = Field(
        3840 * 2160, description="Maximum number of pixels of a frame of an uploaded film.", ge=256
    )
    upload_idle_seconds: Seconds = Field(
        20,
        description="Maximum time for the headers of a request and maximum pause within its body, in seconds.",
    )
    response_idle_seconds: Seconds = Field(
        60, description="Maximum time for which a client may read nothing of a response, in seconds."
    )
    picture_processes: int = Field(
        0,
        description="Maximum number of uploaded pictures that are decoded at the same time, of which one key may use "
        "all but one. 0 means the number of cores plus one, at most 8.",
        ge=0,
        le=64,
    )
    picture_seconds: int = Field(20, description="Maximum time to decode a picture, in seconds.", ge=1, le=86400)
    picture_memory_bytes: int = Field(
        2048 * MIB, description="Maximum memory of a decoding process, in bytes.", ge=256 * MIB, le=2**53
    )

    picture_fetch_seconds: Seconds = Field(
        30, description="Maximum time to fetch a picture that a request names by its address, in seconds."
    )
    picture_hosts: HostsAndPorts = Field(
        (),
        description="Hosts (`host` or `host:port`) from which pictures may be fetched over http or on private "
        "addresses.",
    )

    creates_per_minute: int = Field(
        120, description="Maximum number of jobs that a key creates per minute.", ge=1, le=2**53
    )
    bad_keys_per_minute: int = Field(
        30, description="Maximum number of wrong keys that an address tries per minute.", ge=1, le=2**53
    )
    max_connections: int = Field(
        4096, description="Maximum number of open connections; further ones get a 503 and are closed.", ge=1
    )
    max_listeners: int = Field(
        2000, description="Maximum number of open event streams; one key may open half of them.", ge=1
    )
    picture_url_seconds: int = Field(
        900, description="Minimum time for which a signed picture URL is valid, in seconds.", ge=30, le=LONGEST
    )
    webhook_hosts: WebhookHosts = ()

    @model_validator(mode="after")
    def _file_fits_into_body(self) -> Self:
        if "max_file_bytes" in self.model_fields_set and self.max_file_bytes > self.max_body_bytes:
            raise ValueError(
                "NST_MAX_FILE_BYTES must be at most NST_MAX_BODY_BYTES, because the body contains the file"
            )
        return self

    @property
    def decoders(self) -> int:
        """Return how many pictures are decoded at the same time."""
        return self.picture_processes or min(8, cores() + 1)

    @property
    def max_listeners_per_key(self) -> int:
        """Return the maximum number of event streams of one key."""
        return max(1, self.max_listeners // 2)
