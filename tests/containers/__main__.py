"""Build both images, start API and worker from them, and paint one picture over HTTP: `make images-test`.

They run as docker-compose.yml runs them: as their own user, on a read-only root, without capabilities, with a folder
for pictures that both share and a /tmp, against a real Redis that asks for a password.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.containers.containers import Image, build, buildah, size
from tests.containers.painting import paint

STAND_IN = "localhost/nst-stand-in-base:bookworm"


def main() -> None:
    """Build, paint, and say how large the images are and how fast they start."""
    options = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    options.add_argument("--base", default=STAND_IN, help="base image; else a stand-in made of Debian's packages")
    options.add_argument("--torch", choices=("cuda", "cpu"), default="cuda", help="whose wheels of torch")
    options.add_argument("--keep", action="store_true", help="keep the images, 5 GB")
    chosen = options.parse_args()
    if chosen.base == STAND_IN:
        subprocess.run([Path(__file__).with_name("stand_in_base.sh"), STAND_IN], check=True)
    api = build("Dockerfile.api", "localhost/nst-api-test", BASE=chosen.base)
    worker = build("Dockerfile.worker", "localhost/nst-worker-test", BASE=chosen.base, BAKE="none", TORCH=chosen.torch)
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:
        started = paint(api, worker, Path(folder))
    if not chosen.keep:
        buildah("rmi", api.name, worker.name)
    sys.stdout.write(table(chosen.base, {api: started[0], worker: started[1]}))


def table(base: str, started: dict[Image, float]) -> str:
    """Write what was measured."""
    lines = [f"{'image':40}{'build s':>9}{'MB':>9}{'start s':>9}", f"{base:40}{'':>9}{size(base) / 1e6:>9.0f}"]
    for image, seconds in started.items():
        lines.append(f"{image.name:40}{image.seconds:>9.0f}{image.size / 1e6:>9.0f}{seconds:>9.1f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
