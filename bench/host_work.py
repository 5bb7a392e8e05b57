"""Measure what a job costs outside of its iterations: reading its pictures and resizing them for every scale."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

from PIL import Image

from api.decoding.png import write_png
from bench.quality.pictures import pairs
from nst_engine import load_network, resolve
from nst_engine.images.reading import read_picture
from nst_engine.images.shrinking import Shrinker
from nst_engine.images.writing import encode
from nst_engine.run.inputs import Inputs
from nst_engine.run.scaled_inputs import ScaledInputs
from nst_engine.spec.schedule import schedule
from nst_engine.tensors import to_picture, to_tensor

PHOTO = (4032, 3024)
SIZE, TURNS = 384, 5


def host_work() -> dict[str, float]:
    """Return the CPU seconds of the parts, medians."""
    (pair,) = pairs(None, None, count=1)
    file = io.BytesIO()
    write_png(pair.content.resize(PHOTO), file)  # as the API stores an upload
    photo = read_picture(file.getvalue())
    parts: dict[str, Callable[[], object]] = {
        "reading the stored photo": lambda: read_picture(file.getvalue()),
        "resizing, shrunk once": lambda: _inputs_of_all_scales(photo, pair.style, shrink=True),
        "resizing from full size": lambda: _inputs_of_all_scales(photo, pair.style, shrink=False),
        "writing the result": lambda: encode(to_picture(to_tensor(pair.content.resize((SIZE, SIZE)))), "png"),
    }
    found: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(TURNS):
        for name, part in parts.items():
            found[name].append(_cpu_seconds(part))
    return {name: statistics.median(times) for name, times in found.items()}


def _inputs_of_all_scales(photo: Image.Image, style: Image.Image, *, shrink: bool) -> None:
    """Resize what a run asks for at its scales: the content to compare with, to start from and to add detail from."""
    config = resolve("draft", {"max_size": SIZE})
    if shrink:
        shrinker = Shrinker(config, photo)
        photo, style = shrinker.content(photo), shrinker.style(style)
    content = to_tensor(photo)
    inputs = ScaledInputs(Inputs.checked(content, [to_tensor(style)], config), config, load_network(config))
    for scale in schedule(config, *content.shape[-2:]):
        inputs.start(scale)
        inputs.content(scale)
        inputs.content_and_styles(scale)


def _cpu_seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started
