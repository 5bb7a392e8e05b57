"""Telling the service's webhooks from others' (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from nst_client.errors import WebhookError

TOLERANCE_SECONDS = 300


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> dict[str, Any]:
    """Return what a webhook tells, if it was signed with `secret` (whsec_…) within five minutes; else WebhookError."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        sent = int(stamp)
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except (KeyError, ValueError):
        raise WebhookError("the webhook's headers are not complete") from None
    if abs((time.time() if now is None else now) - sent) > TOLERANCE_SECONDS:
        raise WebhookError("the webhook was sent too long ago")
    signed = f"{message_id}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    found = [
        signature for version, _, signature in (part.partition(",") for part in signatures.split()) if version == "v1"
    ]
    if not any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in found):
        raise WebhookError("the webhook's signature is not the service's")
    told = json.loads(body)
    if not isinstance(told, dict):
        raise WebhookError("the webhook's body is not what the service sends")
    return told
