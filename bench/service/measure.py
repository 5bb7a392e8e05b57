"""How fast is the service? `python -m bench.service.measure [--quick] [--json]`

Each figure stands beside that of a baseline, a FastAPI endpoint which answers the same number of bytes to the same
load. Both are measured in short turns, one after the other. A ratio is the median over all pairs of turns, so that what
else the machine does meanwhile affects both. Redis, the API, the baseline, the workers and the load share this machine.

polls      `GET /v1/jobs/{id}` of 64 jobs in turn, one that runs and 63 that wait, over 8 connections, as fast as they
           are answered; and the CPU seconds of each poll
creates    `POST /v1/jobs` with a photo of 1 MB, over 8 connections; beside it the least that this costs, done alone on
           as many cores: decoding the photo, hashing what is stored and syncing it to the disk
events     progress events of one job to 100 listeners
queue      seconds from the job's creation to its running, on an idle worker
drafts     seconds from the creation of a draft of a 12-megapixel photo to its success, on an idle worker
busy       polls at a steady rate, while no worker computes and while one does
jobs       jobs per minute on `lite` at 256 px, with 1 and 2 workers, beside the engine alone in one process
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from redis import Redis

from bench.service.baseline_app import BaselineApp
from bench.service.drafts import drafts
from bench.service.load import Answer, Connection, Load, ask, get, pace, post, saturate
from bench.service.sample_jobs import creation, job_id, photograph, small_photo
from bench.service.upload_baseline import UploadBaseline
from bench.tables import machine
from jobs.connections import connect
from jobs.model import Failure, Progress, WorkerInfo
from jobs.status import Priority
from jobs.store.lease import Lease, WorkerStore
from jobs.worker_registry import WorkerRegistry
from nst_engine.images.writing import encode
from tests.stack.stack import Stack, running_stack

CONNECTIONS, POLLED, LISTENERS, EVENTS, POLLS_PER_SECOND = 8, 64, 100, 200, 100
Figures = dict[str, Any]


@dataclass(frozen=True)
class Servers:
    """The service and the baseline that it is compared with."""

    stack: Stack
    baseline: BaselineApp

    async def create(self, photo: bytes, **fields: str) -> Answer:
        """Create a job and return the answer."""
        answer = await ask(self.stack.port, creation(photo, **fields))
        if answer.status != 202:
            raise RuntimeError(f"{answer.status}: {answer.body[:300]!r}")
        return answer

    async def wait_for(self, answer: Answer, *statuses: str) -> dict[str, Any]:
        """Return a job that was created, once it has one of the statuses, by default once it has ended."""
        return await asyncio.to_thread(self.stack.wait_for, job_id(answer), *statuses)

    async def start_worker(self) -> None:
        """Start one more worker and wait until it is ready."""
        worker = self.stack.add_worker()
        worker.start()
        await asyncio.to_thread(worker.wait_until_ready)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter turns: under five minutes")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    with redirect_stdout(sys.stderr):  # standard output gets the figures and nothing else
        found = asyncio.run(measure(quick=options.quick))
    print(json.dumps(found, indent=None if options.json else 2))


async def measure(*, quick: bool) -> Figures:
    """Measure everything; `quick` makes turns short."""
    turns, seconds, jobs = (5, 2.0, 4) if quick else (9, 4.0, 8)
    found: Figures = {"machine": machine()}

    async def record(name: str, figures: Awaitable[Any]) -> None:
        print(f"{name} …", file=sys.stderr)
        found[name] = await figures

    # The job that is polled stays running, although nobody renews its lease.
    environment = {"NST_LOG_LEVEL": "error", "NST_LEASE_SECONDS": "3600"}
    with running_stack(workers=0, **environment) as stack, BaselineApp(stack.folder) as baseline:
        baseline.wait_until_ready()
        servers, redis = Servers(stack, baseline), connect(stack.settings)
        registry = WorkerRegistry(redis, stack.settings, ttl_seconds=600)
        registry.announce(fake_worker())
        lease = await _running_job(servers, redis)
        await record("polls", polls(servers, lease, 20 if quick else 60))
        await record("events", events(servers, lease))
        await record("creates", creates(servers, photograph(bytes_wanted=1_000_000), turns, seconds / 2))
        await asyncio.to_thread(stack.cancel_all)
        registry.retire(fake_worker())
        await servers.start_worker()
        await record("queue", queue(servers, 30 if quick else 100))
        await record("drafts", asyncio.to_thread(drafts, servers.stack, 20))
        await record("busy", busy(servers, turns, seconds))
        alone = _engine_alone(jobs)
        await record("one_worker", throughput(servers, jobs, alone))
        await servers.start_worker()
        await record("two_workers", throughput(servers, jobs, alone))
    return found


async def polls(servers: Servers, lease: Lease, turns: int) -> Figures:
    """Measure status polls."""
    answers = [await servers.create(small_photo(), max_size="64") for _ in range(POLLED - 1)]
    requests = [get(f"/v1/jobs/{name}") for name in (lease.job.id, *map(job_id, answers))]
    port = servers.stack.port
    size = round(statistics.mean([len((await ask(port, request)).body) for request in requests]))
    costs: dict[str, list[float]] = {"cpu_seconds": [], "baseline_cpu_seconds": []}

    async def load(name: str, cpu_seconds: Callable[[], float], port: int, *asked: bytes) -> Load:
        before = cpu_seconds()
        found = await saturate(port, *asked, connections=CONNECTIONS, seconds=0.5)
        costs[name].append((cpu_seconds() - before) / found.count)
        return found

    baseline = servers.baseline
    found = await _compared(
        turns,
        lambda: load("cpu_seconds", servers.stack.api.cpu_seconds, port, *requests),
        lambda: load("baseline_cpu_seconds", baseline.cpu_seconds, baseline.port, get(f"/bytes/{size}")),
    )
    return found | {name: statistics.median(values) for name, values in costs.items()} | {"bytes": size}


async def creates(servers: Servers, photo: bytes, turns: int, seconds: float) -> Figures:
    """Measure creations, the least that they cost, and the baseline, turn by turn."""
    request, answer = creation(photo, max_size="256"), await servers.create(photo, max_size="256")
    baseline = post(f"/bytes/{len(answer.body)}", files={"content": photo})
    file = next((servers.stack.data_dir / "blobs").rglob(f"*{job_id(answer)}*/content*"))
    stored = file.read_bytes()
    uploads = UploadBaseline(photo, stored, file.parent)

    async def rate_of(name: str) -> float:
        match name:
            case "rate":
                load = saturate(servers.stack.port, request, connections=8, seconds=seconds, status=202)
                return (await load).rate
            case "baseline":
                return (await saturate(servers.baseline.port, baseline, connections=8, seconds=seconds)).rate
        return await asyncio.to_thread(uploads.rate, seconds=seconds, decode=name == "decode_hash_and_disk")

    names = ("rate", "decode_hash_and_disk", "hash_and_disk", "baseline")
    rounds = [{name: await rate_of(name) for name in names} for _ in range(turns)]
    uploads.close()
    found: Figures = {name: statistics.median(turn[name] for turn in rounds) for name in names}
    ratios = {f"ratio_to_{name}": statistics.median(turn["rate"] / turn[name] for turn in rounds) for name in names[1:]}
    return found | ratios | {"photo_bytes": len(photo), "stored_bytes": len(stored)}


async def events(servers: Servers, lease: Lease) -> Figures:
    """Measure how many events a second reach all listeners together; it ends the job."""
    request = get(f"/v1/jobs/{lease.job.id}/events")
    listeners = [await Connection.open(servers.stack.port) for _ in range(LISTENERS)]
    readers = [asyncio.create_task(connection.read_until(request, b"event: completed")) for connection in listeners]
    await asyncio.sleep(2)  # until all of them listen
    started = time.perf_counter()
    await asyncio.to_thread(_publish, lease)
    sizes = await asyncio.gather(*readers)
    seconds = time.perf_counter() - started
    baseline = [await Connection.open(servers.baseline.port) for _ in range(LISTENERS)]
    streamed = get(f"/events/{EVENTS}/{sizes[0] // EVENTS}")
    started = time.perf_counter()
    await asyncio.gather(*(connection.read_until(streamed, b"end") for connection in baseline))
    baseline_seconds = time.perf_counter() - started
    for connection in (*listeners, *baseline):
        connection.close()
    count = LISTENERS * EVENTS
    return {"rate": count / seconds, "baseline": count / baseline_seconds, "ratio": baseline_seconds / seconds}


async def queue(servers: Servers, count: int) -> Figures:
    """Measure the time from creation to running, one job after the other; the first loads the network."""
    times, answered = [], []
    for _ in range(count + 1):
        answer = await servers.create(small_photo(), max_size="64", steps="1")
        times.append((await servers.wait_for(answer))["queue_seconds"])
        answered.append(answer.seconds)
    times, answered = times[1:], answered[1:]
    return {
        "median": statistics.median(times),
        "p95": float(np.percentile(times, 95)),
        "answer": statistics.median(answered),
    }


async def busy(servers: Servers, turns: int, seconds: float) -> Figures:
    """Measure how a worker that computes slows down polls, turn by turn with one that does not."""
    port, rounds = servers.stack.port, []
    for _ in range(turns):
        answer = await servers.create(small_photo(512), max_size="512", steps="2000", scales="1")
        request = get(f"/v1/jobs/{job_id(answer)}")
        await servers.wait_for(answer, "running")
        computing = await pace(port, request, rate=POLLS_PER_SECOND, seconds=seconds)
        baseline = await pace(servers.baseline.port, get("/bytes/1000"), rate=POLLS_PER_SECOND, seconds=seconds)
        await asyncio.to_thread(servers.stack.cancel_all)
        idle = await pace(port, request, rate=POLLS_PER_SECOND, seconds=seconds)
        rounds.append((idle.p99, computing.p99, baseline.p99))
    idles, computings, baselines = zip(*rounds, strict=True)
    return {
        "idle_p99": statistics.median(idles),
        "computing_p99": statistics.median(computings),
        "ratio": statistics.median(computing / idle for idle, computing, _ in rounds),
        "baseline_computing_p99": statistics.median(baselines),
    }


async def throughput(servers: Servers, count: int, alone: float) -> Figures:
    """Measure whole jobs, from the first request to the last end; each worker has run some before."""
    workers, photo = len(servers.stack.workers), small_photo(256)
    for answer in [await servers.create(small_photo(), max_size="64", steps="1") for _ in range(3 * workers)]:
        await servers.wait_for(answer)
    started = time.perf_counter()
    for answer in [await servers.create(photo, max_size="256") for _ in range(count)]:
        job = await servers.wait_for(answer)
        assert job["status"] == "succeeded", job
    per_minute = 60 * count / (time.perf_counter() - started)
    return {"workers": workers, "per_minute": per_minute, "engine": alone, "ratio": per_minute / alone}


async def _compared(turns: int, ours: Callable[[], Awaitable[Load]], base: Callable[[], Awaitable[Load]]) -> Figures:
    """Load both turn by turn and return the medians of both rates and of their ratio."""
    pairs = [((await ours()).rate, (await base()).rate) for _ in range(turns)]
    return {
        "rate": statistics.median(rate for rate, _ in pairs),
        "baseline": statistics.median(baseline for _, baseline in pairs),
        "ratio": statistics.median(rate / baseline for rate, baseline in pairs),
    }


def fake_worker() -> WorkerInfo:
    """Return a worker that takes no jobs: without one that has `lite`, none would be accepted."""
    return WorkerInfo(
        id="nobody", host="bench", device="cpu", models=("lite",), priorities=tuple(Priority), version="0", started_at=0
    )


async def _running_job(servers: Servers, redis: Redis) -> Lease:
    """Create a job and claim it as a worker would."""
    await servers.create(small_photo(), max_size="64")
    lease = WorkerStore(redis, servers.stack.settings).claim("lite", worker="nobody", token="bench")
    assert lease is not None
    lease.heartbeat(Progress(iteration=1, total=EVENTS, loss=1.0))
    return lease


def _publish(lease: Lease) -> None:
    for iteration in range(1, EVENTS + 1):
        lease.heartbeat(Progress(iteration=iteration, total=EVENTS, loss=1.0 / iteration))
    lease.fail(Failure(code="internal", message="measured"))


def _engine_alone(count: int) -> float:
    """Return the pictures a minute that the engine makes in this process, file to file, with the network loaded."""
    from nst_engine import load_network, resolve, stylize
    from nst_engine.images.reading import read_picture
    from nst_engine.paintings import paint
    from nst_engine.tensors import to_picture, to_tensor

    config = resolve("default", {"max_size": 256})
    network, style, photo = load_network(config), to_tensor(paint("waves", size=512)), small_photo(256)

    def make() -> None:
        *_, last = stylize(to_tensor(read_picture(photo)), [style], config, network=network)
        encode(to_picture(last.image()), "png")

    make()
    started = time.perf_counter()
    for _ in range(max(1, count // 2)):
        make()
    return 60 * max(1, count // 2) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
