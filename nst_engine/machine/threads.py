"""The number of threads that compute an image on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nst_engine.spec.layers import NETWORKS


@contextmanager
def threads_for(pixels: int, model: str) -> Iterator[None]:
    """Use one thread inside the block if the image is so small that waking the others takes longer than they save.

    An iteration is hundreds of operations, and sleeping threads are woken for each.
    """
    before = torch.get_num_threads()
    if before == 1 or pixels > NETWORKS[model].single_thread_pixels:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
