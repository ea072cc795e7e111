"""Faults and controls of masks that layers pass on."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ...reference import masking as right
from ..language.variant import Control, Fault

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


def stacked_by_step(lost: bool = False) -> Any:
    """Both layers at one step before the next; or with the mask lost behind the lower one."""

    def forward(
        x: Array,
        mask: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        upper_kernel: Array,
        upper_recurrent_kernel: Array,
        upper_bias: Array,
        *,
        mask_value: float,
        masked_output: str,
        return_sequences: bool,
    ) -> Array:
        filled = np.where(mask[..., np.newaxis], x, mask_value)
        present = np.any(filled != mask_value, axis=-1)[..., np.newaxis]
        h = c = s = np.zeros((len(x), len(recurrent_kernel)))
        y, z, outputs = h, h, []
        for at in range(x.shape[1]):
            counts = present[:, at]
            i, f, g, o = np.split(filled[:, at] @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
            new = expit(f) * c + expit(i) * np.tanh(g)
            shown = expit(o) * np.tanh(new)
            h, c = np.where(counts, shown, h), np.where(counts, new, c)
            y = np.where(counts, shown, y if masked_output == "repeat" else 0.0)
            to_r, to_z, to_n = np.split(y @ upper_kernel + upper_bias, 3, axis=-1)
            by_r, by_z, by_n = np.split(s @ upper_recurrent_kernel, 3, axis=-1)
            n = np.tanh(to_n + expit(to_r + by_r) * by_n)
            blended = n + expit(to_z + by_z) * (s - n)
            above = np.ones_like(counts) if lost else counts
            s = np.where(above, blended, s)
            z = np.where(above, blended, z if masked_output == "repeat" else 0.0)
            outputs.append(z)
        return np.stack(outputs, axis=1) if return_sequences else z

    return forward


FAULTS = {
    "masked_stack": (Fault(name="mask lost behind the lower layer", reference=stacked_by_step(lost=True)),),
    "lstm_beside_padding": (
        Fault(
            name="padding multiplied by 0, which keeps NaN",
            results={"final_h": lambda result, x: result + 0 * np.sum(x, axis=(1, 2))[:, np.newaxis]},
            where="data == 'padding_nan'",
        ),
        Fault(
            name="initial state where there is padding",
            results={
                "final_h": lambda result, lengths, h, time: np.where(lengths[:, None] < time, h, result)
            },
        ),
    ),
    "masked_average": (
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
    "masked_stack": (Control(name="both layers step by step", reference=stacked_by_step()),),
    "masked_average": (Control(name="sums of products with the mask", reference=by_product),),
}
