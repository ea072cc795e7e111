"""Faults and controls of the layers that compute nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference import shape as right
from ..language.variant import Control, Fault

Array = Any


def exchanged(x: Array, block: int) -> Array:
    """Each block of space with its rows and columns exchanged."""
    batch, height, width, channels = x.shape
    blocks = np.reshape(x, (batch, height // block, block, width // block, block, channels))
    return np.reshape(np.swapaxes(blocks, 2, 4), x.shape)


def place_by_place(x: Array, *, block: int, channel_order: str) -> Array:
    """`space_to_depth` by strided slices."""
    slices = [x[:, i::block, j::block] for i in range(block) for j in range(block)]
    together = np.stack(slices, axis=-2 if channel_order == "channel" else -1)
    return np.reshape(together, (*slices[0].shape[:-1], -1))


def last_copy_alone(x: Array, cotangent: Array, *, steps: int) -> tuple[Array]:
    """A gradient in which the last step stands for all."""
    return (cotangent[:, -1],)


def dealt_back(x: Array, *, groups: int) -> Array:
    """The inverse: as many groups as a group has channels."""
    return right.channel_shuffle(x, groups=x.shape[-1] // groups)


def undealt(x: Array, cotangent: Array, *, groups: int) -> tuple[Array]:
    """A gradient that is dealt out once more, as if dealing were its own inverse."""
    return (right.channel_shuffle(cotangent, groups=groups),)


def samples_first(x: Array, *, block: Any, widths: Any) -> Array:
    """The places of a block running faster than the samples."""
    y = right.space_to_batch(x, block=block, widths=widths)
    grouped = np.reshape(y, (block[0] * block[1], -1, *y.shape[1:]))
    return np.reshape(np.swapaxes(grouped, 0, 1), y.shape)


def averaged(
    x: Array,
    *,
    lengths: Any,
    window: Any,
    strides: Any,
    dilation: Any,
    padding: Any,
    channel_order: str,
) -> Array:
    """Overlapping windows that do not add up: each place has the mean of what they have for it."""
    geometry = {"window": window, "strides": strides, "dilation": dilation, "padding": padding}
    options = geometry | {"lengths": lengths, "channel_order": channel_order}
    return right.fold(x, **options) / np.maximum(right.fold(np.ones(x.shape), **options), 1.0)


FAULTS = {
    "repeat_vector": (Fault(name="the gradient of the last step alone", vjp=last_copy_alone),),
    "channel_shuffle": (
        Fault(name="dealt out the other way round", reference=dealt_back),
        Fault(name="the gradient dealt out once more", vjp=undealt),
    ),
    "space_to_batch": (Fault(name="places in a block run faster than samples", reference=samples_first),),
    "fold": (Fault(name="overlapping windows averaged", reference=averaged),),
    "depth_to_space": (
        Fault(
            name="rows and columns of a block exchanged",
            results={"y": lambda result, block: exchanged(result, block)},
        ),
        Fault(
            name="rows and columns of a block exchanged, in the gradient",
            gradients={
                "x": lambda cotangent, block, channel_order: right.space_to_depth(
                    exchanged(cotangent, block), block=block, channel_order=channel_order
                )
            },
        ),
    ),
    "space_to_depth": (
        Fault(
            name="rows and columns of a block exchanged",
            inputs={"x": lambda x, block: exchanged(x, block)},
        ),
        Fault(
            name="rows and columns of a block exchanged, in the gradient",
            gradients={"x": lambda gradient, block: exchanged(gradient, block)},
        ),
    ),
}

CONTROLS = {"space_to_depth": (Control(name="strided slices", reference=place_by_place),)}
