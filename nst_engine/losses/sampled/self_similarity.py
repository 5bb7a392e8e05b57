"""The content loss of STROTSS: distances between the positions of a picture, compared with those of the content."""

from __future__ import annotations

from torch import Tensor

from nst_engine.losses.sampled.distances import cosine_distances


def self_similarity_loss(columns: Tensor, content: Tensor) -> Tensor:
    """Return n · mean |D_x / colsum(D_x) − D_c / colsum(D_c)| for rows (n, D) at the same positions of both.

    D are the cosine distances of all pairs (Kolkin et al. 2019).
    """
    return columns.shape[0] * (_relative(columns) - _relative(content)).abs().mean()


def _relative(rows: Tensor) -> Tensor:
    distances = cosine_distances(rows, rows)
    return distances / distances.sum(0).clamp(min=1e-8)
