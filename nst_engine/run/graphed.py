"""CUDA graphs: the kernels of an iteration, recorded once a scale and launched together from then on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation
from nst_engine.optim.optimizers import Evaluate, PixelOptimizer

WARM_UPS = 3  # calls before the recording: libraries and optimizers make in them what they keep
Outputs = tuple[Tensor, ...]
Compute = Callable[[], Outputs]


class Recorder(Protocol):
    """What records graphs: a CUDA device, or an emulated one in tests."""

    def warm_up(self, compute: Compute) -> Outputs:
        """Compute without a graph."""

    def record(self, compute: Compute) -> tuple[Outputs, Callable[[], None]]:
        """Record a function without computing it; return its outputs, and a function that computes them in place."""


class CudaRecorder:
    """Records on a device, which need not be the current one. PyTorch asks for warm-ups on a side stream."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._side = device, side_stream(device)

    def warm_up(self, compute: Compute) -> Outputs:
        with torch.cuda.device(self._device):
            stream = torch.cuda.current_stream()
            self._side.wait_stream(stream)
            with torch.cuda.stream(self._side):
                outputs = compute()
            stream.wait_stream(self._side)
            return outputs

    def record(self, compute: Compute) -> tuple[Outputs, Callable[[], None]]:
        graph = torch.cuda.CUDAGraph()
        # Without `stream`, PyTorch records on the device of the first recording of the process.
        with torch.cuda.device(self._device), torch.cuda.graph(graph, stream=self._side):
            outputs = compute()
        return outputs, graph.replay


@cache
def side_stream(device: torch.device) -> torch.cuda.Stream:
    """Return a stream of a device: one for all runs, because cuBLAS keeps memory for each that it has computed on."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class _Graph:
    """Computes a function of no arguments through a graph, which the call after WARM_UPS others records.

    If the function cannot be recorded, because it waits for the device for example, this warns once and computes
    without a graph from then on.
    """

    def __init__(self, compute: Compute, recorder: Recorder) -> None:
        self._compute, self._recorder = compute, recorder
        self._calls = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self) -> Outputs:
        """Return the outputs, which the next call may overwrite."""
        self._calls += 1
        if self._calls <= WARM_UPS:
            return self._recorder.warm_up(self._compute)
        if self._calls == WARM_UPS + 1:
            self._start()
        if self._replay is None:
            return self._compute()
        self._replay()
        return self._outputs

    def _start(self) -> None:
        try:
            self._outputs, self._replay = self._recorder.record(self._compute)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            warnings.warn(f"going on without a CUDA graph: {reason}", RuntimeWarning, stacklevel=4)


class GraphedEvaluation:
    """Evaluates images of one size through a graph, for optimizers whose steps wait for the device."""

    def __init__(self, evaluate: Evaluate, recorder: Recorder) -> None:
        self._evaluate = evaluate
        self._graph = _Graph(self._compute, recorder)
        self._input: Tensor | None = None

    def __call__(self, x: Tensor) -> Evaluation:
        """Return the evaluation of x, which is not kept."""
        self._input = x.clone() if self._input is None else self._input.copy_(x)
        losses, gradient = (output.clone() for output in self._graph())
        return _evaluation(losses, gradient)

    def _compute(self) -> Outputs:
        assert self._input is not None
        return _outputs(self._evaluate(self._input))


class GraphedOptimizer:
    """Takes whole steps on one image through a graph: evaluation and optimizer. The optimizer must work in place."""

    def __init__(self, optimizer: PixelOptimizer, recorder: Recorder) -> None:
        self._optimizer, self._recorder = optimizer, recorder
        self._graph: _Graph | None = None

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation:
        """Take one step; return the evaluation of x before it, which the next step may overwrite."""
        if self._graph is None:
            self._graph = _Graph(lambda: _outputs(self._optimizer.step(x, evaluate)), self._recorder)
        return _evaluation(*self._graph())

    def slow_down(self) -> None:
        """Forget the graph, too: it has the step size and the place of the history."""
        self._graph = None
        self._optimizer.slow_down()


def _outputs(found: Evaluation) -> Outputs:
    return torch.stack([found.loss, found.content, found.style, found.tv]), found.gradient


def _evaluation(losses: Tensor, gradient: Tensor) -> Evaluation:
    loss, content, style, tv = losses.unbind()
    return Evaluation(loss, content, style, tv, gradient)
