"""The optimization loop as a generator: it yields a step for each iteration, and the caller decides on the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial

import torch
from torch import Tensor

from nst_engine import color
from nst_engine.losses.objective import Evaluation, Losses, Objective
from nst_engine.losses.sampled.losses import has_sampled_losses
from nst_engine.machine.precision import convolution_precision, resolve_precision
from nst_engine.machine.threads import threads_for
from nst_engine.memory import Tiling, plan_tiles
from nst_engine.networks.features import Network, load_network
from nst_engine.optim.factory import make_optimizer
from nst_engine.optim.optimizers import Evaluate, PixelOptimizer
from nst_engine.pyramid import finest
from nst_engine.run.average import IterateAverage
from nst_engine.run.divergence_guard import DivergenceGuard, Steps
from nst_engine.run.graphed import CudaRecorder, GraphedEvaluation, GraphedOptimizer
from nst_engine.run.inputs import Inputs
from nst_engine.run.scaled_inputs import ScaledInputs
from nst_engine.run.step import Step
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Clamp, ColorMatch, Init, LineSearch, PreserveColor
from nst_engine.spec.errors import CheckpointError
from nst_engine.spec.schedule import Scale, pixels_left, schedule
from nst_engine.state import LazyTensors, State
from nst_engine.tensors import resize

PLATEAU_WINDOW = 20  # iterations
OPTIMIZER = "optimizer."  # prefix of the optimizer's tensors in a state
# Returns the objective of a scale, from its content image or from all inputs: frames of a film share the styles.
Share = Callable[[int, Callable[[], Tensor], Callable[[], Objective]], Objective]


def stylize(
    content: Tensor,
    styles: Sequence[Tensor],
    config: StyleConfig | None = None,
    *,
    masks: Sequence[Tensor] | None = None,
    style_masks: Sequence[Tensor] | None = None,
    init_image: Tensor | None = None,
    device: torch.device | str = "cpu",
    network: Network | None = None,
    resume: State | None = None,
    cuda_graphs: bool = False,
) -> Iterator[Step]:
    """Paint `content` in the manner of `styles`; yield a Step for each iteration (Gatys, Ecker and Bethge 2016).

    content, styles: float RGB (3, H, W) in [0, 1], of any size; they are not changed.
    masks: one (H, W) in [0, 1] per style, of any size: where on the content that style applies.
    style_masks: one (H, W) in [0, 1] per style, of any size: which part of that style image counts.
    init_image: (3, H, W), for init=image.
    network: what `load_network` returned for this config; without it the network is loaded.
    resume: a State of a run with the same inputs and config.
    cuda_graphs: launch the kernels of an iteration together on a CUDA device, but not in tiles or with losses on
    samples.

    Everything is checked before the first step. The call raises ConfigError, WeightsError, MemoryLimitError or
    CheckpointError; a step raises DivergedError.
    """
    config = config or StyleConfig()
    inputs = Inputs.checked(content, styles, config, masks=masks, style_masks=style_masks, init_image=init_image)
    network = network or load_network(config, device=device)
    return Run(inputs, config, network, resume, cuda_graphs=cuda_graphs).steps()


def run_tilings(inputs: Inputs, config: StyleConfig, network: Network) -> tuple[Tiling, ...]:
    """Return the tiles for each scale of a run; raises MemoryLimitError if it does not fit even in tiles."""
    styles = [(style.shape[-2], style.shape[-1]) for style in inputs.styles]
    return plan_tiles(config, network, schedule(config, *inputs.content.shape[-2:]), styles)


def _not_shared(_scale: int, _content: Callable[[], Tensor], make: Callable[[], Objective]) -> Objective:
    return make()


class Run:
    """The image being made, and all that decides how the run goes on."""

    def __init__(
        self,
        inputs: Inputs,
        config: StyleConfig,
        network: Network,
        resume: State | None = None,
        *,
        cuda_graphs: bool = False,
        tilings: Sequence[Tiling] | None = None,
        share: Share = _not_shared,
        first_move: float | None = None,
    ) -> None:
        self._share = share
        self._graphs = cuda_graphs and network.device.type == "cuda"
        self._config, self._network = config, network
        self._inputs = ScaledInputs(inputs, config, network)
        self._scales = schedule(config, *inputs.content.shape[-2:])
        self._precision = resolve_precision(config.precision, network.device)
        self._tilings = tilings or run_tilings(inputs, config, network)
        self._optimizer: PixelOptimizer = make_optimizer(config.at_scale(0, len(self._scales)), first_move)
        self._index, self._done = 0, 0
        self._recent: list[float] = []  # losses of the last iterations at this scale
        self._matched: Tensor | None = None  # the picture whose features were last matched at this scale
        if resume is None:
            self._x = self._inputs.start(self._scales[0])
            self._average = self._new_average()
        else:
            self._restore(resume)

    @cached_property
    def _fingerprint(self) -> str:
        """The hash of parameters and inputs, which takes time: only a run that is saved or resumed needs it."""
        return self._inputs.inputs.fingerprint(self._config)

    @property
    def _scale(self) -> Scale:
        return self._scales[self._index]

    def steps(self) -> Iterator[Step]:
        """Yield a step for each iteration, over all scales."""
        while True:
            yield from self._steps_at_scale()
            if self._index == len(self._scales) - 1:
                return
            self._enlarge()

    def _steps_at_scale(self) -> Iterator[Step]:
        with self._computing():
            objective = self._objective()
        optimizer: Steps = self._optimizer
        evaluate: Evaluate = partial(self._evaluate, objective)
        if self._graphs and self._tilings[self._index].image is None and not has_sampled_losses(self._config):
            recorder = CudaRecorder(self._network.device)
            if self._config.line_search is LineSearch.NONE:
                optimizer = GraphedOptimizer(self._optimizer, recorder)
            else:
                evaluate = GraphedEvaluation(evaluate, recorder)
        guard = DivergenceGuard(optimizer)
        while self._done < self._scale.steps and not self._on_plateau():
            with self._computing():
                if objective.draw(self._done, self._picture()):
                    self._optimizer.function_changed()
                self._matched = objective.matched
                losses = guard.step(self._x, evaluate)
            if losses is None:
                if self._average is not None:
                    self._average.replace_last(self._x)
                continue
            self._done += 1
            if self._config.clamp is Clamp.STEP:
                self._x.clamp_(0, self._network.pixel_scale)
            if self._average is not None:
                self._average.add(self._x)
            self._recent = [*self._recent[-PLATEAU_WINDOW:], losses.total]
            yield self._step(losses)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Compute in the precision and with the threads for this scale; the caller's settings come back afterwards."""
        pixels = self._scale.height * self._scale.width
        with convolution_precision(self._precision), threads_for(pixels, self._config.model):
            yield

    def _objective(self) -> Objective:
        objective = self._share(self._index, partial(self._inputs.content, self._scale), self._new_objective)
        if self._done:  # resumed within the scale: go on with the samples of the last step
            objective.draw(self._done - 1, self._picture() if self._matched is None else self._matched)
        return objective

    def _new_objective(self) -> Objective:
        content, styles = self._inputs.content_and_styles(self._scale)
        tiling = self._tilings[self._index]
        return Objective(
            self._network,
            self._config.at_scale(self._index, len(self._scales)),
            content=content,
            styles=styles,
            masks=self._inputs.masks(self._scale),
            style_masks=self._inputs.style_masks(self._scale),
            scale=self._index,
            tile=tiling.image,
            style_tile=tiling.styles,
            precision=self._precision,
        )

    def _picture(self) -> Tensor:
        """Return the iterate in [0, 1]."""
        unit = self._network.pixel_scale
        return self._x if unit == 1.0 else self._x / unit

    def _evaluate(self, objective: Objective, x: Tensor) -> Evaluation:
        """Evaluate x, which is in the units of the input convention; the gradient is in them, too."""
        unit = self._network.pixel_scale
        if unit == 1.0:
            return objective.evaluate(x)
        now = objective.evaluate(x / unit)
        return Evaluation(now.loss, now.content, now.style, now.tv, now.gradient / unit)

    def _on_plateau(self) -> bool:
        if not self._config.plateau or len(self._recent) <= PLATEAU_WINDOW:
            return False
        return self._recent[-1] > (1 - self._config.plateau) * self._recent[0]

    def _enlarge(self) -> None:
        """Go to the next scale: enlarge the image and add the detail of the content that was too fine before."""
        image, before = self._current(), self._scale
        self._index, self._done, self._recent, self._matched = self._index + 1, 0, [], None
        height, width = self._scale.height, self._scale.width
        self._x = resize(image, height, width).contiguous()
        if self._config.init is Init.STYLE_MEAN and self._index < len(self._scales) - 1:
            fine = finest(self._inputs.content(self._scale))
            self._x += fine * (self._config.detail * self._network.pixel_scale)
        if self._config.init is Init.CONTENT and self._config.content_weight:
            fine = self._inputs.content(self._scale) - resize(self._inputs.content(before), height, width)
            self._x += fine * (self._config.detail * self._network.pixel_scale)
        self._average = self._new_average()
        if self._config.carry_state:
            self._optimizer.resize(lambda t, mode: resize(t, height, width, mode))
        else:
            self._optimizer = make_optimizer(self._config.at_scale(self._index, len(self._scales)))

    def _new_average(self) -> IterateAverage | None:
        return IterateAverage.like(self._config.average_decay, self._x) if self._config.average_decay else None

    def _current(self) -> Tensor:
        """Return the result so far, in the units of the input convention: the iterate, or the average of iterates."""
        return self._x if self._average is None or self._done == 0 else self._average.after(self._done)

    def _image(self) -> Tensor:
        """Return a copy of the image so far in [0, 1], on the device."""
        image = self._current() / self._network.pixel_scale
        if self._config.preserve_color is PreserveColor.LUMINANCE:
            image = color.with_colors_of(image, self._inputs.content(self._scale))
        if self._config.color_match is not ColorMatch.NONE:
            image = self._inputs.with_style_colors(image, self._scale)
        return image[0].clamp(0, 1)

    def _step(self, losses: Losses) -> Step:
        iteration = sum(scale.steps for scale in self._scales[: self._index]) + self._done
        return Step(
            iteration=iteration,
            total=sum(scale.steps for scale in self._scales),
            scale=self._index + 1,
            scales=len(self._scales),
            width=self._scale.width,
            height=self._scale.height,
            pixels_left=pixels_left(self._scales, iteration),
            loss=losses.total,
            content_loss=losses.content,
            style_loss=losses.style,
            tv_loss=losses.tv,
            _image=self._image,
            _state=self._state,
        )

    def _state(self) -> State:
        """Return the state with the tensors of the run itself, which change with the next step."""
        tensors = {"x": self._x, "recent": torch.tensor(self._recent, dtype=torch.float64)}
        if self._average is not None:
            tensors["average"] = self._average.biased
        if self._matched is not None:
            tensors["matched"] = self._matched
        tensors |= {f"{OPTIMIZER}{name}": value for name, value in self._optimizer.state().items()}
        return State(
            fingerprint=self._fingerprint,
            scale=self._index,
            done=self._done,
            tensors=tensors,
        )

    def _restore(self, state: State) -> None:
        if state.fingerprint != self._fingerprint:
            raise CheckpointError("the checkpoint belongs to other pictures or parameters")
        # One at a time: together they are many times as large as the picture.
        tensors = LazyTensors({name: partial(self._restored, state, name) for name in state.tensors})
        self._index, self._done, self._recent = state.scale, state.done, tensors["recent"].tolist()
        self._x, self._matched = tensors["x"].clone(), tensors.get("matched")
        average = tensors.get("average")
        self._average = None if average is None else IterateAverage(self._config.average_decay, average.clone())
        names = [name for name in tensors if name.startswith(OPTIMIZER)]
        self._optimizer.restore(
            LazyTensors({name.removeprefix(OPTIMIZER): partial(tensors.__getitem__, name) for name in names})
        )

    def _restored(self, state: State, name: str) -> Tensor:
        """Return a tensor of a state on the device."""
        tensor = state.tensors[name]
        # Numbers of the optimizer in float64 stay on the host; MPS could not hold them.
        return tensor.to(self._network.device) if tensor.dtype is torch.float32 else tensor
