"""What a binding is, and how bindings are found.

A binding is a function that takes the inputs and parameters of a spec by name and returns its outputs. It
names every input, and every parameter that the implementation can vary; the others are fixed by a condition
in ``where``, with the reason, so that no parameter is ignored in silence.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Usage

__all__ = ["FRAMEWORKS", "Binding", "binder", "bindings", "load_bindings"]

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Binding:
    """One implementation of one spec.

    Args:
        spec: name of the spec.
        api: the public name under test, as its users write it: ``torch.nn.functional.gelu``.
        framework: one of `FRAMEWORKS`.
        function: takes inputs and parameters by name, returns the outputs as native arrays.
        where: conditions (expressions over the spec's names) under which the implementation exists, each
            with the reason that a report gives where it does not hold.
        composition: whether this is put together from primitives because the framework ships no such layer.
    """

    spec: str
    api: str
    framework: str
    function: Callable[..., Any]
    where: Mapping[str, str] = field(default_factory=dict)
    composition: bool = False

    @property
    def key(self) -> str:
        """Name that is unique among all bindings."""
        return f"{self.spec}:{self.api}"

    @functools.cached_property
    def arguments(self) -> tuple[str, ...]:
        """Names of the inputs and parameters that the function takes."""
        return tuple(inspect.signature(self.function).parameters)


_registered: dict[str, dict[str, Binding]] = {name: {} for name in FRAMEWORKS}


def binder(framework: str) -> Callable[..., Callable[[Function], Function]]:
    """The decorator ``@binds(spec, api, where=…)`` of one framework; decorators of it may be stacked."""

    def binds(
        spec: str, api: str, *, where: Mapping[str, str] | None = None, composition: bool = False
    ) -> Callable[[Function], Function]:
        def register(function: Function) -> Function:
            binding = Binding(spec, api, framework, function, dict(where or {}), composition)
            known = _registered[framework].setdefault(binding.key, binding)
            if inspect.getsourcefile(known.function) != inspect.getsourcefile(function):
                raise ValueError(f"{binding.key} is bound twice")
            return function

        return register

    return binds


@functools.cache
def _import_family_modules(framework: str) -> None:
    package = importlib.import_module(f"{__package__}.{framework}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def bindings(frameworks: Iterable[str] = FRAMEWORKS) -> dict[str, Binding]:
    """Every binding of these frameworks by key, without importing any framework."""
    found: dict[str, Binding] = {}
    for framework in frameworks:
        _import_family_modules(framework)
        found |= _registered[framework]
    return found


def load_bindings(path: Path) -> None:
    """Run a file of further bindings, such as a user's own; they count from then on.

    Raises:
        Usage: there is no such file, or it does not run.
    """
    spec = importlib.util.spec_from_file_location(f"bindings_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise Usage(f"no Python file of bindings at {path}")
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise Usage(f"the bindings in {path} do not run: {type(error).__name__}: {error}") from error
