"""One picture, stylized by an API and a worker that run in containers."""

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
API_FILES = {"nst_engine", "nst_client", "jobs", "api", "cli", ".venv"}
API_MISSING_MODULES = ("torch", "torchvision", "triton", "nvidia", "safetensors", "worker")
WORKER_FILES = {"nst_engine", "jobs", "worker", "cli", "weights", ".venv"}
WORKER_MISSING_MODULES = ("fastapi", "uvicorn", "triton", "api")


def run_service(api: Image, worker: Image, folder: Path) -> tuple[float, float]:
    """Run one job; return the seconds until the API was ready and until the worker was registered."""
    port = free_port()
    with serving_redis(folder) as url, (folder / "log").open("w+") as log:
        environment = {"NST_REDIS_URL": url, "NST_PORT": str(port)}
        data = owned_folder(folder / "data", api)
        try:
            with (
                prepared(api, folder, data, environment) as api_container,
                prepared(worker, folder, data, environment) as worker_container,
            ):
                check_contents(api_container, API_FILES, API_MISSING_MODULES)
                check_contents(worker_container, WORKER_FILES, WORKER_MISSING_MODULES)
                return _run_job(api_container, worker_container, f"http://127.0.0.1:{port}", log)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-5000:])
            raise


def _run_job(api: Container, worker: Container, address: str, log: io.TextIOBase) -> tuple[float, float]:
    check_refusal_without_a_key(api)
    key = api.run("nst", "keys", "create", "first", "--operator").stdout.strip()
    with api.running(log) as api_began:
        until(lambda: httpx.get(f"{address}/readyz").is_success, "the API did not become ready")
        api_seconds = time.monotonic() - api_began
        api_health = [word.replace("http://127.0.0.1:8000", address) for word in api.image.health]
        assert api.run(*api_health).returncode == 0, "the API's health check fails"
        assert worker.run(*worker.image.health).returncode == 1, "the health check passes without a worker"
        with worker.running(log) as worker_began:
            until(lambda: workers(address, key), "the worker did not register")
            worker_seconds = time.monotonic() - worker_began
            assert worker.run(*worker.image.health).returncode == 0, "the worker's health check fails"
            stylize_photo(address, key)
        assert workers(address, key) == [], "the worker is still registered after it has ended"
    log.seek(0)
    assert "Application shutdown complete" in log.read(), "the API did not shut down in order"
    return api_seconds, worker_seconds


@contextmanager
def serving_redis(folder: Path) -> Iterator[str]:
    """Run a Redis that requires a password, and yield its URL."""
    port = free_port()
    with running_redis(folder / "redis", "--port", str(port), "--bind", "127.0.0.1") as files:
        redis.Redis.from_url(files.url).config_set("requirepass", PASSWORD)
        yield f"redis://:{quote(PASSWORD)}@127.0.0.1:{port}/0"


@contextmanager
def prepared(image: Image, folder: Path, data: Path, environment: Mapping[str, str]) -> Iterator[Container]:
    """Make a container with the shared data folder and its own /tmp."""
    temporary = owned_folder(folder / image.name.replace("/", "-"), image)
    with container(image, {data: "/data", temporary: "/tmp"}, environment) as made:
        yield made


def owned_folder(path: Path, image: Image) -> Path:
    """Make a folder that the image's user owns."""
    path.mkdir()
    os.chown(path, int(image.user), int(image.user))
    return path


def check_contents(box: Container, files: set[str], missing_modules: tuple[str, ...]) -> None:
    """Check the files and the user of a container, and that its root is read-only."""
    assert {path.name for path in (box.root / "app").iterdir()} == files
    assert box.run("id", "-u").stdout.strip() == box.image.user != "0"
    for module in missing_modules:
        error = box.run("python3", "-c", f"import {module}").stderr
        assert f"No module named '{module}'" in error, f"{box.image.name} has {module}: {error}"
    for place in ("/", "/app", "/app/.venv", "/usr/local/bin"):
        error = box.run("touch", f"{place}/written").stderr
        assert "Read-only file system" in error, f"{place} of {box.image.name} is writable: {error}"
    assert box.run("nst", "config").returncode == box.run("nst", "keys", "list").returncode == 0


def check_refusal_without_a_key(api: Container) -> None:
    """Check that an API that other machines can reach refuses to start without a key, and says what to do."""
    done = api.run(*api.image.command)
    assert done.returncode == 2, done
    assert "`nst keys create NAME`" in done.stdout + done.stderr, done


def stylize_photo(address: str, key: str) -> None:
    """Stylize a photo with `lite`, and check the picture."""
    photo = io.BytesIO()
    Picture.linear_gradient("L").convert("RGB").resize((96, 64)).save(photo, "PNG")
    with Client(address, key=key) as client:
        painted = client.stylize(photo.getvalue(), style_name="waves", max_size=64, steps=5, timeout=120)
    picture = Picture.open(io.BytesIO(painted.data))
    assert (max(picture.size), painted.job.params["model"]) == (64, "lite")


def workers(address: str, key: str) -> list[str]:
    """Return the ids of the live workers."""
    answer = httpx.get(f"{address}/v1/workers", headers={"Authorization": f"Bearer {key}"})
    return [worker["id"] for worker in answer.raise_for_status().json()["workers"]]
