"""`nst doctor`: what this machine has and lacks for nst, and what to do about it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import typer

from cli.errors import CommandError

LEAST_FREE_BYTES = 2**30


class Verdict(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    ABSENT = "absent"  # not installed or not here; fine where it is not wanted
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; `advice` says what to do."""

    what: str
    verdict: Verdict
    told: str
    advice: str = ""


def doctor(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Look at device, memory, weights, Redis, data folder and port, and say what to do; code 1 if one is broken."""
    from cli.terminal import console, table

    found = [look() for look in CHECKS]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        rows = [(finding.what, finding.verdict.value, finding.told, finding.advice) for finding in found]
        console().print(table(("WHAT", "IS", "FOUND", "WHAT TO DO"), rows))
    broken = [finding.what for finding in found if finding.verdict is Verdict.BROKEN]
    if broken:
        raise CommandError(f"broken: {', '.join(broken)}")


def python() -> Finding:
    """Look at Python and the machine."""
    told = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding(what="python", verdict=Verdict.GOOD, told=told)


def engine() -> Finding:
    """Look at torch and its device."""
    if importlib.util.find_spec("torch") is None:
        return _absent("engine", "torch is not installed", "to paint here: install nst with its extra, nst[engine]")
    import torch

    from nst_engine.machine.devices import list_devices

    device = list_devices()[0].name
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    return Finding(what="engine", verdict=Verdict.GOOD, told=f"torch {torch.__version__} on {device} ({name})")


def memory() -> Finding:
    """Look at the memory that is free."""
    if importlib.util.find_spec("psutil") is None:
        return _absent("memory", "psutil is not installed", "")
    import psutil

    free = psutil.virtual_memory().available
    told = f"{free / 2**30:.1f} GiB free"
    advice = "paint smaller, or with --memory low" if free < LEAST_FREE_BYTES else ""
    return Finding(what="memory", verdict=Verdict.GOOD, told=told, advice=advice)


def weights() -> Finding:
    """Look which networks' weights are here."""
    if importlib.util.find_spec("torch") is None:
        return _absent("weights", "torch is not installed", "")
    from cli.commands.weights import files, folder
    from nst_engine.spec.layers import NETWORKS

    where = folder()
    here = [name for name in NETWORKS if next(files(name, where), None) is not None]
    if "lite" not in here:
        return Finding(what="weights", verdict=Verdict.BROKEN, told="lite is missing", advice="install nst again")
    advice = "" if "vgg19" in here else "for the published systems: nst weights pull vgg19"
    return Finding(what="weights", verdict=Verdict.GOOD, told=" ".join(here), advice=advice)


def redis() -> Finding:
    """Look for a Redis: the one that is set, else one that `nst up` could start."""
    if importlib.util.find_spec("redis") is None:
        return _absent("redis", "the service is not installed", "to serve: install nst with its extra, nst[embedded]")
    if url := os.environ.get("NST_REDIS_URL"):
        return _answering(url)
    from cli.local_service.redis_server import NoRedisError, find_redis

    try:
        return Finding(what="redis", verdict=Verdict.GOOD, told=f"`nst up` starts {find_redis()}")
    except NoRedisError as error:
        return _absent("redis", "no server", str(error))


def data_folder() -> Finding:
    """Look whether the data folder can be written, and has room."""
    folder = Path(os.environ.get("NST_DATA_DIR", ".nst")).absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        advice = "set NST_DATA_DIR to a folder that can be written"
        return Finding(what="data folder", verdict=Verdict.BROKEN, told=f"{place} cannot be written", advice=advice)
    free = shutil.disk_usage(place).free
    advice = "make room, or set NST_DATA_DIR" if free < LEAST_FREE_BYTES else ""
    return Finding(
        what="data folder", verdict=Verdict.GOOD, told=f"{folder}, {free / 2**30:.1f} GiB free", advice=advice
    )


def port() -> Finding:
    """Look whether the service's port is free."""
    host, number = os.environ.get("NST_HOST", "127.0.0.1"), os.environ.get("NST_PORT", "8000")
    try:
        with socket.create_connection((host, int(number)), timeout=1):
            told, advice = f"{number} is taken", "fine if that is nst; else nst up --port N"
    except OSError:
        told, advice = f"{number} is free", ""
    except ValueError:
        return Finding(what="port", verdict=Verdict.BROKEN, told=f"NST_PORT={number}", advice="set it to a number")
    return Finding(what="port", verdict=Verdict.GOOD, told=told, advice=advice)


def _answering(url: str) -> Finding:
    from redis import Redis
    from redis.exceptions import RedisError

    shown = url.rpartition("@")[2]  # no password
    try:
        with Redis.from_url(url, protocol=2, socket_timeout=2, socket_connect_timeout=2) as client:
            version = client.info("server")["redis_version"]
    except (RedisError, OSError, ValueError) as error:
        advice = "start it, or mend NST_REDIS_URL; without it nst up brings its own"
        return Finding(what="redis", verdict=Verdict.BROKEN, told=f"{shown}: {error}", advice=advice)
    return Finding(what="redis", verdict=Verdict.GOOD, told=f"{version} at {shown}")


def _absent(what: str, told: str, advice: str) -> Finding:
    return Finding(what=what, verdict=Verdict.ABSENT, told=told, advice=advice)


CHECKS: tuple[Callable[[], Finding], ...] = (python, engine, memory, weights, redis, data_folder, port)
