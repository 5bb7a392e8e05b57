"""CUDA graphs: the kernels of an evaluation, recorded once a scale and launched together from then on."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation

WARM_UPS = 3  # PyTorch asks for some calls on a side stream, in which libraries make what they keep
Outputs = tuple[Tensor, ...]
Compute = Callable[[], Outputs]
Record = Callable[[Compute], tuple[Outputs, Callable[[], None]]]


def record_cuda_graph(compute: Compute) -> tuple[Outputs, Callable[[], None]]:
    """Record a function; return its outputs, and a function that computes them again in place."""
    stream = torch.cuda.current_stream()
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(stream)
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            compute()
    stream.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = compute()
    return outputs, graph.replay


class GraphedEvaluation:
    """Evaluates images of one size through a CUDA graph, which the first call records.

    If the evaluation cannot be recorded, because it waits for the device for example, this warns once and evaluates
    without a graph from then on.
    """

    def __init__(self, evaluate: Callable[[Tensor], Evaluation], record: Record = record_cuda_graph) -> None:
        self._evaluate = evaluate
        self._record: Record | None = record
        self._replay: Callable[[], None] | None = None

    def __call__(self, x: Tensor) -> Evaluation:
        """Return the evaluation of x, which is not kept."""
        if self._record is not None:
            self._start(x, self._record)
        if self._replay is None:
            return self._evaluate(x)
        self._input.copy_(x)
        self._replay()
        losses, gradient = (output.clone() for output in self._outputs)  # the next replay overwrites them
        loss, content, style, tv = losses.unbind()
        return Evaluation(loss, content, style, tv, gradient)

    def _start(self, x: Tensor, record: Record) -> None:
        self._record = None
        self._input = x.clone()
        try:
            self._outputs, self._replay = record(self._compute)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            warnings.warn(f"evaluating without a CUDA graph: {reason}", RuntimeWarning, stacklevel=2)

    def _compute(self) -> Outputs:
        found = self._evaluate(self._input)
        return torch.stack([found.loss, found.content, found.style, found.tv]), found.gradient
