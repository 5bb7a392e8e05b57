"""Build both images, run API and worker in containers, and stylize one photo over HTTP: `make images-test`.

The containers run as in docker-compose.yml: as their own user, with a read-only root, without capabilities, with a
shared data folder and a /tmp, and with a Redis that requires a password.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.containers.containers import Image, build, buildah, size
from tests.containers.painting import run_service

STAND_IN = "localhost/nst-stand-in-base:bookworm"


def main() -> None:
    """Build the images, run them, and print their sizes and how long they take to start."""
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    parser.add_argument("--base", default=STAND_IN, help="base image; default: a stand-in built from Debian packages")
    parser.add_argument("--torch", choices=("cuda", "cpu"), default="cuda", help="which wheels of torch")
    parser.add_argument("--keep", action="store_true", help="keep the images (5 GB)")
    options = parser.parse_args()
    if options.base == STAND_IN:
        subprocess.run([Path(__file__).with_name("stand_in_base.sh"), STAND_IN], check=True)
    api = build("Dockerfile.api", "localhost/nst-api-test", BASE=options.base)
    worker = build(
        "Dockerfile.worker", "localhost/nst-worker-test", BASE=options.base, BAKE="none", TORCH=options.torch
    )
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:
        started = run_service(api, worker, Path(folder))
    if not options.keep:
        buildah("rmi", api.name, worker.name)
    sys.stdout.write(table(options.base, {api: started[0], worker: started[1]}))


def table(base: str, started: dict[Image, float]) -> str:
    """Return a table of the measurements."""
    lines = [f"{'image':40}{'build s':>9}{'MB':>9}{'start s':>9}", f"{base:40}{'':>9}{size(base) / 1e6:>9.0f}"]
    for image, seconds in started.items():
        lines.append(f"{image.name:40}{image.seconds:>9.0f}{image.size / 1e6:>9.0f}{seconds:>9.1f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
