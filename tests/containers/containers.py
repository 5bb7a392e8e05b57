"""Images and containers with buildah, which needs no daemon; chroot isolation lets it run inside a container."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

STOP_SECONDS = 60
# Does what a container engine does for the image's user, `read_only`, `cap_drop: [ALL]` and `no-new-privileges`, for
# which chroot isolation has no options: remounts the root read-only, then switches to the user.
CONFINED = (
    "mount -o remount,bind,ro / && export HOME=$(getent passwd $0 | cut -d: -f6) && exec setpriv --reuid $0 --regid $0"
    ' --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"'
)


def buildah(*arguments: str) -> str:
    """Run a command of buildah and return its output; its errors go to the terminal."""
    done = subprocess.run(["buildah", *arguments], env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image; `size` is in bytes, `seconds` is the time that building it took."""

    name: str
    seconds: float
    size: int
    user: str
    command: tuple[str, ...]
    health: tuple[str, ...]


def build(dockerfile: str, name: str, **arguments: str) -> Image:
    """Build an image in the format that supports health checks."""
    began = time.monotonic()
    given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    buildah("bud", "--quiet", "--format=docker", *given, f"--file={dockerfile}", f"--tag={name}", ".")
    return inspect(name, time.monotonic() - began)


def inspect(name: str, seconds: float) -> Image:
    """Read an image's configuration."""
    config: dict[str, Any] = json.loads(buildah("inspect", "--type=image", name))["Docker"]["config"]
    kind, *health = config["Healthcheck"]["Test"]
    assert kind == "CMD", f"the health check of {name} needs a shell"
    return Image(
        name=name,
        seconds=seconds,
        size=size(name),
        user=config["User"],
        command=tuple(config["Cmd"]),
        health=tuple(health),
    )


def size(name: str) -> int:
    """Return the size of an image's files in bytes."""
    container = buildah("from", "--pull-never", name)
    try:
        root = buildah("mount", container)
        done = subprocess.run(["du", "-sxb", root], stdout=subprocess.PIPE, text=True, check=True)
        return int(done.stdout.split()[0])
    finally:
        buildah("rm", container)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container in which programs run as in docker-compose.yml."""

    id: str
    image: Image
    root: Path
    volumes: Mapping[Path, str]
    environment: Mapping[str, str]

    def line(self, *arguments: str) -> list[str]:
        """Return the command line that runs a program in the container."""
        return [
            *("buildah", "run", "--user=0:0", "--cap-add=CAP_SYS_ADMIN"),
            *(f"--env={name}={value}" for name, value in self.environment.items()),
            *(f"--volume={outside}:{inside}" for outside, inside in self.volumes.items()),
            *(self.id, "--", "sh", "-c", CONFINED, self.image.user, *arguments),
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program and wait until it ends."""
        return subprocess.run(self.line(*arguments), env=environment(), capture_output=True, text=True, check=False)

    @contextmanager
    def running(self, log: IO[str]) -> Iterator[float]:
        """Run the image's command until the block ends; yield when it was started."""
        began = time.monotonic()
        process = subprocess.Popen(self.line(*self.image.command), env=environment(), stdout=log, stderr=log, text=True)
        try:
            yield began
        finally:
            self._terminate(process)
            process.wait(STOP_SECONDS)

    def _terminate(self, process: subprocess.Popen[str]) -> None:
        """Send SIGTERM to the command itself, because buildah forwards no signals."""
        assert process.poll() is None, f"{self.image.name} has ended"
        inside = psutil.Process(process.pid).children(recursive=True)
        command = ["python3", "-m", "cli", *self.image.command[1:]]
        next(child for child in inside if child.cmdline() == command).terminate()


@contextmanager
def container(image: Image, volumes: Mapping[Path, str], environment: Mapping[str, str]) -> Iterator[Container]:
    """Make a container and delete it when the block ends."""
    made = buildah("from", "--pull-never", image.name)
    try:
        root = Path(buildah("mount", made))
        yield Container(id=made, image=image, root=root, volumes=volumes, environment=environment)
    finally:
        buildah("rm", made)


def environment() -> dict[str, str]:
    """Return the environment of buildah."""
    return {**os.environ, "BUILDAH_ISOLATION": "chroot"}
