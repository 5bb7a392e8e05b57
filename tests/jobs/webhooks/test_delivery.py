"""Deliveries: signed, retried, given up, disabled, and never sent to an address that is not public."""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import redis
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from jobs.errors import StoreUnavailable
from jobs.outbound.url_guard import Destination
from jobs.service_secret import service_secret_now, webhook_secret
from jobs.settings import JobSettings
from jobs.webhooks.delivery import Webhooks, WebhookSettings, post
from jobs.webhooks.outbox import Delivery, Outbox
from tests.jobs.conftest import Store
from tests.waiting import until

pytestmark = pytest.mark.anyio
URL = "https://hooks.example.com/nst"
PUBLIC = "93.184.216.34"


class SameThreadExecutor(Executor):
    """Runs what is submitted at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass
class Receiver:
    """Returns the given answers and records the requests."""

    answers: list[int | Exception]
    seen: list[tuple[Destination, bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, place: Destination, body: bytes, headers: dict[str, str], *, seconds: float) -> int:
        self.seen.append((place, body, headers))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


Make = Callable[..., Webhooks]


@pytest.fixture
def make(raw: redis.Redis, job_settings: JobSettings) -> Make:
    def build(receiver: Receiver, address: str = PUBLIC, **values: Any) -> Webhooks:
        settings = WebhookSettings(**({"webhook_delays": (0.001, 0.001)} | values))
        outbox = Outbox(raw, job_settings)
        return Webhooks(
            raw,
            outbox,
            settings,
            sender=receiver,
            resolver=lambda host, port: (address,),
            executor=SameThreadExecutor(),
        )

    return build


async def ended(store: Store, url: str = URL, owner: str = "ann") -> str:
    job = await store.create(owner, webhook_url=url)
    await store.client.cancel(job.id, owner)
    return job.id


def deliver_all(webhooks: Webhooks, raw: redis.Redis) -> None:
    """Deliver until nothing is left, whatever the delays."""
    while waiting := raw.zrange("nst:webhooks", 0, -1):
        raw.zadd("nst:webhooks", dict.fromkeys(waiting, 1))
        webhooks.deliver_due()


async def test_the_end_of_a_job_is_told_once(store: Store, raw: redis.Redis, make: Make) -> None:
    job_id = await ended(store)
    receiver = Receiver([204])
    deliver_all(make(receiver), raw)
    ((place, body, headers),) = receiver.seen
    assert (place.host, place.address, place.target) == ("hooks.example.com", PUBLIC, "/nst")
    secret = webhook_secret(service_secret_now(raw), "ann")
    told = Webhook(secret).verify(body, headers)
    assert (told["type"], told["data"]) == ("job.canceled", {"id": job_id, "status": "canceled"})
    assert datetime.fromisoformat(told["timestamp"]).tzinfo is not None


async def test_another_owners_secret_does_not_fit(store: Store, raw: redis.Redis, make: Make) -> None:
    await ended(store)
    receiver = Receiver([200])
    deliver_all(make(receiver), raw)
    _, body, headers = receiver.seen[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_secret(service_secret_now(raw), "bob")).verify(body, headers)


async def test_failures_are_tried_again_under_the_same_id(store: Store, raw: redis.Redis, make: Make) -> None:
    await ended(store)
    receiver = Receiver([500, httpx.ConnectTimeout("slow"), 200])
    deliver_all(make(receiver), raw)
    assert len(receiver.seen) == 3
    assert len({headers["webhook-id"] for _, _, headers in receiver.seen}) == 1


async def test_after_the_last_delay_it_is_given_up(store: Store, raw: redis.Redis, make: Make) -> None:
    await ended(store)
    receiver = Receiver([503] * 9)
    deliver_all(make(receiver), raw)
    assert len(receiver.seen) == 3


async def test_a_redirect_is_a_failure(store: Store, raw: redis.Redis, make: Make) -> None:
    await ended(store)
    receiver = Receiver([302, 200])
    deliver_all(make(receiver), raw)
    assert len(receiver.seen) == 2


async def test_gone_disables_the_address_for_its_owner(store: Store, raw: redis.Redis, make: Make) -> None:
    for owner in ("ann", "ann", "bob"):
        await ended(store, owner=owner)
    receiver = Receiver([410, 200])
    deliver_all(make(receiver), raw)
    assert len(receiver.seen) == 2


async def test_a_private_address_is_never_called(store: Store, raw: redis.Redis, make: Make) -> None:
    await ended(store)
    receiver = Receiver([])
    deliver_all(make(receiver, address="10.0.0.1"), raw)
    assert receiver.seen == []


async def test_delays_are_kept(store: Store, raw: redis.Redis, make: Make) -> None:
    await ended(store)
    receiver = Receiver([500, 200])
    make(receiver, webhook_delays=(60,)).deliver_due()
    assert len(receiver.seen) == 1
    seconds, _ = raw.time()
    ((_, due),) = raw.zrange("nst:webhooks", 0, -1, withscores=True)
    assert 55_000 < due - seconds * 1000 < 65_000


@contextmanager
def http_server(status: int = 200, headers: dict[str, str] | None = None) -> Iterator[tuple[int, list[Any]]]:
    """Serve on loopback; yield the port and the requests."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        server.server_close()


