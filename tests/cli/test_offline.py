"""`nst stylize` without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

# Fails on any name lookup or connection, even where the operating system would allow it.
BLOCKED = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(f"tried to reach the network: {event} {args}")
sys.addaudithook(refuse)
from cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def without_network() -> list[str]:
    """Return the command prefix for a separate network namespace, or nothing if the machine does not permit one."""
    command = ["unshare", "--map-root-user", "--net"]
    try:
        permitted = subprocess.run([*command, "true"], capture_output=True, timeout=30, check=False).returncode == 0
    except FileNotFoundError:
        return []
    return command if permitted else []


@pytest.mark.acceptance
def test_stylize_works_without_a_network(tmp_path: Path) -> None:
    content, output = tmp_path / "content.png", tmp_path / "painted.png"
    Image.linear_gradient("L").resize((64, 48)).save(content)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
    arguments = ["stylize", str(content), "waves", "-o", str(output), "--max-size", "48", "--steps", "3", "-q"]
    done = subprocess.run(
        [*without_network(), sys.executable, "-c", BLOCKED, *arguments],
        env={**environment, "TORCH_HOME": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Image.open(output).size == (48, 36)
