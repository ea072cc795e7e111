"""What a binding is, and how bindings are found.

A binding is a function that takes the inputs and parameters of a spec by name and returns its outputs. What
has to be constructed first, such as a module, is made by a second function, which is called once for each
configuration: only the call is compiled, traced, differentiated or repeated.

Together they name every input, and every parameter that the implementation can vary. The others are pinned by
``fixed``, or restricted by a condition in ``where``, with the reason, so that no parameter is ignored in
silence.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .rows import Row

from ..errors import Usage

__all__ = [
    "BUILT",
    "FRAMEWORKS",
    "KNOWN",
    "Binding",
    "binder",
    "bindings",
    "conditions",
    "is_own",
    "load_bindings",
    "register",
    "takes",
]

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")
"""What is asked where nobody says whom to ask."""

KNOWN = (*FRAMEWORKS, "onnx")
"""Whatever can be asked by its name: ONNX's operators have no gradient, and few have them installed."""

Function = TypeVar("Function", bound=Callable[..., Any])


BUILT = "built"
"""Keyword under which a call is given what its binding has built."""


@dataclass(frozen=True)
class Binding:
    """One implementation of one spec.

    Args:
        spec: name of the spec.
        api: the public name under test, as its users write it: ``torch.nn.functional.gelu``.
        framework: one of `KNOWN`.
        function: takes inputs and parameters by name, returns the outputs as native arrays.
        where: conditions (expressions over the spec's names) under which the implementation exists, each
            with the reason that a report gives where it does not hold.
        composition: whether this is put together from primitives because the framework ships no such layer.
        build: takes inputs and parameters by name, and constructs what ``function`` is then given as
            ``built``. Of inputs it looks at shapes, dtypes and presence only, never at values.
        row: the call as data, where the functions were rendered from that.
    """

    spec: str
    api: str
    framework: str
    function: Callable[..., Any]
    where: Mapping[str, str] = field(default_factory=dict)
    composition: bool = False
    build: Callable[..., Any] | None = None
    row: Row | None = None

    @property
    def key(self) -> str:
        """Name that is unique among all bindings."""
        return f"{self.spec}:{self.api}"

    @functools.cached_property
    def built_from(self) -> tuple[str, ...]:
        """Names of the inputs and parameters that ``build`` takes."""
        return tuple(inspect.signature(self.build).parameters) if self.build else ()

    @functools.cached_property
    def called_with(self) -> tuple[str, ...]:
        """Names of the inputs and parameters that ``function`` takes, beside what is built."""
        return tuple(name for name in inspect.signature(self.function).parameters if name != BUILT)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the inputs and parameters that either part takes."""
        return tuple(dict.fromkeys((*self.built_from, *self.called_with)))


_registered: dict[str, dict[str, Binding]] = {name: {} for name in KNOWN}
_loaded: set[Path] = set()


def register(binding: Binding) -> None:
    """Let a binding count from now on.

    Raises:
        ValueError: its spec and API are bound already.
    """
    known = _registered[binding.framework].setdefault(binding.key, binding)
    if known is not binding:
        places = " and ".join(str(inspect.getsourcefile(b.function)) for b in (known, binding))
        raise ValueError(f"{binding.key} is bound twice, in {places}")


def conditions(
    where: Mapping[str, str] | None = None, fixed: Mapping[str, tuple[Any, str]] | None = None
) -> dict[str, str]:
    """Conditions with their reasons: those given, and that each parameter in ``fixed`` has its value."""
    pinned = {f"{name} == {value!r}": reason for name, (value, reason) in (fixed or {}).items()}
    return {**pinned, **(where or {})}


def takes(facet: str, value: object, reason: str, *shown_by: str) -> dict[str, str]:
    """The condition that a facet has the value that an implementation takes, in the data that show it.

    Ties are shown by any data of half types, whose numbers are so few that some meet.
    """
    hidden = f"data not in {shown_by!r}"
    if "ties" in shown_by:
        hidden += " and dtype not in ('bfloat16', 'float16')"
    return {f"{facet} == {value!r} or {hidden}": reason}


def binder(framework: str) -> Callable[..., Callable[[Function], Function]]:
    """The decorator ``@binds(spec, api, where=…)`` of one framework; decorators of it may be stacked."""

    def binds(
        spec: str,
        api: str,
        *,
        where: Mapping[str, str] | None = None,
        fixed: Mapping[str, tuple[Any, str]] | None = None,
        composition: bool = False,
        build: Callable[..., Any] | None = None,
    ) -> Callable[[Function], Function]:
        def bind(function: Function) -> Function:
            register(Binding(spec, api, framework, function, conditions(where, fixed), composition, build))
            return function

        return bind

    return binds


@functools.cache
def _import_family_modules(framework: str, family: str) -> None:
    package = importlib.import_module(f"{__package__}.{framework}")
    for module in pkgutil.iter_modules(package.__path__):
        if family in ("", module.name):
            importlib.import_module(f"{package.__name__}.{module.name}")


def bindings(frameworks: Iterable[str] = FRAMEWORKS, family: str = "") -> dict[str, Binding]:
    """Every binding of these frameworks by key, without importing any framework.

    Where a ``family`` is named, those of its specs are among them, and its modules alone are read.
    """
    found: dict[str, Binding] = {}
    for framework in frameworks:
        _import_family_modules(framework, family)
        found |= _registered[framework]
    return found


def load_bindings(path: Path) -> None:
    """Run a file of further bindings, such as a user's own; they count from then on.

    The file becomes a module like any other, since compilers import the module of what they trace by its
    name. A file that was run before is not run again.

    Raises:
        Usage: there is no such file, or it does not run: one of its bindings is known already, say.
    """
    place = path.resolve()
    if place in _loaded:
        return
    name = f"bindings_{path.stem}"
    while name in sys.modules:
        name += "_"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None or not place.is_file():
        raise Usage(f"no Python file of bindings at {path}")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        _forget(name)
        raise Usage(f"the bindings in {path} do not run: {type(error).__name__}: {error}") from error
    _loaded.add(place)


def _forget(module: str) -> None:
    """Take back what a module that failed half-way has bound."""
    del sys.modules[module]
    for known in _registered.values():
        for key in [key for key, binding in known.items() if binding.function.__module__ == module]:
            del known[key]


def is_own(binding: Binding) -> bool:
    """Whether a binding is a user's own, from a file that `load_bindings` ran."""
    return not binding.function.__module__.startswith(f"{__package__}.")
