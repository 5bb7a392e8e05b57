"""Painting pictures with torch: the steps of the engine as the worker sees them, and the errors of all its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from jobs.model import Progress
from nst_engine import Step
from nst_engine.images.writing import encode, encode16
from nst_engine.spec.errors import CheckpointError, DivergedError, EngineError, MemoryLimitError, WeightsError
from nst_engine.tensors import to_uint16
from worker.engine import BadCheckpointError, BrokenDeviceError, OutOfMemoryRunError, RunError

# In the messages of RuntimeErrors: of torch's CPU allocator, of CUDA itself and of its libraries.
NO_MEMORY = ("not enough memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")
BROKEN_DEVICE = ("CUDA error", "CUBLAS_STATUS_", "CUDNN_STATUS_", "CUSOLVER_STATUS_")


@dataclass(frozen=True)
class TorchStep:
    """One iteration of the real engine."""

    step: Step
    alpha: Image.Image | None = None

    @property
    def progress(self) -> Progress:
        """Return the progress, without speed and time left."""
        step = self.step
        return Progress(
            iteration=step.iteration,
            total=step.total,
            scale=step.scale,
            scales=step.scales,
            width=step.width,
            height=step.height,
            loss=step.loss,
            content_loss=step.content_loss,
            style_loss=step.style_loss,
            tv_loss=step.tv_loss,
        )

    @property
    def pixels_left(self) -> int:
        """Return the work of all iterations to come, the sum of their pixels."""
        return self.step.pixels_left

    def picture(self) -> Image.Image:
        """Return the picture so far."""
        return self.begin_picture()()

    def begin_picture(self) -> Callable[[], Image.Image]:
        """Start to copy the picture so far; return a function that returns it."""
        with run_errors():
            return run_errors()(self.step.begin_picture())

    def encoded(self, name: str, metadata: Mapping[str, Any], *, mark: bool = False) -> bytes:
        """Return the picture so far as a file in the named format; TIFF has 16 bits."""
        if name == "tiff":
            return encode16(self._pixels16(), alpha=self.alpha, metadata=metadata, mark=mark)
        return encode(self.picture(), name, alpha=self.alpha, metadata=metadata, mark=mark)

    def state(self) -> Iterator[bytes]:
        """Yield the state from which another run continues, piece by piece."""
        with run_errors():
            yield from self.step.state_pieces()

    def _pixels16(self) -> NDArray[np.uint16]:
        with run_errors():
            return to_uint16(self.step.image())


@contextmanager
def run_errors() -> Iterator[None]:
    """Convert what the engine and torch raise into the errors of a run."""
    try:
        yield
    except CheckpointError as error:
        raise BadCheckpointError(error.message) from error
    except MemoryLimitError as error:
        raise OutOfMemoryRunError(error.message) from error
    except WeightsError as error:
        raise RunError("weights_missing", error.message) from error
    except DivergedError as error:
        raise RunError("diverged", error.message) from error
    except EngineError as error:
        raise RunError("invalid_input", error.message) from error
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemoryRunError("The picture does not fit in the memory of the device.") from error
    except RuntimeError as error:
        message = str(error)
        if any(sign in message for sign in NO_MEMORY):
            raise OutOfMemoryRunError("The picture does not fit in the memory of the worker.") from error
        if isinstance(error, torch.AcceleratorError) or any(sign in message for sign in BROKEN_DEVICE):
            raise BrokenDeviceError(f"the device failed: {message.splitlines()[0]}") from error
        raise
