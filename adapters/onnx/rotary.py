"""Rotary position embeddings of ONNX, which is given cosines and sines."""

from __future__ import annotations

import numpy as np

from .framework import function


def for_each(table, x):
    """A table of steps for each sample."""
    return np.broadcast_to(table, (len(x), *table.shape))


function(
    "apply_rotary_embedding",
    "onnx.RotaryEmbedding",
    {"interleaved": "pairing == 'interleaved'", "rotary_embedding_dim": "2 * cosines.shape[-1]"},
    calls="node('RotaryEmbedding', 23)",
    on="np.swapaxes(x, 1, 2), for_each(cosines, x), for_each(sines, x)",
    returns="np.swapaxes(y, 1, 2)",
    fixed={
        "tables": ("pairs", "takes a column for each pair"),
        "direction": ("forward", "turns pairs by the angle"),
    },
)
