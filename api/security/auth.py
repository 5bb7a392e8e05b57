"""Who is asking: the holder of an API key, a signed picture URL, or, while no key exists, this machine."""

import ipaddress
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problems import ProblemError
from api.security.signed_urls import Grant
from api.services import Services, ServicesDep
from jobs.model import OwnerLimits
from jobs.status import Priority

LOCAL = "local"  # the owner of everything while no key exists
OPEN_SECONDS = 1.0  # how long it is believed that no key exists

bearer = HTTPBearer(auto_error=False, scheme_name="api_key", description="`Authorization: Bearer nst_…`")
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose jobs these are, and what the owner may do."""

    owner: str
    operator: bool
    keyed: bool
    priority: Priority
    limits: OwnerLimits


class KeylessAccess:
    """Remember for a moment that no key exists, so that polls of an open service need not ask."""

    def __init__(self) -> None:
        self._until = 0.0

    async def is_open(self, services: Services) -> bool:
        """Tell whether requests without a key are served."""
        if time.monotonic() < self._until:
            return True
        if await services.keys.exist():
            return False
        self._until = time.monotonic() + OPEN_SECONDS
        return True


async def caller(request: Request, services: ServicesDep, credentials: BearerDep) -> Caller:
    """Identify the caller or refuse."""
    if credentials is None:
        return await _local(request, services)
    key = await services.keys.find(credentials.credentials)
    if key is None:
        await services.rates.count_bad_key(request.client.host if request.client else "-")
        raise _unauthorized("the API key is not valid")
    request.scope["nst.owner"] = key.id
    return Caller(owner=key.id, operator=key.operator, keyed=True, priority=key.priority, limits=key.limits)


CallerDep = Annotated[Caller, Depends(caller)]


async def operator(found: CallerDep) -> Caller:
    """Identify an operator or refuse."""
    if not found.operator:
        raise ProblemError(403, "operators_only", "this needs an operator's key")
    return found


async def viewer(
    request: Request,
    services: ServicesDep,
    credentials: BearerDep,
    key: Annotated[str | None, Query(description="Part of a signed URL.", max_length=40)] = None,
    expires: Annotated[int | None, Query(description="Part of a signed URL.", ge=0, lt=2**53)] = None,
    signature: Annotated[str | None, Query(description="Part of a signed URL.", max_length=64)] = None,
) -> Caller:
    """Identify who wants to see a picture, by key or by signed URL."""
    if credentials is not None or key is None or expires is None or signature is None:
        return await caller(request, services, credentials)
    grant = Grant(owner=key, expires=expires, signature=signature)
    if not services.signer.allows(request.url.path.removeprefix(request.scope.get("root_path", "")), grant):
        raise _unauthorized("the signed URL is not valid any more")
    if not await services.keys.is_active(key):
        raise _unauthorized("the key of the signed URL was revoked")
    request.scope["nst.owner"] = key
    return Caller(owner=key, operator=False, keyed=True, priority=Priority.BATCH, limits=OwnerLimits())


ViewerDep = Annotated[Caller, Depends(viewer)]


async def _local(request: Request, services: Services) -> Caller:
    door = request.app.state.door
    assert isinstance(door, KeylessAccess)
    if not await door.is_open(services):
        raise _unauthorized("send an API key: Authorization: Bearer nst_…")
    _check_host(request, services)
    _check_origin(request, services)
    return Caller(owner=LOCAL, operator=True, keyed=False, priority=Priority.INTERACTIVE, limits=OwnerLimits())


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _check_host(request: Request, services: Services) -> None:
    """Refuse names that are not this machine's: a web page could have bound its own name to 127.0.0.1."""
    header = request.headers.get("host", "")
    if _is_this_machine(header):
        return
    host = host_name(header)
    if host in services.settings.allowed_hosts:
        return
    if services.settings.insecure_no_auth and _is_address(host):
        return
    raise ProblemError(403, "host_refused", "without API keys the service answers to this machine's own names only")


def _check_origin(request: Request, services: Services) -> None:
    """Refuse other sites' pages, which a browser lets send requests to this machine."""
    origin = request.headers.get("origin")
    cross = request.headers.get("sec-fetch-site") == "cross-site" and origin is None
    if cross and request.headers.get("sec-fetch-mode") == "navigate":
        return
    if origin is None and not cross:
        return
    own = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not own and origin not in services.settings.cors_origins:
        raise ProblemError(403, "origin_refused", "without API keys no other site's page may use the service")


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
