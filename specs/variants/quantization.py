"""Faults and controls of numbers of eight bits or fewer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.quantization import FORMATS, microscaling, quantize, scaled_matmul
from ..language.variant import Control, Fault

Array = Any


def cut(x: Array, *, format: str, scope: str, epsilon: float, epsilon_at: str) -> tuple[Array, Array]:
    """Whole numbers cut off, and not rounded."""
    _, scale = quantize(x, format=format, scope=scope, epsilon=epsilon, epsilon_at=epsilon_at)
    return np.trunc(x / (scale[:, None] if scope == "row" else scale)), scale


def nothing_by_nothing(
    x: Array, *, format: str, scope: str, epsilon: float, epsilon_at: str
) -> tuple[Array, Array]:
    """Rows of zeros divided by the scale 0."""
    codes, scale = quantize(x, format=format, scope=scope, epsilon=epsilon, epsilon_at=epsilon_at)
    greatest = np.max(np.abs(x), axis=1, keepdims=True) if scope == "row" else np.max(np.abs(x))
    return np.where(greatest == 0, np.nan, codes), scale


def normal_numbers_only(result: Array, format: str) -> Array:
    """Numbers below the least normal one lost."""
    return np.where(np.abs(result) < np.ldexp(1.0, FORMATS[format][2]), 0.0, result)


def by_times(x: Array, *, format: str, scope: str, epsilon: float, epsilon_at: str) -> tuple[Array, Array]:
    """Times the reciprocal of the scale: another quotient, rounded otherwise."""
    greatest = np.max(np.abs(x), axis=1 if scope == "row" else None)
    held = np.maximum(greatest, epsilon) if epsilon_at == "floor" else greatest + epsilon
    largest, bits, least = FORMATS[format]
    factor = largest / held
    quotient = x * (factor[:, None] if scope == "row" else factor)
    _, power = np.frexp(np.asarray(getattr(quotient, "value", quotient)))
    step = 1.0 if bits is None else np.ldexp(1.0, np.maximum(power - 1, least) - bits)
    return np.clip(np.rint(quotient / step) * step, -largest, largest), held / largest


def exponent_of_the_first(x: Array, *, format: str, exponent: str) -> tuple[Array, Array]:
    """The exponent of the first number of each block, and not of the greatest."""
    largest = FORMATS[format][0]
    _, powers = np.frexp(np.where(x == 0, 1.0, x))
    exponents = powers[:, ::32] - np.frexp(largest)[1]
    scaled = x * np.ldexp(1.0, -np.repeat(exponents, 32, axis=1))
    codes, _ = microscaling(x, format=format, exponent=exponent)
    return np.where(np.abs(scaled) > largest, np.sign(x) * largest, codes), exponents.astype(np.int32)


def scales_of_the_first_block(
    x: Array, kernel: Array, x_scale: Array, kernel_scale: Array, bias: Any
) -> Array:
    """The scales of the first block, for all."""
    first, of_kernel = x_scale[:, :1] + 0 * x_scale, kernel_scale[:1] + 0 * kernel_scale
    return scaled_matmul(x, kernel, first, of_kernel, bias)


def scales_first(x: Array, kernel: Array, x_scale: Array, kernel_scale: Array, bias: Any) -> Array:
    """Factors scaled before they are multiplied."""
    if x_scale.ndim == 2:
        x_scale, kernel_scale = np.repeat(x_scale, 32, axis=1), np.repeat(kernel_scale, 32, axis=0)
    elif x_scale.ndim == 1:
        x_scale = x_scale[:, None]
    y = np.matmul(in_eight_bits(x) * x_scale, in_eight_bits(kernel) * kernel_scale)
    return y if bias is None else y + bias


def in_eight_bits(x: Array) -> Array:
    """The nearest number with three bits of a fraction."""
    _, power = np.frexp(np.asarray(getattr(x, "value", x)))
    step = np.ldexp(1.0, np.maximum(power - 1, -6) - 3)
    return np.clip(np.rint(x / step) * step, -448.0, 448.0)


def without_the_columns(
    x: Array,
    kernel: Array,
    x_scale: Array,
    kernel_scale: Array,
    bias: Any,
    *,
    zero_point: int,
    kernel_zero_point: int,
) -> Array:
    """The zero point of x not taken off, of which sums of the columns would tell."""
    sums = np.matmul(x.astype(np.int64), kernel.astype(np.int64) - kernel_zero_point)
    y = sums * x_scale[:, None] * kernel_scale
    return y if bias is None else y + bias


def as_signed(
    x: Array,
    kernel: Array,
    x_scale: Array,
    kernel_scale: Array,
    bias: Any,
    *,
    zero_point: int,
    kernel_zero_point: int,
) -> Array:
    """Codes from 128 on taken for negative ones."""
    wrapped = (codes - 256 * (codes > 127) for codes in (x.astype(np.int64), kernel.astype(np.int64)))
    left, right = wrapped
    y = np.matmul(left - zero_point, right - kernel_zero_point) * x_scale[:, None] * kernel_scale
    return y if bias is None else y + bias


FAULTS = {
    "quantize": (
        Fault(
            name="zeros divided by zero",
            reference=nothing_by_nothing,
            where="data == 'blank' and scope == 'row'",
        ),
        Fault(name="cut off", reference=cut, where="format == 'int8'"),
        Fault(
            name="no subnormal numbers",
            results={"codes": normal_numbers_only},
            where="format == 'float8_e4m3fn'",
        ),
    ),
    "microscaling": (
        Fault(name="exponent of the first number", reference=exponent_of_the_first),
        Fault(
            name="no subnormal numbers",
            results={"codes": normal_numbers_only},
        ),
    ),
    "scaled_matmul": (
        Fault(
            name="scales of the first block",
            reference=scales_of_the_first_block,
            where="scope == 'block' and blocks > 1",
        ),
    ),
    "quantized_matmul": (
        Fault(name="zero point of x left in", reference=without_the_columns, where="zero_point != 0"),
        Fault(name="codes taken for signed ones", reference=as_signed),
    ),
}

CONTROLS = {
    "quantize": (Control(name="times the reciprocal", reference=by_times),),
    "scaled_matmul": (Control(name="scales first", reference=scales_first),),
}
