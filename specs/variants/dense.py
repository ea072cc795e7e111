"""Faults and controls of the dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language.variant import Control, Fault, each_way

Array = Any


def full_tiles(x: Array, tile: int) -> Array:
    """``x`` with zeros beyond the last full tile of features."""
    return np.where(np.arange(x.shape[-1]) < x.shape[-1] // tile * tile, x, 0)


def without_last_sample(x: Array) -> Array:
    """The last sample left out."""
    return np.concatenate([x[:-1], np.zeros_like(x[-1:])])


def bias_first(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """The bias as one more feature, with which the sum begins."""
    if bias is None:
        return np.matmul(x, kernel)
    ones = np.ones_like(x[..., :1])
    return np.matmul(np.concatenate([ones, x], axis=-1), np.concatenate([np.reshape(bias, (1, -1)), kernel]))


def in_halves(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Two products over half of the features each, and their sum (split K)."""
    half = kernel.shape[0] // 2
    y = np.matmul(x[..., half:], kernel[half:])
    y = np.matmul(x[..., :half], kernel[:half]) + y if half else y
    return y if bias is None else bias + y


def in_halves_vjp(
    x: Array, kernel: Array, bias: Array | None, cotangent: Array
) -> tuple[Array, Array, Array | None]:
    """Gradients sample by sample, each added to those before."""
    dkernel = sum(x[i][:, np.newaxis] * cotangent[i] for i in range(x.shape[0]))
    dbias = None if bias is None else sum(cotangent[i] for i in range(x.shape[0]))
    return np.matmul(cotangent, np.swapaxes(kernel, 0, 1)), dkernel, dbias


def feature_by_feature(
    x: Array, kernel: Array, mask: Array, bias: Array | None = None, *, masking: str
) -> Array:
    """One feature after the other, with zeros for the weights that are left out."""
    kept = np.where(mask, kernel, 0.0)
    y = sum(x[..., i, np.newaxis] * kept[i] for i in range(kernel.shape[0]))
    return y if bias is None else y + bias


def right_first(left: Array, right: Array, kernel: Array, bias: Array | None = None) -> Array:
    """The kernel times the right input first, then times the left one."""
    forms = np.matmul(kernel, np.swapaxes(right, 0, 1))  # (units, lefts, batch)
    y = np.swapaxes(np.sum(forms * np.swapaxes(left, 0, 1), axis=1), 0, 1)
    return y if bias is None else y + bias


def corrected_first(x: Array, down: Array, up: Array, kernel: Any, bias: Any, *, alpha: Any) -> Array:
    """The correction added to the kernel, which meets x once."""
    low = np.matmul(down, up) * (1.0 if alpha is None else alpha / down.shape[1])
    y = np.matmul(x, low if kernel is None else kernel + low)
    return y if bias is None else y + bias


FAULTS = {
    "lora_dense": (
        Fault(
            name="the scale without the rank",
            parameters={"alpha": "alpha * rank"},
            where="alpha is not None and rank > 1",
        ),
    ),
    "masked_dense": (
        *each_way(
            Fault(
                name="whole neurons left out",
                inputs={"mask": lambda mask: np.broadcast_to(mask.all(axis=0), mask.shape)},
            )
        ),
        Fault(
            name="bias of a neuron left out with its weights",
            results={"y": lambda result, mask: np.where(mask.any(axis=0), result, 0)},
            where="use_bias",
        ),
        Fault(
            name="weights left out learn on",
            gradients={
                "kernel": lambda gradient, mask, x, cotangent: np.where(mask, gradient, x.T @ cotangent)
            },
        ),
        Fault(
            name="mask applied to the result in place of the gradient",
            gradients={"x": lambda cotangent, kernel: cotangent @ kernel.T},
        ),
        Fault(
            name="what is kept scaled by the share that is kept",
            results={"y": lambda result, mask: result / np.mean(mask)},
        ),
    ),
    "bilinear": (
        Fault(
            name="last right feature left out",
            inputs={
                "right": lambda right: np.where(np.arange(right.shape[-1]) < right.shape[-1] - 1, right, 0)
            },
            where="data != 'nan'",
        ),
    ),
    "dense": (
        *each_way(
            Fault(
                name="features beyond a multiple of 4 left out",
                inputs={"x": lambda x: full_tiles(x, 4)},
                where="features > 4",
            )
        ),
        *each_way(
            Fault(
                name="features beyond a multiple of 128 left out",
                inputs={"x": lambda x: full_tiles(x, 128)},
                where="features > 128",
            )
        ),
        Fault(
            name="last feature left out for a batch of one",
            inputs={"x": lambda x: np.where(np.arange(x.shape[-1]) < x.shape[-1] - 1, x, 0)},
            where="batch == 1 and features > 1",
        ),
        Fault(name="rectified", results={"y": lambda result: np.maximum(result, 0)}),
        Fault(
            name="x truncated to bfloat16",
            inputs={"x": lambda x: (np.asarray(x, np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)},
        ),
        Fault(
            name="gradient of the kernel without the last sample",
            inputs={"x": without_last_sample},
            spoils="gradients",
            where="batch > 1",
        ),
    ),
}

CONTROLS = {
    "lora_dense": (Control(name="the kernel corrected first", reference=corrected_first),),
    "masked_dense": (Control(name="feature by feature", reference=feature_by_feature),),
    "bilinear": (Control(name="the right input first", reference=right_first),),
    "dense": (
        Control(name="bias first", reference=bias_first),
        Control(
            name="features in halves, gradients sample by sample", reference=in_halves, vjp=in_halves_vjp
        ),
    ),
}
