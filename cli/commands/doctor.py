"""`nst doctor`: check this machine and suggest fixes."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer

from cli.errors import CommandError, install

LOW_BYTES = 2**30


class Verdict(StrEnum):
    """The outcome of a check."""

    GOOD = "good"
    ABSENT = "absent"  # fine unless this machine is meant to have it
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check, and what to do about it."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def doctor(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Check this machine and suggest fixes.

    Checks Python, PyTorch and its device, free memory, network weights, Redis, the data folder and the port.

    The exit code is 1 if something is broken.
    """
    from cli.terminal import console, table

    findings = [check() for check in CHECKS]
    if as_json:
        rows = [{"what": f.what, "verdict": f.verdict, "told": f.found, "advice": f.advice} for f in findings]
        typer.echo(json.dumps(rows, indent=2))
    else:
        lines = [(f.what, f.verdict.value, f.found, f.advice) for f in findings]
        console().print(table(("CHECK", "RESULT", "FOUND", "WHAT TO DO"), lines))
    if broken := [finding.what for finding in findings if finding.verdict is Verdict.BROKEN]:
        raise CommandError(f"broken: {', '.join(broken)}")


def check_python() -> Finding:
    """Report Python and the machine."""
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return _good("python", found)


def check_engine() -> Finding:
    """Check that torch is installed, and report its device."""
    if not _installed("torch"):
        return _absent("engine", "torch is not installed", f"to stylize on this machine, {install('engine')}")
    import torch

    from nst_engine.machine.devices import list_devices

    device = list_devices()[0].name
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    return _good("engine", f"torch {torch.__version__} on {device} ({name})")


def check_memory() -> Finding:
    """Report the free memory."""
    if not _installed("psutil"):
        return _absent("memory", "psutil is not installed")
    import psutil

    free = psutil.virtual_memory().available
    advice = "use a smaller --max-size, or --memory low" if free < LOW_BYTES else ""
    return _good("memory", f"{_gib(free)} free", advice)


def check_weights() -> Finding:
    """Report the networks whose weights are on this machine."""
    if not _installed("torch"):
        return _absent("weights", "torch is not installed")
    from cli.commands.weights import find_files, weights_folder
    from nst_engine import NETWORKS
    from nst_engine.networks.lite import BUNDLED

    folder = weights_folder()
    found = {name: file for name in NETWORKS if (file := next(find_files(name, folder), None))}
    if missing := [name for name in BUNDLED if name not in found]:
        return _broken("weights", f"{' and '.join(missing)} missing", "reinstall nst")
    for name, file in found.items():
        if file.problem or not file.reaches:
            advice = "reinstall nst" if name in BUNDLED else f"remove it, then: nst weights pull {name}"
            return _broken("weights", file.problem or f"{file.path} holds no layer of {name}", advice)
    advice = "" if "vgg19" in found else "for presets that use VGG-19: nst weights pull vgg19"
    return _good("weights", " ".join(found), advice)


def check_redis() -> Finding:
    """Check that Redis responds at NST_REDIS_URL, or that `nst up` can start a server."""
    if not _installed("redis"):
        return _absent("redis", "the service is not installed", f"to run the service, {install('embedded')}")
    if url := os.environ.get("NST_REDIS_URL"):
        return _check_redis_at(url)
    from cli.local_service.redis_server import NoRedisError, find_redis

    try:
        return _good("redis", f"`nst up` starts {find_redis()}")
    except NoRedisError as error:
        return _absent("redis", "no server", str(error))


def check_data_folder() -> Finding:
    """Check that the data folder is writable, and report its free space."""
    folder = Path(os.environ.get("NST_DATA_DIR") or ".nst").absolute()
    advice = "set NST_DATA_DIR to a writable folder"
    try:
        place = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError as error:
        return _broken("data folder", f"{error.filename}: {error.strerror}", advice)
    if not place.is_dir() or not os.access(place, os.W_OK):
        return _broken("data folder", f"{place} is not writable", advice)
    free = shutil.disk_usage(place).free
    advice = "free some space, or set NST_DATA_DIR to another disk" if free < LOW_BYTES else ""
    return _good("data folder", f"{folder}, {_gib(free)} free", advice)


def check_port() -> Finding:
    """Check whether the service's port is free, and whether nst has it."""
    host, port = os.environ.get("NST_HOST") or "127.0.0.1", os.environ.get("NST_PORT") or "8000"
    if not port.isdigit() or not 0 < int(port) < 2**16:
        return _broken("port", f"NST_PORT={port}", "set it to a number from 1 to 65535")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            pass
    except OSError:
        return _good("port", f"{port} is free")
    if _is_nst(host, port):
        return _good("port", f"{port} is in use by nst")
    return _good("port", f"{port} is in use", "it seems not to be nst; choose another one: nst up --port N")


def _is_nst(host: str, port: str) -> bool:
    import httpx

    try:
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        document = httpx.get(f"{url}/openapi.json", timeout=1, trust_env=False).json()
        return bool(document["info"]["title"] == "nst")
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return False


def _check_redis_at(url: str) -> Finding:
    from redis.exceptions import RedisError

    from cli.settings import without_secrets
    from jobs.connections import connect
    from jobs.settings import JobSettings

    shown = without_secrets(url)
    try:
        with connect(JobSettings(redis_url=url, redis_timeout_seconds=2)) as client:
            version = client.info("server")["redis_version"]
    except (RedisError, OSError, ValueError) as error:
        advice = "start it, correct NST_REDIS_URL, or unset it: nst up then starts its own"
        return _broken("redis", f"{shown}: {error}", advice)
    return _good("redis", f"Redis {version} at {shown}")


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _good(what: str, found: str, advice: str = "") -> Finding:
    return Finding(what=what, verdict=Verdict.GOOD, found=found, advice=advice)


def _absent(what: str, found: str, advice: str = "") -> Finding:
    return Finding(what=what, verdict=Verdict.ABSENT, found=found, advice=advice)


def _broken(what: str, found: str, advice: str) -> Finding:
    return Finding(what=what, verdict=Verdict.BROKEN, found=found, advice=advice)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_python,
    check_engine,
    check_memory,
    check_weights,
    check_redis,
    check_data_folder,
    check_port,
)
