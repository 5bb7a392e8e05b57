"""One picture, painted by an API and a worker that run from their images."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import redis
from PIL import Image as Picture

from nst_client import Client
from tests.containers.containers import Container, Image, container
from tests.stack.redis import running_redis
from tests.stack.stack import free_port
from tests.waiting import until

PASSWORD = "a password"
API_HOLDS = {"nst_engine", "nst_client", "jobs", "api", "cli", ".venv"}
API_LACKS = ("torch", "torchvision", "triton", "nvidia", "safetensors", "worker")
WORKER_HOLDS = {"nst_engine", "jobs", "worker", "cli", "weights", ".venv"}
WORKER_LACKS = ("fastapi", "uvicorn", "triton", "api")


def paint(api: Image, worker: Image, folder: Path) -> tuple[float, float]:
    """Run one job, and return the seconds until the API was ready and until the worker was alive."""
    port = free_port()
    with serving_redis(folder) as url, (folder / "log").open("w+") as log:
        environment = {"NST_REDIS_URL": url, "NST_PORT": str(port)}
        data = owned_folder(folder / "data", api)
        try:
            with prepared(api, folder, data, environment) as door, prepared(worker, folder, data, environment) as hand:
                look_inside(door, API_HOLDS, API_LACKS)
                look_inside(hand, WORKER_HOLDS, WORKER_LACKS)
                return _paint(door, hand, f"http://127.0.0.1:{port}", log)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-5000:])
            raise


def _paint(api: Container, worker: Container, address: str, log: io.TextIOBase) -> tuple[float, float]:
    refuses_to_start_without_a_key(api)
    key = api.run("nst", "keys", "create", "first", "--operator").stdout.strip()
    with api.running(log) as api_began:
        until(lambda: httpx.get(f"{address}/readyz").is_success, "the API did not become ready")
        api_seconds = time.monotonic() - api_began
        api_health = [word.replace("http://127.0.0.1:8000", address) for word in api.image.health]
        assert api.run(*api_health).returncode == 0, "the API's health check fails"
        assert worker.run(*worker.image.health).returncode == 1, "a worker that does not run passes its health check"
        with worker.running(log) as worker_began:
            until(lambda: workers(address, key), "no worker came")
            worker_seconds = time.monotonic() - worker_began
            assert worker.run(*worker.image.health).returncode == 0, "the worker's health check fails"
            order(address, key)
        assert workers(address, key) == [], "the worker ended without a word"
    log.seek(0)
    assert "Application shutdown complete" in log.read(), "the API did not end in order"
    return api_seconds, worker_seconds


@contextmanager
def serving_redis(folder: Path) -> Iterator[str]:
    """Run a Redis that asks for a password, and yield its address."""
    port = free_port()
    with running_redis(folder / "redis", "--port", str(port), "--bind", "127.0.0.1") as files:
        redis.Redis.from_url(files.url).config_set("requirepass", PASSWORD)
        yield f"redis://:{quote(PASSWORD)}@127.0.0.1:{port}/0"


@contextmanager
def prepared(image: Image, folder: Path, data: Path, environment: Mapping[str, str]) -> Iterator[Container]:
    """Make a container that has the shared folder and a /tmp of its own."""
    temporary = owned_folder(folder / image.name.replace("/", "-"), image)
    with container(image, {data: "/data", temporary: "/tmp"}, environment) as made:
        yield made


def owned_folder(path: Path, image: Image) -> Path:
    """Make a folder that belongs to an image's user."""
    path.mkdir()
    os.chown(path, int(image.user), int(image.user))
    return path


def look_inside(box: Container, holds: set[str], lacks: tuple[str, ...]) -> None:
    """Check what is in an image, whom it runs as, and that it can write nothing there."""
    assert {path.name for path in (box.root / "app").iterdir()} == holds
    assert box.run("id", "-u").stdout.strip() == box.image.user != "0"
    for module in lacks:
        told = box.run("python3", "-c", f"import {module}").stderr
        assert f"No module named '{module}'" in told, f"{box.image.name} holds {module}: {told}"
    for place in ("/", "/app", "/app/.venv", "/usr/local/bin"):
        told = box.run("touch", f"{place}/written").stderr
        assert "Read-only file system" in told, f"{place} of {box.image.name} can be written: {told}"
    assert box.run("nst", "config").returncode == box.run("nst", "keys", "list").returncode == 0


def refuses_to_start_without_a_key(api: Container) -> None:
    """Check that an API which others can reach does not start before there is a key, and says what to do."""
    done = api.run(*api.image.command)
    assert done.returncode == 2, done
    assert "`nst keys create NAME` makes one" in done.stdout + done.stderr, done


def order(address: str, key: str) -> None:
    """Have a picture painted by `lite`, and look at it."""
    photo = io.BytesIO()
    Picture.linear_gradient("L").convert("RGB").resize((96, 64)).save(photo, "PNG")
    with Client(address, key=key) as client:
        painted = client.stylize(photo.getvalue(), style_name="waves", max_size=64, steps=5, timeout=120)
    picture = Picture.open(io.BytesIO(painted.data))
    assert (max(picture.size), painted.job.params["model"]) == (64, "lite")


def workers(address: str, key: str) -> list[str]:
    """Name the workers that are alive."""
    answer = httpx.get(f"{address}/v1/workers", headers={"Authorization": f"Bearer {key}"})
    return [worker["id"] for worker in answer.raise_for_status().json()["workers"]]
