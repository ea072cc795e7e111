"""Faults and controls of the constraints of kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference import constraints as right
from ..language.variant import Control, Fault, each_way

Array = Any


def norm_of(x: Array, axis: int | tuple[int, ...]) -> Array:
    """Norms along axes, which are kept."""
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=True))


def by_reciprocal(kernel: Array, *, axis: int, epsilon: float, epsilon_at: str) -> Array:
    """``x · 1/d``, as where the reciprocal root is one instruction."""
    return kernel * (1.0 / right.DIVISORS[epsilon_at](norm_of(kernel, axis), epsilon))


def clipped(kernel: Array, *, max_value: float, axis: int, epsilon_at: str) -> Array:
    """``x c / max(n, c)`` and its like, the quotient last."""
    norm = norm_of(kernel, axis)
    if epsilon_at == "none":
        return kernel * max_value / np.maximum(norm, max_value)
    divisor = norm + right.KERAS_EPSILON
    if epsilon_at == "added":
        return kernel * np.minimum(norm, max_value) / divisor
    return np.where(norm > max_value, kernel * max_value / divisor, kernel)


def min_max_in_order(
    kernel: Array, *, min_value: float, max_value: float, rate: float, axis: int, epsilon_at: str
) -> Array:
    """The vector times its new norm, and then the quotient."""
    norm = norm_of(kernel, axis)
    aim = np.minimum(np.maximum(norm, min_value), max_value)
    divisor = norm + right.KERAS_EPSILON if epsilon_at == "added" else norm
    return kernel * (norm + rate * (aim - norm)) / divisor


def scaled_first(
    direction: Array, magnitude: Array, *, norm_of: str, epsilon: float, epsilon_at: str
) -> Array:
    """``(g / d) v``, the factor of each unit beforehand."""
    axes = right.normed(direction, norm_of)
    norm = np.sqrt(np.sum(np.square(direction), axis=axes, keepdims=True))
    return direction * (right.spread(magnitude, direction, axes) / right.DIVISORS[epsilon_at](norm, epsilon))


def by_rayleigh(
    kernel: Array,
    vector: Array,
    *,
    power_iterations: int,
    starts_from: str,
    epsilon: float,
    epsilon_at: str,
) -> tuple[Array, Array]:
    """``σ = l · (W r)``, the product with the units first."""
    options: dict[str, Any] = {
        "starts_from": starts_from,
        "epsilon": epsilon,
        "epsilon_at": epsilon_at,
    }
    left, start = singular_vectors(kernel, vector, power_iterations, **options)
    matrix = np.reshape(kernel, (-1, kernel.shape[-1]))
    sides = (left, start) if starts_from == "units" else (start, left)
    return kernel / np.sum(sides[0] * np.matmul(matrix, sides[1])), start


def singular_vectors(
    kernel: Array,
    vector: Array,
    power_iterations: int,
    *,
    starts_from: str,
    epsilon: float,
    epsilon_at: str,
) -> tuple[Array, Array]:
    """The vector that is not kept, and the one that is."""
    matrix = np.reshape(kernel, (-1, kernel.shape[-1]))
    matrix = matrix if starts_from == "units" else np.transpose(matrix)
    other = kept = vector
    for _ in range(power_iterations):
        other = np.matmul(matrix, kept)
        other = other / right.DIVISORS[epsilon_at](norm_of(other, 0), epsilon)
        kept = np.matmul(np.transpose(matrix), other)
        kept = kept / right.DIVISORS[epsilon_at](norm_of(kept, 0), epsilon)
    return other, kept


def by_units_first(kernel: Array, left: Array, right: Array, *, inference: str) -> Array:
    """``σ = (lᵀ W) · r``, and its reciprocal."""
    if inference == "iterated":
        left, right = singular_vectors(
            kernel, right, 1, starts_from="units", epsilon=1e-12, epsilon_at="inside"
        )
    return kernel if inference == "raw" else kernel * (1.0 / np.sum(np.matmul(left, kernel) * right))


def frobenius(kernel: Array, vector: Array, **options: Any) -> tuple[Array, Array]:
    """The norm of all elements for the largest singular value."""
    return kernel / np.sqrt(np.sum(np.square(kernel))), right.spectral_norm(kernel, vector, **options)[1]


CONSTANT_NORM = "gradient with the norm as a constant"

FAULTS = {
    "unit_norm": (
        *each_way(
            Fault(
                name="epsilon compared with the norm for its square, or the reverse",
                parameters={"epsilon_at": "'floor_of_square' if epsilon_at == 'floor' else 'floor'"},
                where="epsilon_at in ('floor', 'floor_of_square') and epsilon == 0.05",
            )
        ),
        Fault(
            name="divided by the squared norm",
            results={"y": lambda kernel, axis: kernel / np.sum(np.square(kernel), axis=axis, keepdims=True)},
        ),
        Fault(
            name="divided by the sum of magnitudes",
            results={"y": lambda kernel, axis: kernel / np.sum(np.abs(kernel), axis=axis, keepdims=True)},
        ),
        Fault(
            name="one norm of the whole kernel",
            results={"y": lambda kernel: kernel / np.sqrt(np.sum(np.square(kernel)))},
        ),
        Fault(
            name=CONSTANT_NORM,
            gradients={
                "kernel": lambda kernel, cotangent, axis, epsilon, epsilon_at: (
                    cotangent / right.DIVISORS[epsilon_at](norm_of(kernel, axis), epsilon)
                )
            },
        ),
    ),
    "max_norm": (
        *each_way(Fault(name="no vector shortened", parameters={"max_value": "1e30"})),
        Fault(
            name="every vector brought to the greatest norm",
            results={"y": lambda kernel, max_value, axis: kernel * (max_value / norm_of(kernel, axis))},
        ),
        Fault(
            name="the squared norm compared",
            results={
                "y": lambda kernel, max_value, axis: (
                    kernel * np.minimum(1.0, max_value / np.square(norm_of(kernel, axis)))
                )
            },
        ),
        Fault(
            name="each weight clipped for its vector",
            results={"y": lambda kernel, max_value: np.clip(kernel, -max_value, max_value)},
        ),
        Fault(
            name="one norm of the whole kernel",
            results={
                "y": lambda kernel, max_value: (
                    kernel * np.minimum(1.0, max_value / np.sqrt(np.sum(np.square(kernel))))
                )
            },
        ),
        *each_way(
            Fault(
                name="1e-7 added everywhere for nowhere, or the reverse",
                parameters={"epsilon_at": "'none' if epsilon_at == 'added' else 'added'"},
            )
        ),
        Fault(
            name=CONSTANT_NORM,
            gradients={
                "kernel": lambda kernel, cotangent, max_value, axis: (
                    cotangent * np.minimum(1.0, max_value / norm_of(kernel, axis))
                )
            },
        ),
    ),
    "min_max_norm": (
        *each_way(Fault(name="no greatest norm", parameters={"max_value": "1e30"})),
        *each_way(Fault(name="rate reversed", parameters={"rate": "1 - rate"})),
        Fault(
            name=CONSTANT_NORM,
            gradients={
                "kernel": lambda kernel, cotangent, min_value, max_value, rate, axis: (
                    cotangent
                    * (1 - rate + rate * np.clip(n := norm_of(kernel, axis), min_value, max_value) / n)
                )
            },
        ),
    ),
    "non_neg": (
        Fault(name="negative for non-negative", results={"y": lambda kernel: np.minimum(kernel, 0.0)}),
        Fault(
            name="gradient where the weight was cut",
            gradients={"kernel": lambda kernel, cotangent: np.where(kernel < 0, cotangent, 0.0)},
        ),
    ),
    "weight_norm": (
        *each_way(
            Fault(
                name="one norm of all for one of each unit",
                inputs={
                    "magnitude": lambda direction, magnitude: (
                        magnitude
                        * np.sqrt(np.sum(np.square(direction), axis=tuple(range(direction.ndim - 1))))
                        / np.sqrt(np.sum(np.square(direction)))
                    )
                },
                where="norm_of == 'unit'",
            )
        ),
        *each_way(
            Fault(
                name="epsilon ignored, or added inside the root",
                parameters={"epsilon_at": "'inside' if epsilon_at == 'none' else 'none'"},
                where="epsilon == 0.05",
            )
        ),
        Fault(
            name="magnitude of the next unit",
            inputs={"magnitude": lambda magnitude: np.roll(magnitude, 1)},
            where="norm_of == 'unit'",
        ),
        Fault(
            name="not divided by the norm",
            results={
                "y": lambda direction, magnitude, norm_of: (
                    direction * right.spread(magnitude, direction, right.normed(direction, norm_of))
                )
            },
        ),
        Fault(
            name="gradient as after a projection: the norm a constant",
            gradients={
                "direction": lambda direction, magnitude, cotangent, norm_of, epsilon, epsilon_at: (
                    cotangent
                    * scaled_first(
                        direction, magnitude, norm_of=norm_of, epsilon=epsilon, epsilon_at=epsilon_at
                    )
                    / direction
                )
            },
        ),
        Fault(
            name="gradient of the direction without the magnitude",
            gradients={"direction": lambda gradient, magnitude: gradient / magnitude},
        ),
        Fault(
            name="gradient of the magnitude from the direction, not divided",
            gradients={
                "magnitude": lambda direction, cotangent, magnitude: np.sum(
                    cotangent * direction, axis=tuple(range(direction.ndim - magnitude.ndim))
                )
            },
        ),
    ),
    "spectral_norm": (
        Fault(name="the norm of all elements", reference=frobenius),
        Fault(
            name="multiplied by the singular value",
            results={"y": lambda result, kernel: kernel * (kernel / result)},
        ),
        Fault(
            name="kernel read in the other order",
            inputs={"kernel": lambda kernel: np.reshape(np.moveaxis(kernel, -1, 0), kernel.shape)},
        ),
        Fault(
            name="gradient with the singular value as a constant",
            vjp=lambda kernel, vector, cotangent, **options: (
                cotangent * (right.spectral_norm(kernel, vector, **options)[0] / kernel),
            ),
        ),
    ),
    "spectral_norm_inference": (
        Fault(
            name="the norm of all elements", results={"y": lambda kernel: kernel / norm_of(kernel, (0, 1))}
        ),
        Fault(
            name="multiplied by the singular value",
            results={"y": lambda result, kernel: kernel * (kernel / result)},
            where="inference != 'raw'",
        ),
        Fault(
            name="gradient with the singular value as a constant",
            gradients={
                "kernel": lambda kernel, left, right, cotangent: cotangent / np.sum(left * (kernel @ right))
            },
            where="inference == 'kept'",
        ),
    ),
}

CONTROLS = {
    "unit_norm": (Control(name="times the reciprocal", reference=by_reciprocal),),
    "max_norm": (Control(name="quotient last", reference=clipped),),
    "min_max_norm": (Control(name="new norm times the vector first", reference=min_max_in_order),),
    "weight_norm": (Control(name="magnitude over norm first", reference=scaled_first),),
    "spectral_norm_inference": (Control(name="product with the features first", reference=by_units_first),),
    "spectral_norm": (
        Control(name="product with the units first", reference=by_rayleigh, where="axis == 'units'"),
    ),
}
