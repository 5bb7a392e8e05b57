"""How fast is the service? `python -m bench.service.measure [--quick] [--json]`

Each figure stands beside that of a bare FastAPI endpoint which answers the same number of bytes to the same load, in
short turns one after the other; a ratio is the median of those of all pairs of turns, so that what else the machine
does meanwhile falls on both. Redis, the API, the endpoint, the workers and the load share this machine.

polls      `GET /v1/jobs/{id}` of 64 jobs in turn, one that runs and 63 that wait, over 8 connections, as fast as they
           are answered; and what each poll costs the processors
creates    `POST /v1/jobs` with a photo of 1 MB, over 8 connections; beside it what that cannot do without, done alone
           on as many cores: decoding the photo, hashing what is stored and syncing it to the disk
events     progress events of one job to 100 listeners
queue      seconds from the job's creation to its running, on an idle worker
busy       polls at a steady rate, while no worker computes and while one does
jobs       jobs per minute on `lite` at 256 px, with 1 and 2 workers, beside the engine alone in one process
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from PIL import Image
from redis import Redis

from bench.quality.pictures import pairs as picture_pairs
from bench.service.load import Connection, Load, ask, get, pace, post, saturate
from bench.service.stack import ENDED, Stack, processor_seconds, running
from bench.service.upload_baseline import Floor
from bench.stats import percentile
from bench.tables import machine
from jobs.connections import connect
from jobs.model import Failure, Progress, WorkerInfo
from jobs.status import Priority
from jobs.store.lease import Lease, WorkerStore
from jobs.worker_registry import WorkerRegistry
from nst_engine.images.writing import encode

CONNECTIONS, POLLED, LISTENERS, EVENTS, POLLS_PER_SECOND = 8, 64, 100, 200, 100
Figures = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter turns: under five minutes")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    found = asyncio.run(measure(quick=asked.quick))
    print(json.dumps(found) if asked.json else json.dumps(found, indent=2))


async def measure(*, quick: bool) -> Figures:
    """Measure everything; `quick` makes turns short."""
    turns, seconds, jobs = (5, 2.0, 4) if quick else (9, 4.0, 8)
    async with running() as stack:
        found: Figures = {"machine": machine()}
        photo = photograph(bytes_wanted=1_000_000)
        redis = connect(stack.settings)
        _announce(stack, redis)
        lease = await _running_job(stack, redis)

        async def note(name: str, figures: Awaitable[Any]) -> None:
            print(f"{name} …", file=sys.stderr)
            found[name] = await figures

        await note("polls", polls(stack, lease, 20 if quick else 60))
        await note("events", events(stack, lease))
        await note("creates", creates(stack, photo, turns, seconds / 2))
        await stack.cancel_all()
        WorkerRegistry(redis, stack.settings).retire(_nobody())
        await stack.start_worker()
        await note("queue", queue(stack, 30 if quick else 100))
        await note("busy", busy(stack, turns, seconds))
        alone = _engine_alone(jobs)
        await note("one_worker", throughput(stack, jobs, alone))
        await stack.start_worker()
        await note("two_workers", throughput(stack, jobs, alone))
    return found


async def polls(stack: Stack, lease: Lease, turns: int) -> Figures:
    """Measure status polls."""
    wish = _wish(_small(), max_size="64")
    answers = [await ask(stack.port, wish) for _ in range(POLLED - 1)]
    requests = [get(f"/v1/jobs/{name}") for name in (lease.job.id, *(json.loads(a.body)["id"] for a in answers))]
    size = round(statistics.mean([len((await ask(stack.port, request)).body) for request in requests]))
    bare = get(f"/bytes/{size}")
    costs: dict[str, list[float]] = {"processor": [], "bare_processor": []}

    async def load(name: str, pid: int, port: int, *asked: bytes) -> Load:
        before = processor_seconds(pid)
        found = await saturate(port, *asked, connections=CONNECTIONS, seconds=0.5)
        costs[name].append((processor_seconds(pid) - before) / found.count)
        return found

    found = await _beside(
        turns,
        lambda: load("processor", stack.api.pid, stack.port, *requests),
        lambda: load("bare_processor", stack.bare_pid, stack.bare, bare),
    )
    return found | {name: statistics.median(values) for name, values in costs.items()} | {"bytes": size}


async def creates(stack: Stack, photo: bytes, turns: int, seconds: float) -> Figures:
    """Measure creations, what they cannot do without, and the bare endpoint, turn by turn."""
    request = _wish(photo, max_size="256")
    answer = await ask(stack.port, request)
    bare = post(f"/bytes/{len(answer.body)}", files={"content": photo})
    stored = next((stack.settings.data_dir / "blobs").rglob(f"*{json.loads(answer.body)['id']}*/content*"))
    kept = stored.read_bytes()
    floor = Floor(photo, kept, stored.parent)

    async def rate_of(name: str) -> float:
        match name:
            case "rate":
                return (await saturate(stack.port, request, connections=8, seconds=seconds, status=202)).rate
            case "bare":
                return (await saturate(stack.bare, bare, connections=8, seconds=seconds)).rate
        return await asyncio.to_thread(floor.rate, seconds=seconds, decode=name == "decode_hash_and_disk")

    names = ("rate", "decode_hash_and_disk", "hash_and_disk", "bare")
    rounds = [{name: await rate_of(name) for name in names} for _ in range(turns)]
    floor.close()
    found: Figures = {name: statistics.median(turn[name] for turn in rounds) for name in names}
    ratios = {f"ratio_to_{name}": statistics.median(turn["rate"] / turn[name] for turn in rounds) for name in names[1:]}
    return found | ratios | {"photo_bytes": len(photo), "stored_bytes": len(kept)}


async def events(stack: Stack, lease: Lease) -> Figures:
    """Measure how many events a second reach all listeners together; it ends the job."""
    request = get(f"/v1/jobs/{lease.job.id}/events")
    heard = [await Connection.open(stack.port) for _ in range(LISTENERS)]
    readers = [asyncio.create_task(connection.read_until(request, b"event: completed")) for connection in heard]
    await asyncio.sleep(2)  # until all of them listen
    started = time.perf_counter()
    await asyncio.to_thread(_publish, lease)
    sizes = await asyncio.gather(*readers)
    seconds = time.perf_counter() - started
    bare = [await Connection.open(stack.bare) for _ in range(LISTENERS)]
    streamed = get(f"/events/{EVENTS}/{sizes[0] // EVENTS}")
    started = time.perf_counter()
    await asyncio.gather(*(connection.read_until(streamed, b"end") for connection in bare))
    bare_seconds = time.perf_counter() - started
    for connection in (*heard, *bare):
        connection.close()
    count = LISTENERS * EVENTS
    return {"rate": count / seconds, "bare": count / bare_seconds, "ratio": bare_seconds / seconds}


async def queue(stack: Stack, count: int) -> Figures:
    """Measure the time from creation to running, one job after the other; the first loads the network."""
    request = _wish(_small(), max_size="64", steps="1")
    times, answered = [], []
    for _ in range(count + 1):
        answer = await ask(stack.port, request)
        job = await stack.until(json.loads(answer.body)["id"], *ENDED)
        times.append(job["queue_seconds"])
        answered.append(answer.seconds)
    times, answered = times[1:], answered[1:]
    return {"median": statistics.median(times), "p95": percentile(times, 95), "answer": statistics.median(answered)}


async def busy(stack: Stack, turns: int, seconds: float) -> Figures:
    """Measure how polls suffer from a worker that computes, turn by turn with one that does not."""
    wish, rounds = _wish(_small(512), max_size="512", steps="2000", scales="1"), []
    for _ in range(turns):
        job_id = json.loads((await ask(stack.port, wish)).body)["id"]
        request = get(f"/v1/jobs/{job_id}")
        await stack.until(job_id, "running")
        computing = await pace(stack.port, request, rate=POLLS_PER_SECOND, seconds=seconds)
        bare = await pace(stack.bare, get("/bytes/1000"), rate=POLLS_PER_SECOND, seconds=seconds)
        await stack.cancel_all()
        idle = await pace(stack.port, request, rate=POLLS_PER_SECOND, seconds=seconds)
        rounds.append((idle.p99, computing.p99, bare.p99))
    idles, computings, bares = zip(*rounds, strict=True)
    return {
        "idle_p99": statistics.median(idles),
        "computing_p99": statistics.median(computings),
        "ratio": statistics.median(computing / idle for idle, computing, _ in rounds),
        "bare_computing_p99": statistics.median(bares),
    }


async def throughput(stack: Stack, count: int, alone: float) -> Figures:
    """Measure whole jobs, from the first request to the last end; each worker has had one before."""
    request = _wish(_small(256), max_size="256")
    warm = [await ask(stack.port, _wish(_small(), max_size="64", steps="1")) for _ in stack.workers * 3]
    for answer in warm:
        await stack.until(json.loads(answer.body)["id"], *ENDED)
    started = time.perf_counter()
    answers = [await ask(stack.port, request) for _ in range(count)]
    for answer in answers:
        job = await stack.until(json.loads(answer.body)["id"], *ENDED)
        assert job["status"] == "succeeded", job
    per_minute = 60 * count / (time.perf_counter() - started)
    return {"workers": len(stack.workers), "per_minute": per_minute, "engine": alone, "ratio": per_minute / alone}


async def _beside(turns: int, ours: Callable[[], Awaitable[Load]], bare: Callable[[], Awaitable[Load]]) -> Figures:
    """Load both turn by turn and return the medians, of the ratio too."""
    pairs = [((await ours()).rate, (await bare()).rate) for _ in range(turns)]
    return {
        "rate": statistics.median(mine for mine, _ in pairs),
        "bare": statistics.median(other for _, other in pairs),
        "ratio": statistics.median(mine / other for mine, other in pairs),
    }


def _wish(photo: bytes, **fields: str) -> bytes:
    return post("/v1/jobs", files={"content": photo}, fields={"style_name": "waves", **fields})


def photograph(*, bytes_wanted: int) -> bytes:
    """Return a JPEG of about so many bytes: a photo enlarged, with grain."""
    (pair,) = picture_pairs(None, None, count=1)
    noise = np.random.default_rng(0).normal(0, 16, (1024, 1024, 3))
    pixels = np.asarray(pair.content.resize((1024, 1024)), dtype=np.float64) + noise
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    files = []
    for quality in range(70, 100, 3):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        files.append(file.getvalue())
    return min(files, key=lambda data: abs(len(data) - bytes_wanted))


def _small(side: int = 64) -> bytes:
    (pair,) = picture_pairs(None, None, count=1)
    return encode(pair.content.resize((side, side)), "png")


def _nobody() -> WorkerInfo:
    """Return a worker that takes no jobs: without one that has `lite`, none would be accepted."""
    return WorkerInfo(
        id="nobody", host="bench", device="cpu", models=("lite",), priorities=tuple(Priority), version="0", started_at=0
    )


def _announce(stack: Stack, redis: Redis) -> None:
    WorkerRegistry(redis, stack.settings, ttl_seconds=600).announce(_nobody())


async def _running_job(stack: Stack, redis: Redis) -> Lease:
    """Create a job and claim it as a worker would."""
    answer = await ask(stack.port, _wish(_small(), max_size="64"))
    if answer.status != 202:
        raise RuntimeError(answer.body)
    lease = WorkerStore(redis, stack.settings).claim("lite", worker="nobody", token="bench")
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
    network, style, photo = load_network(config), to_tensor(paint("waves", size=512)), _small(256)

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
