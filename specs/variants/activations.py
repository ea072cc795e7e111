"""Faults and controls of the activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf, erfc, expit

from ...reference.activations import SELU_ALPHA, SELU_SCALE
from ..language.variant import Control, Fault

Array = Any


def gelu_by_erf(x: Array) -> Array:
    """``x/2 (1 + erf(x/√2))``, whose sum loses every digit in the left tail."""
    return x * (0.5 * (1.0 + erf(x * np.sqrt(0.5))))


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


def sigmoid_by_tanh(x: Array) -> Array:
    """``(1 + tanh(x/2)) / 2``, whose sum loses the left tail."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def tanh_by_sigmoid(x: Array) -> Array:
    """``2 σ(2x) - 1``, whose difference loses every digit near 0."""
    return 2.0 * expit(2.0 * x) - 1.0


def tanh_by_exp(x: Array) -> Array:
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``, of infinities for large x."""
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


def log_of_sigmoid(x: Array) -> Array:
    """``log(σ(x))``, infinite where the sigmoid underflows."""
    return np.log(expit(x))


def softplus_by_log(x: Array, *, beta: float = 1.0, threshold: float | None = None) -> Array:
    """``log(1 + exp(β x)) / β``, which overflows, and loses the left tail."""
    smooth = np.log(1.0 + np.exp(beta * x)) / beta
    return smooth if threshold is None else np.where(beta * x > threshold, x, smooth)


def mish_by_tanh(x: Array) -> Array:
    """``x tanh(log(1 + exp(x)))``, in as many steps."""
    softened = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return np.maximum(x, -750.0) * np.tanh(softened)


def log1mexp_by_difference(x: Array) -> Array:
    """``log(1 - exp(-x))``, whose difference cancels near 0."""
    return np.log(1.0 - np.exp(-x))


def log1mexp_near_zero(x: Array) -> Array:
    """``log(-expm1(-x))``, whose argument is rounded to 1 for large x."""
    return np.log(-np.expm1(-x))


def squareplus_by_sum(x: Array, *, b: float = 4.0) -> Array:
    """``(x + √(x² + b)) / 2``, whose square overflows and whose sum cancels."""
    return 0.5 * (x + np.sqrt(np.square(x) + b))


def softsign_by_quotient(x: Array) -> Array:
    """``x / (1 + |x|)``, of two infinities at ±∞."""
    return x / (1.0 + np.abs(x))


def selu_of_four_digits(x: Array) -> Array:
    """The constants as a reader may copy them."""
    return 1.0507 * np.where(x > 0, x, 1.6733 * np.expm1(np.minimum(x, 0)))


def selu_by_exp(x: Array) -> Array:
    """``λ α (exp(x) - 1)``, whose difference loses every digit near 0."""
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(np.minimum(x, 0)) - 1))


def selu_by_products(x: Array) -> Array:
    """``λ x`` or ``(λ α) (exp(x) - 1)``."""
    return np.where(x > 0, SELU_SCALE * x, (SELU_SCALE * SELU_ALPHA) * np.expm1(np.minimum(x, 0)))


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
    "log1mexp": (
        Fault(name="1 less the exponential", reference=log1mexp_by_difference, rounds=True),
        Fault(name="one form everywhere, which loses the tail", reference=log1mexp_near_zero, rounds=True),
        Fault(name="gradient exp(-x)", gradients={"x": lambda x, cotangent: cotangent * np.exp(-x)}),
        Fault(
            name="0 where there is no value",
            results={"y": lambda result: np.where(np.isnan(result), 0.0, result)},
        ),
    ),
    "identity": (Fault(name="the sign of zero lost", results={"y": lambda x: x + 0.0}),),
    "sigmoid": (
        Fault(name="left tail lost by 1 + tanh", reference=sigmoid_by_tanh, rounds=True),
        Fault(name="hard sigmoid", results={"y": lambda x: np.clip(x / 6 + 0.5, 0, 1)}),
        Fault(name="gradient without 1 - y", gradients={"x": lambda x, cotangent: cotangent * expit(x)}),
    ),
    "tanh": (
        Fault(name="near 0 lost by 2 σ(2x) - 1", reference=tanh_by_sigmoid, rounds=True),
        Fault(name="infinity over infinity", reference=tanh_by_exp, rounds=True),
        Fault(name="gradient 1 - y", gradients={"x": lambda x, cotangent: cotangent * (1 - np.tanh(x))}),
    ),
    "log_sigmoid": (Fault(name="logarithm of the sigmoid", reference=log_of_sigmoid, rounds=True),),
    "softplus": (
        Fault(name="logarithm of 1 + exp(x)", reference=softplus_by_log, rounds=True),
        Fault(
            name="x returned above 0",
            results={"y": lambda x, result: np.where(x > 0, x, result)},
        ),
        Fault(
            name="gradient tanh", gradients={"x": lambda x, cotangent: cotangent * np.tanh(np.maximum(x, 0))}
        ),
    ),
    "swish": (
        Fault(name="beta outside too", results={"y": lambda result, beta: beta * result}),
        Fault(name="NaN at -∞", results={"y": lambda result, x: np.where(x == -np.inf, np.nan, result)}),
        Fault(
            name="gradient without beta",
            gradients={
                "x": lambda x, beta, cotangent: cotangent * expit(beta * x) * (1 + x * (1 - expit(beta * x)))
            },
        ),
    ),
    "softsign": (
        Fault(name="infinity over infinity", reference=softsign_by_quotient),
        Fault(name="x / √(1 + x²)", results={"y": lambda x: x / np.hypot(1.0, x)}),
        Fault(
            name="gradient not squared",
            gradients={"x": lambda x, cotangent: cotangent / (1 + np.abs(x))},
        ),
    ),
    "mish": (
        Fault(name="silu", results={"y": lambda x: x * expit(x)}),
        Fault(name="NaN at -∞", results={"y": lambda result, x: np.where(x == -np.inf, np.nan, result)}),
        Fault(
            name="gradient of the gate alone",
            gradients={"x": lambda x, cotangent: cotangent * np.tanh(np.logaddexp(x, 0.0))},
        ),
    ),
    "tanh_shrink": (
        Fault(name="x - x / (1 + |x|)", results={"y": lambda x: x - x / (1 + np.abs(x))}),
        Fault(
            name="gradient 1 - y²", gradients={"x": lambda x, cotangent: cotangent * (1 - np.tanh(x) ** 2)}
        ),
    ),
    "exponential": (
        Fault(name="power of 2", results={"y": lambda x: np.exp2(x)}),
        Fault(name="less 1", results={"y": lambda result: result - 1}),
        Fault(
            name="held below e¹⁰", results={"y": lambda result: np.where(result > 22026.5, 22026.5, result)}
        ),
    ),
    "squareplus": (
        Fault(name="sum that cancels", reference=squareplus_by_sum, rounds=True),
        Fault(
            name="gradient without 1/2",
            gradients={"x": lambda gradient, cotangent: gradient + 0.5 * cotangent},
        ),
    ),
    "glu": (
        Fault(name="halves exchanged", results={"y": lambda x, axis: _gated(x, axis, flip=True)}),
        Fault(name="tanh gate", results={"y": lambda x, axis: _gated(x, axis, gate=np.tanh)}),
        Fault(name="of even and odd places", results={"y": lambda x, axis: _interleaved(x, axis)}),
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
}


def _gated(x: Array, axis: int, flip: bool = False, gate: Any = expit) -> Array:
    value, logits = np.split(np.flip(x, axis) if flip else x, 2, axis=axis)
    return np.flip(value * gate(logits), axis) if flip else value * gate(logits)


def _interleaved(x: Array, axis: int) -> Array:
    last = np.moveaxis(x, axis, -1)
    return np.moveaxis(last[..., ::2] * expit(last[..., 1::2]), -1, axis)


IN_SINGLE = "dtype in ('float32', 'bfloat16', 'float16')"

CONTROLS = {
    "log1mexp": (
        Control(
            name="its slope exp(-x) / (1 - exp(-x))",
            vjp=lambda x, cotangent: (cotangent * np.exp(-x) / -np.expm1(-x),),
            where="data == 'above_zero'",
        ),
    ),
    "gelu": (Control(name="gate rounded to just below 1", reference=gelu_gate_below_one, where=IN_SINGLE),),
    "silu": (Control(name="gate rounded to just below 1", reference=silu_gate_below_one, where=IN_SINGLE),),
    "mish": (Control(name="by softplus and tanh", reference=mish_by_tanh),),
    "selu": (Control(name="alpha times scale beforehand", reference=selu_by_products),),
}
