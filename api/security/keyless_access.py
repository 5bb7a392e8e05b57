"""Access without API keys: until there is a key, this machine may use the service, but no other site's page may.

The operator decides when the process starts: only a service that listens on loopback, or that was started with
`--insecure-no-auth`, is ever open. The first key closes it for good, even if Redis loses the keys.
"""

import ipaddress
import logging
import re
import time
from functools import lru_cache
from pathlib import Path

from fastapi import Request

from api.problems import ProblemError
from api.settings import ApiSettings
from jobs.api_keys import KEYS_REQUIRED, ApiKeys

log = logging.getLogger(__name__)

NO_KEYS_SECONDS = 1.0  # how long the answer "no key exists" is reused, so that polls need not ask Redis
# What proxies and networks of proxies add: X-Forwarded-…, X-Real-IP, CF-Connecting-IP, True-Client-IP and the like.
FORWARDING_HEADER = re.compile(
    r"via|cdn-loop|cf-ray|x-original-host|.*forwarded.*|.*(client|connecting|peer|real|remote|socket|source|user)-?ip.*"
    r"|.*(client|external|peer|remote|source)-?addr.*"
)
LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
HOST = re.compile(rf"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>{LABEL}(?:\.{LABEL})*)\.?)(?::[0-9]{{1,5}})?", re.IGNORECASE)


def unauthorized(detail: str) -> ProblemError:
    """Make a 401."""
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


class KeyHistory:
    """Remember in the process and in a file that there was a key, as Redis may lose its data."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / KEYS_REQUIRED
        self.had_keys = self._file.exists()

    def remember(self) -> None:
        """Close the service for good."""
        if self.had_keys:
            return
        self.had_keys = True
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch()
        except OSError as error:
            log.warning("the file %s cannot be written (%s); without it a restart forgets the keys", self._file, error)


class KeylessAccess:
    """Decide whether a request without an API key is served."""

    def __init__(self, keys: ApiKeys, settings: ApiSettings, history: KeyHistory) -> None:
        self._keys, self._settings, self._history = keys, settings, history
        self._may_open = is_loopback(settings.host) or settings.insecure_no_auth
        self._no_keys_until = 0.0

    async def start(self) -> None:
        """Remember a key that exists already, and say so if keys were lost."""
        if await self._keys.exist():
            self._history.remember()
        elif self._history.had_keys:
            log.warning(
                "all API keys are gone, and the service stays closed; create a key with `nst keys create NAME`, "
                "or remove the file %s from the data folder (`nst keys forget`) and restart to do without keys",
                KEYS_REQUIRED,
            )

    def key_was_used(self) -> None:
        """Close the service for good."""
        self._history.remember()

    async def check(self, request: Request) -> None:
        """Refuse the request with a 401 if keys are required, or with a 403 if it is not from this machine."""
        if not self._may_open or await self.had_keys():
            raise unauthorized("send an API key: Authorization: Bearer nst_…")
        if not self._settings.insecure_no_auth:
            self._check_peer(request)
        self._check_host(request)
        self._check_origin(request)

    async def had_keys(self) -> bool:
        """Tell whether a key exists or has existed, as of NO_KEYS_SECONDS ago at most."""
        if self._history.had_keys:
            return True
        if time.monotonic() < self._no_keys_until:
            return False
        if await self._keys.exist():
            self._history.remember()
            return True
        self._no_keys_until = time.monotonic() + NO_KEYS_SECONDS
        return False

    def _check_peer(self, request: Request) -> None:
        """Refuse other machines, also those whose requests a proxy on this machine forwards."""
        peer = request.client.host if request.client else ""
        if not is_loopback(peer) or any(map(_is_of_a_proxy, request.headers.keys())):
            raise ProblemError(403, "peer_refused", "without API keys only requests from this machine are allowed")

    def _check_host(self, request: Request) -> None:
        """Refuse foreign host names: a web page may have bound its own name to 127.0.0.1."""
        headers = request.headers.getlist("host")
        header = headers[0] if len(headers) == 1 else ""
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
            allowed = _is_own_origin(origin, request) or origin in self._settings.cors_origins
        if not allowed:
            raise ProblemError(403, "origin_refused", "without API keys the pages of other sites are not allowed")


def _is_own_origin(origin: str, request: Request) -> bool:
    """Tell whether a page has the scheme, host name and port of the request.

    If a program on this machine ends TLS, the page has another scheme than the request, but its browser says that the
    page asks its own origin.
    """
    scheme, _, authority = origin.partition("://")
    same_scheme = scheme == request.url.scheme or request.headers.get("sec-fetch-site") == "same-origin"
    return same_scheme and authority == request.headers.get("host")


@lru_cache(maxsize=256)
def _is_of_a_proxy(header: str) -> bool:
    return FORWARDING_HEADER.fullmatch(header.replace("_", "-")) is not None


@lru_cache(maxsize=256)
def _is_this_machine(host: str) -> bool:
    return is_loopback(host_name(host))


def host_name(header: str) -> str:
    """Return the name in a Host header, without port and brackets; "" if it has any other form."""
    match = HOST.fullmatch(header)
    return (match["ipv6"] or match["name"]).lower() if match else ""


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
