"""Analysis of layers: which outputs they can have for all inputs in a box.

Bounds are sound, and exact where a docstring says so, in real arithmetic. They are not rounded outward: on
error-carrying arrays, lower end less its bound and upper end plus its bound enclose the exact range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .activations import relu, relu_vjp
from .checks import Array, require
from .convolution import PerAxis, conv, conv_vjp
from .dense import dense, dense_vjp
from .windows import Padding

__all__ = ["conv_output_range", "conv_output_range_vjp", "output_range", "output_range_vjp"]

Range = tuple[Array, Array]


def output_range(
    low: Array,
    width: Array,
    kernel: Array,
    bias: Array | None = None,
    second_kernel: Array | None = None,
    second_bias: Array | None = None,
    *,
    activation: str = "relu",
) -> Range:
    """Range of the outputs of one or two dense layers, for all inputs in a box.

    ``lower = l W⁺ + h W⁻ + b`` and ``upper = h W⁺ + l W⁻ + b``, with ``h = l + w``, ``W⁺ = max(W, 0)`` and
    ``W⁻ = min(W, 0)``; ``relu`` of both ends between two layers

    For one layer this is exact: each end is reached in a corner of the box. So it is for two layers without
    an activation, which are one layer with the kernel ``W₁ W₂`` and the bias ``b₁ W₂ + b₂``. With ``relu``
    between them it is sound: every output lies inside, but hidden units are taken as if they were
    independent, so that the ends may not be reached (interval bound propagation).

    Args:
        low: ``(…, features)``, the lower end of each input.
        width: ``(…, features)``, how far each input reaches above it; not negative.
        kernel: ``(features, units)``.
        bias: ``(units,)``, or None for no bias.
        second_kernel: ``(units, outputs)``, or None for a single layer.
        second_bias: ``(outputs,)``, or None for no bias.
        activation: what stands between two layers: ``relu``, or ``linear`` for nothing.

    Returns:
        The lower and the upper end, each ``(…, outputs)``.

    Raises:
        ValueError: ``width`` is negative somewhere, or the shapes do not fit as those of `dense`.

    Source: Moore, Kearfott and Cloud (2009), Introduction to interval analysis, section 5; Gowal et al.
    (2018), On the effectiveness of interval bound propagation, arXiv:1810.12715, section 3.
    """
    ends = _ends(low, width)
    if second_kernel is None:
        return _range(dense, ends, kernel, bias)
    if activation == "linear":
        return _range(
            dense, ends, dense(kernel, second_kernel), _bias_of_both(bias, second_kernel, second_bias)
        )
    lower, upper = _range(dense, ends, kernel, bias)
    return _range(dense, (relu(lower), relu(upper)), second_kernel, second_bias)


def output_range_vjp(
    low: Array,
    width: Array,
    kernel: Array,
    bias: Array | None,
    second_kernel: Array | None,
    second_bias: Array | None,
    cotangents: Range,
    *,
    activation: str = "relu",
) -> tuple[Array | None, ...]:
    """Gradient of `output_range`: a weight's is taken at the ends that its sign chooses."""
    ends = _ends(low, width)
    if second_kernel is None:
        of_ends, dkernel, dbias = _range_vjp(dense_vjp, ends, kernel, bias, cotangents)
        return (*_ends_vjp(of_ends), dkernel, dbias, None, None)
    if activation == "linear":
        both = _bias_of_both(bias, second_kernel, second_bias)
        of_ends, dboth, dtotal = _range_vjp(dense_vjp, ends, dense(kernel, second_kernel), both, cotangents)
        dkernel, dsecond, _ = dense_vjp(kernel, second_kernel, None, dboth)
        dlast = None if second_bias is None else dtotal
        if bias is None or dtotal is None:
            return (*_ends_vjp(of_ends), dkernel, None, dsecond, dlast)
        row = np.reshape(bias, (1, -1))
        dbias, through_bias, _ = dense_vjp(row, second_kernel, None, np.reshape(dtotal, (1, -1)))
        return (*_ends_vjp(of_ends), dkernel, np.reshape(dbias, (-1,)), dsecond + through_bias, dlast)
    lower, upper = _range(dense, ends, kernel, bias)
    hidden, dsecond, dsecond_bias = _range_vjp(
        dense_vjp, (relu(lower), relu(upper)), second_kernel, second_bias, cotangents
    )
    (dlower,), (dupper,) = relu_vjp(lower, hidden[0]), relu_vjp(upper, hidden[1])
    of_ends, dkernel, dbias = _range_vjp(dense_vjp, ends, kernel, bias, (dlower, dupper))
    return (*_ends_vjp(of_ends), dkernel, dbias, dsecond, dsecond_bias)


