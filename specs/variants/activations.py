"""Faults and controls of the activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf, erfc, expit

from ...reference.activations import SELU_ALPHA, SELU_SCALE, softmax
from ..language.variant import Control, Fault

Array = Any


def gelu_by_erf(x: Array) -> Array:
    """``x/2 (1 + erf(x/√2))``, whose sum loses every digit in the left tail."""
    return x * (0.5 * (1.0 + erf(x * np.sqrt(0.5))))


def softmax_without_shift(x: Array, *, axis: int = -1) -> Array:
    """``exp(xᵢ) / Σⱼ exp(xⱼ)``, which overflows for large logits."""
    exponentials = np.exp(x)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def log_softmax_without_shift(x: Array, *, axis: int = -1) -> Array:
    """``xᵢ - log Σⱼ exp(xⱼ)``, which overflows for large logits."""
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def log_of_softmax(x: Array, *, axis: int = -1) -> Array:
    """``log(softmax(x))``, infinite where the softmax underflows."""
    return np.log(softmax(x, axis=axis))


def online_softmax(x: Array, *, axis: int = -1) -> Array:
    """One pass over the row: the sum is rescaled when the maximum grows (Milakov and Gimelshein, 2018)."""
    rows = np.moveaxis(x, axis, 0)
    top, total = rows[0], np.ones_like(rows[0])
    for row in rows[1:]:
        higher = np.maximum(top, row)
        total, top = total * np.exp(top - higher) + np.exp(row - higher), higher
    return np.moveaxis(np.exp(rows - top) / total, 0, axis)


def silu_by_tanh(x: Array) -> Array:
    """``x/2 (1 + tanh(x/2))``, the same in exact arithmetic; the sum loses the left tail."""
    return x * (0.5 * (1.0 + np.tanh(0.5 * x)))


JUST_BELOW_ONE = 1.0 - 2.0**-24
"""The number beside 1 in float32."""


def gelu_gate_below_one(x: Array, *, approximate: bool = False) -> Array:
    """``x g`` with a gate that is rounded to the number below 1 where it is 1."""
    held = np.minimum(np.maximum(x, -40.0), 40.0)
    gate = _gelu_gate_by_tanh(held) if approximate else 0.5 * erfc(-held * np.sqrt(0.5))
    return np.maximum(x, -40.0) * np.minimum(gate, JUST_BELOW_ONE)


def _gelu_gate_by_tanh(x: Array) -> Array:
    return expit(2.0 * np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * np.square(x)))


def silu_gate_below_one(x: Array) -> Array:
    """``x σ(x)`` with a gate that is rounded to the number below 1 where it is 1."""
    return np.maximum(x, -750.0) * np.minimum(expit(x), JUST_BELOW_ONE)


def selu_of_four_digits(x: Array) -> Array:
    """The constants as a reader may copy them."""
    return 1.0507 * np.where(x > 0, x, 1.6733 * np.expm1(np.minimum(x, 0)))


def selu_by_exp(x: Array) -> Array:
    """``λ α (exp(x) - 1)``, whose difference loses every digit near 0."""
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(np.minimum(x, 0)) - 1))


def selu_by_products(x: Array) -> Array:
    """``λ x`` or ``(λ α) (exp(x) - 1)``."""
    return np.where(x > 0, SELU_SCALE * x, (SELU_SCALE * SELU_ALPHA) * np.expm1(np.minimum(x, 0)))


WITHOUT_SHIFT = Fault(name="no maximum subtracted", reference=softmax_without_shift, rounds=True)


FAULTS = {
    "relu": (
        Fault(
            name="leaks 1e-3 of negative values",
            results={"y": lambda result, x: result + 1e-3 * np.minimum(x, 0)},
        ),
        Fault(name="capped at 6", results={"y": lambda result: np.where(result > 6, 6, result)}),
        Fault(
            name="gradient 1 at the kink",
            gradients={"x": lambda gradient, x, cotangent: np.where(x == 0, cotangent, gradient)},
        ),
        Fault(
            name="gradient one half at the kink",
            gradients={"x": lambda gradient, x, cotangent: np.where(x == 0, cotangent / 2, gradient)},
        ),
    ),
    "gelu": (
        Fault(name="x σ(1.702 x)", results={"y": lambda x: x * expit(1.702 * x)}),
        Fault(name="left tail lost by 1 + erf", reference=gelu_by_erf, rounds=True, where="not approximate"),
        Fault(
            name="erf without the root of 2",
            results={"y": lambda x: x * (0.5 * (1 + erf(x)))},
            where="not approximate",
        ),
        Fault(name="NaN at -∞", results={"y": lambda result, x: np.where(x == -np.inf, np.nan, result)}),
        Fault(
            name="gradient NaN where a cube overflows",
            gradients={"x": lambda gradient, x: np.where(np.abs(x) > 1e3, np.nan, gradient)},
            where="approximate",
        ),
        Fault(
            name="gradient is Φ(x) alone",
            gradients={"x": lambda x, cotangent: cotangent * (0.5 * (1 + erf(x * np.sqrt(0.5))))},
        ),
    ),
    "silu": (
        Fault(name="the sigmoid alone", results={"y": lambda x: expit(x)}),
        Fault(name="x σ(1.001 x)", results={"y": lambda x: x * expit(1.001 * x)}),
        Fault(name="left tail lost by 1 + tanh", reference=silu_by_tanh, rounds=True),
        Fault(name="0 times ∞ at -∞", results={"y": lambda x: x * expit(x)}),
        Fault(
            name="gradient 0 times ∞ at ±∞",
            gradients={"x": lambda gradient, x: np.where(np.isinf(x), np.nan, gradient)},
        ),
        Fault(name="hard silu", results={"y": lambda x: x * np.clip(x / 6 + 0.5, 0, 1)}),
        Fault(name="gradient is σ(x) alone", gradients={"x": lambda x, cotangent: cotangent * expit(x)}),
        Fault(
            name="gradient of x σ(x) without x",
            gradients={"x": lambda x, cotangent: cotangent * (expit(x) + expit(x) * (1 - expit(x)))},
        ),
    ),
    "selu": (
        Fault(name="elu, not scaled", results={"y": lambda result: result / SELU_SCALE}),
        Fault(
            name="scaled below zero alone",
            results={"y": lambda result, x: np.where(x > 0, x, result)},
        ),
        Fault(
            name="alpha of 1",
            results={"y": lambda result, x: np.where(x > 0, result, result / SELU_ALPHA)},
        ),
        Fault(name="constants of four digits", reference=selu_of_four_digits),
        Fault(name="exp(x) - 1 by subtraction", reference=selu_by_exp, rounds=True),
        Fault(name="gradient not scaled", gradients={"x": lambda gradient: gradient / SELU_SCALE}),
        Fault(
            name="gradient of exp(x) - 1 for exp(x)",
            gradients={
                "x": lambda gradient, x, cotangent: np.where(
                    x > 0, gradient, cotangent * (SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(x, 0)))
                )
            },
        ),
    ),
    "softmax": (
        WITHOUT_SHIFT,
        Fault(name="base 2", reference=lambda x, *, axis=-1: softmax(x * np.log(2), axis=axis)),
        Fault(name="temperature 1.001", reference=lambda x, *, axis=-1: softmax(x / 1.001, axis=axis)),
        Fault(name="epsilon 1e-7 in the denominator", results={"y": lambda result: result / (1 + 1e-7)}),
        Fault(name="clipped below 1e-7", results={"y": lambda result: np.where(result < 1e-7, 1e-7, result)}),
        Fault(
            name="gradient without the sum over the row",
            gradients={"x": lambda x, cotangent, axis: softmax(x, axis=axis) * cotangent},
        ),
    ),
    "log_softmax": (
        Fault(name="no maximum subtracted", reference=log_softmax_without_shift, rounds=True),
        Fault(name="logarithm of the softmax", reference=log_of_softmax, rounds=True),
        Fault(name="logarithm to base 2", results={"y": lambda result: result / np.log(2)}),
        Fault(
            name="gradient y (g - Σ g y), that of the softmax",
            gradients={
                "x": lambda x, cotangent, axis: (
                    softmax(x, axis=axis)
                    * (cotangent - np.sum(cotangent * softmax(x, axis=axis), axis=axis, keepdims=True))
                )
            },
        ),
    ),
}

IN_SINGLE = "dtype in ('float32', 'bfloat16', 'float16')"

CONTROLS = {
    "gelu": (Control(name="gate rounded to just below 1", reference=gelu_gate_below_one, where=IN_SINGLE),),
    "silu": (Control(name="gate rounded to just below 1", reference=silu_gate_below_one, where=IN_SINGLE),),
    "selu": (Control(name="alpha times scale beforehand", reference=selu_by_products),),
    "softmax": (Control(name="online", reference=online_softmax, where="infinite_logit == 'nan'"),),
}
