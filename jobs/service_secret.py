"""The secret of this installation: made once, kept in Redis, the same for every process."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

from redis.asyncio import Redis

from jobs.connections import store_errors

KEY = "nst:secret"


async def service_secret(redis: Redis) -> bytes:
    """Return the secret, made when first asked for."""
    client: Any = redis
    with store_errors():
        await client.set(KEY, secrets.token_hex(32), nx=True)
        found = await client.get(KEY)
    return found.encode() if isinstance(found, str) else bytes(found)


def webhook_secret(secret: bytes, owner: str) -> str:
    """Return the secret that webhooks to one owner are signed with, as Standard Webhooks writes it."""
    digest = hmac.new(secret, f"webhook\n{owner}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(digest).decode()
