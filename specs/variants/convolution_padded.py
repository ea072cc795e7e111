"""Faults of the convolutions that pad with copies."""

from __future__ import annotations

from typing import Any

from ...reference.convolution_padded import padded_conv, padded_conv_vjp
from ..language.variant import Fault

Array = Any


def by_twins(
    x: Array, kernel: Array, bias: Any, mask: Any, *, widths: Any, strides: Any, dilation: Any
) -> Array:
    """Reflected about the edge, so that the outermost element comes twice."""
    return padded_conv(
        x, kernel, bias, mask, widths=widths, mode="symmetric", strides=strides, dilation=dilation
    )


def by_zeros(
    x: Array, kernel: Array, bias: Any, mask: Any, *, widths: Any, strides: Any, dilation: Any
) -> Array:
    """Padded with zeros whatever was asked."""
    return padded_conv(
        x, kernel, bias, mask, widths=widths, mode="constant", strides=strides, dilation=dilation
    )


def without_copies(
    x: Array,
    kernel: Array,
    bias: Array | None,
    mask: Array | None,
    cotangent: Array,
    *,
    widths: Any,
    mode: str,
    strides: Any,
    dilation: Any,
) -> tuple[Array | None, ...]:
    """What the copies have is lost, as if they were zeros."""
    options = {"widths": widths, "strides": strides, "dilation": dilation}
    inside, *_ = padded_conv_vjp(x, kernel, bias, mask, cotangent, mode="constant", **options)
    _, *others = padded_conv_vjp(x, kernel, bias, mask, cotangent, mode=mode, **options)
    return (inside, *others)


FAULTS = {
    "padded_conv": (
        Fault(name="the outermost element twice", reference=by_twins, where="mode == 'reflect'"),
        Fault(name="zeros in the place of copies", reference=by_zeros),
        Fault(name="no gradient of the copies", vjp=without_copies),
        Fault(
            name="weights that are left out learn on",
            gradients={
                "kernel": lambda x, kernel, bias, cotangent, widths, mode, strides, dilation: padded_conv_vjp(
                    x,
                    kernel,
                    bias,
                    None,
                    cotangent,
                    widths=widths,
                    mode=mode,
                    strides=strides,
                    dilation=dilation,
                )[1]
            },
            where="masked",
        ),
    ),
}
