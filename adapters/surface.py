"""The public names of the frameworks' layer and loss modules: what there is to ask, bound or not.

They are read off the frameworks, in a worker process; `unbound` knows what nothing is to ask.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .binding import Binding, bindings
from .lazy import imported

__all__ = ["SURFACE", "Part", "bound_names", "public_names"]


@dataclass(frozen=True)
class Part:
    """A module whose public names are counted: everything in it that is called, but for modules.

    Args:
        module: where it is imported from.
        called: what its users call it, if not so.
        base: name of the base class of its layers; where there is one, only classes of this kind count.
        classes: whether classes count at all.
        defined: module in which what counts is defined; by default anywhere.
    """

    module: str
    called: str = ""
    base: str = ""
    classes: bool = True
    defined: str = ""

    def things(self) -> Iterator[tuple[str, Any]]:
        """The names that count, in full, and what they name."""
        module = imported(self.module)
        for name in dir(module):
            thing = getattr(module, name, None)
            if not name.startswith("_") and self._counts(module, thing):
                yield f"{self.called or self.module}.{name}", thing

    def _counts(self, module: Any, thing: Any) -> bool:
        if self.base:
            return isinstance(thing, type) and issubclass(thing, getattr(module, self.base))
        if isinstance(thing, type) and not self.classes:
            return False
        home = getattr(thing, "__module__", None) or ""
        return callable(thing) and home != "typing" and home.startswith(self.defined)


SURFACE = {
    "torch": (Part("torch.nn", base="Module"), Part("torch.nn.functional", classes=False)),
    "tensorflow": (Part("tensorflow.nn", called="tf.nn"),),
    "keras": (
        Part("keras.layers", base="Layer"),
        Part("keras.losses"),
        Part("keras.activations"),
        Part("keras.ops", defined="keras.src.ops.nn"),
    ),
    "jax": (
        Part("jax.nn"),
        Part("flax.nnx", base="Module"),
        Part("flax.linen", base="Module"),
        Part("optax.losses"),
    ),
}
"""The layer and loss modules of each framework."""


def public_names(framework: str) -> dict[str, str]:
    """Every public name of a framework that is imported, and another name of the same object, if it has one.

    The other name is one that is bound, or that which the object gives itself, or that which comes first.
    """
    things: dict[str, Any] = {}
    for part in SURFACE.get(framework, ()):
        try:
            things |= part.things()
        except ImportError:  # a part, such as optax, need not be installed
            continue
    known: dict[int, str] = {}
    for name in sorted(things, key=lambda name: _is_own(name, things[name]), reverse=True):
        known.setdefault(id(things[name]), name)
    known |= {id(thing): name for name in bound_names(framework) if (thing := _found(name)) is not None}
    return {name: "" if known[id(thing)] == name else known[id(thing)] for name, thing in things.items()}


def _is_own(name: str, thing: Any) -> bool:
    return name.rpartition(".")[2] == getattr(thing, "__name__", "")


def _found(name: str) -> Any:
    """What a public name names; None where there is no such thing."""
    package, *path = name.split(".")
    try:
        return functools.reduce(getattr, path, imported({"tf": "tensorflow"}.get(package, package)))
    except (AttributeError, ImportError):
        return None


def bound_names(framework: str) -> frozenset[str]:
    """The names of what a framework's bindings call; what is put together is no binding of its parts."""
    return frozenset(_name(b) for b in bindings([framework]).values() if not b.composition)


def _name(binding: Binding) -> str:
    """The name alone, without what brackets add, as in ``torch.nn.LSTM(num_layers)``."""
    return binding.api.partition("(")[0].partition("[")[0]
