"""Versions of a layer that differ from its reference: faults, and controls that only round differently.

A variant is data: it says what is changed of the reference. Everything it does not mention is right, so that
the change alone must be seen. Which spec it belongs to is said in
``specs/variants/``, in the file of the spec's family.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Control", "Fault", "Variant", "call_by_name", "each_way"]

Function = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A version of a layer that differs from the reference.

    Functions in ``inputs``, ``results`` and ``gradients`` name what they want: inputs (float64 arrays, None
    where absent), parameters and axis lengths by their names, and what they change as ``given``, ``result``
    or ``gradient``.

    Attributes:
        name: what is wrong, or how it is computed, in a few words.
        parameters: new values of parameters, as expressions over the names of axes and parameters.
        inputs: new inputs.
        results: new outputs and states, from the right ones.
        gradients: new gradients by the name of the input, from the right ones; ``cotangent`` is the first.
        reference: another function in place of the reference.
        vjp: another function in place of its vector-Jacobian product.
        where: the condition under which there is a difference at all; ``data`` is the name of the data set.
        spoils: whether changes to parameters and inputs act on ``outputs``, on ``gradients``, or on ``both``.
        rounds: whether every primitive is rounded; otherwise all is computed in float64 and rounded once, so
            that nothing but the change itself can be seen.
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Function] = field(default_factory=dict)
    results: Mapping[str, Function] = field(default_factory=dict)
    gradients: Mapping[str, Function] = field(default_factory=dict)
    reference: Function | None = None
    vjp: Function | None = None
    where: str = "True"
    spoils: str = "outputs"
    rounds: bool = False

    def __post_init__(self) -> None:
        if self.spoils not in ("outputs", "gradients", "both"):
            raise ValueError(
                f"{self.name}: spoils is {self.spoils!r}, but must be outputs, gradients or both"
            )


@dataclass(frozen=True, kw_only=True)
class Fault(Variant):
    """A wrong version that a person could write; the judge must not let it pass."""


@dataclass(frozen=True, kw_only=True)
class Control(Variant):
    """A right version that rounds differently from the reference; the judge must let it pass.

    Attributes:
        normwise: whether it is accurate only beside the largest of the numbers that it mixes. It must pass at
            those elements where its own error, carried through its ``reference``, stays within the tolerance;
            the others get the right value.
    """

    rounds: bool = True
    normwise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normwise and (self.reference is None or self.vjp):
            raise ValueError(f"{self.name}: a normwise control has a reference of its own, and no vjp")


def each_way(fault: Fault) -> tuple[Fault, Fault]:
    """The fault in the outputs alone, and in the gradients alone."""
    return fault, dataclasses.replace(fault, name=f"{fault.name}, in the gradient", spoils="gradients")


def call_by_name(function: Function, names: Mapping[str, Any]) -> Any:
    """Call a function with those of the ``names`` that its signature has.

    Raises:
        LookupError: the function wants a name that there is not.
    """
    wanted = inspect.signature(function).parameters
    missing = [name for name in wanted if name not in names]
    if missing:
        raise LookupError(f"there is nothing called {missing[0]!r}; there are {', '.join(sorted(names))}")
    return function(**{name: names[name] for name in wanted})