def conv_output_range(
    low: Array,
    width: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
) -> Range:
    """Range of the outputs of a convolution, for all inputs in a box.

    ``lower = conv(l, W⁺) + conv(h, W⁻) + b`` and ``upper = conv(h, W⁺) + conv(l, W⁻) + b``, as `output_range`

    It is exact for each output, since a convolution is linear.

    Args:
        low: ``(batch, …, channels)``, the lower end of each input.
        width: how far each input reaches above it; not negative.
        kernel: ``(*window, channels, filters)``.
        bias: ``(filters,)``, or None for no bias.
        strides: as in `conv`.
        padding: as in `conv`; what is padded is 0 and has no width.

    Returns:
        The lower and the upper end, each as `conv` of one input.

    Raises:
        ValueError: ``width`` is negative somewhere, or as `conv`.

    Source: as `output_range`.
    """

    def layer(x: Array, kernel: Array, bias: Array | None) -> Array:
        return conv(x, kernel, bias, strides=strides, padding=padding)

    return _range(layer, _ends(low, width), kernel, bias)


def conv_output_range_vjp(
    low: Array,
    width: Array,
    kernel: Array,
    bias: Array | None,
    cotangents: Range,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
) -> tuple[Array | None, ...]:
    """Gradient of `conv_output_range`: a weight's is taken at the ends that its sign chooses."""

    def layer_vjp(x: Array, kernel: Array, bias: Array | None, cotangent: Array) -> tuple[Any, ...]:
        return conv_vjp(x, kernel, bias, cotangent, strides=strides, padding=padding)

    of_ends, dkernel, dbias = _range_vjp(layer_vjp, _ends(low, width), kernel, bias, cotangents)
    return (*_ends_vjp(of_ends), dkernel, dbias)


# --- a linear layer of both ends ---


def _ends(low: Array, width: Array) -> Range:
    require(low.shape == width.shape, f"width must have the shape of low, {low.shape}; got {width.shape}")
    require(not np.any(width < 0), "width must not be negative")
    return low, low + width


def _ends_vjp(of_ends: Range) -> Range:
    return of_ends[0] + of_ends[1], of_ends[1]


def _signed(kernel: Array) -> tuple[Array, Array]:
    """Positive weights, and negative ones."""
    return np.maximum(kernel, 0.0), np.minimum(kernel, 0.0)


def _range(layer: Callable[..., Array], ends: Range, kernel: Array, bias: Array | None) -> Range:
    """Each weight meets the end that its sign chooses."""
    (low, high), (positive, negative) = ends, _signed(kernel)
    return (
        layer(low, positive, bias) + layer(high, negative, None),
        layer(high, positive, bias) + layer(low, negative, None),
    )


def _range_vjp(
    layer_vjp: Callable[..., tuple[Any, ...]],
    ends: Range,
    kernel: Array,
    bias: Array | None,
    cotangents: Range,
) -> tuple[Range, Array, Array | None]:
    """Gradients of both ends, of the kernel and of the bias."""
    (low, high), (positive, negative), (lower, upper) = ends, _signed(kernel), cotangents
    dlow, at_low, dbias = layer_vjp(low, positive, bias, lower)
    dhigh, at_high, more_bias = layer_vjp(high, positive, bias, upper)
    more_low, negative_at_low, _ = layer_vjp(low, negative, None, upper)
    more_high, negative_at_high, _ = layer_vjp(high, negative, None, lower)
    return (
        (dlow + more_low, dhigh + more_high),
        np.where(kernel > 0, at_low + at_high, negative_at_low + negative_at_high),
        None if bias is None else dbias + more_bias,
    )


def _bias_of_both(bias: Array | None, kernel: Array, second: Array | None) -> Array | None:
    """The bias of two dense layers that are taken as one."""
    if bias is None:
        return second
    return np.reshape(dense(np.reshape(bias, (1, -1)), kernel, second), (-1,))
