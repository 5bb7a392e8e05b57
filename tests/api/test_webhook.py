"""A webhook from the job to its receiver, through the running service."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from jobs.connections import connect
from jobs.service_secret import service_secret_now, webhook_secret
from tests.api.conftest import form
from tests.stack.stack import Stack
from tests.waiting import until


@pytest.mark.acceptance
def test_a_webhook_arrives_signed_and_is_retried_until_it_succeeds(service: Stack) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if len(seen) < 3 else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key, key_secret = service.create_key()
    try:
        url = f"http://127.0.0.1:{server.server_port}/hook"
        headers = {"Authorization": f"Bearer {key_secret}", "Prefer": "wait=30"}
        job: dict[str, Any] = httpx.post(
            f"{service.url}/v1/jobs", files=form(steps="2", webhook_url=url), headers=headers, timeout=60
        ).json()
        until(lambda: len(seen) == 3, "the webhook was not sent three times", seconds=30)
    finally:
        server.shutdown()
        server.server_close()
    with connect(service.settings) as redis:
        secret = webhook_secret(service_secret_now(redis), key.id)
    for given, body in seen:
        told = Webhook(secret).verify(body, given)
        assert (told["type"], told["data"]["id"]) == ("job.succeeded", job["id"])
    assert len({given["webhook-id"] for given, _ in seen}) == 1
