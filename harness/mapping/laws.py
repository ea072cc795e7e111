"""From which law the weights of a layer are drawn when it is built, as the numbers themselves show.

The laws that layers are known to be built by are candidates; a Kolmogorov-Smirnov test, at a level that none
of them fails by chance, leaves those that fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import stats

__all__ = ["law_of"]

LEVEL = 1e-6
"""A right law fails so seldom."""

LEAST = 256
"""Numbers below which no law is told."""

Shape = tuple[int, ...]
Law = Any


def law_of(numbers: np.ndarray[Any, Any], shape: Shape, others: Mapping[str, Shape], framework: str) -> str:
    """The law that numbers were drawn from, in words; empty where none of the known ones fits.

    Args:
        numbers: of a weight, from as many builds as there were.
        shape: of the weight.
        others: shapes of all weights of the layer, for a bias may be drawn by the width of a kernel.
        framework: which has its own order of axes.
    """
    if not numbers.size:
        return ""
    if np.all(numbers == numbers[0]):
        return f"{numbers[0]:g}"
    if len(set(numbers.tolist())) == 2:
        return "0 and 1 in places" if set(numbers.tolist()) == {0.0, 1.0} else ""
    if _orthogonal(numbers, shape):
        return "orthogonal"
    if numbers.size < LEAST:
        return "drawn"
    found = (name for name, law in _laws(shape, others, framework) if _fits(numbers, law))
    return next(found, f"drawn, of mean {numbers.mean():.2g} and deviation {numbers.std():.2g}")


def _orthogonal(numbers: np.ndarray[Any, Any], shape: Shape) -> bool:
    """Whether the rows or columns of the first draw are of length 1 and at right angles."""
    if len(shape) < 2 or min(shape) < 2:
        return False
    matrix = numbers[: math.prod(shape)].reshape(-1, shape[-1])
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return bool(np.allclose(product, np.eye(len(product)), atol=64 * np.finfo(np.float32).eps))


def _fits(numbers: np.ndarray[Any, Any], law: Law) -> bool:
    """Whether a law explains the numbers, of which some come near to the ends of a uniform one."""
    low, high = law.support()
    if numbers.min() < low * (1 + 1e-6) or numbers.max() > high * (1 + 1e-6):
        return False
    near = law.ppf(1 + math.log(LEVEL) / numbers.size)
    return bool(numbers.max() >= near) and stats.kstest(numbers, law.cdf).pvalue > LEVEL


def _laws(shape: Shape, others: Mapping[str, Shape], framework: str) -> Iterator[tuple[str, Law]]:
    """Laws by the names that their users give them."""
    kernels = [shape] if len(shape) > 1 else [one for one in others.values() if len(one) > 1]
    for fan_in, fan_out in dict.fromkeys(_fans(one, framework) for one in kernels):
        yield "uniform ± √(6 / (fan_in + fan_out))", _uniform(math.sqrt(6 / (fan_in + fan_out)))
        yield "uniform ± 1 / √fan_in", _uniform(1 / math.sqrt(fan_in))
        yield "uniform ± √(3 / fan_in)", _uniform(math.sqrt(3 / fan_in))
        yield "truncated normal of variance 1 / fan_in", _truncated(math.sqrt(1 / fan_in))
        yield "normal of variance 1 / fan_in", stats.norm(0, math.sqrt(1 / fan_in))
        yield "truncated normal of variance 2 / fan_in", _truncated(math.sqrt(2 / fan_in))
        yield "normal of variance 2 / (fan_in + fan_out)", stats.norm(0, math.sqrt(2 / (fan_in + fan_out)))
        yield "normal of variance 1 / fan_out", stats.norm(0, math.sqrt(1 / fan_out))
        yield "uniform ± 1 / √fan_out", _uniform(1 / math.sqrt(fan_out))
    for units in sorted({one[-1] for one in others.values() if len(one) > 1}):
        yield "uniform ± 1 / √units", _uniform(1 / math.sqrt(units))
    yield "uniform ± 0.05", _uniform(0.05)
    yield "normal of variance 1", stats.norm(0, 1)
    yield "normal of deviation 0.05", stats.norm(0, 0.05)
    yield "normal of deviation 0.02", stats.norm(0, 0.02)
    yield "uniform from 0 to 1", stats.uniform(0, 1)


def _fans(shape: Shape, framework: str) -> tuple[int, int]:
    """Numbers that go into, and come out of, one unit: PyTorch keeps outputs first, the others last."""
    if framework == "torch":
        window = math.prod(shape[2:])
        return shape[1] * window, shape[0] * window
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _uniform(bound: float) -> Law:
    return stats.uniform(-bound, 2 * bound)


def _truncated(deviation: float) -> Law:
    """A normal law cut at two of its deviations and widened again to the ``deviation`` that is asked for."""
    scale = deviation / 0.87962566103423978
    return stats.truncnorm(-2, 2, 0, scale)
