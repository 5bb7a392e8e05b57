"""Measure the `nst` command: wall time, and CPU time as a multiple of that of `import torch`.

The commands run in turns, so that a busy machine slows all of them down; each figure is a median.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.quality.pictures import pairs

TURNS = 3
IMPORT_TORCH = "import torch"
STYLIZE = "-m cli stylize {photo} waves -o {folder}/out.png --overwrite -q"
COMMANDS = {
    IMPORT_TORCH: ("-c", "import torch"),
    "nst --help": ("-m", "cli", "--help"),
    "nst stylize, 256 px, 1 step": (*STYLIZE.split(), "--max-size", "256", "--steps", "1"),
    "nst stylize --preset draft, 384 px": (*STYLIZE.split(), "--preset", "draft", "--max-size", "384"),
    "nst stylize, 256 px": (*STYLIZE.split(), "--max-size", "256"),
    "nst stylize, 512 px": (*STYLIZE.split(), "--max-size", "512"),
}


@dataclass(frozen=True, kw_only=True)
class CommandTime:
    """Wall and CPU time of a command in seconds, and the latter as a multiple of that of `import torch`."""

    command: str
    seconds: float
    cpu_seconds: float
    ratio: float


def command_times(turns: int = TURNS) -> Iterator[CommandTime]:
    """Time every command."""
    (pair,) = pairs(None, None, count=1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        pair.content.save(photo)
        for _ in range(turns):
            for name, words in COMMANDS.items():
                found[name].append(_times([word.format(photo=photo, folder=folder) for word in words]))
    medians = {
        name: [statistics.median(column) for column in zip(*times, strict=True)] for name, times in found.items()
    }
    for name, (wall, cpu) in medians.items():
        yield CommandTime(command=name, seconds=wall, cpu_seconds=cpu, ratio=cpu / medians[IMPORT_TORCH][1])


def _times(words: Sequence[str]) -> tuple[float, float]:
    """Return the wall and CPU time that a Python process takes."""
    # Without bytecode, Python would compile nst for each command, but not torch, which was compiled when installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu
