"""Functions of one element, each with its definition for mpmath, from which limits and digits are found."""

from __future__ import annotations

from typing import Any

import mpmath

from assay.reference import activations, activations_piecewise, constraints

Definition = Any
Options = dict[str, Any]


def gelu_tanh(x):
    return x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(0.044715) * x**3)))


def rectified(x):
    return max(x, mpmath.mpf(0))


def selu(x):
    return activations.SELU_SCALE * (x if x > 0 else activations.SELU_ALPHA * mpmath.expm1(x))


def softplus(x, beta=1):
    return rectified(x) + mpmath.log1p(mpmath.exp(-abs(beta * x))) / beta


def held(x, low, high):
    return min(max(x, mpmath.mpf(low)), mpmath.mpf(high))


def negative(slope):
    """The line of this slope below 0."""
    return lambda x: x if x > 0 else slope * x


def exponential_below(alpha, inner=1):
    return lambda x: x if x > 0 else alpha * mpmath.expm1(x / inner)


def soft_shrink(x):
    return mpmath.sign(x) * max(abs(x) - mpmath.mpf(0.5), 0)


DEFINITIONS: dict[str, tuple[str, Options, Definition]] = {
    "relu": ("relu", {}, rectified),
    "gelu": ("gelu", {}, lambda x: x * mpmath.ncdf(x)),
    "gelu by tanh": ("gelu", {"approximate": True}, gelu_tanh),
    "silu": ("silu", {}, lambda x: x / (1 + mpmath.exp(-x))),
    "selu": ("selu", {}, selu),
    "identity": ("identity", {}, lambda x: x),
    "sigmoid": ("sigmoid", {}, lambda x: 1 / (1 + mpmath.exp(-x))),
    "tanh": ("tanh", {}, mpmath.tanh),
    "log_sigmoid": ("log_sigmoid", {}, lambda x: -softplus(-x)),
    "softplus": ("softplus", {}, softplus),
    "softplus, beta 2": ("softplus", {"beta": 2.0}, lambda x: softplus(x, 2)),
    "softplus to a threshold": ("softplus", {"threshold": 2.0}, lambda x: x if x > 2 else softplus(x)),
    "softsign": ("softsign", {}, lambda x: x / (1 + abs(x))),
    "swish": ("swish", {"beta": 0.5}, lambda x: x / (1 + mpmath.exp(-x / 2))),
    "mish": ("mish", {}, lambda x: x * mpmath.tanh(softplus(x))),
    "tanh_shrink": ("tanh_shrink", {}, lambda x: x - mpmath.tanh(x)),
    "exponential": ("exponential", {}, mpmath.exp),
    "log1mexp": ("log1mexp", {}, lambda x: mpmath.log(-mpmath.expm1(-x))),
    "squareplus": ("squareplus", {}, lambda x: (x + mpmath.sqrt(x * x + 4)) / 2),
    "squareplus, b 1": ("squareplus", {"b": 1.0}, lambda x: (x + mpmath.sqrt(x * x + 1)) / 2),
    "leaky_relu": ("leaky_relu", {"slope": 0.25}, negative(0.25)),
    "elu": ("elu", {"alpha": 0.5}, exponential_below(0.5)),
    "celu": ("celu", {"alpha": 0.5}, exponential_below(0.5, 0.5)),
    "bounded_relu": (
        "bounded_relu",
        {"max_value": 4.0, "negative_slope": 0.25, "threshold": 0.5},
        lambda x: min(x, mpmath.mpf(4)) if x >= 0.5 else (x - mpmath.mpf(0.5)) / 4,
    ),
    "relu6": ("relu6", {}, lambda x: held(x, 0, 6)),
    "hard_tanh": ("hard_tanh", {"bounds": (-0.5, 2.0)}, lambda x: held(x, -0.5, 2)),
    "hard_sigmoid": ("hard_sigmoid", {}, lambda x: held(x / 6 + mpmath.mpf(0.5), 0, 1)),
    "hard_silu": ("hard_silu", {}, lambda x: x * held(x / 6 + mpmath.mpf(0.5), 0, 1)),
    "soft_shrink": ("soft_shrink", {}, soft_shrink),
    "hard_shrink": ("hard_shrink", {}, lambda x: x if abs(x) > 0.5 else mpmath.mpf(0)),
    "threshold": ("threshold", {"threshold": -0.75}, lambda x: x if x > -0.75 else mpmath.mpf(0)),
    "sparse_plus": ("sparse_plus", {}, lambda x: x if x > 1 else (held(x, -1, 1) + 1) ** 2 / 4),
    "sparse_sigmoid": ("sparse_sigmoid", {}, lambda x: (held(x, -1, 1) + 1) / 2),
    "non_neg": ("non_neg", {}, rectified),
}
"""The reference by its name, its options, and the definition."""

ABOVE_ZERO = ("log1mexp",)
"""Those of them that have values there alone."""


def _function(name: str) -> Any:
    return next(vars(m)[name] for m in (activations, activations_piecewise, constraints) if hasattr(m, name))


OF_ONE_ELEMENT = {
    label: (_function(name), _function(f"{name}_vjp"), options, definition)
    for label, (name, options, definition) in DEFINITIONS.items()
}
"""Reference, its vjp, options, and the definition for mpmath."""
