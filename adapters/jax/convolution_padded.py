"""Convolutions of flax that pad with copies, for which they have names."""

from __future__ import annotations

from .modules import RNGS, linen_module, nnx_module

CONV = {
    "kernel_size": "kernel.shape[:-2]",
    "strides": "strides[: x.ndim - 2]",
    "padding": "mode.upper()",
    "kernel_dilation": "dilation[: x.ndim - 2]",
    "use_bias": "bias is not None",
}
WEIGHT = {"kernel": "kernel", "bias": "bias"}
FORM = {
    "where": {"mode in ('reflect', 'circular')": "flax has no such name"},
    "fixed": {"widths": ("same", "flax pads with copies by name")},
}

nnx_module(
    "padded_conv",
    "flax.nnx.Conv",
    {"in_features": "kernel.shape[-2]", "out_features": "kernel.shape[-1]"} | CONV | RNGS,
    WEIGHT,
    **FORM,
)
linen_module("padded_conv", "flax.linen.Conv", {"features": "kernel.shape[-1]"} | CONV, WEIGHT, **FORM)
