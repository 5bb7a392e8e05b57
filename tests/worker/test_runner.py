"""The runner: from a message to an ended job, whatever happens on the way."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from PIL import Image
from structlog.contextvars import get_contextvars

from jobs.errors import BlobTooLarge, StorageFull, StorageUnavailable, StoreUnavailable
from jobs.model import BlobRef
from jobs.status import Status
from jobs.storage.redis import RedisBlobs
from jobs.store.lease import Lease
from nst_engine.images.writing import read_metadata
from tests.fakes.engine import BROKEN, DIVERGES, TOO_BIG, TOO_BIG_FOR_NOW, FakeEngine
from tests.worker.conftest import Bench
from worker.attempt import Outcome
from worker.engine import RunRequest, RunStep
from worker.runner import STORAGE_WAIT_SECONDS

pytestmark = pytest.mark.anyio


@dataclass
class Interrupted:
    """The fake engine, with something happening after a step."""

    happens: Callable[[int], None]
    requests: int = 0
    resumed_at: int | None = None

    def memory_bytes(self) -> int | None:
        return 123

    def run(self, request: RunRequest) -> Iterator[RunStep]:
        self.requests += 1
        for number, step in enumerate(FakeEngine().run(request)):
            if number == 0:
                self.resumed_at = step.progress.iteration
            self.happens(step.progress.iteration)
            yield step


def told(bench: Bench, iteration: int, tell: Callable[[], Any]) -> Interrupted:
    """Make something happen after an iteration, and wait until the heart has heard of it."""

    def happens(at: int) -> None:
        if at == iteration:
            tell()
        if at >= iteration:
            _beat()

    return Interrupted(happens)


def drained_after(bench: Bench, iteration: int) -> None:
    """Run a job until the worker has to end after an iteration; another attempt is the fake engine's."""

    def drain() -> None:
        bench.draining = True

    bench.engine = told(bench, iteration, drain)
    assert bench.run() is Outcome.RETURNED
    bench.draining, bench.engine = False, FakeEngine()


def _beat() -> None:
    """Give the heart, a real thread that beats every 10 ms here, the time to."""
    time.sleep(0.05)


async def test_a_job_ends_with_a_picture_of_the_right_size(bench: Bench) -> None:
    job = await bench.create()
    assert bench.run() is Outcome.SUCCEEDED
    ended = await bench.look(job)
    assert (ended.status, ended.attempt) == (Status.SUCCEEDED, 1)
    assert ended.result is not None
    data = bench.blobs.read(ended.result.blob)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("PNG", (40, 30))
    assert (ended.result.width, ended.result.height, ended.result.bytes) == (40, 30, len(data))
    assert ended.progress is not None
    assert (ended.progress.iteration, ended.progress.total) == (5, 5)


async def test_pictures_can_live_in_redis(bench: Bench, redis_url: str) -> None:
    bench.blobs = RedisBlobs(redis.Redis.from_url(redis_url, protocol=2), limit_bytes=1 << 20)
    job = await bench.create(timelapse=True)
    assert bench.run() is Outcome.SUCCEEDED
    result = (await bench.look(job)).result
    assert result is not None
    assert len(bench.blobs.read(result.blob)) == result.bytes


async def test_the_picture_carries_its_parameters(bench: Bench) -> None:
    job = await bench.create(seed=4)
    bench.run()
    result = (await bench.look(job)).result
    assert result is not None
    metadata = read_metadata(bench.blobs.read(result.blob))
    assert metadata is not None
    assert metadata["params"] == {"steps": 5, "seed": 4}


