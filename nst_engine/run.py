"""The optimiser loop, as a generator: it yields a step each iteration, the caller decides about everything else."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nst_engine import color
from nst_engine.losses.objective import Evaluation, Objective
from nst_engine.machine.precision import convolution_precision, resolve_precision
from nst_engine.machine.threads import threads_for
from nst_engine.memory import plan_tiles
from nst_engine.networks.features import Network, load_network
from nst_engine.optim.optimizers import Evaluate, PixelOptimizer, make_optimizer
from nst_engine.schedule import Scale, schedule, style_size
from nst_engine.spec.config import Clamp, Init, PreserveColor, StyleConfig
from nst_engine.spec.errors import CheckpointError, ConfigError, DivergedError, Problem
from nst_engine.state import State
from nst_engine.tensors import resize

MAX_RETRIES = 8
BLOW_UP = 1e6  # a loss this many times the scale's first one counts as diverged, before it overflows
PLATEAU_WINDOW = 20


@dataclass(frozen=True, kw_only=True)
class Step:
    """One iteration done; the losses are weighted and of the image the iteration started from.

    `iteration` counts from 1 over all `total` iterations, `scale` from 1 to `scales`; `width` and `height` are pixels.
    `image()` and `state()` are of now: take them before asking for the next step.
    """

    iteration: int
    total: int
    scale: int
    scales: int
    width: int
    height: int
    loss: float
    content_loss: float
    style_loss: float
    tv_loss: float
    _run: _Run = field(repr=False, compare=False)

    def image(self) -> Tensor:
        """Return the picture so far, float RGB (3, H, W) in [0, 1] on the CPU."""
        return self._run.result()

    def state(self) -> State:
        """Return what resumes the run after this step to the same result."""
        return self._run.state()


def stylize(
    content: Tensor,
    styles: Sequence[Tensor],
    config: StyleConfig | None = None,
    *,
    masks: Sequence[Tensor] | None = None,
    init_image: Tensor | None = None,
    device: torch.device | str = "cpu",
    network: Network | None = None,
    resume: State | None = None,
) -> Iterator[Step]:
    """Paint `content` in the manner of `styles`; yield a Step each iteration (Gatys, Ecker and Bethge 2016).

    content, styles: float RGB (3, H, W) in [0, 1], any size; none of them is changed.
    masks: one (H, W) in [0, 1] per style, of any size: where on the content that style applies.
    init_image: (3, H, W), for init=image. network: what `load_network` gave for this config, else it is loaded here.
    resume: a State of the same inputs and config.

    Everything is checked before the first step: ConfigError, WeightsError, MemoryLimitError or CheckpointError at the
    call; DivergedError while it runs.
    """
    config = config or StyleConfig()
    inputs = _Inputs.checked(content, styles, config, masks, init_image)
    network = network or load_network(config, device=device)
    return _Run(inputs, config, network, resume).steps()


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """The caller's tensors with a batch axis, (1, C, H, W)."""

    content: Tensor
    styles: tuple[Tensor, ...]
    masks: tuple[Tensor, ...] | None
    init_image: Tensor | None

    @classmethod
    def checked(
        cls,
        content: Tensor,
        styles: Sequence[Tensor],
        config: StyleConfig,
        masks: Sequence[Tensor] | None,
        init_image: Tensor | None,
    ) -> _Inputs:
        problems = []
        if not styles:
            problems.append(Problem(field="style", message="at least one style image is needed"))
        if config.style_blend is not None and len(config.style_blend) != len(styles):
            message = f"{len(config.style_blend)} weights for {len(styles)} style images"
            problems.append(Problem(field="style_blend", message=message))
        if masks is not None and len(masks) != len(styles):
            message = f"{len(masks)} masks for {len(styles)} style images: give one for each, in the same order"
            problems.append(Problem(field="mask", message=message))
        if (config.init is Init.IMAGE) != (init_image is not None):
            problems.append(Problem(field="init", message="init=image and an initial image go together"))
        pictures = [("content", content), *((f"style[{i}]", s) for i, s in enumerate(styles))]
        pictures += [] if init_image is None else [("init_image", init_image)]
        for name, image in pictures:
            if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape or not image.is_floating_point():
                problems.append(Problem(field=name, message="must be a float RGB tensor (3, H, W)"))
        if any(mask.ndim != 2 or 0 in mask.shape for mask in masks or ()):
            problems.append(Problem(field="mask", message="must be a tensor (H, W)"))
        elif masks and not any(bool(mask.any()) for mask in masks):
            problems.append(Problem(field="mask", message="every mask is black: no style would apply anywhere"))
        if problems:
            raise ConfigError("; ".join(f"{p.field}: {p.message}" for p in problems), tuple(problems))
        return cls(
            content=_batched(content),
            styles=tuple(_batched(style) for style in styles),
            masks=None if masks is None else tuple(_batched(mask)[None] for mask in masks),
            init_image=None if init_image is None else _batched(init_image),
        )

    def fingerprint(self, config: StyleConfig) -> str:
        """Name parameters and inputs, so that a state is resumed by the run it belongs to."""
        digest = hashlib.sha256(config.model_dump_json().encode())
        for tensor in (
            self.content,
            *self.styles,
            *(self.masks or ()),
            *(() if self.init_image is None else (self.init_image,)),
        ):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
        return digest.hexdigest()


