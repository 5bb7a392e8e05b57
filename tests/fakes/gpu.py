"""GPUs that are not there, for worker processes whose engine is real: only what torch answers about them is made up."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

from nst_engine.machine.allocator import configure_cpu_runtime
from worker.engine import Engine, EngineFactory
from worker.main import MakeEngines, load_torch_engines
from worker.settings import WorkerSettings

OLD_DRIVER, EMULATED = "old driver", "emulated"
GIB = 2**30
TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx"
)


def engines_on(gpu: str) -> MakeEngines:
    """Return what makes the real engines of a worker on a machine with such a GPU."""
    return {OLD_DRIVER: _on_old_driver, EMULATED: _on_emulated_gpu}[gpu]


def _on_old_driver(settings: WorkerSettings) -> EngineFactory:
    """Let torch find a GPU, and fail when CUDA is initialized; say on stderr that it was asked."""
    cuda = _torch().cuda

    def fail() -> None:
        os.write(2, b"CUDA was asked\n")
        raise RuntimeError(TOO_OLD)

    cuda.device_count, cuda._lazy_init = lambda: 1, fail
    return load_torch_engines(settings)


@dataclass
class WarmMemory:
    """The memory of a GPU, in bytes: after a run, the process keeps all but `rest`, of which it uses `allocated`."""

    total: int
    allocated: int
    rest: int
    reserved: int = 0

    def after_run(self) -> None:
        """Keep the memory, as a cache does whose blocks are all in use in part."""
        self.reserved = self.total - self.rest

    def answers(self) -> dict[str, Callable[..., Any]]:
        """Return the functions of torch.cuda that report it."""
        return {
            "mem_get_info": lambda _device: (self.total - self.reserved, self.total),
            "memory_reserved": lambda _device: self.reserved,
            "memory_allocated": lambda _device: min(self.reserved, self.allocated),
            "empty_cache": self.after_run,
        }


def _on_emulated_gpu(settings: WorkerSettings) -> EngineFactory:
    """Compute on the emulated device, with little memory free on the host."""
    cuda = _torch().cuda
    cuda.device_count = lambda: 1
    cuda.get_device_properties = lambda _index: SimpleNamespace(uuid="serial-0")
    factory = load_torch_engines(settings)

    def make(device: str) -> Engine:
        import psutil

        from tests.nst_engine.cuda.emulator import EmulatedCuda

        stack = ExitStack()  # until the process ends
        stack.enter_context(EmulatedCuda())
        memory = WarmMemory(total=2 * GIB, allocated=GIB // 2, rest=2**20)
        answers = {**memory.answers(), "get_device_capability": lambda _device=None: (7, 5)}  # of the oldest cards
        stack.enter_context(mock.patch.multiple(cuda, **answers))
        host = psutil.virtual_memory()._replace(available=GIB // 10)
        stack.enter_context(mock.patch.object(psutil, "virtual_memory", return_value=host))
        return factory.make(device)

    return replace(factory, make=make)


def _torch() -> Any:
    """Load torch as a worker does."""
    configure_cpu_runtime()
    import torch

    return torch
