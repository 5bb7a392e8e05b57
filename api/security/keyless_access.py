"""Access without API keys: while no key exists, this machine may use the service, but no other site's page may."""

import ipaddress
import time
from functools import lru_cache
from urllib.parse import urlsplit

from fastapi import Request

from api.problems import ProblemError
from api.settings import ApiSettings
from jobs.api_keys import ApiKeys

NO_KEYS_SECONDS = 1.0  # how long the answer "no key exists" is reused, so that polls need not ask Redis


def unauthorized(detail: str) -> ProblemError:
    """Make a 401."""
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


class KeylessAccess:
    """Decide whether a request without an API key is served."""

    def __init__(self, keys: ApiKeys, settings: ApiSettings) -> None:
        self._keys, self._settings = keys, settings
        self._no_keys_until = 0.0

    async def check(self, request: Request) -> None:
        """Refuse the request with a 401 if a key exists, or with a 403 if it is not from this machine."""
        if await self._keys_exist():
            raise unauthorized("send an API key: Authorization: Bearer nst_…")
        self._check_host(request)
        self._check_origin(request)

    async def _keys_exist(self) -> bool:
        if time.monotonic() < self._no_keys_until:
            return False
        if await self._keys.exist():
            return True
        self._no_keys_until = time.monotonic() + NO_KEYS_SECONDS
        return False

    def _check_host(self, request: Request) -> None:
        """Refuse foreign host names: a web page may have bound its own name to 127.0.0.1."""
        header = request.headers.get("host", "")
        if _is_this_machine(header):
            return
        host = host_name(header)
        if host in self._settings.allowed_hosts or (self._settings.insecure_no_auth and _is_address(host)):
            return
        raise ProblemError(403, "host_refused", "without API keys only this machine's own host names are allowed")

    def _check_origin(self, request: Request) -> None:
        """Refuse the pages of other sites, which a browser lets send requests to this machine."""
        origin = request.headers.get("origin")
        if origin is None:
            cross_site = request.headers.get("sec-fetch-site") == "cross-site"
            allowed = not cross_site or request.headers.get("sec-fetch-mode") == "navigate"
        else:
            same = origin.partition("://")[2] == request.headers.get("host")
            allowed = same or origin in self._settings.cors_origins
        if not allowed:
            raise ProblemError(403, "origin_refused", "without API keys the pages of other sites are not allowed")


@lru_cache(maxsize=256)
def _is_this_machine(host: str) -> bool:
    return is_loopback(host_name(host))


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Tell whether a name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
