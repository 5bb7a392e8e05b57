"""Count what an iteration asks of a GPU, without one: `python -m bench.kernels`.

The engine runs on the emulated CUDA device of the tests. The first iterations are not counted: L-BFGS remembers ten
pairs of vectors. VGG-19 has random weights.
"""

from __future__ import annotations

import json
from typing import Any

from tests.nst_engine.cuda.emulator import EmulatedCuda
from tests.nst_engine.cuda.runs import run

SIZE = 512
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "lbfgs": {"steps": 12},
    "adam": {"optimizer": "adam", "learning_rate": 0.02, "steps": 2},
}


def count(model: str, optimizer: str) -> dict[str, Any]:
    """Return the kernels, waits and copies from the host of one iteration."""
    parameters = {"model": model, "max_size": SIZE, "memory": "normal", **OPTIMIZERS[optimizer]}
    with EmulatedCuda() as device:
        found = run(parameters, cuda=device, size=(SIZE // 2, SIZE))
    return {
        "model": model,
        "optimizer": optimizer,
        "kernels": found.kernels,
        "waits": sum(found.waits.values()),
        "copies": sum(found.copies.values()),
    }


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """Count for both optimizers; `quick` leaves out VGG-19."""
    return [
        count(model, optimizer) for model in (("lite",) if quick else ("lite", "vgg19")) for optimizer in OPTIMIZERS
    ]


if __name__ == "__main__":
    print(json.dumps(measure(quick=False), indent=2))
