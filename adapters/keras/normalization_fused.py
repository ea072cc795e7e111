"""Normalization of Keras whose scale is kept as its distance from a number, or whose input is a sum."""

from __future__ import annotations

from .framework import binds, keras

API = "keras.ops.rms_normalization"


@binds("offset_rms_norm", f"{API}(offset + scale)", composition=True)
def offset_rms_norm(x, scale, *, offset, epsilon):
    return keras.ops.rms_normalization(x, offset + scale, epsilon=epsilon)


@binds("fused_add_rms_norm", f"{API}(keras.ops.add)", composition=True)
def fused_add_rms_norm(x, residual, scale, *, offset, epsilon):
    total = keras.ops.add(x, residual)
    return keras.ops.rms_normalization(total, offset + scale, epsilon=epsilon), total
