"""Convolutions of flax that pad with copies, for which they have names."""

from __future__ import annotations

from .framework import binds, linen, nnx
from .modules import RNGS, call_linen, call_nnx, linen_module, nnx_module

CONV = {
    "kernel_size": "kernel.shape[:-2]",
    "strides": "strides[: x.ndim - 2]",
    "padding": "mode.upper()",
    "kernel_dilation": "dilation[: x.ndim - 2]",
    "use_bias": "bias is not None",
}
WEIGHT = {"kernel": "kernel", "bias": "bias"}
NAMED = {"mode in ('reflect', 'circular')": "flax has no such name"}
SAME = {"widths": ("same", "flax pads with copies by name")}
FORM = {
    "where": NAMED,
    "fixed": SAME | {"masked": (False, "is given none")},
    "unused": ("mask",),
}

nnx_module(
    "padded_conv",
    "flax.nnx.Conv",
    {"in_features": "kernel.shape[-2]", "out_features": "kernel.shape[-1]"} | CONV | RNGS,
    WEIGHT,
    **FORM,
)
linen_module("padded_conv", "flax.linen.Conv", {"features": "kernel.shape[-1]"} | CONV, WEIGHT, **FORM)


def options(x, kernel, bias, mask, mode, strides, dilation):
    """What both modules take, a mask among them."""
    rank = x.ndim - 2
    return {
        "kernel_size": kernel.shape[:-2],
        "strides": strides[:rank],
        "padding": mode.upper(),
        "kernel_dilation": dilation[:rank],
        "use_bias": bias is not None,
        "mask": mask,
    }


MASKED = {"where": NAMED, "fixed": SAME | {"masked": (True, "is given a mask")}}


@binds("padded_conv", "flax.nnx.Conv(mask)", **MASKED)
def padded_conv_masked(x, kernel, bias, mask, *, mode, strides, dilation):
    form = options(x, kernel, bias, mask, mode, strides, dilation)
    layer = nnx.Conv(kernel.shape[-2], kernel.shape[-1], rngs=nnx.Rngs(0), **form)
    return call_nnx(layer, x, kernel=kernel, bias=bias)


@binds("padded_conv", "flax.linen.Conv(mask)", **MASKED)
def padded_conv_masked_linen(x, kernel, bias, mask, *, mode, strides, dilation):
    layer = linen.Conv(kernel.shape[-1], **options(x, kernel, bias, mask, mode, strides, dilation))
    return call_linen(layer, x, kernel=kernel, bias=bias)
