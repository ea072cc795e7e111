"""Faults and controls of normalization together with what stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ...numerics.dtypes import DTYPES, nearest
from ...reference.normalization import layer_norm, rms_norm
from ...reference.normalization_fused import fused_add_rms_norm_vjp
from ...reference.rotary import rotary_embedding
from ..language.variant import Control, Fault

Array = Any


def mean_square(x: Array) -> Array:
    """Of the last axis, which is kept."""
    return np.mean(np.square(x), axis=-1, keepdims=True)


def added_in_half(scale: Array, offset: float) -> Array:
    """A scale that comes to its sum with the offset as bfloat16 rounds it, in steps of 1/128 from 1 on."""
    return nearest(offset + scale, DTYPES["bfloat16"]) - offset


def to_a_power_of_two(length: int) -> int:
    """The lanes of a tile that holds so many elements."""
    return 1 << (length - 1).bit_length()


def epsilon_outside(x: Array, epsilon: float) -> Array:
    """``x / (√(mean x²) + ε)``."""
    return x / (np.sqrt(mean_square(x)) + epsilon)


def over_the_tile(x: Array, epsilon: float) -> Array:
    """A mean over all lanes of a tile, of which the last are empty."""
    share = x.shape[-1] / to_a_power_of_two(x.shape[-1])
    return x / np.sqrt(mean_square(x) * share + epsilon)


def variance_of_the_tile(x: Array, epsilon: float) -> Array:
    """A variance to which every empty lane adds the square of its distance from the mean."""
    mean, length = np.mean(x, axis=-1, keepdims=True), x.shape[-1]
    empty = to_a_power_of_two(length) - length
    variance = mean_square(x - mean) + empty / length * np.square(mean)
    return (x - mean) / np.sqrt(variance + epsilon)


def residual_past_the_norm(
    x: Array, residual: Array, scale: Array, cotangents: Any, *, offset: float, epsilon: float
) -> tuple[Array, Array, Array]:
    """The residual is given the cotangent of the sum alone."""
    of_x, _, of_scale = fused_add_rms_norm_vjp(x, residual, scale, cotangents, offset=offset, epsilon=epsilon)
    return of_x, cotangents[1], of_scale


def of_the_sum(norm: Callable[[Array, float], Array]) -> Callable[..., Array]:
    """``y`` by another norm of the sum."""
    return lambda x, residual, scale, offset, epsilon: (offset + scale) * norm(x + residual, epsilon)


def of_the_sum_with_mask(norm: Callable[[Array, float], Array]) -> Callable[..., Array]:
    """``y`` by another norm of what dropout leaves and the residual."""

    def y(
        x: Array, residual: Array, scale: Array, bias: Array, mask: Any, rate: float, epsilon: float
    ) -> Array:
        return scale * norm(kept(x, mask, rate) + residual, epsilon) + bias

    return y


def kept(x: Array, mask: Any, rate: float) -> Array:
    """What dropout leaves."""
    return x if mask is None else np.where(mask, x / (1 - rate), 0.0)


def dropped_after_adding(
    x: Array,
    residual: Array,
    scale: Array,
    bias: Array,
    mask: Any,
    *,
    rate: float,
    epsilon: float,
) -> tuple[Array, Array]:
    """Dropout of the sum."""
    total = kept(x + residual, mask, rate)
    return layer_norm(total, scale, bias, epsilon=epsilon), total


def moments_in_one_pass(
    x: Array,
    residual: Array,
    scale: Array,
    bias: Array,
    mask: Any,
    *,
    rate: float,
    epsilon: float,
) -> tuple[Array, Array]:
    """The variance as ``mean s² - μ²``, not below 0."""
    total = kept(x, mask, rate) + residual
    mean = np.mean(total, axis=-1, keepdims=True)
    variance = np.maximum(mean_square(total) - np.square(mean), 0.0)
    return (total - mean) / np.sqrt(variance + epsilon) * scale + bias, total


def add_norm_by_reciprocal(
    x: Array, residual: Array, scale: Array, *, offset: float, epsilon: float
) -> tuple[Array, Array]:
    """``s · 1/√(mean s² + ε) · (o + γ)``, the mean as a dot product."""
    total = x + residual
    square = np.einsum("...i,...i->...", total, total)[..., None] * (1.0 / x.shape[-1])
    return total * (1.0 / np.sqrt(square + epsilon)) * (offset + scale), total


def normalized(x: Array, groups: int, epsilon: float) -> Array:
    """In groups, without a scale."""
    rows = np.reshape(x, (*x.shape[:-1], groups, -1))
    return np.reshape(rms_norm(rows, epsilon=epsilon), x.shape)


def opened(gate: Array, activation: str) -> Array:
    """What a gate lets through."""
    return {"silu": gate * expit(gate), "sigmoid": expit(gate), "identity": gate}[activation]


def statistics_before_the_gate(
    x: Array, gate: Array, scale: Array, *, order: str, activation: str, groups: int, epsilon: float
) -> Array:
    """What is gated, over the mean square of what is not; or the other way round."""
    inner = x * opened(gate, activation)
    of = x if order == "gate_first" else inner
    rows = np.reshape(of, (*x.shape[:-1], groups, -1))
    root = np.sqrt(mean_square(rows) + epsilon)
    return np.reshape(np.reshape(inner, rows.shape) / root, x.shape) * scale


def interleaved_groups(
    x: Array, gate: Array, scale: Array, *, order: str, activation: str, groups: int, epsilon: float
) -> Array:
    """Neighbours in different groups."""
    through = opened(gate, activation)
    inner = x * through if order == "gate_first" else x
    rows = np.moveaxis(np.reshape(inner, (*x.shape[:-1], -1, groups)), -1, -2)
    y = np.reshape(np.moveaxis(rms_norm(rows, epsilon=epsilon), -1, -2), x.shape) * scale
    return y if order == "gate_first" else y * through


def scaled_before_it_is_normalized(
    x: Array, scale: Array, positions: Array, *, scope: str, order: str, pairing: str, epsilon: float
) -> Array:
    """The scale inside the mean square."""
    axes = -1 if scope == "head" else (-2, -1)
    y = scale * (x if order == "norm_first" else rotary_embedding(x, positions, pairing=pairing))
    y = y / np.sqrt(np.mean(np.square(y), axis=axes, keepdims=True) + epsilon)
    return rotary_embedding(y, positions, pairing=pairing) if order == "norm_first" else y


SEVERAL = "features > 1"
UNEVEN = "features not in (1, 2, 4, 8, 16, 32, 64, 128)"

FAULTS = {
    "offset_rms_norm": (
        Fault(
            name="epsilon outside the root",
            results={"y": lambda x, scale, offset, epsilon: (offset + scale) * epsilon_outside(x, epsilon)},
            where="data == 'tiny'",
        ),
        Fault(name="offset added in bfloat16", inputs={"scale": added_in_half}, where="offset == 1"),
        Fault(
            name="offset after all",
            results={"y": lambda x, scale, offset, epsilon: rms_norm(x, scale, epsilon=epsilon) + offset},
            where="offset == 1",
        ),
        Fault(
            name="scale's gradient with the offset",
            gradients={"scale": lambda gradient, scale, offset: gradient * (offset + scale)},
        ),
    ),
    "fused_add_rms_norm": (
        Fault(
            name="x alone is normalized",
            results={"y": lambda x, scale, offset, epsilon: rms_norm(x, offset + scale, epsilon=epsilon)},
        ),
        Fault(
            name="the sum over the mean square of x",
            results={
                "y": lambda x, residual, scale, offset, epsilon: (
                    (offset + scale) * (x + residual) / np.sqrt(mean_square(x) + epsilon)
                )
            },
        ),
        Fault(
            name="epsilon outside the root",
            results={"y": of_the_sum(epsilon_outside)},
            where="data == 'tiny'",
        ),
        Fault(name="mean over the tile", results={"y": of_the_sum(over_the_tile)}, where=UNEVEN),
        Fault(
            name="what is normalized handed on",
            results={"sum": lambda x, residual, epsilon: rms_norm(x + residual, epsilon=epsilon)},
            where=SEVERAL,
        ),
        Fault(
            name="the residual's gradient without that of the norm",
            vjp=residual_past_the_norm,
            where=SEVERAL,
        ),
        Fault(
            name="scale's gradient with the offset",
            gradients={"scale": lambda gradient, scale, offset: gradient * (offset + scale)},
        ),
    ),
    "fused_add_layer_norm": (
        Fault(name="dropout of the sum", reference=dropped_after_adding, where="use_mask"),
        Fault(
            name="variance in one pass",
            reference=moments_in_one_pass,
            rounds=True,
            where="data == 'offset' and features > 1",
        ),
        Fault(
            name="empty lanes counted in the variance",
            results={"y": of_the_sum_with_mask(variance_of_the_tile)},
            where=UNEVEN,
        ),
        Fault(
            name="the sum without its dropout",
            results={"sum": lambda x, residual: x + residual},
            where="use_mask",
        ),
        Fault(
            name="the residual's gradient dropped too",
            gradients={"residual": lambda gradient, mask: np.where(mask, gradient, 0.0)},
            where="use_mask",
        ),
        Fault(
            name="x's gradient without 1 / (1 - p)",
            gradients={"x": lambda gradient, rate: gradient * (1 - rate)},
            where="use_mask",
        ),
    ),
    "gated_rms_norm": (
        Fault(name="statistics of the other array", reference=statistics_before_the_gate, where=SEVERAL),
        Fault(
            name="neighbours in different groups",
            reference=interleaved_groups,
            where="groups > 1 and features > groups",
        ),
        Fault(
            name="gate without its activation",
            results={
                "y": lambda x, gate, scale, groups, epsilon: normalized(x * gate, groups, epsilon) * scale
            },
            where="order == 'gate_first' and features > groups and activation != 'identity'",
        ),
    ),
    "qk_norm_rope": (Fault(name="scaled before it is normalized", reference=scaled_before_it_is_normalized),),
}

CONTROLS = {
    "fused_add_rms_norm": (Control(name="by the reciprocal of the root", reference=add_norm_by_reciprocal),),
}
