"""What importing a package loads and does, each in a fresh interpreter."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

TORCH_FREE = ("nst_engine", "jobs", "api", "cli", "api.main", "cli.main")
HEAVY = ("torch", "torchvision")
COMPILER = ("torchvision", "torch._dynamo", "torch._inductor", "sympy")
EXTRAS = ("mcp", "opentelemetry.exporter")  # FastAPI itself loads the rest of OpenTelemetry if it is there

ENTRY_POINTS = ("nst_engine", "jobs", "api.main", "worker.main", "cli.main")
WATCHED = """
import json, os, sys, threading
opened, before = [], dict(os.environ)
acts = {"socket.connect", "os.mkdir", "subprocess.Popen"}
sys.addaudithook(lambda event, args: opened.append([event, repr(args)]) if event in acts else None)
__import__(sys.argv[1])
changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
print(json.dumps({"done": [opened, threading.active_count() - 1, changed], "loaded": list(sys.modules)}))
"""


def python(code: str, *arguments: str, **environment: str) -> str:
    """Run code in a fresh interpreter and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@cache
def imported(module: str) -> dict[str, Any]:
    """Import a module in a fresh interpreter, once for all tests; return what that loads and what else it does."""
    found: dict[str, Any] = json.loads(python(WATCHED, module, NST_REDIS_URL="redis://127.0.0.1:1/0"))
    return found


@pytest.mark.parametrize("module", TORCH_FREE)
def test_importing_it_loads_no_torch(module: str) -> None:
    assert set(HEAVY) & set(imported(module)["loaded"]) == set()


def test_a_picture_on_lite_needs_neither_torchvision_nor_torch_s_compiler() -> None:
    """They take longer to load than torch itself; so does sympy, which torch loads for some gradients."""
    code = """
import sys, torch
from nst_engine import resolve, stylize
config = resolve("default", {"steps": 1, "max_size": 64})
list(stylize(torch.rand(3, 64, 64), [torch.rand(3, 64, 64)], config))
print([m for m in sys.argv[1:] if m in sys.modules])
"""
    assert python(code, *COMPILER) == "[]"


def test_the_api_has_no_endpoint_for_agents_without_the_extra() -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # as if it were not installed
from api.app import create_app
print([route.path for route in create_app().routes if getattr(route, "path", "") == "/mcp"])
"""
    assert python(code, "mcp") == "[]"


@pytest.mark.parametrize("module", ["api.main", "worker.main", "cli.application", "nst_client"])
def test_importing_it_loads_nothing_of_the_extras(module: str) -> None:
    assert set(EXTRAS) & set(imported(module)["loaded"]) == set()


def test_the_api_loads_no_worker_code() -> None:
    assert [name for name in imported("api.main")["loaded"] if name.partition(".")[0] == "worker"] == []


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_importing_it_does_nothing(module: str) -> None:
    """An import makes no connection, folder, process or thread, and sets no environment variable."""
    assert imported(module)["done"] == [[], 0, {}]
