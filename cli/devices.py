"""Which device the engine runs on, by its name on the command line."""

import re

from cli.errors import InputError


def chosen(name: str) -> str:
    """Return torch's name of a device; `auto` is the first of cuda, mps and cpu that is there. Raises InputError."""
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise InputError(f"--device: {name!r} is none of auto, cpu, cuda, cuda:N and mps")
    there = {"cpu": True, "mps": torch.backends.mps.is_available()}
    index = int(name.partition(":")[2] or 0)
    if not there.get(name, index < torch.cuda.device_count() if name.startswith("cuda") else False):
        raise InputError(f"--device: there is no {name} on this machine")
    return name
