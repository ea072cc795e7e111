"""Steps over time of ``(batch, time, features)``: what recurrent layers stand on.

A *step* takes what is given at one time and the carry, a tuple of states of which the first is the output,
and returns the next carry. Its gradient takes the same and a cotangent of the next carry, and returns the
gradients with respect to what is given, the carry and the weights.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from .checks import Array, require, require_rank, require_shape

__all__ = [
    "Carry",
    "Drop",
    "activation_of",
    "back_through_time",
    "bias_gradient",
    "carries_of",
    "check_layer",
    "gate_of",
    "in_order",
    "input_gradient",
    "kernel_gradient",
    "logistic_slope",
    "outputs_of",
    "sequence_of",
    "slope_of",
    "steps_of",
    "total",
]

Carry = tuple[Array, ...]
Drop = Callable[[int, Array], Array]
"""What is left of values at the step, or in the layer, of this number: linear, and thus its own gradient."""
Function = Callable[[Array], Array]
Step = Callable[[Any, Carry], Carry]
StepGradient = Callable[[Any, Carry, Carry], tuple[Any, Carry, tuple[Array, ...]]]


def carries_of(step: Step, given: Sequence[Any], carry: Carry) -> list[Carry]:
    """The initial carry, and the one after each step."""
    carries = [carry]
    for at in given:
        carries.append(step(at, carries[-1]))
    return carries


def outputs_of(carries: Sequence[Carry]) -> Carry:
    """The first state after each step as a sequence, and the final carry."""
    return np.stack([output for output, *_ in carries[1:]], axis=1), *carries[-1]


def back_through_time(
    gradient: StepGradient, given: Sequence[Any], carries: Sequence[Carry], cotangents: Carry
) -> tuple[list[Any], Carry, tuple[Array, ...]]:
    """Gradients with respect to what is given at each step, the initial carry, and the weights of all steps.

    ``cotangents`` are those of all outputs, ``(batch, time, …)``, and of each state of the final carry.
    """
    sequence, last = cotangents[0], cotangents[1:]
    by_given, by_weights = [], []
    for t in reversed(range(len(given))):
        into = (last[0] + sequence[:, t], *last[1:])
        of_given, last, of_weights = gradient(given[t], carries[t], into)
        by_given.append(of_given)
        by_weights.append(of_weights)
    weights = tuple(total(parts[::-1]) for parts in zip(*by_weights, strict=True))
    return by_given[::-1], last, weights


def check_layer(
    x: Array,
    carry: dict[str, Array],
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    direction: str,
    gates: int,
) -> None:
    """Raise unless inputs, carry and weights of so many gates fit, and ``direction`` is known."""
    known = ("forward", "backward", "backward_reversed")
    require(direction in known, f"direction must be one of {', '.join(known)}; got {direction!r}")
    times = f"{gates} " if gates > 1 else ""
    require_rank("x", x, 3, "batch, time, features")
    require(x.shape[1] > 0, f"x must have at least one time step; got shape {x.shape}")
    require_rank("recurrent_kernel", recurrent_kernel, 2, f"units, {times}units")
    units = recurrent_kernel.shape[0]
    require_shape("recurrent_kernel", recurrent_kernel, (units, gates * units), f"units, {times}units")
    require_shape("kernel", kernel, (x.shape[2], gates * units), f"features, {times}units")
    for name, state in carry.items():
        require_shape(name, state, (x.shape[0], units), "batch, units")
    if bias is not None:
        require_shape("bias", bias, (gates * units,), f"{times}units")


def in_order(sequence: Array, backwards: bool) -> Array:
    """The sequence, turned round in time if ``backwards``."""
    return sequence[:, ::-1] if backwards else sequence


def steps_of(x: Array) -> list[Array]:
    """The steps of a sequence, as a list."""
    return [x[:, t] for t in range(x.shape[1])]


def sequence_of(states: Sequence[Array], backwards: bool) -> Array:
    """A sequence of these steps, turned round in time if ``backwards``."""
    return in_order(np.stack(states, axis=1), backwards)


def logistic_slope(gate: Array) -> Array:
    """``σ' = σ (1 - σ)``, from the gate itself: this is what a layer keeps for its backward pass."""
    return gate * (1.0 - gate)


def activation_of(name: str) -> Function:
    """The function of a candidate, and of the state that is put out: ``tanh``, ``relu`` or ``sigmoid``."""
    known = ("tanh", "relu", "sigmoid")
    require(name in known, f"activation must be one of {', '.join(known)}; got {name!r}")
    return _FUNCTIONS[name]


def gate_of(name: str) -> Function:
    """The function of a gate: ``sigmoid``; or ``hard_sigmoid``, ``min(max(z / 6 + 1/2, 0), 1)``."""
    known = ("sigmoid", "hard_sigmoid")
    require(name in known, f"recurrent_activation must be one of {', '.join(known)}; got {name!r}")
    return _FUNCTIONS[name]


def slope_of(name: str, y: Array) -> Array:
    """Derivative of one of these functions where its value is y; 0 at kinks."""
    if name == "tanh":
        return 1.0 - np.square(y)
    if name == "sigmoid":
        return logistic_slope(y)
    if name == "relu":
        return np.where(y > 0, 1.0, 0.0)
    return np.where(y > 0, np.where(y < 1, 1.0 / 6.0, 0.0), 0.0)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def _hard_sigmoid(x: Array) -> Array:
    return np.minimum(np.maximum(x / 6.0 + 0.5, 0.0), 1.0)


_FUNCTIONS: dict[str, Function] = {
    "tanh": np.tanh,
    "relu": _relu,
    "sigmoid": expit,
    "hard_sigmoid": _hard_sigmoid,
}


def input_gradient(slopes: Sequence[Array], kernel: Array, direction: str) -> Array:
    """``δₜ Wᵀ`` at each step."""
    return sequence_of([np.matmul(slope, np.transpose(kernel)) for slope in slopes], direction != "forward")


def kernel_gradient(factors: Sequence[Array], slopes: Sequence[Array]) -> Array:
    """``Σₜ aₜᵀ δₜ``."""
    return total([np.matmul(np.transpose(a), slope) for a, slope in zip(factors, slopes, strict=False)])


def bias_gradient(slopes: Sequence[Array]) -> Array:
    """``Σₜ δₜ``, summed over the batch."""
    return total([np.sum(slope, axis=0) for slope in slopes])


def total(parts: Sequence[Array]) -> Array:
    """The sum of all parts, in order."""
    return functools.reduce(operator.add, parts)