@pytest.mark.parametrize(("name", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")])
async def test_the_result_has_the_format_that_was_asked_for(bench: Bench, name: str, kind: str) -> None:
    job = await bench.create(output_format=name)
    bench.run()
    result = (await bench.look(job)).result
    assert result is not None
    with Image.open(io.BytesIO(bench.blobs.read(result.blob))) as picture:
        assert picture.format == kind
    assert result.media_type == f"image/{name}"


async def test_a_time_lapse_is_made_when_asked_for(bench: Bench) -> None:
    job = await bench.create(timelapse=True)
    bench.run()
    result = (await bench.look(job)).result
    assert result is not None
    assert result.timelapse is not None
    with Image.open(io.BytesIO(bench.blobs.read(result.timelapse.name))) as picture:
        assert picture.n_frames == 5  # type: ignore[attr-defined]


async def test_a_time_lapse_goes_on_where_another_attempt_left_it(bench: Bench) -> None:
    job = await bench.create(steps=40, timelapse=True)
    drained_after(bench, 5)
    assert "frames" in bench.files(job)
    assert bench.run() is Outcome.SUCCEEDED
    result = (await bench.look(job)).result
    assert result is not None
    assert result.timelapse is not None
    with Image.open(io.BytesIO(bench.blobs.read(result.timelapse.name))) as picture:
        assert picture.n_frames == 40  # type: ignore[attr-defined]
    assert bench.files(job) <= {"content", "style", "result", "preview", "timelapse"}


@pytest.mark.parametrize("damage", ["gone", "torn"])
async def test_damaged_frames_cost_the_beginning_of_the_time_lapse_alone(bench: Bench, damage: str) -> None:
    job = await bench.create(steps=40, timelapse=True)
    drained_after(bench, 5)
    (frames,) = (info.name for info in bench.blobs.list() if "/frames-" in info.name)
    if damage == "gone":
        bench.blobs.delete(frames)
    else:
        bench.blobs.put(frames, b"PK torn")
    assert bench.run() is Outcome.SUCCEEDED
    result = (await bench.look(job)).result
    assert result is not None
    assert result.timelapse is not None
    with Image.open(io.BytesIO(bench.blobs.read(result.timelapse.name))) as picture:
        assert 1 < picture.n_frames < 40  # type: ignore[attr-defined]


async def test_an_ended_job_keeps_inputs_result_and_preview_only(bench: Bench) -> None:
    bench.jobs = bench.jobs.model_copy(update={"checkpoint_seconds": 0.001})
    bench.checkpoint_share = 1.0
    bench.engine = FakeEngine(step_seconds=0.02)
    job = await bench.create()
    bench.run()
    assert bench.files(job) == {"content", "style", "result", "preview"}


async def test_nothing_waiting_uses_up_the_message(bench: Bench) -> None:
    assert bench.run() is Outcome.NOTHING


async def test_a_draining_worker_claims_nothing(bench: Bench) -> None:
    job = await bench.create()
    bench.draining = True
    assert bench.run() is Outcome.NOTHING
    assert (await bench.look(job)).attempt == 0


@pytest.mark.parametrize(("seed", "code"), [(BROKEN, "internal"), (DIVERGES, "diverged")])
async def test_a_run_that_fails_ends_the_job_with_its_reason(bench: Bench, seed: int, code: str) -> None:
    job = await bench.create(seed=seed)
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None
    assert failure.code == code
    assert "ZeroDivision" not in failure.message


async def test_a_missing_picture_ends_the_job_with_its_reason(bench: Bench) -> None:
    job = await bench.create()
    bench.blobs.delete(f"{job.id}/style-0")
    bench.run()
    failure = (await bench.look(job)).failure
    assert failure is not None
    assert failure.code == "input_missing"


async def test_an_unreadable_picture_ends_the_job_with_its_reason(bench: Bench) -> None:
    job = await bench.create()
    bench.blobs.put(f"{job.id}/content", b"not a picture")
    bench.run()
    failure = (await bench.look(job)).failure
    assert failure is not None
    assert failure.code == "invalid_input"


async def test_a_cancel_stops_the_run(bench: Bench, redis_url: str) -> None:
    job = await bench.create(steps=100)
    other = redis.Redis.from_url(redis_url)
    bench.engine = told(bench, 3, lambda: other.hset(f"nst:job:{job.id}", "cancel", 1))
    assert bench.run() is Outcome.CANCELED
    ended = await bench.look(job)
    assert (ended.status, ended.result) == (Status.CANCELED, None)


async def test_a_drain_saves_the_state_and_the_next_attempt_goes_on_from_it(bench: Bench) -> None:
    job = await bench.create(steps=40)
    drained_after(bench, 3)
    back = await bench.look(job)
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    assert len(bench.queue.notified) == 2
    bench.engine = second = Interrupted(lambda at: None)
    assert bench.run() is Outcome.SUCCEEDED
    assert second.resumed_at is not None
    assert second.resumed_at > 3
    assert "checkpoint" not in bench.files(job)


async def test_a_checkpoint_that_cannot_be_read_now_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.create(steps=40)
    drained_after(bench, 3)
    read = bench.blobs.read
    monkeypatch.setattr(bench.blobs, "read", lambda name: _raise(StorageUnavailable()))
    assert bench.run() is Outcome.RETURNED
    assert (await bench.look(job)).attempt == 0
    monkeypatch.setattr(bench.blobs, "read", read)
    bench.engine = later = Interrupted(lambda at: None)
    assert bench.run() is Outcome.SUCCEEDED
    assert later.resumed_at is not None
    assert later.resumed_at > 3


@pytest.mark.parametrize("damage", ["torn", "gone", "other"])
async def test_a_damaged_checkpoint_starts_the_run_afresh(bench: Bench, redis_url: str, damage: str) -> None:
    job = await bench.create(steps=10)
    lease = bench.store.claim("lite", worker="w0", token="t0")
    assert lease is not None
    from jobs.store.lease import Checkpoint

    name = f"{job.id}/checkpoint-t0-4"
    ref = bench.blobs.put(name, b"no state" if damage == "other" else b'{"fake": 1, "iteration": 4}')
    lease.checkpoint(Checkpoint(blob=name, sha256=ref.sha256, iteration=4))
    lease.release("drained")
    if damage == "torn":
        bench.blobs.put(name, b'{"fake": 1, "iteration": 9}')
    if damage == "gone":
        bench.blobs.delete(name)
    bench.engine = engine = Interrupted(lambda at: None)
    assert bench.run() is Outcome.SUCCEEDED
    assert engine.resumed_at == 1


async def test_a_lost_lease_publishes_nothing(bench: Bench, redis_url: str) -> None:
    job = await bench.create(steps=100)
    other = redis.Redis.from_url(redis_url)
    bench.engine = told(bench, 3, lambda: other.hset(f"nst:job:{job.id}", "token", "another"))
    assert bench.run() is Outcome.LOST
    assert "result" not in bench.files(job)
    assert (await bench.look(job)).status is Status.RUNNING


async def test_a_lease_lost_at_the_very_end_removes_the_result_it_stored(bench: Bench, redis_url: str) -> None:
    job = await bench.create(steps=1)
    other = redis.Redis.from_url(redis_url)
    bench.jobs = bench.jobs.model_copy(update={"heartbeat_seconds": 60.0})
    bench.engine = Interrupted(lambda at: other.hset(f"nst:job:{job.id}", "token", "another") and None)
    assert bench.run() is Outcome.LOST
    assert "result" not in bench.files(job)


async def test_out_of_memory_is_tried_again_saving_memory_in_a_fresh_process(bench: Bench) -> None:
    job = await bench.create(seed=TOO_BIG_FOR_NOW)
    assert bench.run() is Outcome.RETIRE
    assert (await bench.look(job)).memory_saving
    assert bench.run() is Outcome.SUCCEEDED


async def test_out_of_memory_twice_fails_with_what_would_fit(bench: Bench) -> None:
    job = await bench.create(seed=TOO_BIG)
    bench.run()
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None
    assert failure.code == "out_of_memory"
    assert "512" in failure.message


async def test_a_run_over_its_time_fails(bench: Bench, redis_url: str) -> None:
    job = await bench.create(steps=100)
    other = redis.Redis.from_url(redis_url, decode_responses=True)
    record = f"nst:job:{job.id}"
    bench.engine = told(bench, 2, lambda: other.hset(record, "deadline", int(other.hget(record, "claimed") or 0)))
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None
    assert failure.code == "timeout"


async def test_a_full_storage_at_the_end_hands_the_job_back_uncounted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.create()
    _refuse(bench, monkeypatch, StorageFull(), ("result",))
    assert bench.run() is Outcome.RETURNED
    back = await bench.look(job)
    assert (back.status, back.attempt) == (Status.QUEUED, 0)
    assert len(bench.queue.notified) == 1  # nobody is called at once: the storage is full


async def test_a_full_storage_is_waited_for_before_a_claim(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await bench.create()
    answers = iter([StorageFull(), StorageFull(), None])

    def check() -> None:
        if error := next(answers):
            raise error

    monkeypatch.setattr(bench.blobs, "check", check)
    monkeypatch.setattr(bench.blobs, "put", lambda name, data, kind="": BlobRef(name=name, sha256="", bytes=1))
    assert bench.run() is Outcome.SUCCEEDED
    assert bench.waits == [STORAGE_WAIT_SECONDS] * 2
    assert (await bench.look(job)).attempt == 1


async def test_previews_and_checkpoints_that_fail_do_not_stop_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.jobs = bench.jobs.model_copy(update={"checkpoint_seconds": 0.001})
    bench.checkpoint_share = 1.0
    bench.engine = FakeEngine(step_seconds=0.02)
    await bench.create()
    _refuse(bench, monkeypatch, StorageFull(), ("preview", "checkpoint"))
    assert bench.run() is Outcome.SUCCEEDED


async def test_a_result_that_the_storage_never_takes_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await bench.create()
    _refuse(bench, monkeypatch, BlobTooLarge(10), ("result",))
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None
    assert failure.code == "storage_rejected"


async def test_a_store_that_is_down_at_the_end_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await bench.create()
    complete, failures = Lease.complete, iter([True, True, False])

    def complete_later(*values: Any) -> Any:
        if next(failures):
            raise StoreUnavailable()
        return complete(*values)

    monkeypatch.setattr(Lease, "complete", complete_later)
    assert bench.run() is Outcome.SUCCEEDED
    assert len(bench.waits) == 2
    assert (await bench.look(job)).status is Status.SUCCEEDED


async def test_a_claim_whose_answer_was_lost_is_found_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await bench.create()
    claim = bench.store.claim

    def lose_the_answer(*values: Any, **named: Any) -> Any:
        claim(*values, **named)
        raise StoreUnavailable()

    runner = bench.runner()
    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "claim", lose_the_answer)
        with pytest.raises(StoreUnavailable):
            runner.run_next("lite")
    assert runner.run_next("lite") is Outcome.SUCCEEDED
    assert (await bench.look(job)).attempt == 1


async def test_what_is_logged_during_a_run_names_job_and_request(bench: Bench) -> None:
    seen: list[dict[str, Any]] = []
    bench.engine = Interrupted(lambda at: seen.append(get_contextvars()))
    job = await bench.create()
    bench.run()
    assert seen[0] == {"job_id": job.id, "request_id": "req-7"}
    assert get_contextvars() == {}


async def test_the_worker_says_what_it_is_doing(bench: Bench) -> None:
    said: list[tuple[str, str | None]] = []
    bench.engine = Interrupted(lambda at: said.append((bench.registration.info.state, bench.registration.info.job)))
    job = await bench.create()
    bench.run()
    assert set(said) == {("busy", job.id)}
    assert (bench.registration.info.state, bench.registration.info.job) == ("idle", None)
    assert bench.registration.info.speed["lite"] > 0
    assert bench.registration.info.memory_bytes == 123


def _raise(error: Exception) -> Any:
    raise error


def _refuse(bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, parts: tuple[str, ...]) -> None:
    put = bench.blobs.put

    def refusing(name: str, *values: Any) -> BlobRef:
        if name.partition("/")[2].startswith(parts):
            raise error
        return put(name, *values)

    monkeypatch.setattr(bench.blobs, "put", refusing)
