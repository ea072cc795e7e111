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


FAULTS = {
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
