"""What the reference expects of a case: values with their tolerances, under each rounding profile.

Computed once per case and profile, and shared by every implementation that is asked the case.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics._moments import Moments
from ...numerics.carried import Carried, carry, carry_moments, finish
from ...numerics.data import data_set
from ...numerics.dtypes import widen
from ...numerics.generator import Stream
from ...numerics.profiles import Profile
from ...numerics.tolerance import tolerance
from ...specs.language.case import Case
from ...specs.language.distribution import Distribution, distribution_of
from ...specs.language.spec import evaluate

__all__ = ["Expectation", "Expected", "Function", "Represent"]

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
Represent = Callable[[Array], Any]


@dataclass(frozen=True)
class Expected:
    """One array that an implementation should return: an output, a state or a gradient."""

    name: str
    check: str
    value: Array
    tolerance: Array
    deviation: Array
    """Standard deviation of the rounding error, element by element."""

    exact: bool
    """Whether the array holds integers or booleans, which carry no error."""


class Expectation:
    """The reference's answers to one case.

    Args:
        case: the case.
        parameters: values that replace the case's own, as a deviation on file may ask.
        recovered: inputs that were read off an implementation's outputs; if None, what might be drawn.
        uncertain: how far what was drawn may lie from what was recovered, for outputs have been rounded.
        inputs: all inputs, in the place of what the case and the other arguments give.
    """

    def __init__(
        self,
        case: Case,
        parameters: Mapping[str, Any] | None = None,
        recovered: Mapping[str, Array] | None = None,
        uncertain: Mapping[str, Array] | None = None,
        inputs: Mapping[str, Array] | None = None,
    ) -> None:
        self.case, self.uncertain = case, dict(uncertain or {})
        self.parameters = {**case.arguments, **(parameters or {})}
        self.inputs: dict[str, Array] = dict(inputs or case.inputs())
        if inputs is None:
            self.inputs |= recovered or self.drawn(Stream("unread"))
        self.seconds = 0.0
        self._under: dict[Profile, tuple[Expected, ...]] = {}
        self._lock = threading.RLock()

    @property
    def named(self) -> dict[str, Any]:
        """Axis lengths, parameters, and inputs as float64 or integer arrays (None: absent), by name."""
        given = {i.name: self.inputs.get(i.name) for i in self.case.spec.inputs}
        wide = {n: a if a is None or a.dtype.kind in "biu" else widen(a) for n, a in given.items()}
        return {**self.case.names, **self.parameters, **wide}

    @property
    def distributions(self) -> dict[str, Distribution]:
        """What each recovered input was drawn from."""
        recovered = (i for i in self.case.given if i.kind == "recovered")
        return {i.name: distribution_of(i, self.named) for i in recovered}

    def drawn(self, stream: Stream) -> dict[str, Array]:
        """What a stochastic layer might draw in this case."""
        names, name = self.case.names, self.case.dtype
        return {n: d.draw(stream.child(n), names[n], name) for n, d in self.distributions.items()}

    def asking(
        self,
        inputs: Mapping[str, Array],
        parameters: Mapping[str, Any] | None = None,
        cotangents: tuple[Array, ...] | None = None,
    ) -> Expectation:
        """The same question with other inputs and parameters, under the same cotangents or others."""
        changed = Expectation(self.case, parameters, inputs={**self.inputs, **inputs})
        changed.__dict__["cotangents"] = self.cotangents if cotangents is None else cotangents
        return changed

    @property
    def wrt(self) -> tuple[str, ...]:
        """Names of the inputs whose gradients are asked for."""
        differentiable = (i for i in self.case.given if i.differentiable)
        return tuple(i.name for i in differentiable if not evaluate(i.frozen, self.case.names))

    @functools.cached_property
    def cotangents(self) -> tuple[Array, ...]:
        """One random cotangent per output, in the case's dtype."""
        outputs = self.forward()
        names = self.case.spec.outputs
        return tuple(
            self.case.cotangent(n, y.shape) for n, y in zip(names, outputs[: len(names)], strict=True)
        )

    def under(self, profile: Profile) -> tuple[Expected, ...]:
        """Outputs, then states, then gradients, as this profile explains them."""
        with self._lock:
            if profile not in self._under:
                begun = time.thread_time()
                self._under[profile] = self._evaluate(profile)
                self.seconds += time.thread_time() - begun
            return self._under[profile]

    def _evaluate(self, profile: Profile) -> tuple[Expected, ...]:
        def represent(array: Array) -> Carried:
            return carry(array, profile)

        spec, outputs, gradients = self.case.spec, self.outputs(represent), self.gradients(represent)
        checks = ["values"] * len(spec.outputs) + ["states"] * len(spec.states)
        named = zip((*spec.outputs, *spec.states), checks, outputs, strict=True)
        found = [self._expected(name, check, array) for name, check, array in named]
        return (*found, *(self._expected(f"gradient of {n}", "gradients", g) for n, g in gradients.items()))

    def forward(self) -> tuple[Array, ...]:
        """Outputs and states of the reference on plain arrays; raises where a constraint is broken."""
        return self.outputs(np.asarray)

    def outputs(self, represent: Represent, reference: Function | None = None) -> tuple[Any, ...]:
        """Outputs and states of the reference, or of another function in its place.

        Args:
            represent: makes of each float64 array what the function is run on.
            reference: the function; that of the spec if None.
        """
        function = reference or self.case.spec.reference
        with np.errstate(all="ignore"):
            outputs = function(*self._arrays(represent), **self._keywords(function))
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def gradients(self, represent: Represent, vjp: Function | None = None) -> dict[str, Any]:
        """Gradients with respect to each input of ``wrt``, by the spec's vjp or another one in its place."""
        function = vjp or self.case.spec.vjp
        cotangents = tuple(represent(widen(g)) for g in self.cotangents)
        given = cotangents if len(cotangents) > 1 else cotangents[0]
        with np.errstate(all="ignore"):
            gradients = function(*self._arrays(represent), given, **self._keywords(function))
        names = [i.name for i in self.case.spec.inputs if i.differentiable]
        return {n: g for n, g in zip(names, gradients, strict=True) if n in self.wrt}

    def _arrays(self, represent: Represent) -> list[Any]:
        arrays = ((given.name, self.inputs.get(given.name)) for given in self.case.spec.inputs)
        return [
            a if a is None or a.dtype.kind in "biu" else self._doubted(name, represent(widen(a)))
            for name, a in arrays
        ]

    def _doubted(self, name: str, array: Any) -> Any:
        """An input with the error that recovering it has made, where errors are carried."""
        bound = self.uncertain.get(name)
        if bound is None or not isinstance(array, Carried):
            return array
        return carry_moments(Moments(array.value, bound, np.square(bound) / 3), array.profile)

    def _keywords(self, function: Function) -> dict[str, Any]:
        return self.case.spec.accepted(function, self.parameters)

    def _expected(self, name: str, check: str, array: Any) -> Expected:
        if not isinstance(array, Carried):
            zeros = np.zeros(np.shape(array))
            return Expected(name, check, np.array(array), zeros, zeros, exact=True)
        final = finish(array)
        independent = self.case.breaks is not None or data_set(self.case.data).independent
        return Expected(
            name,
            check,
            np.array(final.value),
            np.broadcast_to(tolerance(final, independent=independent), final.shape),
            np.broadcast_to(np.sqrt(final.variance), final.shape),
            exact=False,
        )
