"""Painting the frames of a film one after the other, as a generator: the caller stores, shows, pauses and stops.

The first frame of a scene is painted as a picture. Each further one starts from the results before it, warped to it, is
held to them by the temporal loss, and needs few steps.

A film resumes exactly from its stored results: a result has 8 bits, and the next frame starts from these. Nothing else
is kept from frame to frame except the frames of the film and their results, of which the last LOOKBACK count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nst_engine.images.shrinking import Shrinker
from nst_engine.losses.objective import Objective
from nst_engine.losses.temporal import Anchor
from nst_engine.memory import Tiling
from nst_engine.motion.flow import Frame
from nst_engine.motion.history import LOOKBACK as LOOKBACK
from nst_engine.motion.history import FrameHistory, Guess, Painted
from nst_engine.networks.features import Network, load_network
from nst_engine.run.inputs import Inputs
from nst_engine.run.loop import Run, run_tilings
from nst_engine.run.step import Step
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Init, PreserveColor
from nst_engine.spec.schedule import schedule
from nst_engine.tensors import resize, to_picture, to_tensor

FRAME_SHARE = 0.01  # of the steps of a picture, for a frame that starts from the one before
LEAST_STEPS = 2
# The root mean square by which the first step of L-BFGS changes such a frame, of pixels in [0, 1]: about as much as a
# later one. A tiny step would measure the curvature at the kinks of rectified features and be a step without effect.
FIRST_MOVE = 0.0025


@dataclass(frozen=True, kw_only=True)
class FilmStep:
    """One finished iteration of one frame.

    `frame` counts the frames of the film from 0. `iteration` counts from 1 to `total` within the frame; both are 0 for
    a frame that is the same as the one before. With `is_last` the frame is finished, and `picture()` is what to store.
    """

    frame: int
    iteration: int
    total: int
    is_last: bool
    width: int
    height: int
    loss: float | None
    _pixels_left: int = field(repr=False, compare=False)  # in this frame
    _frame_pixels: int = field(repr=False, compare=False)  # of all iterations of a frame that starts from those before
    _begin_picture: Callable[[], Callable[[], Image.Image]] = field(repr=False, compare=False)

    def picture(self) -> Image.Image:
        """Return the frame so far, 8-bit RGB. Call it before asking for the next step."""
        return self._begin_picture()()

    def begin_picture(self) -> Callable[[], Image.Image]:
        """Start to copy the frame so far to the host; return a function that returns it. See Step.begin_picture."""
        return self._begin_picture()

    def pixels_left(self, frames: int) -> int:
        """Return the work of all iterations to come in a film of `frames` frames, the sum of their pixels.

        A cut is not known before it comes: its frame takes more iterations than are planned here.
        """
        return self._pixels_left + (frames - self.frame - 1) * self._frame_pixels


def frame_steps(config: StyleConfig) -> int:
    """Return the number of steps of each frame but the first of a scene."""
    return min(config.steps, max(LEAST_STEPS, round(config.steps * FRAME_SHARE)))


def stylize_film(
    frames: Iterable[Image.Image],
    styles: Sequence[Tensor],
    config: StyleConfig | None = None,
    *,
    masks: Sequence[Tensor] | None = None,
    style_masks: Sequence[Tensor] | None = None,
    init_image: Tensor | None = None,
    device: torch.device | str = "cpu",
    network: Network | None = None,
    first: int = 0,
    before: Sequence[Image.Image] = (),
) -> Iterator[FilmStep]:
    """Paint the frames of a film in the manner of `styles`; yield a FilmStep for each iteration.

    frames: RGB pictures of one size, as `nst_engine.film.reading.read_frames` yields them; they are shrunk to the size
    of the result. styles and what follows: see `nst_engine.stylize`; masks apply to all frames, init_image to the first
    of each scene.
    first, before: to resume at frame `first`, the results of the frames just before it, LOOKBACK of them or all there
    are. `frames` must then begin with the frames of `before`.

    The call raises FilmError if the extra `video` is not installed; the first step raises ConfigError, WeightsError or
    MemoryLimitError, any step DivergedError.
    """
    config = (config or StyleConfig()).model_copy(update={"plateau": 0.0})  # a frame's last step is known beforehand
    network = network or load_network(config, device=device)

    def inputs(content: Tensor, values: StyleConfig, start: Tensor | None) -> Inputs:
        return Inputs.checked(content, styles, values, masks=masks, style_masks=style_masks, init_image=start)

    painter = _Painter(config, network, inputs, init_image)
    return painter.steps(iter(frames), first, before)


class _SharedObjectives:
    """Makes the objectives of runs, which share what is made of the styles: once a scale for the whole film."""

    def __init__(self, config: StyleConfig) -> None:
        # With the content's colors, the style images depend on the frame.
        self._shares = config.preserve_color is PreserveColor.NONE
        self._made: dict[int, Objective] = {}  # by scale, without the content
        self.anchor: Anchor | None = None

    def make(self, scale: int, content: Callable[[], Tensor], make: Callable[[], Objective]) -> Objective:
        """Return the objective of a scale of a run; only the first one is made from all inputs."""
        kept = self._made.get(scale)
        found = make() if kept is None else kept.with_content(content())
        if kept is None and self._shares:
            self._made[scale] = found.without_content()
        return found if self.anchor is None else found.with_anchor(self.anchor)


class _Painter:
    """Paints frame after frame."""

    def __init__(
        self,
        config: StyleConfig,
        network: Network,
        inputs: Callable[[Tensor, StyleConfig, Tensor | None], Inputs],
        init_image: Tensor | None,
    ) -> None:
        self._config, self._network = config, network
        self._inputs, self._init_image = inputs, init_image
        self._history = FrameHistory()
        self._of_pictures, self._of_frames = _SharedObjectives(config), _SharedObjectives(config)
        self._tilings: tuple[Sequence[Tiling], Sequence[Tiling]] | None = None

    def steps(self, frames: Iterator[Image.Image], first: int, before: Sequence[Image.Image]) -> Iterator[FilmStep]:
        """Yield the steps of all frames."""
        for result, frame in zip(before, frames, strict=False):
            self._history.add(Painted(self._fitted(frame)[1], np.asarray(result.convert("RGB"))))
        for number, frame in enumerate(frames, first):
            content, pixels = self._fitted(frame)
            same = self._history.unchanged(pixels)
            if same is not None:
                yield self._unchanged(number, same, self._frame_pixels(content))
                self._history.add(Painted(pixels, same))
                continue
            guess, last = self._history.guess(pixels), None
            for step in self._run(content, guess).steps():
                last = _film_step(step, number, self._frame_pixels(content))
                yield last
            if last is not None:
                self._history.add(Painted(pixels, np.asarray(last.picture())))

    def _fitted(self, frame: Image.Image) -> tuple[Tensor, Frame]:
        """Return a frame at the size of the result, as (3, H, W) in [0, 1] and as 8-bit pixels (H, W, 3)."""
        size = schedule(self._config, frame.height, frame.width)[-1]
        whole = to_tensor(Shrinker(self._config, frame).content(frame))[None]
        content = resize(whole, size.height, size.width).clamp(0, 1)[0]
        return content, np.asarray(to_picture(content))

    def _run(self, content: Tensor, guess: Guess | None) -> Run:
        """Return the run that paints a frame: of a picture, or of a few steps from what is known about it."""
        if guess is None:
            inputs = self._inputs(content, self._config, self._init_image)
            tilings, _ = self._planned(inputs)
            return Run(inputs, self._config, self._network, tilings=tilings, share=self._of_pictures.make)
        start = torch.from_numpy(guess.start).permute(2, 0, 1)
        config = self._frame_config(content)
        inputs = self._inputs(content, config, start)
        device = self._network.device
        image, trusted = start[None].to(device), torch.from_numpy(guess.confidence)[None, None].to(device)
        self._of_frames.anchor = Anchor(image, trusted)
        _, tilings = self._planned(inputs)
        return Run(
            inputs,
            config,
            self._network,
            tilings=tilings,
            share=self._of_frames.make,
            first_move=FIRST_MOVE * self._network.pixel_scale,
        )

    def _planned(self, inputs: Inputs) -> tuple[Sequence[Tiling], Sequence[Tiling]]:
        """Return the tiles of a frame painted as a picture and of one that starts from those before.

        They are planned at the first frame for the whole film, so that it fails there or not for want of memory.
        """
        if self._tilings is None:
            picture, frame = self._config, self._frame_config(inputs.content)
            self._tilings = (
                run_tilings(inputs, picture, self._network),
                run_tilings(inputs, frame, self._network),
            )
        return self._tilings

    def _frame_config(self, content: Tensor) -> StyleConfig:
        """Return the parameters of a frame that starts from those before: the last scale of a picture, in few steps."""
        scales = len(schedule(self._config, content.shape[-2], content.shape[-1]))
        changes = {
            "init": Init.IMAGE,
            "steps": frame_steps(self._config),
            "scales": 1,
            "content_decay": 1.0,
            "final_rate": 1.0,
            "final_pass": False,
        }
        return self._config.at_scale(scales - 1, scales).model_copy(update=changes)

    def _frame_pixels(self, content: Tensor) -> int:
        return frame_steps(self._config) * content.shape[-2] * content.shape[-1]

    def _unchanged(self, number: int, result: Frame, frame_pixels: int) -> FilmStep:
        height, width = result.shape[:2]
        return FilmStep(
            frame=number,
            iteration=0,
            total=0,
            is_last=True,
            width=width,
            height=height,
            loss=None,
            _pixels_left=0,
            _frame_pixels=frame_pixels,
            _begin_picture=lambda: partial(Image.fromarray, result, "RGB"),
        )


def _film_step(step: Step, number: int, frame_pixels: int) -> FilmStep:
    return FilmStep(
        frame=number,
        iteration=step.iteration,
        total=step.total,
        is_last=step.iteration == step.total,
        width=step.width,
        height=step.height,
        loss=step.loss,
        _pixels_left=step.pixels_left,
        _frame_pixels=frame_pixels,
        _begin_picture=cache(step.begin_picture),  # the picture is stored, encoded, shown and warped
    )
