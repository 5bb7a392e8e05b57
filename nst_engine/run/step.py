"""What the caller of `stylize` gets for each iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from PIL import Image
from torch import Tensor

from nst_engine.machine.host_copy import HostCopy
from nst_engine.state import State
from nst_engine.tensors import to_uint8


@dataclass(frozen=True, kw_only=True)
class Step:
    """One finished iteration. The losses are weighted, and are those of the image that the iteration started from.

    `iteration` counts from 1 to `total` over all scales, `scale` from 1 to `scales`; `width` and `height` are pixels.
    `pixels_left` is the work of all iterations to come, the sum of their pixels.
    The methods return what is current when they are called: call them before asking for the next step.
    """

    iteration: int
    total: int
    scale: int
    scales: int
    width: int
    height: int
    pixels_left: int
    loss: float
    content_loss: float
    style_loss: float
    tv_loss: float
    _image: Callable[[], Tensor] = field(repr=False, compare=False)
    _state: Callable[[], State] = field(repr=False, compare=False)

    def image(self) -> Tensor:
        """Return the image so far, float RGB (3, H, W) in [0, 1] on the CPU."""
        return self._image().cpu()

    def begin_picture(self) -> Callable[[], Image.Image]:
        """Start to copy the image so far to the host; return a function that returns it as an 8-bit RGB picture.

        The function may be called later, in another thread: a CUDA device goes on while it is waited for.
        """
        pixels = HostCopy(to_uint8(self._image()))
        return lambda: Image.fromarray(pixels.wait().numpy(), "RGB")

    def state(self) -> State:
        """Return the state from which the run can be resumed after this step, to the same result."""
        state = self._state()
        copies = {name: HostCopy(tensor) for name, tensor in state.tensors.items()}
        return replace(state, tensors={name: copy.wait() for name, copy in copies.items()})

    def state_pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the state piece by piece, which needs less memory. Use them up before the next step."""
        return self._state().pieces()
