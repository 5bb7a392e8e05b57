"""The URLs of clients that the service may call: public addresses, and hosts that the operator allows.

A host name is resolved once, all of its addresses must be public, and the connection goes to one of them. A name whose
address changes between check and use therefore gains nothing. See docs/adr/0011-webhooks.md.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from jobs.errors import JobsError

LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
HOST_NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
MAX_HOST_LENGTH = 254
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
DEFAULT_PORTS = {"http": 80, "https": 443}
Resolve = Callable[[str, int], Collection[str]]

# IPv6 ranges that embed IPv4 addresses.
DETOURS = ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
TRANSLATED = tuple(ipaddress.IPv6Network(network) for network in DETOURS)
# Ranges that `is_global` admits, or admits in some versions of Python.
NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's host, reached from every virtual machine
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays, no longer in use
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.175.48.0/24",  # AS112
        "100::/64",  # discard only
        "2001::/23",  # IETF protocol assignments
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)
LOCAL_DOMAINS = (
    "localhost localdomain local internal intranet private lan home corp home.arpa svc cluster.local consul docker pod"
)
LOCAL_SUFFIXES = tuple(f".{domain}" for domain in LOCAL_DOMAINS.split())


class AddressRefusedError(JobsError):
    """The service never calls this address."""


class AddressUnknownError(JobsError):
    """The host name has no address at the moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where a request goes: the address that was checked, and the host that it names."""

    scheme: str
    host: str
    port: int
    address: str
    target: str  # path and query


def check_url(url: str, *, allowed_hosts: Collection[str] = ()) -> SplitResult:
    """Check a URL as far as possible without resolving its host; raise AddressRefusedError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefusedError("this is no URL that the service can call; send https://host/path") from None
    host = _host(parts)
    if not host or parts.username is not None or parts.password is not None or port == 0 or not _plain(url):
        raise AddressRefusedError("this is no URL that the service can call; send https://host/path")
    if is_allowed(host, port, allowed_hosts) and parts.scheme in DEFAULT_PORTS:
        return parts
    if parts.scheme != "https":
        raise AddressRefusedError("the URL must begin with https://")
    if host == "localhost" or host.endswith(LOCAL_SUFFIXES):
        raise AddressRefusedError("the address is not public")
    literal = _literal(host)
    if literal is None and ("[" in parts.netloc or len(host) >= MAX_HOST_LENGTH or not HOST_NAME.fullmatch(host)):
        raise AddressRefusedError("this is no URL that the service can call; send https://host/path")
    if literal is None and "." not in host:
        raise AddressRefusedError("the address is not public")
    if literal is not None and not is_public(literal):
        raise AddressRefusedError("the address is not public")
    return parts


def resolve(host: str, port: int) -> Collection[str]:
    """Return all addresses of a host name from the resolver of the system."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def destination(url: str, *, allowed_hosts: Collection[str] = (), resolver: Resolve = resolve) -> Destination:
    """Resolve a URL once and return where to connect; raise AddressRefusedError or AddressUnknownError."""
    parts = check_url(url, allowed_hosts=allowed_hosts)
    host = _host(parts)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    addresses = resolver(host, port)
    if not addresses:
        raise AddressUnknownError("the host name has no address")
    if not is_allowed(host, parts.port, allowed_hosts) and not all(_public_text(text) for text in addresses):
        raise AddressRefusedError("the address is not public")
    address = next(iter(addresses))
    return Destination(scheme=parts.scheme, host=host, port=port, address=address, target=_target(parts))


def same_origin_target(place: Destination, location: str) -> str | None:
    """Return path and query of a redirect that stays on the same server, else None."""
    origin = f"{place.scheme}://[{place.host}]" if ":" in place.host else f"{place.scheme}://{place.host}"
    try:
        parts = urlsplit(urljoin(f"{origin}:{place.port}{place.target}", location))
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if (parts.scheme, _host(parts), port) != (place.scheme, place.host, place.port) or not _plain(location):
        return None
    return _target(parts)


def is_allowed(host: str, port: int | None, allowed_hosts: Collection[str]) -> bool:
    """Tell whether the operator allows this host, with or without its port."""
    return host in allowed_hosts or f"{host}:{port}" in allowed_hosts


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is on the public internet and embeds no other address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or address.scope_id is not None:
            return False
        if any(address in network for network in TRANSLATED):
            return False
    if any(address.version == network.version and address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _public_text(text: str) -> bool:
    try:
        return is_public(ipaddress.ip_address(text))
    except ValueError:
        return False


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _literal(host: str) -> IPAddress | None:
    """Parse an address in any notation that resolvers accept: 127.1, 0x7f000001, 2130706433."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def _plain(url: str) -> bool:
    """Tell whether a URL is free of characters on which parsers disagree."""
    return url.isascii() and url.isprintable() and not any(mark in url for mark in ' \\<>"^`{|}')
