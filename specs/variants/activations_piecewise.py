"""Faults and controls of the activations with kinks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language.variant import Control, Fault

Array = Any


def at(kink: float, slope: float) -> Fault:
    """Another slope at a kink than any facet has."""
    return Fault(
        name=f"gradient {slope:.3g} at {kink:g}",
        gradients={"x": lambda gradient, x, cotangent: np.where(x == kink, slope * cotangent, gradient)},
    )


def elu_by_exp(x: Array, *, alpha: float = 1.0) -> Array:
    """``α (exp(x) - 1)``, whose difference loses every digit near 0."""
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0.0)) - 1.0))


def celu_of_two_parts(x: Array, *, alpha: float = 1.0) -> Array:
    """``max(x, 0) + min(α (exp(x / α) - 1), 0)``, as the paper writes it."""
    return np.maximum(x, 0.0) + np.minimum(alpha * np.expm1(np.minimum(x, 0.0) / alpha), 0.0)


def hard_silu_by_multiplication(x: Array) -> Array:
    """``x min(max(x + 3, 0), 6)``, which overflows before it is divided by 6."""
    return np.maximum(x, -3.0) * np.clip(x + 3.0, 0.0, 6.0) / 6.0


def soft_shrink_by_relu(x: Array, *, threshold: float = 0.5, nan: str = "kept") -> Array:
    """``max(x - λ, 0) - max(-x - λ, 0)``."""
    shrunk = np.maximum(x - threshold, 0.0) - np.maximum(-x - threshold, 0.0)
    return np.where((x != x) & (nan == "lost"), 0.0, shrunk)


FAULTS = {
    "leaky_relu": (
        Fault(name="the greater of x and a x", results={"y": lambda x, slope: np.maximum(x, slope * x)}),
    ),
    "prelu": (
        Fault(
            name="gradient of the slopes over all x",
            gradients={
                "slope": lambda x, slope, cotangent: np.sum(
                    x * cotangent, axis=(0, *range(slope.ndim + 1, x.ndim))
                )
            },
        ),
        Fault(
            name="gradient of the slopes is a mean",
            gradients={"slope": lambda gradient, x: gradient * gradient.size / x.size},
        ),
    ),
    "elu": (
        Fault(name="exp(x) - 1 by subtraction", reference=elu_by_exp, rounds=True),
        Fault(
            name="alpha inside, as in celu",
            results={"y": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))},
            where="alpha != 1",
        ),
        Fault(
            name="gradient without alpha",
            gradients={"x": lambda x, cotangent: cotangent * np.exp(np.minimum(x, 0))},
            where="alpha != 1",
        ),
    ),
    "celu": (
        Fault(
            name="alpha before it alone, as in elu",
            results={"y": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))},
            where="alpha != 1",
        ),
        at(0.0, 2.0),
    ),
    "relu6": (
        Fault(name="held at 5", results={"y": lambda x: np.clip(x, 0.0, 5.0)}),
        Fault(name="not held", results={"y": lambda x: np.maximum(x, 0.0)}),
        at(6.0, 1.0),
        at(0.0, 0.5),
    ),
    "bounded_relu": (
        Fault(
            name="a line through 0 below the threshold",
            results={
                "y": lambda result, x, negative_slope, threshold: np.where(
                    x < threshold, negative_slope * x, result
                )
            },
            where="negative_slope != 0 and threshold != 0",
        ),
        Fault(
            name="what is above the threshold less the threshold",
            results={"y": lambda result, x, threshold: np.where(x > threshold, result - threshold, result)},
            where="threshold != 0",
        ),
        Fault(
            name="not held at the bound",
            results={"y": lambda result, x, threshold: np.where(x > threshold, x, result)},
            where="max_value is not None",
        ),
    ),
    "hard_tanh": (
        Fault(name="tanh", results={"y": lambda x: np.tanh(x)}),
        Fault(
            name="gradient of one bound alone",
            gradients={
                "x": lambda gradient, x, bounds, cotangent: np.where(x < bounds[0], cotangent, gradient)
            },
        ),
    ),
    "hard_sigmoid": (
        Fault(name="slope 0.2, as in Keras 2", results={"y": lambda x: np.clip(0.2 * x + 0.5, 0.0, 1.0)}),
        at(3.0, 1.0 / 6.0),
        at(-3.0, 1.0 / 12.0),
    ),
    "hard_silu": (
        Fault(name="slope 0.2", results={"y": lambda x: x * np.clip(0.2 * x + 0.5, 0.0, 1.0)}),
        Fault(name="overflows before it is divided", reference=hard_silu_by_multiplication, rounds=True),
        Fault(
            name="gradient of the gate alone",
            gradients={"x": lambda x, cotangent: cotangent * np.clip(x / 6.0 + 0.5, 0.0, 1.0)},
        ),
        at(3.0, 1.5),
    ),
    "soft_shrink": (
        Fault(
            name="not shrunk beyond it",
            results={"y": lambda x, result: np.where(result == 0, result, x)},
            where="threshold != 0",
        ),
        at(0.5, 1.0),
    ),
    "hard_shrink": (
        Fault(
            name="the threshold itself let through",
            results={"y": lambda x, result, threshold: np.where(np.abs(x) == threshold, x, result)},
            where="threshold > 0",
        ),
        Fault(name="negative values lost", results={"y": lambda x, result: np.where(x < 0, 0.0, result)}),
    ),
    "threshold": (
        Fault(
            name="the threshold itself let through",
            results={"y": lambda x, result, threshold: np.where(x == threshold, x, result)},
        ),
        Fault(
            name="of the magnitude",
            results={"y": lambda x, result, threshold: np.where(np.abs(x) > threshold, x, result)},
            where="threshold > 0",
        ),
    ),
    "sparse_plus": (Fault(name="softplus", results={"y": lambda x: np.logaddexp(x, 0.0)}),),
    "sparse_sigmoid": (
        Fault(name="of x, not 2 x", results={"y": lambda x: (np.clip(x, -2.0, 2.0) + 2.0) / 4.0}),
        at(1.0, 0.5),
    ),
    "crelu": (
        Fault(
            name="the negative half keeps its sign", results={"y": lambda x, axis: _crelu(x, axis, sign=-1)}
        ),
        Fault(
            name="gradient of the positive half alone",
            gradients={"x": lambda gradient, x: gradient * (x > 0)},
        ),
    ),
}


def _crelu(x: Array, axis: int, sign: int) -> Array:
    return np.concatenate([np.maximum(x, 0.0), sign * np.maximum(-x, 0.0)], axis=axis)


CONTROLS = {
    "celu": (Control(name="of two parts", reference=celu_of_two_parts),),
    "soft_shrink": (Control(name="by two rectifiers", reference=soft_shrink_by_relu),),
}
