"""The real engine: style transfer with torch on one device."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from cachetools import LRUCache
from PIL import Image
from torch import Tensor

from jobs.cores import cores_per_worker
from nst_engine import Network, State, Step, StyleConfig, load_network, resolve, stylize
from nst_engine.images.shrinking import Shrinker
from nst_engine.machine.allocator import trim_heap
from nst_engine.machine.devices import list_devices
from nst_engine.networks.features import NetworkSpec
from nst_engine.networks.lite import BUNDLED
from nst_engine.networks.weights import candidates
from nst_engine.spec.enums import Memory
from nst_engine.spec.errors import ConfigError, DeviceError, WeightsError
from nst_engine.spec.layers import NETWORKS
from nst_engine.tensors import to_tensor
from worker.engine import (
    BrokenDeviceError,
    EngineFactory,
    FilmFrames,
    PictureStep,
    RunError,
    RunRequest,
    RunStep,
    WorkerSetupError,
)
from worker.films.painting import painted_film
from worker.pictures.painting import TorchStep, run_errors
from worker.process_control import call_in_fork
from worker.settings import WorkerSettings

log = logging.getLogger(__name__)
WARM_UP_SIDE = 128  # pixels; every network takes it
MAX_NETWORKS = 4  # kept in memory
KEPT_BYTES = 384 * 2**20  # that the process may keep from a run for the next one; a draft of a photo needs 250 MB
PRODUCT_SIDE = 64


def torch_engines(settings: WorkerSettings) -> EngineFactory:
    """Check which networks a worker can serve, and list the devices of this machine; raises WorkerSetupError."""
    try:
        installed = installed_models(settings.weights_dir)
    except WeightsError as error:
        raise WorkerSetupError(error.message) from None
    models = settings.models or installed
    if unknown := sorted(set(models) - set(NETWORKS)):
        raise WorkerSetupError(f"NST_MODELS: no network is called {unknown[0]}; there are {', '.join(NETWORKS)}")
    if missing := sorted(set(models) - set(installed)):
        raise WorkerSetupError(f"no weights for {', '.join(missing)}: get them with `nst weights pull {missing[0]}`")
    if not models:
        raise WorkerSetupError("no network weights found: get some with `nst weights pull`")
    if set(models) - set(BUNDLED):
        import_module("torchvision.models")  # before the fork: it takes seconds
    make = partial(_warm_engine, models[0], settings)
    try:
        devices = call_in_fork(list_devices, settings.device)
    except DeviceError as error:
        raise WorkerSetupError(f"NST_DEVICE: {error.message}") from None
    return EngineFactory(models=models, devices=devices, make=make)


def installed_models(weights_dir: Path | None) -> tuple[str, ...]:
    """List the networks whose weights are on this machine."""
    return tuple(name for name in NETWORKS if any(path.is_file() for path in candidates(name, weights_dir)))


def _warm_engine(model: str, settings: WorkerSettings, device: str) -> TorchEngine:
    """Return an engine that has run once, so that the first job does not wait for weights, kernels or the device."""
    engine = TorchEngine(
        device,
        weights_dir=settings.weights_dir,
        threads=settings.worker_threads,
        cuda_graphs=settings.cuda_graphs,
    )
    engine.check_device()
    try:
        engine.warm_up(model)
    except BrokenDeviceError:
        raise
    except Exception:  # a worker that cannot run says so in the jobs it fails
        log.exception("the first run on %s failed", device)
    return engine


class TorchEngine:
    """Style transfer on one device. Only its loaded networks stay in the process from one job to the next."""

    def __init__(
        self,
        device: str,
        *,
        weights_dir: Path | None,
        threads: int = 0,
        cuda_graphs: bool = False,
        stylize: Callable[..., Iterator[Step]] = stylize,
    ) -> None:
        self._device = device
        self._stylize = stylize
        self._weights_dir = weights_dir
        self._networks: LRUCache[NetworkSpec, Network] = LRUCache(maxsize=MAX_NETWORKS)
        self._threads = threads
        self._cuda_graphs = cuda_graphs
        self._resident = 0  # bytes of the process after it last gave memory back

    def run(self, request: RunRequest) -> Iterator[PictureStep]:
        """Yield a step for each iteration."""
        with self._running(request):
            yield from self._picture_steps(request)

    def run_film(self, request: RunRequest, film: FilmFrames) -> Iterator[RunStep]:
        """Yield a step for each iteration of each frame."""
        with self._running(request):
            yield from self._film_steps(request, film)

    def check_device(self) -> None:
        """Compute a small product; raise BrokenDeviceError if the device cannot."""
        try:
            ones = torch.ones(PRODUCT_SIDE, PRODUCT_SIDE, device=self._device)
            total = float((ones @ ones).sum())
        except RuntimeError as error:
            raise BrokenDeviceError(f"{self._device} cannot compute: {error}") from error
        if total != PRODUCT_SIDE**3:
            raise BrokenDeviceError(f"{self._device} computes wrong numbers: {total:g} in place of {PRODUCT_SIDE**3}")

    @contextmanager
    def _running(self, request: RunRequest) -> Iterator[None]:
        """Convert the errors of a run, and free its memory once its generator is gone."""
        with run_errors():
            torch.set_num_threads(self._threads or cores_per_worker(request.workers))
            try:
                yield
            finally:
                self._free_memory()

    def _picture_steps(self, request: RunRequest) -> Iterator[PictureStep]:
        config, shrinker, inputs = self._inputs(request)
        for step in self._stylize(
            to_tensor(shrinker.content(request.content)),
            config=config,
            **inputs,
            resume=None if request.resume is None else State.from_file(request.resume),
            cuda_graphs=self._cuda_graphs,
        ):
            yield TorchStep(step, request.alpha)

    def _film_steps(self, request: RunRequest, film: FilmFrames) -> Iterator[RunStep]:
        config, _, inputs = self._inputs(request)
        yield from painted_film(film, config, **inputs)

    def _inputs(self, request: RunRequest) -> tuple[StyleConfig, Shrinker, dict[str, Any]]:
        """Return the parameters, the sizes, and what a run needs beside its content."""
        config = self._config(request)
        shrinker, initial = Shrinker(config, request.content), request.init_image
        return (
            config,
            shrinker,
            {
                "styles": [to_tensor(shrinker.style(style)) for style in request.styles],
                "masks": [_mask(shrinker.content(mask)) for mask in request.masks] or None,
                "style_masks": [_mask(shrinker.style(mask)) for mask in request.style_masks] or None,
                "init_image": None if initial is None else to_tensor(shrinker.content(initial)),
                "device": self._device,
                "network": self._network(config),
            },
        )

    def _free_memory(self) -> None:
        """Return memory that a run no longer needs, for other processes; a broken device keeps it.

        A little is kept on the host: faulting it in again takes a tenth of the CPU time of a draft.
        """
        if _resident_bytes() > self._resident + KEPT_BYTES:
            trim_heap()
            self._resident = _resident_bytes()
        if self._device.startswith("cuda"):
            with suppress(RuntimeError):
                torch.cuda.empty_cache()

    def warm_up(self, model: str) -> None:
        """Take one step on a small picture with the default preset."""
        params = resolve("default", {"model": model, "steps": 1, "max_size": WARM_UP_SIDE}).model_dump(mode="json")
        picture = Image.new("RGB", (WARM_UP_SIDE, WARM_UP_SIDE))
        for _ in self.run(RunRequest(params=params, content=picture, styles=(picture,))):
            pass

    def memory_bytes(self) -> int | None:
        """Return the memory taken on a CUDA device."""
        return torch.cuda.memory_reserved(self._device) if self._device.startswith("cuda") else None

    def _config(self, request: RunRequest) -> StyleConfig:
        try:
            config = StyleConfig.checked(request.params)
        except ConfigError as error:
            raise RunError("invalid_input", f"The parameters cannot be run by this worker: {error}") from None
        return config.model_copy(update={"memory": Memory.LOW}) if request.memory_saving else config

    def _network(self, config: StyleConfig) -> Network:
        spec = NetworkSpec.of(config)
        if spec not in self._networks:
            self._networks[spec] = load_network(config, device=self._device, weights_dir=self._weights_dir)
        return self._networks[spec]


def _mask(picture: Image.Image) -> Tensor:
    """Return a picture as a gray tensor (H, W) in [0, 1]."""
    return torch.from_numpy(np.asarray(picture.convert("L"), dtype=np.float32) / 255)


def _resident_bytes() -> int:
    """Return the memory that this process has taken from the kernel."""
    resident: int = psutil.Process().memory_info().rss
    return resident
