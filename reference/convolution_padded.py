"""Convolutions of an input that goes on beyond its ends: in reverse, from the other end, or as it ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .chain import chained, part
from .checks import Array, require, require_mask
from .convolution import conv
from .padding import pad
from .windows import Widths, extents

__all__ = ["padded_conv", "padded_conv_vjp"]


def padded_conv(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    *,
    widths: str | Widths,
    mode: str,
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Array:
    """Convolution of an input that is padded with copies of its own elements.

    ``y = conv(pad(x, widths, mode), kernel ∘ mask, bias)`` without further padding

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        kernel: ``(*window, channels, filters)``.
        bias: ``(filters,)``, or None for no bias.
        mask: of the kernel, True where a weight is kept, or None for all.
        widths: pairs ``(low, high)``, one per axis from the first on; or ``same``: as many as a window
            reaches beyond its first tap, ``⌊(k - 1) d / 2⌋`` of them below, whatever the strides.
        mode: what stands outside, as of `pad`: ``reflect``, ``replicate``, ``circular`` and the others.
        strides: distance of neighbouring windows, per axis, from the first on; more numbers are not used.
        dilation: distance of neighbouring taps, likewise.

    Returns:
        As `conv`.

    Raises:
        ValueError: as `pad` and `conv`, or the kernel is of another rank.

    Source: as `conv` and `pad`; torch.nn.Conv2d for ``padding_mode``; van den Oord, Kalchbrenner and
    Kavukcuoglu (2016), Pixel recurrent neural networks, arXiv:1601.06759, section 3.4, for masks.
    """
    rank = x.ndim - 2
    require(kernel.ndim == rank + 2, f"kernel must have {rank + 2} axes, as x has; got {kernel.shape}")
    apart = tuple(dilation[:rank])
    around = _around(kernel.shape[:rank], apart) if isinstance(widths, str) else tuple(widths[:rank])
    whole = part(pad, x, widths=around, mode=mode)
    weights = kernel if mask is None else part(kept, kernel, mask)
    return part(conv, whole, weights, bias, strides=tuple(strides[:rank]), dilation=apart)


padded_conv_vjp = chained(padded_conv, wrt=3)


def kept(kernel: Array, mask: Array) -> Array:
    """The weights that a mask of their shape leaves, 0 for the others."""
    require_mask("mask", mask, kernel.shape, "*window, channels, filters")
    return np.where(mask, kernel, 0.0)


def kept_vjp(kernel: Array, mask: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `kept`: none for what is left out."""
    return (np.where(mask, cotangent, 0.0),)


def _around(window: tuple[int, ...], dilation: tuple[int, ...]) -> Widths:
    """So much that at stride 1 there are as many windows as elements, the odd one on the high side."""
    totals = [extent - 1 for extent in extents(window, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)
