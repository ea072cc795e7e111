"""What the harness asks of a framework, whatever its name.

Arrays cross the border as ``Wire``: dtype name, shape and little-endian bytes. Bits travel exactly, and
bfloat16 needs no detour (``np.from_dlpack`` and ``torch.from_numpy`` refuse it).
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path as File
from typing import Any, ClassVar

from .binding import Binding
from .lazy import Absent, Unimportable, import_stand_ins, imported
from .path import Path

__all__ = [
    "Framework",
    "NotInForce",
    "Returned",
    "Runner",
    "Unavailable",
    "Wire",
    "cache_folder",
    "framework",
]

Wire = tuple[str, tuple[int, ...], bytes]
Native = Any
Returned = tuple[tuple[Native, ...], tuple[Native, ...]]
"""Outputs and gradients; None in the place of a gradient that the framework does not give."""

Runner = Callable[[Mapping[str, Native], Sequence[Native] | None], Returned]
"""Takes inputs and cotangents (None: forward only)."""


class Unavailable(Exception):
    """The framework, or the device asked for, is not to be had here; the message says why."""


class NotInForce(Exception):
    """The mode that was asked for did not run the call; the message says why.

    Args:
        reason: what the framework says.
        unsupported: whether the mode has no such thing, or the binding is at fault, and not the framework.
    """

    def __init__(self, reason: str, *, unsupported: bool) -> None:
        super().__init__(reason)
        self.unsupported = unsupported


class Framework(ABC):
    """One framework on one device."""

    paths: tuple[Path, ...]
    """How a call can be run: ``eager``, ``graph``, ``compiled`` …; the first is the default."""

    distributions: tuple[str, ...]
    """Packages whose versions identify what was tested."""

    oldest: ClassVar[Mapping[str, str]] = {}
    """The first version of each distribution that the bindings know, so that a gate can start from it.

    What pyproject.toml installs may be newer, and is never older.
    """

    parts: tuple[str, ...] = ()
    """Further modules, of distributions that need not be installed, that bindings call."""

    environment: tuple[str, ...] = ()
    """Environment variables that it reads: see `assay.adapters.environment`."""

    def __init__(self, device: str) -> None:
        self.device = device

    @property
    def modes(self) -> tuple[str, ...]:
        """Names of the paths."""
        return tuple(path.name for path in self.paths)

    def path(self, name: str) -> Path:
        """The path of this name, or the default one for none.

        Raises:
            Unavailable: there is none; says which there are.
        """
        for path in self.paths:
            if name in ("", path.name):
                return path
        raise Unavailable(f"there is no path {name!r}; there are {', '.join(self.modes)}")

    def enter(self, path: Path) -> None:
        """Start for a path: what it needs of the environment must stand before the framework is imported.

        Raises:
            Unavailable: the framework is not to be had, or too old for the path.
        """
        os.environ.update(path.environ)
        self.start()
        for name, first in path.since.items():
            if _release(found := self.versions()[name]) < _release(first):
                raise Unavailable(f"{name} {found} has no path {path.name!r}: it came with {name} {first}")

    @abstractmethod
    def start(self) -> None:
        """Import the framework and find the device. Raises Unavailable."""

    def require(self, module: str, name: str, extra: str) -> None:
        """Import the framework's own ``module``, in a version that the bindings know.

        Args:
            module: what is imported.
            name: what its users call the framework.
            extra: the extra of assay that installs it.

        Raises:
            Unavailable: it is not installed, too old, or its import fails.
        """
        for distribution, oldest in self.oldest.items():
            found = _version(distribution)
            if found and _release(found) < _release(oldest):
                raise Unavailable(
                    f"{distribution} {found} is too old: {name} can be asked with {distribution}>={oldest}."
                )
        try:
            imported(module)
        except Absent:
            raise Unavailable(f"{name} is not installed. Try `pip install assay[{extra}]`.") from None
        except Unimportable as error:
            raise Unavailable(f"{name} cannot be asked: {error}") from error

    def unimportable(self) -> str:
        """Which of the `parts` are installed and do not import, with the reason; empty if all do."""
        found = []
        for part in self.parts:
            try:
                imported(part)
            except Absent:
                continue
            except Unimportable as error:
                found.append(str(error))
        return "; ".join(dict.fromkeys(found))

    @abstractmethod
    def load(self, wire: Wire) -> Native:
        """Array of the framework, on the device, with these bits."""

    unload: Callable[[Native], Wire]
    """The bits of a framework's array."""

    prepare: Callable[[Callable[..., Any], Mapping[str, Any], Sequence[str], str], Runner]
    """A runner of a function with its parameters in a mode, differentiable in the inputs that are named."""

    @abstractmethod
    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Native], cotangents: Sequence[Native] | None
    ) -> tuple[Returned, str]:
        """Make the first call of a configuration, and prove that it ran in its mode.

        Returns what ``runner`` returns, and in a few words what shows that the mode was in force; none for
        an eager mode, where there is nothing to show.

        Raises:
            NotInForce: it was not, or the mode refuses the call. No eager run is passed off as another.
        """

    construct: Callable[[Callable[..., Any], Mapping[str, Any]], Any]
    """What a binding's ``build`` makes of the inputs and parameters that it takes, on the device."""

    seed: Callable[[int, Any], None]
    """Start everything that draws random numbers anew: what is global, and what a binding has built."""

    def weights(
        self, built: Any, on: Callable[[], tuple[Native, ...]], seed: int = 0
    ) -> Iterable[tuple[str, Native, bool]]:
        """The weights of a layer by the names that it shows, and whether they are trained.

        Args:
            built: the layer.
            on: gives what it is called on, for layers that have no weights before.
            seed: what such a layer draws them from.
        """
        return ()

    def seed_globally(self, number: int) -> None:
        """Start what draws where nothing is said of that anew, as far as there is such a thing."""
        self.seed(number, None)

    def shapes(
        self, call: Callable[[Mapping[str, Native]], Any], arrays: Mapping[str, Native]
    ) -> list[tuple[str, tuple[int, ...]]] | None:
        """Dtype and shape of each array that ``call`` returns, where that needs no computing."""
        return None

    def wide(self, given: Iterable[Any]) -> AbstractContextManager[Any]:
        """Context of a call with these arrays; one framework must be told to keep 64 bits."""
        return nullcontext()

    def settle(self, bindings: Iterable[Binding]) -> None:
        """Give bindings, and the modules of this adapter, real modules for the stand-ins that they hold."""
        package = type(self).__module__.rpartition(".")[0]
        modules = {name for name in sys.modules if name.startswith(f"{package}.")}
        for name in modules | {binding.function.__module__ for binding in bindings}:
            import_stand_ins(vars(sys.modules[name]))

    def flags(self) -> dict[str, str]:
        """What was in force: precision flags, threads, the device's name."""
        return {}

    def versions(self) -> dict[str, str]:
        """Version of every distribution that is installed; ``tensorflow-cpu`` goes by its module's name."""
        found = {name.removesuffix("-cpu"): _version(name) for name in self.distributions}
        return {name: version for name, version in found.items() if version}


