"""Verification of webhooks (Standard Webhooks)."""

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
    """Return the payload of a webhook that was signed with `secret` (whsec_…) in the last five minutes.

    Raises WebhookError if the signature, the timestamp or the payload is invalid. `now` is in seconds since the epoch.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        sent = int(stamp)
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except (KeyError, ValueError):
        raise WebhookError(
            "the webhook lacks valid webhook-id, webhook-timestamp and webhook-signature headers"
        ) from None
    if abs((time.time() if now is None else now) - sent) > TOLERANCE_SECONDS:
        raise WebhookError(f"the webhook's timestamp is more than {TOLERANCE_SECONDS} s off")
    signed = f"{message_id}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    found = [
        signature for version, _, signature in (part.partition(",") for part in signatures.split()) if version == "v1"
    ]
    if not any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in found):
        raise WebhookError("the webhook was not signed with this secret")
    payload = json.loads(body)
    if not isinstance(payload, dict):
        raise WebhookError("the webhook's payload is not a JSON object")
    return payload
