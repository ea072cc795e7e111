"""How the losses of elements become what a loss returns, and how a cotangent goes back to the elements."""

from __future__ import annotations

import math

import numpy as np

from ..numerics.magnitude import magnitude
from .checks import Array, require

__all__ = ["REDUCTIONS", "reduce", "share_out", "spread"]

REDUCTIONS = ("mean", "none", "sum")


def reduce(losses: Array, reduction: str, *, row_mean: bool = False) -> Array:
    """Losses as they are, their sum, or their mean; ``row_mean`` averages the last axis beforehand.

    Raises:
        ValueError: ``reduction`` is none of `REDUCTIONS`.
    """
    _check(reduction)
    losses = share_out(losses, losses.shape[-1], axis=-1) if row_mean else losses
    if reduction == "none":
        return losses
    return share_out(losses, losses.size) if reduction == "mean" else np.sum(losses)


def share_out(losses: Array, count: Array | float, axis: int | None = None) -> Array:
    """The sum of losses divided by a ``count``: by that of all losses, it is their mean.

    ``s (Σ (l / s) / n)`` with s of the size of the losses, whose sum may overflow where the mean does not.
    """
    scale = magnitude(losses, axis)
    shared = np.sum(losses / scale, axis=axis) / count
    return shared * (np.reshape(scale, ()) if axis is None else np.squeeze(scale, axis))


def spread(cotangent: Array, shape: tuple[int, ...], reduction: str, *, row_mean: bool = False) -> Array:
    """The cotangent of each of the losses of this ``shape``: the transpose of `reduce`."""
    _check(reduction)
    rows = shape[:-1] if row_mean else shape
    if reduction == "mean":
        cotangent = cotangent / math.prod(rows)
    cotangent = np.broadcast_to(cotangent, rows)
    return np.broadcast_to(cotangent[..., np.newaxis] / shape[-1], shape) if row_mean else cotangent


def _check(reduction: str) -> None:
    require(reduction in REDUCTIONS, f"reduction must be one of {', '.join(REDUCTIONS)}; got {reduction!r}")
