"""The array types that a kernel may want, and how each is put into memory that assay watches.

Requirements:

- nothing is imported unless the kernel wants it: NumPy is enough for a NumPy kernel;
- bits travel exactly, also for bfloat16, which DLPack's NumPy side refuses;
- arrays lie in a `Slab` where the type lets us choose their memory; JAX does not, and its arrays cannot be
  written to anyway;
- whatever another library calls an array comes in through ``from_dlpack``.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import Usage
from ...numerics.dtypes import DTYPES, decode, encode
from ..framework import Wire, as_tuple
from ..jax import framework as jax_side
from ..lazy import Lazy
from ..torch import framework as torch_side
from .memory import Slab

__all__ = ["LIBRARIES", "Held", "Library", "NoGraph", "WrongType", "library"]

Array = np.ndarray[Any, Any]
torch: Any = Lazy("torch")
jax: Any = Lazy("jax")
cupy: Any = Lazy("cupy")


class WrongType(TypeError):
    """What a kernel returned is no array of its library, or of a type that cannot be judged."""


class NoGraph(RuntimeError):
    """The library's reverse mode has nothing to go by; the message says what to do."""


class Held:
    """A native array over a slab. ``write`` brings the slab's bytes to it, ``read`` the bytes it has now."""

    def __init__(self, slab: Slab, native: Any) -> None:
        self.slab, self.native = slab, native

    def write(self) -> None:
        """Bring the slab's bytes to where the native array lies."""

    def read(self) -> Array:
        """The bytes in and around the native array as they are now."""
        return self.slab.bytes


