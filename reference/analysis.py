"""Analysis of layers: which outputs they can have for all inputs in a box.

Bounds are sound, and exact where a docstring says so, in real arithmetic. They are not rounded outward: on
error-carrying arrays, lower end less its bound and upper end plus its bound enclose the exact range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import relu
from .chain import Function, add, chained, part, reshape
from .checks import Array, require
from .convolution import PerAxis, conv
from .dense import dense
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
        both = part(dense, kernel, second_kernel, None)
        return _range(dense, ends, both, _bias_of_both(bias, second_kernel, second_bias))
    lower, upper = _range(dense, ends, kernel, bias)
    return _range(dense, (part(relu, lower), part(relu, upper)), second_kernel, second_bias)


output_range_vjp = chained(output_range)


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
    return _range(conv, _ends(low, width), kernel, bias, strides=strides, padding=padding)


conv_output_range_vjp = chained(conv_output_range)


# --- a linear layer of both ends ---


def _ends(low: Array, width: Array) -> Range:
    require(low.shape == width.shape, f"width must have the shape of low, {low.shape}; got {width.shape}")
    require(not np.any(width < 0), "width must not be negative")
    return low, part(add, low, width)


def _range(layer: Function, ends: Range, kernel: Array, bias: Array | None, **options: Any) -> Range:
    """Each weight meets the end that its sign chooses."""
    low, high = ends
    positive, negative = part(_signed, kernel)
    return (
        part(add, part(layer, low, positive, bias, **options), part(layer, high, negative, None, **options)),
        part(add, part(layer, high, positive, bias, **options), part(layer, low, negative, None, **options)),
    )


def _signed(kernel: Array) -> tuple[Array, Array]:
    """Positive weights, and negative ones."""
    return np.maximum(kernel, 0.0), np.minimum(kernel, 0.0)


def _signed_vjp(kernel: Array, cotangents: Range) -> tuple[Array]:
    """A weight's gradient is taken at the ends that its sign chooses; 0 counts as negative."""
    return (np.where(kernel > 0, *cotangents),)


def _bias_of_both(bias: Array | None, kernel: Array, second: Array | None) -> Array | None:
    """The bias of two dense layers that are taken as one."""
    if bias is None:
        return second
    total = part(dense, part(reshape, bias, shape=(1, -1)), kernel, second)
    return part(reshape, total, shape=(-1,))
