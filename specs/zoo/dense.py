"""Faults and controls of the dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..variant import Control, Fault, each_way

Array = Any


def full_tiles(x: Array, tile: int) -> Array:
    """``x`` with zeros beyond the last full tile of features."""
    return np.where(np.arange(x.shape[-1]) < x.shape[-1] // tile * tile, x, 0)


def other_layout(kernel: Array) -> Array:
    """The same numbers, stored as ``(units, features)`` and read as ``(features, units)``."""
    return np.reshape(kernel.T, kernel.shape)


def without_last_sample(x: Array) -> Array:
    """The last sample left out."""
    return np.concatenate([x[:-1], 0 * x[-1:]])


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


FAULTS = {
    "dense": (
        Fault(name="bias added twice", results={"y": lambda result, bias: result + bias}, where="use_bias"),
        Fault(
            name="bias of the unit before",
            results={"y": lambda result, bias: result - bias + np.roll(bias, 1)},
            where="use_bias and units > 1",
        ),
        *each_way(Fault(name="kernel read in the other order", inputs={"kernel": other_layout})),
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
        Fault(
            name="gradient of the kernel averaged over the batch",
            gradients={"kernel": lambda gradient, batch: gradient / batch},
        ),
        Fault(
            name="gradient of the bias of the first sample alone",
            gradients={"bias": lambda cotangent: cotangent[0]},
            where="use_bias",
        ),
        Fault(
            name="gradient of the bias averaged over the batch",
            gradients={"bias": lambda gradient, batch: gradient / batch},
            where="use_bias",
        ),
    ),
}

CONTROLS = {
    "dense": (
        Control(name="bias first", reference=bias_first),
        Control(
            name="features in halves, gradients sample by sample", reference=in_halves, vjp=in_halves_vjp
        ),
    ),
}