class Library(ABC):
    """One array type on one device."""

    name: str
    watched = True
    """Whether its arrays lie in memory of our choice: guard zones, layouts and ``out=`` need it."""

    differentiates = False
    """Whether it has a reverse mode of its own."""

    def __init__(self, device: str) -> None:
        self.device = device

    @abstractmethod
    def hold(self, slab: Slab, dtype: str) -> Held:
        """The slab's array as a native one."""

    @abstractmethod
    def load(self, wire: Wire) -> Any:
        """An array with these bits, in memory of its own."""

    @abstractmethod
    def owns(self, value: Any) -> bool:
        """Whether a value is an array of this library."""

    def unload(self, value: Any) -> Wire:
        """The bits of a native array.

        Raises:
            WrongType: it is no array of this library, or its elements are of a type that cannot be judged.
        """
        if not self.owns(value):
            kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
            raise WrongType(f"returned {kind}; expected an array of {self.name}")
        try:
            return self._bits(value)
        except ValueError as error:
            raise WrongType(f"returned what cannot be judged: {error}") from None

    @abstractmethod
    def _bits(self, value: Any) -> Wire: ...

    def shares(self, value: Any, held: Held) -> bool:
        """Whether a returned array lies in the memory of one that was given."""
        return False

    def litter(self, nbytes: int, pattern: int) -> None:
        """Fill blocks of memory with the pattern and give them back, for the next allocation to find."""
        del nbytes, pattern  # there is no memory to choose

    def run(
        self, function: Callable[..., Any], arrays: Sequence[Any], parameters: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """What the function returns, as its users would call it."""
        return as_tuple(function(*arrays, **parameters))

    def synchronize(self) -> None:
        """Wait for all that was started on the device."""
        return None  # on the host nothing is under way

    def vjp(
        self,
        function: Callable[..., Any],
        inputs: Mapping[str, Any],
        wrt: Sequence[str],
        cotangents: Sequence[Any],
        between: Callable[[], None] = lambda: None,
        only: int | None = None,
        key: Any = None,
    ) -> tuple[Any, ...]:
        """Gradients by the library's own reverse mode.

        Args:
            function: takes the inputs by name.
            inputs: native arrays, None for one that is absent.
            wrt: names of the inputs whose gradients are asked for.
            cotangents: one per output.
            between: called between the forward pass and the backward pass.
            only: number of the one output that is differentiated; the other cotangents are 0.
            key: what tells the function from others, where it is compiled.

        Raises:
            NotImplementedError: it has no reverse mode.
            NoGraph: the function leaves the library's reverse mode nothing to go by.
        """
        raise NotImplementedError(f"{self.name} has no reverse mode; give a vjp function")

    def versions(self) -> dict[str, str]:
        """What identifies the library."""
        module = importlib.import_module(self.name)
        return {self.name: str(getattr(module, "__version__", "?"))}


LITTER = 8
"""Freed blocks to leave behind: NumPy keeps seven of each size for its next arrays."""


class NumPy(Library):
    """Arrays of NumPy, with bfloat16 from ml_dtypes."""

    name = "numpy"

    def hold(self, slab: Slab, dtype: str) -> Held:
        """A view of the slab."""
        return Held(slab, slab.view(_storage(dtype)))

    def load(self, wire: Wire) -> Array:
        """An array with these bits."""
        return decode(*wire)

    def owns(self, value: Any) -> bool:
        """Whether it is an array, or the scalar that NumPy makes of one without axes."""
        return isinstance(value, np.ndarray | np.generic)

    def _bits(self, value: Any) -> Wire:
        return encode(np.ascontiguousarray(value).reshape(np.shape(value)))

    def shares(self, value: Any, held: Held) -> bool:
        """Whether a returned array lies in the memory of one that was given."""
        return isinstance(value, np.ndarray) and np.may_share_memory(value, held.slab.bytes)

    def litter(self, nbytes: int, pattern: int) -> None:
        """Leave blocks filled with the pattern for the next arrays."""
        blocks = [np.full(nbytes, pattern, np.uint8) for _ in range(LITTER)]
        del blocks


class _OnDevice(Held):
    """Host bytes and their copy on a device, where the native array lies."""

    def __init__(self, slab: Slab, native: Any, send: Callable[[], Any], fetch: Callable[[], Array]) -> None:
        super().__init__(slab, native)
        self._send, self._fetch = send, fetch

    def write(self) -> None:
        self._send()

    def read(self) -> Array:
        return self._fetch()


class Torch(Library):
    """Tensors of PyTorch, on the CPU or on a GPU."""

    name = "torch"
    differentiates = True

    def hold(self, slab: Slab, dtype: str) -> Held:
        """A tensor over the slab's bytes, or over a copy of them on the device."""
        host, place = torch.from_numpy(slab.bytes), slab.placement
        raw = host if self.device == "cpu" else host.to(self.device)
        steps = [stride // place.itemsize for stride in place.strides]
        elements = raw.view(getattr(torch, dtype))
        native = torch.as_strided(elements, place.shape, steps, place.offset // place.itemsize)
        if self.device == "cpu":
            return Held(slab, native)
        return _OnDevice(slab, native, lambda: raw.copy_(host), lambda: raw.cpu().numpy())

    def load(self, wire: Wire) -> Any:
        """A tensor with these bits."""
        return torch_side.load(wire, self.device)

    def owns(self, value: Any) -> bool:
        """Whether it is a tensor."""
        return isinstance(value, torch.Tensor)

    def _bits(self, value: Any) -> Wire:
        return torch_side.unload(value)

    def shares(self, value: Any, held: Held) -> bool:
        """Whether a returned tensor lies in the storage of one that was given."""
        return bool(value.untyped_storage().data_ptr() == held.native.untyped_storage().data_ptr())

    def litter(self, nbytes: int, pattern: int) -> None:
        """Leave blocks filled with the pattern for the next tensors."""
        blocks = [
            torch.full((nbytes,), pattern, dtype=torch.uint8, device=self.device) for _ in range(LITTER)
        ]
        del blocks

    def synchronize(self) -> None:
        """Wait for every stream of the GPU."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def vjp(
        self,
        function: Callable[..., Any],
        inputs: Mapping[str, Any],
        wrt: Sequence[str],
        cotangents: Sequence[Any],
        between: Callable[[], None] = lambda: None,
        only: int | None = None,
        key: Any = None,
    ) -> tuple[Any, ...]:
        """Gradients by autograd, in the very memory of the inputs; zeros where it has none."""
        leaves = {n: x if x is None else x.detach().requires_grad_(n in wrt) for n, x in inputs.items()}
        outputs = as_tuple(function(**leaves))[: len(cotangents)]
        between()
        asked = range(len(outputs)) if only is None else [only]
        if not any(outputs[number].requires_grad for number in asked):
            raise NoGraph(
                "autograd finds no graph behind the outputs. Call the kernel inside a torch.autograd.Function"
                " whose backward gives the gradients, or give vjp="
            )
        pairs = [(outputs[n], cotangents[n]) for n in asked if outputs[n].requires_grad]
        gradients = torch.autograd.grad(
            [y for y, _ in pairs], [leaves[name] for name in wrt], [g for _, g in pairs], allow_unused=True
        )
        named = zip(wrt, gradients, strict=True)
        return tuple(torch.zeros_like(leaves[name]) if g is None else g for name, g in named)


class Jax(Library):
    """Arrays of JAX; it chooses their memory, and nothing can write to them."""

    name = "jax"
    watched = False
    differentiates = True

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.compiles = True
        """Whether functions run under ``jax.jit``, until one cannot be traced."""
        self._programs: dict[Any, Any] = {}

    def run(
        self, function: Callable[..., Any], arrays: Sequence[Any], parameters: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """What the function returns, compiled whole; as it is where it cannot be traced.

        Operation by operation, each shape of each operation would be compiled by itself.
        """

        def call(*arrays: Any) -> tuple[Any, ...]:
            return as_tuple(function(*arrays, **parameters))

        return self._whole((function, "value", repr(parameters)), call, *arrays)

    def _whole(self, key: Any, call: Callable[..., Any], *arrays: Any) -> tuple[Any, ...]:
        """The call as one program, or as it is."""
        if self.compiles:
            try:
                return tuple(self._programs.setdefault(key, jax.jit(call))(*arrays))
            except Exception:  # whatever tracing makes of it; what it raises by itself, it raises again
                found = tuple(call(*arrays))
                self.compiles = False
                return found
        return tuple(call(*arrays))

    def hold(self, slab: Slab, dtype: str) -> Held:
        """A copy of the slab's array."""
        held = _OnDevice(slab, None, lambda: None, lambda: slab.bytes)

        def send() -> None:
            held.native = self.load(encode(np.ascontiguousarray(slab.view(_storage(dtype)))))

        held._send = send
        return held

    def load(self, wire: Wire) -> Any:
        """An array with these bits."""
        return jax_side.load(wire, self.device)

    def owns(self, value: Any) -> bool:
        """Whether it is an array."""
        return isinstance(value, jax.Array)

    def _bits(self, value: Any) -> Wire:
        return jax_side.unload(value)

    def vjp(
        self,
        function: Callable[..., Any],
        inputs: Mapping[str, Any],
        wrt: Sequence[str],
        cotangents: Sequence[Any],
        between: Callable[[], None] = lambda: None,
        only: int | None = None,
        key: Any = None,
    ) -> tuple[Any, ...]:
        """Gradients by ``jax.vjp``, which takes a cotangent of zeros like any other."""
        names = tuple(inputs)

        def gradients(cotangents: Sequence[Any], *arrays: Any) -> Any:
            given = dict(zip(names, arrays, strict=True))

            def differentiable(*leaves: Any) -> Any:
                outputs = as_tuple(function(**given | dict(zip(wrt, leaves, strict=True))))
                return outputs[: len(cotangents)]

            _, pull_back = jax.vjp(differentiable, *(given[name] for name in wrt))
            between()
            return pull_back(tuple(cotangents))

        return self._whole((key, tuple(wrt)), gradients, tuple(cotangents), *inputs.values())


class CuPy(Library):
    """Arrays of CuPy."""

    name = "cupy"

    def hold(self, slab: Slab, dtype: str) -> Held:
        """An array over a copy of the slab's bytes on the GPU."""
        place = slab.placement
        raw = cupy.asarray(slab.bytes)
        native = cupy.ndarray(place.shape, _storage(dtype), raw.data + place.offset, place.strides)
        return _OnDevice(slab, native, lambda: raw.set(slab.bytes), lambda: raw.get())

    def load(self, wire: Wire) -> Any:
        """An array with these bits."""
        return cupy.asarray(decode(*wire))

    def owns(self, value: Any) -> bool:
        """Whether it is an array."""
        return isinstance(value, cupy.ndarray)

    def _bits(self, value: Any) -> Wire:
        return encode(np.ascontiguousarray(value.get()).reshape(value.shape))

    def shares(self, value: Any, held: Held) -> bool:
        """Whether a returned array lies in the memory of one that was given."""
        return bool(cupy.may_share_memory(value, held.native))

    def litter(self, nbytes: int, pattern: int) -> None:
        """Leave blocks filled with the pattern for the next arrays."""
        blocks = [cupy.full(nbytes, pattern, np.uint8) for _ in range(LITTER)]
        del blocks

    def synchronize(self) -> None:
        """Wait for every stream of the GPU."""
        cupy.cuda.runtime.deviceSynchronize()


class DLPack(Library):
    """Arrays of any other module that has ``from_dlpack``, on the CPU; it has no bfloat16."""

    def __init__(self, device: str, name: str) -> None:
        super().__init__(device)
        self.name = name

    def hold(self, slab: Slab, dtype: str) -> Held:
        """The module's array over the slab, made anew each time: it may have taken a copy."""
        held = _OnDevice(slab, None, lambda: None, lambda: slab.bytes)

        def send() -> None:
            held.native = self._take(slab.view(_storage(dtype)))

        held._send = send
        return held

    def load(self, wire: Wire) -> Any:
        """An array with these bits."""
        return self._take(decode(*wire))

    def _take(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            raise WrongType(f"bfloat16 cannot be given to {self.name}: NumPy exports no such array by DLPack")
        return importlib.import_module(self.name).from_dlpack(array)

    def owns(self, value: Any) -> bool:
        """Whether it can be exported."""
        return hasattr(value, "__dlpack__")

    def _bits(self, value: Any) -> Wire:
        return encode(np.ascontiguousarray(np.from_dlpack(value)).reshape(np.shape(value)))


LIBRARIES: dict[str, type[NumPy | Torch | Jax | CuPy]] = {
    kind.name: kind for kind in (NumPy, Torch, Jax, CuPy)
}


def library(name: str, device: str) -> Library:
    """The array type called ``name``: one of numpy, torch, jax and cupy, or a module with ``from_dlpack``.

    Raises:
        ValueError: there is no such module, it has no ``from_dlpack``, or NumPy is asked for off the CPU.
    """
    if name in LIBRARIES:
        if name == "numpy" and device != "cpu":
            raise Usage(f"NumPy has no device {device!r}; say like='torch' or another array type")
        return LIBRARIES[name](device)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise Usage(f"no array type is called {name!r}: {error}") from error
    if not hasattr(module, "from_dlpack"):
        known = ", ".join(LIBRARIES)
        raise Usage(f"{name} has no from_dlpack; allowed are {known} and modules that have it")
    return DLPack(device, name)


def _storage(dtype: str) -> np.dtype[Any]:
    return DTYPES[dtype].storage if dtype in DTYPES else np.dtype(dtype)
