"""Faults and controls of the normalization layers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference import normalization as right
from ..language.variant import Control, Fault, each_way
from .standardizing import (
    AFFINE_GRADIENTS,
    BIAS,
    Array,
    Axes,
    Function,
    Standardize,
    affine,
    count_of,
    gradients_along,
    gradients_in_groups,
    mean_of,
    standardizing_controls,
    standardizing_faults,
    textbook,
    without_mean,
)


def layer_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    standardize: Standardize = textbook,
    axes: Axes = (-1,),
) -> Array:
    """Layer normalization, standardized in some way along some axes."""
    return affine(standardize(x, axes, epsilon), scale, bias)


def group_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    groups: int = 1,
    epsilon: float = 1e-5,
    standardize: Standardize = textbook,
    first: int = 1,
) -> Array:
    """Group normalization, standardized in some way, its statistics from the ``first`` axis on."""
    grouped = np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))
    axes = (*range(first, grouped.ndim - 2), grouped.ndim - 1)
    return affine(np.reshape(standardize(grouped, axes, epsilon), x.shape), scale, bias)


def instance_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    standardize: Standardize = textbook,
    first: int = 1,
) -> Array:
    """Instance normalization, standardized in some way, its statistics from the ``first`` axis on."""
    return affine(standardize(x, tuple(range(first, x.ndim - 1)), epsilon), scale, bias)


def local_response_norm(
    x: Array,
    *,
    window: int,
    alpha: float,
    beta: float,
    offset: float,
    alpha_of: str,
    low: Callable[[int], int] = lambda window: window // 2,
    counted: bool = False,
) -> Array:
    """Local response normalization tap after tap, ``low`` of them below; or by the channels that exist."""
    below = low(window)
    padded = np.pad(np.square(x), ((0, 0),) * (x.ndim - 1) + ((below, window - 1 - below),))
    squares = sum(padded[..., tap : tap + x.shape[-1]] for tap in range(window))
    if counted:
        there = np.pad(np.ones(x.shape[-1]), (below, window - 1 - below))
        count: Any = sum(there[tap : tap + x.shape[-1]] for tap in range(window))
    else:
        count = window
    level = offset + (alpha / count if alpha_of == "mean" else alpha) * squares
    return x / np.exp(beta * np.log(level))


def local_response_alone(
    x: Array, cotangent: Array, *, window: int, alpha: float, beta: float, offset: float, alpha_of: str
) -> tuple[Array]:
    """A gradient of local response normalization that takes the squares for constants."""
    ones = np.ones_like(x)
    level = x / right.local_response_norm(
        x, window=window, alpha=alpha, beta=beta, offset=offset, alpha_of=alpha_of
    )
    return (cotangent / np.where(x == 0, ones, level),)


def interleaved(x: Array, groups: int) -> Array:
    """Channels put so that neighbours become members of different groups."""
    return np.reshape(
        np.moveaxis(np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups)), -1, -2), x.shape
    )


def interleaved_group_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    groups: int = 1,
    epsilon: float = 1e-5,
) -> Array:
    """Channel c in group ``c mod groups``."""
    mixed = interleaved(x, x.shape[-1] // groups)
    standard = right.group_norm(mixed, groups=groups, epsilon=epsilon)
    return affine(interleaved(standard, groups), scale, bias)


def rms_norm(
    x: Array,
    scale: Array | None = None,
    *,
    epsilon: float = 1e-5,
    root: Function = lambda square, epsilon: np.sqrt(square + epsilon),
    mean: Function = mean_of,
    axes: Axes = (-1,),
) -> Array:
    """Root mean square normalization by some root of some mean of the squares."""
    return affine(x / root(mean(np.square(x), axes), epsilon), scale, None)


def rms(x: Array, epsilon: float) -> Array:
    """``√(mean x² + ε)``."""
    return np.sqrt(mean_of(np.square(x), (-1,)) + epsilon)


def rms_norm_with_sum(x: Array, through: Array, epsilon: float) -> Array:
    """Gradient ``(h - z Σ(h z)) / √(mean x² + ε)``: a sum for the mean."""
    standard = x / rms(x, epsilon)
    return (through - standard * np.sum(through * standard, axis=-1, keepdims=True)) / rms(x, epsilon)


def rms_norm_by_reciprocal(x: Array, scale: Array | None = None, *, epsilon: float = 1e-5) -> Array:
    """``(x · 1/√(mean x² + ε)) γ``, the mean as a dot product."""
    square = np.einsum("...i,...i->...", x, x)[..., np.newaxis] * (1.0 / x.shape[-1])
    return affine(x * (1.0 / np.sqrt(square + epsilon)), scale, None)


def rms_norm_scaled_first(x: Array, scale: Array | None = None, *, epsilon: float = 1e-5) -> Array:
    """``(x γ) / √(mean (x γ)² + ε)``: γ takes part in the statistic."""
    scaled = affine(x, scale, None)
    return scaled / np.sqrt(mean_of(np.square(scaled), (-1,)) + epsilon)


# --- what they share ---


# --- faults and controls ---

FAULTS = {
    "layer_norm": (
        *standardizing_faults(layer_norm),
        Fault(
            name="statistics of each sample, its steps together",
            reference=functools.partial(layer_norm, axes=(-2, -1)),
        ),
        Fault(name="statistics along the steps", reference=functools.partial(layer_norm, axes=(-2,))),
        *BIAS,
        *gradients_along(lambda x: (-1,)),
        *AFFINE_GRADIENTS,
    ),
    "group_norm": (
        *standardizing_faults(group_norm),
        *each_way(Fault(name="a group for each channel", parameters={"groups": "channels"})),
        *each_way(
            Fault(
                name="number of groups for channels in a group, and the reverse",
                parameters={"groups": "channels // groups"},
            )
        ),
        Fault(name="groups of channels far apart", reference=interleaved_group_norm),
        Fault(name="statistics of the whole batch", reference=functools.partial(group_norm, first=0)),
        Fault(
            name="statistics of each place",
            reference=functools.partial(group_norm, first=3),
            where="spatial > 0",
        ),
        Fault(
            name="scale of the group's first channel",
            inputs={
                "scale": lambda scale, groups: np.repeat(scale[:: len(scale) // groups], len(scale) // groups)
            },
        ),
        *BIAS,
        *gradients_in_groups(),
        *AFFINE_GRADIENTS,
    ),
    "instance_norm": (
        *standardizing_faults(instance_norm),
        Fault(name="statistics of the whole batch", reference=functools.partial(instance_norm, first=0)),
        Fault(
            name="statistics of all channels together",
            reference=lambda *arrays, epsilon: right.group_norm(*arrays, epsilon=epsilon),
        ),
        Fault(
            name="statistics of the last axis between alone",
            reference=lambda *arrays, epsilon: instance_norm(
                *arrays, epsilon=epsilon, first=arrays[0].ndim - 2
            ),
            where="spatial > 1",
        ),
        *BIAS,
        *gradients_along(lambda x: tuple(range(1, x.ndim - 1))),
        *AFFINE_GRADIENTS,
    ),
    "local_response_norm": (
        *each_way(Fault(name="the window a radius", parameters={"window": "2 * window + 1"})),
        Fault(
            name="an even window reaches further up",
            reference=functools.partial(local_response_norm, low=lambda window: (window - 1) // 2),
            where="window % 2 == 0",
        ),
        Fault(
            name="means of the channels that exist",
            reference=functools.partial(local_response_norm, counted=True),
            where="alpha_of == 'mean'",
        ),
        Fault(name="gradient without that of the squares", vjp=local_response_alone, where="data != 'nan'"),
    ),
    "rms_norm": (
        Fault(
            name="epsilon outside the root",
            reference=functools.partial(rms_norm, root=lambda square, epsilon: np.sqrt(square) + epsilon),
        ),
        Fault(
            name="epsilon as a floor",
            reference=functools.partial(
                rms_norm, root=lambda square, epsilon: np.sqrt(np.maximum(square, epsilon))
            ),
        ),
        Fault(
            name="divided by the mean square",
            reference=functools.partial(rms_norm, root=lambda square, epsilon: square + epsilon),
        ),
        Fault(
            name="sum of the squares for their mean",
            reference=functools.partial(rms_norm, mean=lambda x, axes: np.sum(x, axis=axes, keepdims=True)),
        ),
        Fault(
            name="mean with n - 1 for n",
            reference=functools.partial(
                rms_norm,
                mean=lambda x, axes: mean_of(x, axes) * (count_of(x, axes) / max(count_of(x, axes) - 1, 1)),
            ),
        ),
        *each_way(
            Fault(name="mean subtracted", inputs={"x": lambda x: x - np.mean(x, axis=-1, keepdims=True)})
        ),
        Fault(
            name="root mean square of each sample, its steps together",
            reference=functools.partial(rms_norm, axes=(-2, -1)),
        ),
        Fault(name="root mean square along the steps", reference=functools.partial(rms_norm, axes=(-2,))),
        Fault(name="scaled before the statistic", reference=rms_norm_scaled_first),
        Fault(
            name="gradient with the root mean square as a constant",
            gradients={
                "x": lambda x, scale, cotangent, epsilon: affine(cotangent, scale, None) / rms(x, epsilon)
            },
        ),
        Fault(
            name="gradient with a sum for the mean",
            gradients={
                "x": lambda x, scale, cotangent, epsilon: rms_norm_with_sum(
                    x, affine(cotangent, scale, None), epsilon
                )
            },
        ),
        Fault(
            name="gradient of the mean of h, not of h z",
            gradients={
                "x": lambda x, scale, cotangent, epsilon: (
                    without_mean(affine(cotangent, scale, None), x, (-1,)) / rms(x, epsilon)
                )
            },
        ),
        *AFFINE_GRADIENTS[:2],
    ),
}

CONTROLS = {
    "layer_norm": standardizing_controls(layer_norm),
    "group_norm": standardizing_controls(group_norm),
    "instance_norm": standardizing_controls(instance_norm),
    "local_response_norm": (
        Control(name="tap after tap, divided by the power", reference=local_response_norm),
    ),
    "rms_norm": (
        Control(name="textbook", reference=rms_norm),
        Control(name="times the reciprocal root of a dot product", reference=rms_norm_by_reciprocal),
    ),
}
