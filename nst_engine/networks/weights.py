"""A network's weights on disk: finding them, reading them (never as a pickle), knowing them by their hash.

Files that this project wrote carry the SHA-256 of their tensors in their head; PyTorch's files begin theirs in their
name (vgg19-dcbb9e9d.pth). What does not match is named and not used.
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

from nst_engine.spec.errors import WeightsError

# Names of torchvision's own downloads in torch hub's cache; the part before the dot begins the file's SHA-256.
HUB_FILES = {
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg16": "vgg16-397923af.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",
}
HASH = "sha256"  # where a file of ours keeps the hash of its tensors
# What a foreign file makes its reader raise; an UnpicklingError is PyTorch's refusal of a pickle with code in it.
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
LONGEST_HEAD = 100_000_000  # the format's own limit


def hub_folder() -> Path:
    """Return where torchvision keeps what it downloads."""
    return Path(torch.hub.get_dir(), "checkpoints")


def candidates(model: str, weights_dir: Path | None) -> Iterator[Path]:
    """Yield the existing files that may hold `model`, best first: the folder asked for, then torch hub's cache.

    Raises WeightsError where the folder asked for cannot be read; a cache that cannot be read counts as empty.
    """
    if model == "lite":
        yield Path(str(resources.files("nst_engine") / "weights" / "lite.safetensors"))
        return
    if weights_dir is not None:
        try:
            asked_for = _matching(weights_dir, model)
        except OSError as error:
            message = f"the folder of weights {weights_dir} (NST_WEIGHTS_DIR) cannot be read: {error.strerror}"
            raise WeightsError(message, model=model, command=pull_command(model)) from error
        yield from asked_for
    with suppress(OSError):
        yield from _matching(hub_folder(), model)


def _matching(folder: Path, model: str) -> list[Path]:
    """List the files whose names say that they hold `model`, best first; raises OSError unless all can be seen."""
    files = _files(folder)
    patterns = (f"{model}.safetensors", f"{model}[-_]*.safetensors", HUB_FILES[model])
    return [folder / name for pattern in patterns for name in fnmatch.filter(files, pattern)]


def _files(folder: Path) -> list[str]:
    """List the names of a folder's files in order, none where there is no such folder; raises OSError."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def read(path: Path, model: str) -> dict[str, Tensor]:
    """Return the tensors in `path` as float32; raises WeightsError naming the file where it is damaged."""
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
        raise damaged(path, model, "holds something else than a network's weights")
    return state


def write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write tensors as safetensors with their hash and `about` in the head; nothing is left half written."""
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
    """Compare a file's hash with the one it promises, if it promises one; raises WeightsError naming both."""
    try:
        promised = expected_hash(path)
        found = "" if promised is None else actual_hash(path)
    except (OSError, ValueError) as error:
        raise damaged(path, model, f"cannot be read ({type(error).__name__})") from error
    if promised is not None and not found.startswith(promised):
        raise damaged(path, model, "is damaged", expected=promised, found=found)


def expected_hash(path: Path) -> str | None:
    """Return the SHA-256, or its beginning, that a file promises; raises ValueError where its head is damaged."""
    if path.suffix == ".safetensors":
        return about(path).get(HASH)
    match = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    return match.group(1) if match else None


def actual_hash(path: Path) -> str:
    """Return the SHA-256 that `expected_hash` is about: of a safetensors file's tensors, else of the whole file."""
    with path.open("rb") as file:
        if path.suffix == ".safetensors":
            file.seek(8 + _head_length(file.read(8)))
        return hashlib.file_digest(file, "sha256").hexdigest()


def about(path: Path) -> dict[str, str]:
    """Return what a safetensors file says of itself; raises ValueError where its head is damaged."""
    head = _head(path)
    found = head.get("__metadata__", {})
    return {str(key): str(value) for key, value in found.items()}


def names(path: Path, model: str) -> list[str]:
    """Return the names of the tensors in a file, whose hash is not looked at; raises WeightsError."""
    if path.suffix != ".safetensors":
        return list(_loaded(path, model))
    try:
        return [name for name in _head(path) if name != "__metadata__"]
    except (OSError, ValueError) as error:
        raise damaged(path, model, f"cannot be read ({type(error).__name__})") from error


def _head(path: Path) -> dict[str, dict[str, str]]:
    with path.open("rb") as file:
        head = json.loads(file.read(_head_length(file.read(8))))
    if not isinstance(head, dict):
        raise ValueError("the head is no table")
    return head


def _head_length(data: bytes) -> int:
    length = int.from_bytes(data, "little")
    if len(data) < 8 or length > LONGEST_HEAD:
        raise ValueError("no safetensors file")
    return length


def _body(data: bytes) -> memoryview:
    return memoryview(data)[8 + _head_length(data[:8]) :]


def damaged(path: Path, model: str, what: str, *, expected: str = "", found: str = "") -> WeightsError:
    """Return the error for a weights file that must not be used, with the hash that it should have."""
    if expected:
        what = f"{what}: its SHA-256 should be {expected}{'…' if len(expected) < 64 else ''}, it is {found}"
    elif model in HUB_FILES:
        source = HUB_FILES[model]
        what = f"{what}: expected are those of {source}, SHA-256 {expected_hash(Path(source))}…"
    command = pull_command(model)
    advice = "" if model == "lite" else f"; remove it, then `{command}`"
    return WeightsError(f"the weights file {path} of {model} {what}{advice}", model=model, command=command)


def missing(model: str, detail: str = "") -> WeightsError:
    """Return the error for a network whose weights are not on this machine."""
    message = f"the weights of {model} are not on this machine{detail}: get them with `{pull_command(model)}`"
    try:
        _files(hub_folder())
    except OSError as error:
        message += f"; {hub_folder()} cannot be read ({error.strerror}): NST_WEIGHTS_DIR names another folder"
    return WeightsError(message, model=model, command=pull_command(model))


def pull_command(model: str) -> str:
    """Return the command that fetches the weights of `model`."""
    return f"nst weights pull {model}"
