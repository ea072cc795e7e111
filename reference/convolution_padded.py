"""Convolutions of an input that goes on beyond its ends: in reverse, from the other end, or as it ends."""

from __future__ import annotations

from collections.abc import Sequence

from .chain import chained, part
from .checks import Array, require
from .convolution import conv
from .padding import pad
from .windows import Widths, extents

__all__ = ["padded_conv", "padded_conv_vjp"]


def padded_conv(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    widths: str | Widths,
    mode: str,
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Array:
    """Convolution of an input that is padded with copies of its own elements.

    ``y = conv(pad(x, widths, mode), kernel, bias)`` without further padding

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        kernel: ``(*window, channels, filters)``.
        bias: ``(filters,)``, or None for no bias.
        widths: pairs ``(low, high)``, one per axis from the first on; or ``same``: as many as a window
            reaches beyond its first tap, ``⌊(k - 1) d / 2⌋`` of them below, whatever the strides.
        mode: what stands outside, as of `pad`: ``reflect``, ``replicate``, ``circular`` and the others.
        strides: distance of neighbouring windows, per axis, from the first on; more numbers are not used.
        dilation: distance of neighbouring taps, likewise.

    Returns:
        As `conv`.

    Raises:
        ValueError: as `pad` and `conv`, or the kernel is of another rank.

    Source: as `conv` and `pad`; torch.nn.Conv2d for ``padding_mode``.
    """
    rank = x.ndim - 2
    require(kernel.ndim == rank + 2, f"kernel must have {rank + 2} axes, as x has; got {kernel.shape}")
    apart = tuple(dilation[:rank])
    around = _around(kernel.shape[:rank], apart) if isinstance(widths, str) else tuple(widths[:rank])
    whole = part(pad, x, widths=around, mode=mode)
    return part(conv, whole, kernel, bias, strides=tuple(strides[:rank]), dilation=apart)


padded_conv_vjp = chained(padded_conv)


def _around(window: tuple[int, ...], dilation: tuple[int, ...]) -> Widths:
    """So much that at stride 1 there are as many windows as elements, the odd one on the high side."""
    totals = [extent - 1 for extent in extents(window, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)