def place(port: int, scheme: str = "http", host: str = "hooks.example.com") -> Destination:
    return Destination(scheme=scheme, host=host, port=port, address="127.0.0.1", target="/hook?a=1")


def test_the_request_goes_to_the_address_and_asks_for_the_name() -> None:
    with http_server() as (port, seen):
        assert post(place(port), b"{}", {"webhook-id": "1"}, seconds=5) == 200
    ((path, headers, body),) = seen
    assert (path, headers["Host"], body) == ("/hook?a=1", f"hooks.example.com:{port}", b"{}")


def test_a_redirect_is_not_followed() -> None:
    with http_server() as (inner, seen), http_server(302, {"Location": f"http://127.0.0.1:{inner}/"}) as (port, _):
        assert post(place(port), b"{}", {}, seconds=5) == 302
    assert seen == []


def test_a_receiver_that_never_answers_is_left() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(httpx.ReadTimeout):
        post(place(silent.getsockname()[1]), b"{}", {}, seconds=0.2)


def test_the_certificate_has_to_be_of_the_name(tmp_path: Any) -> None:
    """A server at the right address with a certificate of another name gets no request."""
    with http_server() as (port, seen), pytest.raises((httpx.ConnectError, ssl.SSLError)):
        post(place(port, scheme="https"), b"{}", {}, seconds=5)
    assert seen == []


def test_time_stamps_are_of_the_attempt(raw: redis.Redis, job_settings: JobSettings) -> None:
    from jobs.webhooks.outbox import Delivery

    now = datetime(2026, 1, 2, tzinfo=UTC)
    webhooks = Webhooks(raw, Outbox(raw, job_settings), WebhookSettings(), now=lambda: now)
    payload = {"type": "job.failed", "time_ms": 1, "data": {}}
    delivery = Delivery(id="d", job_id="j", owner="ann", url=URL, attempt=2, payload=payload)
    _, headers = webhooks.signed(delivery)
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))


async def test_a_slow_receiver_does_not_hold_up_the_others(
    store: Store, raw: redis.Redis, job_settings: JobSettings
) -> None:
    for _ in range(2):
        await ended(store)
    answer_slow_one, second_is_there = threading.Event(), threading.Event()
    arrivals = itertools.count()

    def send(*_: Any, **__: Any) -> int:
        if next(arrivals) == 0:
            answer_slow_one.wait(10)
        else:
            second_is_there.set()
        return 204

    webhooks = Webhooks(
        raw, Outbox(raw, job_settings), WebhookSettings(), sender=send, resolver=lambda host, port: (PUBLIC,)
    )
    webhooks.deliver_due()
    assert second_is_there.wait(5)
    answer_slow_one.set()
    until(lambda: raw.zcard("nst:webhooks") == 0, "a delivery is left", seconds=10)


async def test_while_the_store_is_down_nothing_is_taken_and_afterwards_all_is(
    store: Store, raw: redis.Redis, job_settings: JobSettings
) -> None:
    """A failed look for work keeps no thread busy: there are fewer threads than failures."""
    await ended(store)

    class Outages(Outbox):
        left = 10

        def take(self, **values: Any) -> Delivery | None:
            if self.left:
                self.left -= 1
                raise StoreUnavailable()
            return super().take(**values)

    receiver, outbox = Receiver([204]), Outages(raw, job_settings)
    webhooks = Webhooks(
        raw,
        outbox,
        WebhookSettings(),
        sender=receiver,
        resolver=lambda host, port: (PUBLIC,),
        executor=SameThreadExecutor(),
    )
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            webhooks.deliver_due()
    webhooks.deliver_due()
    assert len(receiver.seen) == 1
