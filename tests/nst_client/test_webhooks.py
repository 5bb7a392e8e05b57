from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from nst_client import WebhookError, verify_webhook

SECRET = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQh"
BODY = b'{"type": "job.succeeded"}'
SENT = 1_800_000_000


def signed(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    """Sign with the reference implementation."""
    signature = Webhook(secret).sign("m1", datetime.fromtimestamp(SENT, UTC), body.decode())
    return {"Webhook-Id": "m1", "Webhook-Timestamp": str(SENT), "Webhook-Signature": signature}


def test_a_signed_webhook_returns_its_payload() -> None:
    assert verify_webhook(SECRET, signed(), BODY, now=SENT + 10) == {"type": "job.succeeded"}


def test_one_valid_signature_of_several_is_enough() -> None:
    headers = signed()
    headers["Webhook-Signature"] = "v1,AAAA " + headers["Webhook-Signature"]
    assert verify_webhook(SECRET, headers, BODY, now=SENT)


@pytest.mark.parametrize(
    ("headers", "body", "now", "reason"),
    [
        (signed(), b'{"type": "job.failed"}', SENT, "not signed"),
        (signed(secret="whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3Ro"), BODY, SENT, "not signed"),
        (signed(), BODY, SENT + 301, "300 s off"),
        (signed(), BODY, SENT - 301, "300 s off"),
        ({}, BODY, SENT, "lacks"),
        ({**signed(), "Webhook-Timestamp": "soon"}, BODY, SENT, "lacks"),
    ],
    ids=["another body", "another secret", "too late", "too early", "no headers", "no time"],
)
def test_any_other_webhook_is_refused(headers: dict[str, str], body: bytes, now: float, reason: str) -> None:
    with pytest.raises(WebhookError, match=reason):
        verify_webhook(SECRET, headers, body, now=now)
