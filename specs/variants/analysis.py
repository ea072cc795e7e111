"""Faults and controls of the analysis of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference.convolution import conv
from ...reference.dense import dense
from ..language.variant import Control, Fault, each_way

Array = Any
Layer = Callable[[Array, Array], Array]


def in_one_sum(
    layer: Layer, lower: Array, upper: Array, kernel: Array, bias: Array | None
) -> tuple[Array, Array]:
    """Weights of either sign beside each other, and the bias at the end."""
    signed = np.concatenate([np.maximum(kernel, 0.0), np.minimum(kernel, 0.0)], axis=-2)
    ends = (
        layer(np.concatenate([lower, upper], axis=-1), signed),
        layer(np.concatenate([upper, lower], axis=-1), signed),
    )
    return ends if bias is None else (ends[0] + bias, ends[1] + bias)


def dense_in_one_sum(
    low: Array,
    width: Array,
    kernel: Array,
    bias: Array | None,
    second_kernel: Array | None,
    second_bias: Array | None,
    *,
    activation: str,
) -> tuple[Array, Array]:
    """One product for each end of each layer."""
    lower, upper = in_one_sum(dense, low, low + width, kernel, bias)
    if second_kernel is None:
        return lower, upper
    if activation == "relu":
        lower, upper = np.maximum(lower, 0.0), np.maximum(upper, 0.0)
    return in_one_sum(dense, lower, upper, second_kernel, second_bias)


def conv_in_one_sum(
    low: Array, width: Array, kernel: Array, bias: Array | None, *, strides: Any, padding: Any
) -> tuple[Array, Array]:
    """One convolution for each end."""

    def layer(x: Array, kernel: Array) -> Array:
        return conv(x, kernel, strides=strides, padding=padding)

    return in_one_sum(layer, low, low + width, kernel, bias)


def signs_ignored(
    low: Array,
    width: Array,
    kernel: Array,
    bias: Array | None,
    second_kernel: Array | None,
    second_bias: Array | None,
    *,
    activation: str,
) -> tuple[Array, ...]:
    """The network of either end, as if all weights were positive."""
    ends = []
    for x in (low, low + width):
        y = dense(x, kernel, bias)
        if second_kernel is not None:
            y = dense(np.maximum(y, 0.0) if activation == "relu" else y, second_kernel, second_bias)
        ends.append(y)
    return tuple(ends)


BOX = (
    *each_way(
        Fault(name="width taken as the upper end", inputs={"width": lambda width, low: abs(width - low)})
    ),
    *each_way(Fault(name="width taken to either side", inputs={"low": lambda low, width: low - width})),
    Fault(
        name="the range of the whole batch",
        results={
            "lower": lambda result: np.broadcast_to(result.min(axis=0), result.shape),
            "upper": lambda result: np.broadcast_to(result.max(axis=0), result.shape),
        },
        where="batch > 1",
    ),
    Fault(
        name="gradient of the width lost",
        gradients={"width": lambda gradient: 0 * gradient},
    ),
)

FAULTS = {
    "output_range": (
        *BOX,
        Fault(name="signs of the weights ignored", reference=signs_ignored),
        Fault(
            name="layer by layer without an activation",
            reference=dense_in_one_sum,
            where="layers == 2 and activation == 'linear' and hidden > 1",
        ),
        Fault(
            name="rectified at the end",
            results={
                "lower": lambda result: np.maximum(result, 0),
                "upper": lambda result: np.maximum(result, 0),
            },
        ),
        Fault(
            name="bias at the upper end alone",
            results={"lower": lambda result, bias: result - bias},
            where="use_bias and layers == 1",
        ),
    ),
    "conv_output_range": (
        *BOX,
        Fault(
            name="bias at the upper end alone",
            results={"lower": lambda result, bias: result - bias},
            where="use_bias",
        ),
        *each_way(
            Fault(
                name="padding on the other side",
                parameters={"padding": "'same_lower'"},
                where="padding == 'same'",
            )
        ),
    ),
}

CONTROLS = {
    "output_range": (
        Control(
            name="one sum for each end",
            reference=dense_in_one_sum,
            where="layers == 1 or activation == 'relu'",
        ),
    ),
    "conv_output_range": (Control(name="one sum for each end", reference=conv_in_one_sum),),
}
