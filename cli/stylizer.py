"""The engine as the commands use it: one configuration, several photos, the progress of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from cli.errors import InputError
from cli.parameters import as_input_error

if TYPE_CHECKING:
    from PIL.Image import Image

    from nst_engine import Network, Step, StyleConfig
    from nst_engine.motion.painting import FilmStep


@dataclass(kw_only=True)
class Stylizer:
    """Everything that a run needs except the photo; the network is loaded once, on first use."""

    config: StyleConfig
    styles: Sequence[Image]
    masks: Sequence[Image] = ()
    style_masks: Sequence[Image] = ()
    init_image: Image | None = None
    device: str = "auto"
    network: Network | None = None

    def run(self, photo: Image, *, quiet: bool, on_step: Callable[[Step], None] = lambda _: None) -> Step:
        """Run the engine to the end, show its progress and return the last step."""
        from cli.terminal import RunState, progress_display
        from nst_engine.run.throughput import Throughput

        check_size(photo, self.config)
        last, steps, throughput = None, self._steps(photo), Throughput()  # errors in the input come before the bar
        with progress_display(quiet=quiet) as show:
            for last in steps:
                throughput.measure(last.iteration, pixels=last.width * last.height, pixels_left=last.pixels_left)
                show(
                    RunState(
                        status="stylizing",
                        done=last.iteration,
                        total=last.total,
                        loss=last.loss,
                        note=f"{last.width} x {last.height}",
                        seconds_left=throughput.seconds_left,
                    )
                )
                on_step(last)
        if last is None:
            raise InputError("--steps: the run has no steps")
        return last

    def load(self) -> str:
        """Load the network, if it is not loaded yet, and return its device; raises InputError or WeightsError."""
        from cli.commands.weights import weights_folder
        from nst_engine import load_network

        device = select_device(self.device)
        self.network = self.network or load_network(self.config, device=device, weights_dir=weights_folder())
        return device

    def film(self, frames: Iterator[Image]) -> Iterator[FilmStep]:
        """Return the steps of a film."""
        from nst_engine.motion.painting import stylize_film

        first = next(frames)
        check_size(first, self.config)
        given = self._inputs(first)
        return stylize_film(chain((first,), frames), given.pop("styles"), self.config, **given)

    def _steps(self, photo: Image) -> Iterator[Step]:
        from nst_engine import stylize
        from nst_engine.images.shrinking import Shrinker
        from nst_engine.tensors import to_tensor

        content = to_tensor(Shrinker(self.config, photo).content(photo))
        given = self._inputs(photo)
        return stylize(content, given.pop("styles"), self.config, **given)

    def _inputs(self, photo: Image) -> dict[str, Any]:
        """Return everything that the engine needs besides the photo, or the first frame."""
        from nst_engine.images.shrinking import Shrinker
        from nst_engine.tensors import to_tensor

        shrinker, device = Shrinker(self.config, photo), self.load()
        return {
            "styles": [to_tensor(shrinker.style(style)) for style in self.styles],
            "masks": [to_tensor(shrinker.content(mask)).mean(0) for mask in self.masks] or None,
            "style_masks": [to_tensor(shrinker.style(mask)).mean(0) for mask in self.style_masks] or None,
            "init_image": to_tensor(shrinker.content(self.init_image)) if self.init_image else None,
            "device": device,
            "network": self.network,
        }


def check_size(photo: Image, config: StyleConfig) -> None:
    """Raise InputError if the result would be too small for the network; does not load torch."""
    from nst_engine.spec.errors import ConfigError
    from nst_engine.spec.schedule import schedule

    try:
        schedule(config, photo.height, photo.width)
    except ConfigError as error:
        raise as_input_error(error) from None


def select_device(name: str) -> str:
    """Return the fastest device that `--device` selects; raises InputError."""
    from nst_engine.machine.devices import list_devices, select_devices
    from nst_engine.spec.errors import DeviceError

    try:
        return select_devices(name, list_devices(name))[0].name
    except DeviceError as error:
        raise InputError(f"--device: {error.message}") from None