def _version(distribution: str) -> str:
    """The version that is installed; empty where there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _release(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: ``2.13.0+cpu`` is (2, 13, 0)."""
    return tuple(map(int, re.findall(r"\d+", (re.match(r"[\d.]*", version) or [""])[0])))


def construct(build: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """What ``build`` makes of the inputs and parameters that it takes."""
    return build(**given)


def seed(number: int, built: Any) -> None:
    """Nothing: whatever draws is handed its seed, and keeps no state between calls."""


def cache_folder(name: str) -> File:
    """Where what is compiled is kept, for this machine alone, since homes may be shared."""
    caches = File(os.environ.get("XDG_CACHE_HOME") or File.home() / ".cache")
    return caches / "assay" / name / f"{platform.machine()}-{platform.node()}"


def as_tuple(outputs: Any) -> tuple[Any, ...]:
    """Outputs as a tuple, also where there is only one."""
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def leaves(returned: Any) -> Iterator[Any]:
    """The arrays of what was returned, in order, whatever holds them."""
    if isinstance(returned, Mapping):
        returned = list(returned.values())
    if isinstance(returned, tuple | list):
        for one in returned:
            yield from leaves(one)
    elif hasattr(returned, "dtype"):
        yield returned


def framework(name: str, device: str) -> Framework:
    """The adapter called ``name``: ``torch``, ``tensorflow``, ``jax``, or ``keras[backend]``.

    Raises:
        Unavailable: no such framework.
    """
    base, _, rest = name.partition("[")
    module = importlib.import_module(f"{__package__}.{base}.framework")
    adapter: Framework = module.Adapter(device, rest.rstrip("]")) if rest else module.Adapter(device)
    return adapter
