"""An emulated CUDA device, for tests on machines without one.

Its tensors say that they are on cuda:0, hold their values on the CPU, and refuse to meet tensors of the CPU, as tensors
of a real device do. Everything that a real device would do is counted: kernels, views, and waits of the host. To C++
the tensors are on the meta device, so that autograd runs in the calling thread.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests.nst_engine.cuda.graphs import EmulatedGraph
from tests.nst_engine.cuda.operations import ALLOCATIONS, CHECKED, VIEWS, refuse_other_layouts

ENGINE = str(Path(__file__).parents[3] / "nst_engine")
FREE = 80 * 2**30


class DeviceMismatchError(RuntimeError):
    """A kernel got tensors of the emulated device and of the CPU."""


class CaptureError(RuntimeError):
    """A CUDA graph cannot record what was done."""


class EmulatedTensor(Tensor):
    """A tensor on the emulated device; `values` is on the CPU."""

    values: Tensor
    cuda: EmulatedCuda

    @staticmethod
    def __new__(cls, values: Tensor, cuda: EmulatedCuda) -> EmulatedTensor:
        made: EmulatedTensor = Tensor._make_wrapper_subclass(
            cls,
            values.shape,
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device="meta",
        )
        made.values, made.cuda = values.detach(), cuda
        return made

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", 0)

    @property
    def is_cuda(self) -> bool:
        return True

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.values.untyped_storage()

    def __deepcopy__(self, memo: Any) -> Tensor:
        copied = self.cuda.tensor(self.values.clone())
        return torch.nn.Parameter(copied, self.requires_grad) if isinstance(self, torch.nn.Parameter) else copied

    def __repr__(self, **_: Any) -> str:
        return f"EmulatedTensor({self.values!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return EmulatedCuda.entered.dispatch(func, args, dict(kwargs or {}))  # caches have tensors of those before


class EmulatedCuda(TorchFunctionMode):
    """The device; inside its block, `device="cuda"` means it."""

    entered: EmulatedCuda  # the last one whose block began

    def __init__(self, *, free: int = FREE) -> None:
        super().__init__()
        self.kernels: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()  # by kind and by the engine's line
        self.copies: Counter[str] = Counter()  # from the host
        self.views = 0
        self._graph: EmulatedGraph | None = None  # that is being recorded
        self._factories = _Factories(self)
        answers = {
            "mem_get_info": (free, free),
            "memory_reserved": 0,
            "memory_allocated": 0,
            "get_device_capability": (9, 0),
        }
        event = mock.Mock(**{"return_value.synchronize.side_effect": lambda: self._wait("event")})
        fakes = {name: mock.Mock(return_value=answer) for name, answer in answers.items()}
        self._patch = mock.patch.multiple(torch.cuda, Event=event, current_stream=mock.Mock(), **fakes)

    def __enter__(self) -> Self:
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        EmulatedCuda.entered = self
        self._patch.start()
        self._factories.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._factories.__exit__(*error)
        self._patch.stop()
        torch.__future__.set_overwrite_module_params_on_conversion(False)

    def clear(self) -> None:
        """Count from 0."""
        self.kernels.clear()
        self.waits.clear()
        self.copies.clear()
        self.views = 0

    @contextmanager
    def capture(self) -> Iterator[EmulatedGraph]:
        """Record a graph; raise CaptureError for whatever none can record: waits, and copies from the host."""
        self._graph = graph = EmulatedGraph()
        try:
            yield graph
        finally:
            self._graph = None
            graph.undo()

    def run(self, name: str, operation: partial[Any]) -> Any:
        """Run an operation on values of the device, and count it."""
        if name in VIEWS:
            self.views += 1
        elif name not in ALLOCATIONS:
            self.kernels[name] += 1
        return operation() if self._graph is None else self._graph.run(operation, is_view=name in VIEWS)

    def tensor(self, values: Tensor) -> EmulatedTensor:
        """Return values as they are on the device, without a copy."""
        return EmulatedTensor(values, self)

    def dispatch(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operation of C++ that has at least one tensor of the device."""
        name = func.__name__.partition(".")[0]
        if func is torch.ops.aten._local_scalar_dense.default:
            self._wait("item")
            return args[0].values.item()
        to_host = _kind(kwargs.get("device")) == "cpu"
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        if not self._is_copy(name, args, to_host=to_host):
            self._refuse_others(func, [*args, *kwargs.values()])
        refuse_other_layouts(name, args)
        if name in CHECKED or name == "equal":
            self._wait(name)
        call = partial(func, *_each(_values, args), **{name: _values(value) for name, value in kwargs.items()})
        found = self.run(name, call)
        if to_host:
            return found
        schema = func._schema
        first = schema.arguments[0].alias_info if schema.arguments else None
        if schema.is_mutable and first is not None and first.is_write:
            return args[0] if schema.returns else None
        return _each(self._own, found)

    def _is_copy(self, name: str, args: Sequence[Any], *, to_host: bool) -> bool:
        """Tell whether an operation may have tensors of both; note what such a copy costs."""
        if name == "_to_copy" and to_host:
            self._wait("copy to the host")
        if name == "copy_" and not isinstance(args[0], EmulatedTensor) and args[2:] != (True,):  # non_blocking
            self._wait("copy to the host")
        if name == "copy_" and not isinstance(args[1], EmulatedTensor):
            self._copy("copy")
        return name in ("_to_copy", "copy_")

    def _refuse_others(self, func: Any, arguments: Sequence[Any]) -> None:
        for other in _leaves(arguments):
            if isinstance(other, Tensor) and not isinstance(other, EmulatedTensor) and other.ndim:
                shape = tuple(other.shape)
                raise DeviceMismatchError(f"{func}: tensors are on two devices, cuda:0 and cpu; the latter is {shape}")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.tolist and isinstance(args[0], EmulatedTensor):
            self._wait("tolist")
            return args[0].values.tolist()
        if func is Tensor.new_tensor and isinstance(args[0], EmulatedTensor):
            self._copy("new_tensor")
            return self.tensor(args[0].values.new_tensor(args[1], **kwargs))
        if func is Tensor.to:
            return self._to(func, args, kwargs)
        kwargs.pop("pin_memory", None)  # the host's memory needs no driver here
        if _kind(kwargs.get("device")) == "cuda":
            return self._make(func, args, kwargs)
        return func(*args, **kwargs)

    def _to(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        x, *rest = args
        target, dtype = kwargs.get("device"), kwargs.get("dtype", x.dtype)
        for given in rest:
            if isinstance(given, Tensor):
                target, dtype = given.device, given.dtype
            elif isinstance(given, torch.dtype):
                dtype = given
            elif isinstance(given, str | torch.device):
                target = given
        if _kind(target) != "cuda":
            return func(*args, **kwargs)
        x = x if dtype == x.dtype else func(x, dtype)
        if isinstance(x, EmulatedTensor):
            return x
        self._copy("to")
        return _Upload.apply(x, self)

    def _make(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Make a tensor on the device."""
        if args and isinstance(args[0], EmulatedTensor):
            return func(*args, **{name: value for name, value in kwargs.items() if name != "device"})
        if func in (torch.tensor, torch.as_tensor):
            self._copy("torch.tensor")
        return self.tensor(self.run(func.__name__, partial(func, *args, **(kwargs | {"device": "cpu"}))))

    def _own(self, value: Any) -> Any:
        return self.tensor(value) if isinstance(value, Tensor) and not isinstance(value, EmulatedTensor) else value

    def _wait(self, kind: str) -> None:
        if self._graph is not None:
            raise CaptureError(f"{kind} waits for the device, {_place()}")
        self.waits[f"{kind}, {_place()}"] += 1

    def _copy(self, kind: str) -> None:
        if self._graph is not None:
            raise CaptureError(f"{kind} copies from the host, {_place()}")
        self.copies[f"{kind}, {_place()}"] += 1


class _Upload(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cuda: EmulatedCuda) -> Tensor:
        return EmulatedTensor(x.clone(), cuda)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        return gradients[0].values, None


class _Factories(TorchDispatchMode):
    """Puts on the device what formulas of C++ make for a tensor of it, such as zeros in a backward pass."""

    def __init__(self, cuda: EmulatedCuda) -> None:
        super().__init__()
        self._cuda = cuda

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and what keeps its compiler away imports it: seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        made = not any(isinstance(a, Tensor) for a in _leaves(args))
        if made and _kind(kwargs.get("device")) in ("meta", "cuda"):
            call = partial(func, *args, **(kwargs | {"device": torch.device("cpu")}))
            return self._cuda.tensor(self._cuda.run(func.__name__.partition(".")[0], call))
        return func(*args, **kwargs)


def _kind(device: Any) -> str | None:
    return torch.device(device).type if isinstance(device, str | torch.device) else None


def _each(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to a value, or to those in a list or tuple; PyTorch's own tree_map takes five times as long."""
    if isinstance(value, list | tuple):
        return type(value)([_each(function, item) for item in value])
    return function(value)


def _leaves(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, list | tuple) else (value,)


def _values(value: Any) -> Any:
    return value.values if isinstance(value, EmulatedTensor) else value


def _place() -> str:
    """Name the line of the engine that is being run."""
    frames = (frame for frame, _ in traceback.walk_stack(None) if frame.f_code.co_filename.startswith(ENGINE))
    frame = next(frames, None)
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else "outside the engine"
