"""Weights files of the networks: finding, reading (never as a pickle with code) and checking them.

Files written by this project have the SHA-256 of their tensors in their header. PyTorch's files have its first digits
in their name (vgg19-dcbb9e9d.pth). A file that does not match is reported and not used.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from nst_engine.networks.lite import BUNDLED
from nst_engine.spec.enums import InputConvention
from nst_engine.spec.errors import WeightsError
from nst_engine.spec.layers import NETWORKS

# Names of torchvision's downloads in the cache of torch hub, with the first digits of the SHA-256.
HUB_FILES = {
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg16": "vgg16-397923af.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",
}
METADATA = "__metadata__"  # in the header of a safetensors file
HASH, CONVENTION = "sha256", "convention"  # keys in its metadata
# Errors that damaged or foreign files raise when read; UnpicklingError is PyTorch's refusal of a pickle with code.
UNREADABLE = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    UnpicklingError,
    ValueError,
)
LONGEST_HEADER = 100_000_000  # the limit of the format


def hub_folder() -> Path:
    """Return the folder of torchvision's downloads."""
    return Path(torch.hub.get_dir(), "checkpoints")


def candidates(model: str, weights_dir: Path | None) -> Iterator[Path]:
    """Yield the existing files that may hold `model`, best first: those of `weights_dir`, then of torch hub's cache.

    Raises WeightsError if `weights_dir` cannot be read. A cache that cannot be read counts as empty.
    """
    if model in BUNDLED:
        yield Path(str(resources.files("nst_engine") / "weights" / f"{model}.safetensors"))
        return
    if weights_dir is not None:
        try:
            files = _matching(weights_dir, model)
        except OSError as error:
            message = f"the folder of weights {weights_dir} (NST_WEIGHTS_DIR) cannot be read: {error.strerror}"
            raise WeightsError(message, model=model, command=pull_command(model)) from error
        yield from files
    with suppress(OSError):
        yield from _matching(hub_folder(), model)


def _matching(folder: Path, model: str) -> list[Path]:
    """List the files named after `model`, best first; raises OSError if the folder cannot be read."""
    files = set(_files(folder))
    for longer in NETWORKS:
        if longer.startswith(f"{model}-"):
            files.difference_update(*(fnmatch.filter(files, pattern) for pattern in _patterns(longer)))
    return [folder / name for pattern in _patterns(model) for name in sorted(fnmatch.filter(files, pattern))]


def _patterns(model: str) -> tuple[str, ...]:
    name = model.replace("-", "[-_]")
    return f"{name}.safetensors", f"{name}[-_]*.safetensors", HUB_FILES.get(model, "")


def _files(folder: Path) -> list[str]:
    """List the names of a folder's files, none if the folder does not exist; raises OSError if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def read(path: Path, model: str) -> dict[str, Tensor]:
    """Return the tensors in `path` as float32; raises WeightsError if the file is damaged."""
    check(path, model)
    state = _loaded(path, model)
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _loaded(path: Path, model: str) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise damaged(path, model, f"cannot be read ({type(error).__name__})") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise damaged(path, model, "holds something other than the weights of a network")
    return state


def write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write tensors as safetensors, with their hash and `about` in the header; the file appears only when complete."""
    kept = {name: tensor.contiguous() for name, tensor in tensors.items()}
    digest = hashlib.sha256(_body(save(kept))).hexdigest()
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(save(kept, {**about, HASH: digest}))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def check(path: Path, model: str) -> None:
    """Compare the hash of a file with the expected one, if it has one; raises WeightsError naming both."""
    try:
        expected = expected_hash(path)
        found = "" if expected is None else actual_hash(path)
    except (OSError, ValueError) as error:
        raise damaged(path, model, f"cannot be read ({type(error).__name__})") from error
    if expected is not None and not found.startswith(expected):
        raise damaged(path, model, "is damaged", expected=expected, found=found)


def expected_hash(path: Path) -> str | None:
    """Return the SHA-256 in a file's header or the digits in its name; raises ValueError if the header is damaged."""
    if path.suffix == ".safetensors":
        return about(path).get(HASH)
    match = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    return match.group(1) if match else None


def actual_hash(path: Path) -> str:
    """Return the SHA-256 to compare with `expected_hash`: of the tensors of a safetensors file, else of the file."""
    with path.open("rb") as file:
        if path.suffix == ".safetensors":
            file.seek(8 + _header_length(file.read(8)))
        return hashlib.file_digest(file, "sha256").hexdigest()


def about(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file; raises ValueError if its header is damaged."""
    return {str(key): str(value) for key, value in _header(path).get(METADATA, {}).items()}


def convention(path: Path, model: str) -> InputConvention:
    """Return the input that weights were trained with: named in a file's header, Caffe's if its name says so."""
    declared = about(path).get(CONVENTION) if path.suffix == ".safetensors" else None
    if declared is None:
        return InputConvention.CAFFE if "caffe" in path.stem else InputConvention.TORCHVISION
    try:
        return InputConvention(declared)
    except ValueError:
        raise damaged(path, model, f"has an unknown input convention ({declared:.40})") from None


def names(path: Path, model: str) -> list[str]:
    """Return the names of the tensors in a file without checking its hash; raises WeightsError."""
    if path.suffix != ".safetensors":
        return list(_loaded(path, model))
    try:
        return [name for name in _header(path) if name != METADATA]
    except (OSError, ValueError) as error:
        raise damaged(path, model, f"cannot be read ({type(error).__name__})") from error


def _header(path: Path) -> dict[str, dict[str, str]]:
    with path.open("rb") as file:
        text = file.read(_header_length(file.read(8)))
    try:
        header = json.loads(text)
    except RecursionError:
        raise ValueError("the header is nested too deeply") from None
    if not isinstance(header, dict) or not isinstance(header.get(METADATA, {}), dict):
        raise ValueError("the header or its metadata is not a JSON object")
    return header


def _header_length(data: bytes) -> int:
    length = int.from_bytes(data, "little")
    if len(data) < 8 or length > LONGEST_HEADER:
        raise ValueError("not a safetensors file")
    return length


def _body(data: bytes) -> memoryview:
    return memoryview(data)[8 + _header_length(data[:8]) :]


def damaged(path: Path, model: str, what: str, *, expected: str = "", found: str = "") -> WeightsError:
    """Return the error for a weights file that must not be used."""
    if expected:
        what = f"{what}: its SHA-256 should be {expected}{'…' if len(expected) < 64 else ''}, it is {found}"
    elif model in HUB_FILES:
        source = HUB_FILES[model]
        what = f"{what}: expected are those of {source}, SHA-256 {expected_hash(Path(source))}…"
    command = pull_command(model)
    advice = "" if model in BUNDLED else f"; remove it, then `{command}`"
    return WeightsError(f"the weights file {path} of {model} {what}{advice}", model=model, command=command)


def missing(model: str, detail: str = "") -> WeightsError:
    """Return the error for a network without weights on this machine."""
    message = f"the weights of {model} are not on this machine{detail}: get them with `{pull_command(model)}`"
    try:
        _files(hub_folder())
    except OSError as error:
        message += f"; {hub_folder()} cannot be read ({error.strerror}): NST_WEIGHTS_DIR names another folder"
    return WeightsError(message, model=model, command=pull_command(model))


def pull_command(model: str) -> str:
    """Return the command that downloads the weights of `model`."""
    return f"nst weights pull {model}"