def _batched(image: Tensor) -> Tensor:
    return image.detach().float()[None]


class _Run:
    """One run: the picture being made and everything that moves it."""

    def __init__(self, inputs: _Inputs, config: StyleConfig, network: Network, resume: State | None) -> None:
        self._inputs, self._config, self._network = inputs, config, network
        self._scales = schedule(config, *inputs.content.shape[-2:])
        self._precision = resolve_precision(config.precision, network.device)
        styles = [(style.shape[-2], style.shape[-1]) for style in inputs.styles]
        self._tiles = plan_tiles(config, network, self._scales, styles)
        self._fingerprint = inputs.fingerprint(config)
        self._optimizer: PixelOptimizer = make_optimizer(config)
        self._index, self._done = 0, 0
        self._recent: list[float] = []  # losses of the last iterations of this scale
        self._average_before: Tensor | None = None
        if resume is None:
            self._x = self._start(self._scales[0])
            self._average = torch.zeros_like(self._x) if config.average_decay else None
        else:
            self._restore(resume)

    # Going through the scales

    def steps(self) -> Iterator[Step]:
        """Yield a step each iteration, over all scales."""
        while True:
            with self._computing():
                objective = self._objective(self._scales[self._index])
            yield from self._one_scale(objective)
            if self._index == len(self._scales) - 1:
                return
            self._next_scale()

    def _one_scale(self, objective: Objective) -> Iterator[Step]:
        scale = self._scales[self._index]
        guard = _Guard(self._optimizer)
        while self._done < scale.steps and not self._on_plateau():
            with self._computing():
                now = guard.step(self._x, lambda x: self._evaluate(objective, x))
            if now is None:
                self._average_again()
                continue
            self._done += 1
            self._after_step()
            self._recent = [*self._recent[-PLATEAU_WINDOW:], float(now.loss)]
            yield self._step(scale, now)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Compute in the arithmetic and with the threads for this scale; the caller gets back its own."""
        scale = self._scales[self._index]
        with convolution_precision(self._precision), threads_for(scale.height * scale.width, self._config.model):
            yield

    def _evaluate(self, objective: Objective, x: Tensor) -> Evaluation:
        """Evaluate x, which is in the units of the input convention, and give the gradient in them."""
        unit = self._network.pixel_scale
        if unit == 1.0:
            return objective.evaluate(x)
        now = objective.evaluate(x / unit)
        return Evaluation(now.loss, now.content, now.style, now.tv, now.gradient / unit)

    def _after_step(self) -> None:
        if self._config.clamp is Clamp.STEP:
            self._x.clamp_(0, self._network.pixel_scale)
        if self._average is not None:
            self._average_before = self._average.clone()
            self._average.lerp_(self._x, 1 - self._config.average_decay)

    def _average_again(self) -> None:
        """Put the iterate that was restored in the place of the one that had to be undone."""
        if self._average is not None and self._average_before is not None:
            self._average = self._average_before.lerp(self._x, 1 - self._config.average_decay)

    def _on_plateau(self) -> bool:
        if not self._config.plateau or len(self._recent) <= PLATEAU_WINDOW:
            return False
        return self._recent[-1] > (1 - self._config.plateau) * self._recent[0]

    def _next_scale(self) -> None:
        """Enlarge the picture so far, adding the content's detail that was too fine before: the next scale's start."""
        picture, before = self._picture(), self._scales[self._index]
        self._index, self._done, self._recent = self._index + 1, 0, []
        scale = self._scales[self._index]
        self._x = resize(picture, scale.height, scale.width).contiguous()
        if self._config.init is Init.CONTENT and self._config.content_weight:
            fine = self._content(scale) - resize(self._content(before), scale.height, scale.width)
            self._x += fine * (self._config.detail * self._network.pixel_scale)
        self._average = None if self._average is None else torch.zeros_like(self._x)
        self._average_before = None
        if self._config.carry_state:
            self._optimizer.resize(lambda t, mode: resize(t, scale.height, scale.width, mode))
        else:
            self._optimizer = make_optimizer(self._config)

    # What goes in

    def _objective(self, scale: Scale) -> Objective:
        content, styles = self._recolored(
            self._content(scale), [self._style(style, scale) for style in self._inputs.styles]
        )
        device = self._network.device
        masks = None
        if self._inputs.masks is not None:
            masks = [
                resize(m, scale.height, scale.width, "bilinear")[0, 0].clamp(0, 1).to(device)
                for m in self._inputs.masks
            ]
        return Objective(
            self._network,
            self._config,
            content=content,
            styles=styles,
            masks=masks,
            tile=self._tiles[self._index].picture,
            style_tile=self._tiles[self._index].styles,
            precision=self._precision,
        )

    def _content(self, scale: Scale) -> Tensor:
        return resize(self._inputs.content, scale.height, scale.width).clamp(0, 1).to(self._network.device)

    def _style(self, style: Tensor, scale: Scale) -> Tensor:
        """Return a style image fitted to the scale."""
        height, width = style_size(self._config, (style.shape[-2], style.shape[-1]), scale)
        return resize(style, height, width).clamp(0, 1).to(self._network.device)

    def _recolored(self, content: Tensor, styles: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        match self._config.preserve_color:
            case PreserveColor.NONE:
                return content, styles
            case PreserveColor.LUMINANCE:
                return color.luminance(content), [color.match_luminance(style, content) for style in styles]
            case PreserveColor.LINEAR:
                return content, [color.match_colors(style, content) for style in styles]

    def _start(self, scale: Scale) -> Tensor:
        """Return the first iterate in the units of the input convention, (1, 3, H, W)."""
        config, network = self._config, self._network
        shape = (1, 3, scale.height, scale.width)
        generator = torch.Generator().manual_seed(config.seed)
        match config.init:
            case Init.CONTENT:
                image = self._content(scale)
            case Init.STYLE:
                image = resize(self._inputs.styles[0], scale.height, scale.width).clamp(0, 1)
            case Init.IMAGE:
                assert self._inputs.init_image is not None
                image = resize(self._inputs.init_image, scale.height, scale.width).clamp(0, 1)
            case Init.GAUSSIAN:
                noise = torch.randn(shape, generator=generator) * config.init_std
                image = network.denormalize(noise.to(network.device))
            case Init.UNIFORM:
                noise = (torch.rand(shape, generator=generator) * 2 - 1) * config.init_std
                image = network.denormalize(noise.to(network.device))
        return (image.to(network.device) * network.pixel_scale).clone(memory_format=torch.contiguous_format)

    # What comes out

    def _picture(self) -> Tensor:
        """Return the result so far in units of the input convention: the iterate, or the bias-corrected average."""
        if self._average is None or self._done == 0:
            return self._x
        return self._average / (1 - self._config.average_decay**self._done)

    def result(self) -> Tensor:
        """Return the picture so far, (3, H, W) in [0, 1] on the CPU."""
        image = self._picture() / self._network.pixel_scale
        if self._config.preserve_color is PreserveColor.LUMINANCE:
            image = color.with_colors_of(image, self._content(self._scales[self._index]))
        return image[0].clamp(0, 1).cpu().clone()

    def _step(self, scale: Scale, now: Evaluation) -> Step:
        before = sum(s.steps for s in self._scales[: self._index])
        return Step(
            iteration=before + self._done,
            total=sum(s.steps for s in self._scales),
            scale=self._index + 1,
            scales=len(self._scales),
            width=scale.width,
            height=scale.height,
            loss=float(now.loss),
            content_loss=float(now.content),
            style_loss=float(now.style),
            tv_loss=float(now.tv),
            _run=self,
        )

    # Saving and resuming

    def state(self) -> State:
        """Return everything that decides how the run goes on."""
        tensors = {"x": self._x, "recent": torch.tensor(self._recent, dtype=torch.float64)} | (
            {} if self._average is None else {"average": self._average}
        )
        tensors |= {f"optimizer.{name}": value for name, value in self._optimizer.state().items()}
        return State(
            fingerprint=self._fingerprint,
            scale=self._index,
            done=self._done,
            tensors={name: tensor.detach().cpu().clone() for name, tensor in tensors.items()},
        )

    def _restore(self, state: State) -> None:
        if state.fingerprint != self._fingerprint:
            raise CheckpointError("the checkpoint belongs to other pictures or parameters")
        tensors = {name: tensor.to(self._network.device) for name, tensor in state.tensors.items()}
        self._index, self._done, self._recent = state.scale, state.done, tensors["recent"].tolist()
        self._x, self._average = tensors["x"].clone(), tensors.get("average")
        head = "optimizer."
        self._optimizer.restore({name.removeprefix(head): t for name, t in tensors.items() if name.startswith(head)})


class _Guard:
    """Restores the last good iterate when the loss leaves the finite numbers, and goes on with smaller steps."""

    def __init__(self, optimizer: PixelOptimizer) -> None:
        self._optimizer = optimizer
        self._good: Tensor | None = None
        self._first: float | None = None
        self._retries = 0

    def step(self, x: Tensor, evaluate: Evaluate) -> Evaluation | None:
        """Take a step; return None where it had to be undone. Raises DivergedError when that keeps failing."""
        before = x.clone()
        now = self._optimizer.step(x, evaluate)
        if self._is_sound(float(now.loss)):
            self._good = before
            if math.isfinite(float(x.sum())):  # one infinite pixel or one that is no number makes the sum so
                return now
        self._retries += 1
        if self._good is None or self._retries > MAX_RETRIES:
            raise DivergedError(
                "the optimisation diverged: the loss is no longer a number; try a smaller learning rate"
            )
        x.copy_(self._good)
        self._optimizer.slow_down()
        return None

    def _is_sound(self, loss: float) -> bool:
        """Tell whether a loss is a number that does not leave the scale's first one far behind."""
        if not math.isfinite(loss):
            return False
        self._first = loss if self._first is None else self._first
        return loss <= BLOW_UP * max(self._first, 1e-12)
