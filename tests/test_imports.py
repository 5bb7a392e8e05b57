"""What importing a package loads and does, each in a fresh interpreter."""

import os
import subprocess
import sys

import pytest

PACKAGES = ("nst_engine", "jobs", "api", "cli", "api.main", "cli.main")
HEAVY = ("torch", "torchvision")
COMPILER = ("torchvision", "torch._dynamo", "torch._inductor", "sympy")
EXTRAS = ("mcp", "opentelemetry.exporter")  # FastAPI itself loads the rest of OpenTelemetry if it is there

ENTRY_POINTS = ("nst_engine", "jobs", "api.main", "worker.main", "cli.main")
WATCHED = """
import os, sys, threading
opened, before = [], dict(os.environ)
acts = {"socket.connect", "os.mkdir", "subprocess.Popen"}
sys.addaudithook(lambda event, args: opened.append((event, args)) if event in acts else None)
__import__(sys.argv[1])
print(repr([opened, threading.active_count() - 1, {k: v for k, v in os.environ.items() if before.get(k) != v}]))
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


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_it_loads_no_torch(package: str) -> None:
    code = "import sys; __import__(sys.argv[1]); print([m for m in sys.argv[2:] if m in sys.modules])"
    assert python(code, package, *HEAVY) == "[]"


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


@pytest.mark.parametrize("module", ["api.app", "worker.main", "cli.application", "nst_client"])
def test_importing_it_loads_nothing_of_the_extras(module: str) -> None:
    code = "import sys; __import__(sys.argv[1]); print([m for m in sys.argv[2:] if m in sys.modules])"
    assert python(code, module, *EXTRAS) == "[]"


def test_the_api_loads_no_worker_code() -> None:
    assert python("import sys, api.main; print([m for m in sys.modules if m.split('.')[0] == 'worker'])") == "[]"


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_importing_it_does_nothing(module: str) -> None:
    """An import makes no connection, folder, process or thread, and sets no environment variable."""
    assert python(WATCHED, module, NST_REDIS_URL="redis://127.0.0.1:1/0") == "[[], 0, {}]"
