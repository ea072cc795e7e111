"""Faults and controls of masks that layers pass on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference import masking as right
from ..language.variant import Control, Fault, each_way

Array = Any


def by_product(
    x: Array,
    indices: Array,
    mask: Array,
    kernel: Array = None,
    recurrent_kernel: Array = None,
    *,
    layer: str,
    mask_after: str,
) -> Array:
    """A sum of products with the mask, divided at the end."""
    given = np.where(mask, indices + 1, 0) if x is None else x * (mask[..., np.newaxis] * 1.0)
    y = right.LAYERS[layer][0](given, mask, kernel, recurrent_kernel)
    counted = mask * 1.0 if mask_after == "kept" else np.ones(mask.shape)
    return np.einsum("btu,bt->bu", y, counted) / np.sum(counted, axis=1)[:, np.newaxis]


def step_by_step(
    x: Array, h: Array, c: Array, kernel: Array, recurrent_kernel: Array, bias: Array, lengths: Array
) -> tuple[Array, ...]:
    """One product with both kernels for each step, and the old carry selected past the end."""
    kernels, outputs = np.concatenate((kernel, recurrent_kernel), axis=0), []
    for at in range(x.shape[1]):
        counts = (at < lengths)[:, np.newaxis]
        given = np.concatenate((np.where(counts, x[:, at], 0.0), h), axis=-1)
        i, f, g, o = np.split(np.matmul(given, kernels) + bias, 4, axis=-1)
        c = np.where(counts, c / (1.0 + np.exp(-f)) + np.tanh(g) / (1.0 + np.exp(-i)), c)
        h = np.where(counts, np.tanh(c) / (1.0 + np.exp(-o)), h)
        outputs.append(np.where(counts, h, 0.0))
    return np.stack(outputs, axis=1), h, c


FAULTS = {
    "lstm_beside_padding": (
        *each_way(
            Fault(
                name="lengths one too long",
                inputs={"lengths": lambda lengths, time: np.minimum(lengths + 1, time)},
            )
        ),
        *each_way(
            Fault(
                name="padding taken for steps",
                inputs={"lengths": lambda lengths, time: np.full_like(lengths, time)},
            )
        ),
        Fault(
            name="padding multiplied by 0, which keeps NaN",
            results={"final_h": lambda result, x: result + 0 * np.sum(x, axis=(1, 2))[:, np.newaxis]},
            where="data == 'padding_nan'",
        ),
        Fault(
            name="padding in the gradient of the kernels",
            parameters={"masking": "'select_values'"},
            spoils="gradients",
            where="masking == 'select' and data == 'padding_nan'",
        ),
        Fault(
            name="NaN replaced by 0 wherever it stands in a gradient",
            gradients={"kernel": lambda gradient: np.nan_to_num(gradient)},
            where="masking == 'select_values'",
        ),
        Fault(
            name="initial state where there is padding",
            results={
                "final_h": lambda result, lengths, h, time: np.where(lengths[:, None] < time, h, result)
            },
        ),
        *each_way(Fault(name="bias missing", inputs={"bias": lambda bias: np.zeros_like(bias)})),
    ),
    "masked_average": (
        *each_way(
            Fault(
                name="mask lost for kept, or the reverse",
                parameters={"mask_after": "'lost' if mask_after == 'kept' else 'kept'"},
                where="layer != 'attention' or mask_after == 'kept'",
            )
        ),
        *each_way(
            Fault(
                name="mask of the first sequence for all",
                inputs={"mask": lambda mask: np.broadcast_to(mask[:1], mask.shape)},
            )
        ),
        Fault(
            name="sum for the average",
            results={
                "y": lambda result, mask, mask_after: (
                    result * (np.sum(mask, axis=1)[:, np.newaxis] if mask_after == "kept" else mask.shape[1])
                )
            },
        ),
        Fault(
            name="divided by the number of all steps",
            results={"y": lambda result, mask: result * np.mean(mask, axis=1)[:, np.newaxis]},
            where="mask_after == 'kept'",
        ),
        Fault(
            name="divided by the number of steps that count in the batch",
            results={
                "y": lambda result, mask: (
                    result * (np.sum(mask, axis=1)[:, np.newaxis] * (len(mask) / np.sum(mask)))
                )
            },
            where="mask_after == 'kept'",
        ),
        Fault(
            name="masked steps not zero where the layer sees them",
            inputs={"x": lambda x: x},
            reference=lambda x, indices, mask, kernel, recurrent_kernel, *, layer, mask_after: np.mean(
                right.LAYERS[layer][0](x, mask, kernel, recurrent_kernel), axis=1
            ),
            where="mask_after == 'lost' and layer not in ('lstm', 'attention', 'embedding')",
        ),
        Fault(
            name="gradient into masked steps",
            gradients={"x": lambda gradient: np.where(gradient == 0, 1.0, gradient)},
        ),
        Fault(
            name="gradient of a sum",
            gradients={
                "x": lambda gradient, mask: gradient * np.sum(mask, axis=1)[:, np.newaxis, np.newaxis]
            },
            where="mask_after == 'kept'",
        ),
    ),
}

CONTROLS = {
    "lstm_beside_padding": (Control(name="one product with both kernels", reference=step_by_step),),
    "masked_average": (Control(name="sums of products with the mask", reference=by_product),),
}
