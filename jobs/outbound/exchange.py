"""Requests to the addresses that clients choose, after `url_guard` has checked them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache

import httpx

from jobs.outbound.url_guard import DEFAULT_PORTS, Destination


@asynccontextmanager
async def exchange(
    method: str,
    place: Destination,
    *,
    headers: Mapping[str, str],
    content: bytes | AsyncIterator[bytes] | None = None,
    seconds: float,
) -> AsyncIterator[httpx.Response]:
    """Send a request to the checked address under its host name and yield the response, whose body is not read.

    Redirects are not followed, and proxies of the environment do not apply. `seconds` limits each step; the caller
    limits the whole exchange, because a server that sends byte by byte never exceeds the limit of a step. Raises
    httpx.HTTPError.
    """
    url = f"{place.scheme}://{_bracketed(place.address)}:{place.port}{place.target}"
    host = _bracketed(place.host)
    named = {**headers, "Host": host if place.port == DEFAULT_PORTS[place.scheme] else f"{host}:{place.port}"}
    async with httpx.AsyncClient(
        verify=_certificates(), trust_env=False, follow_redirects=False, timeout=seconds
    ) as client:
        request = client.build_request(method, url, content=content, headers=named)
        request.extensions["sni_hostname"] = place.host
        response = await client.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@cache
def _certificates() -> ssl.SSLContext:
    """Trust the authorities of `SSL_CERT_FILE` or `SSL_CERT_DIR`, else those that httpx brings."""
    return httpx.create_ssl_context()
