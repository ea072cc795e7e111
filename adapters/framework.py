"""What the harness asks of a framework, whatever its name.

Arrays cross the border as ``Wire``: dtype name, shape and little-endian bytes. Bits travel exactly, and
bfloat16 needs no detour (``np.from_dlpack`` and ``torch.from_numpy`` refuse it).
"""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["Framework", "Runner", "Unavailable", "Wire", "framework"]

Wire = tuple[str, tuple[int, ...], bytes]
Native = Any
Runner = Callable[
    [Mapping[str, Native], Sequence[Native] | None], tuple[tuple[Native, ...], tuple[Native, ...]]
]
"""Takes inputs and cotangents (None: forward only); returns outputs and gradients."""


class Unavailable(Exception):
    """The framework, or the device asked for, is not to be had here; the message says why."""


class Framework(ABC):
    """One framework on one device."""

    modes: tuple[str, ...]
    """How a function can be run: ``eager``, ``graph``, ``compiled`` …; the first is the default."""

    distributions: tuple[str, ...]
    """Packages whose versions identify what was tested."""

    def __init__(self, device: str) -> None:
        self.device = device

    @abstractmethod
    def start(self) -> None:
        """Import the framework and find the device. Raises Unavailable."""

    @abstractmethod
    def load(self, wire: Wire) -> Native:
        """Array of the framework, on the device, with these bits."""

    unload: Callable[[Native], Wire]
    """The bits of a framework's array."""

    prepare: Callable[[Callable[..., Any], Mapping[str, Any], Sequence[str], str], Runner]
    """A runner of a function with its parameters in a mode, differentiable in the inputs that are named."""

    def flags(self) -> dict[str, str]:
        """What was in force: precision flags, threads, the device's name."""
        return {}

    def versions(self) -> dict[str, str]:
        """Version of every distribution that is installed; ``tensorflow-cpu`` goes by its module's name."""
        found: dict[str, str] = {}
        for name in self.distributions:
            try:
                found[name.removesuffix("-cpu")] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return found


def as_tuple(outputs: Any) -> tuple[Any, ...]:
    """Outputs as a tuple, also where there is only one."""
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def framework(name: str, device: str) -> Framework:
    """The adapter called ``name``: ``torch``, ``tensorflow``, ``jax``, or ``keras[backend]``.

    Raises:
        Unavailable: no such framework.
    """
    base, _, rest = name.partition("[")
    module = importlib.import_module(f"{__package__}.{base}.framework")
    adapter: Framework = module.Adapter(device, rest.rstrip("]")) if rest else module.Adapter(device)
    return adapter
