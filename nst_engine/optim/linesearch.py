"""A line search for the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_engine.losses.objective import Evaluation

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MAX_EVALUATIONS = 25


@dataclass(frozen=True)
class _Point:
    """The loss and its slope at one length along the direction."""

    length: float
    loss: float
    slope: float
    evaluation: Evaluation


def strong_wolfe(
    evaluate: Callable[[Tensor], Evaluation], x: Tensor, start: Evaluation, direction: Tensor, length: float
) -> tuple[float, Evaluation]:
    """Return a length along `direction` that meets the strong Wolfe conditions, and the evaluation there.

    If none is found within MAX_EVALUATIONS, return the best length seen.
    """
    origin = _Point(0.0, float(start.loss), float(torch.sum(start.gradient * direction)), start)

    def probe(at: float) -> _Point:
        found = evaluate(x + at * direction)
        return _Point(at, float(found.loss), float(torch.sum(found.gradient * direction)), found)

    best = _search(probe, origin, length)
    return best.length, best.evaluation


def _search(probe: Callable[[float], _Point], origin: _Point, length: float) -> _Point:
    low, high = origin, None
    seen = origin
    for _ in range(MAX_EVALUATIONS):
        point = probe(length)
        seen = point if seen is origin or not seen.loss <= point.loss else seen
        if _too_high(point, origin) or (point.loss >= low.loss and low is not origin):
            high = point
        elif abs(point.slope) <= -CURVATURE * origin.slope:
            return point
        elif high is None and point.slope < 0:
            low, length = point, 2.0 * point.length
            continue
        else:
            if high is None or point.slope * (high.length - point.length) >= 0:
                high = low
            low = point
        length = _between(low, high)
        if abs(high.length - low.length) * abs(origin.slope) < 1e-12:
            break
    return seen


def _too_high(point: _Point, origin: _Point) -> bool:
    return not point.loss <= origin.loss + SUFFICIENT_DECREASE * point.length * origin.slope


def _between(low: _Point, high: _Point) -> float:
    """Return the minimum of the cubic through both points, away from the ends; the middle if it has none."""
    width = high.length - low.length
    middle = low.length + 0.5 * width
    d1 = low.slope + high.slope - 3 * (low.loss - high.loss) / (low.length - high.length)
    square = d1 * d1 - low.slope * high.slope
    if not square >= 0:
        return middle
    d2 = square**0.5 if width > 0 else -(square**0.5)
    denominator = high.slope - low.slope + 2 * d2
    if denominator == 0:
        return middle
    found = high.length - width * (high.slope + d2 - d1) / denominator
    near, far = sorted((low.length + 0.1 * width, low.length + 0.9 * width))
    return float(min(max(found, near), far))
