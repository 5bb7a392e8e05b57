"""The secret of the service: created once, kept in Redis, and the same for every process."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

import redis
import redis.asyncio

from jobs.connections import store_errors

KEY = "nst:secret"


async def service_secret(client: redis.asyncio.Redis) -> bytes:
    """Return the secret; create it on the first call."""
    untyped: Any = client
    with store_errors():
        await untyped.set(KEY, secrets.token_hex(32), nx=True)
        return _bytes(await untyped.get(KEY))


def service_secret_now(client: redis.Redis) -> bytes:
    """Return the secret, for synchronous callers."""
    untyped: Any = client
    with store_errors():
        untyped.set(KEY, secrets.token_hex(32), nx=True)
        return _bytes(untyped.get(KEY))


def webhook_secret(secret: bytes, owner: str) -> str:
    """Return the secret that signs the webhooks of an owner, in the notation of Standard Webhooks."""
    digest = hmac.new(secret, f"webhook\n{owner}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(digest).decode()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
