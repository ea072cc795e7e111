"""Losses of sequences, whose steps may be masked."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank, require_shape
from .losses_classification import sparse_softmax_cross_entropy, sparse_softmax_cross_entropy_vjp

__all__ = ["AVERAGES", "MASKINGS", "sequence_cross_entropy", "sequence_cross_entropy_vjp"]

AVERAGES = ("steps", "sequences", "places")
"""What the losses of the steps that count are averaged over."""

MASKINGS = ("select", "select_values", "multiply")
"""How masked steps are kept out of the loss."""


def sequence_cross_entropy(
    logits: Array,
    labels: Array,
    mask: Array,
    *,
    average: str = "steps",
    empty: str = "nan",
    masking: str = "select",
) -> Array:
    """Cross entropy of the labels of a batch of sequences, of which masked steps do not count.

    ``Σ m l / Σ m`` over all steps of the batch; or for each sequence, then the mean over the batch; or
    ``Σ m l / (batch · steps)``, with ``l = -log softmax(x)_y`` at each step and ``m`` 1 or 0

    Args:
        logits: ``(batch, steps, classes)``; ``x``.
        labels: ``(batch, steps)``, integers in [0, classes); ``y``.
        mask: ``(batch, steps)``, whether a step counts; ``m``.
        average: over all ``steps`` that count, so that long sequences weigh more; over ``sequences`` of the
            mean over the steps of each; or over all ``places``, masked or not.
        empty: a mean over no steps is ``nan``, or ``zero``, which counts in the mean over the sequences.
        masking: ``select``: losses of masked steps are left out; ``multiply``: multiplied by 0, which NaN
            survives; ``select_values``: left out, but their gradient is multiplied by 0.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that do not fit, a label out of range, or an unknown option.

    Source: Graves (2013), arXiv:1308.0850, for one sequence.
    """
    losses = sparse_softmax_cross_entropy(logits, labels, reduction="none")
    counted = _counted(logits, mask, average, empty)
    require(masking in MASKINGS, f"masking must be one of {', '.join(MASKINGS)}; got {masking!r}")
    counting = np.where(mask, losses, 0.0 * losses if masking == "multiply" else 0.0)
    total = np.sum(counting, axis=_reduced(average))
    means = np.where(counted == 0, np.nan if empty == "nan" else 0.0, total / np.maximum(counted, 1.0))
    return np.mean(means)


def sequence_cross_entropy_vjp(
    logits: Array,
    labels: Array,
    mask: Array,
    cotangent: Array,
    *,
    average: str = "steps",
    empty: str = "nan",
    empty_gradient: str = "zero",
    masking: str = "select",
) -> tuple[Array]:
    """Gradient of `sequence_cross_entropy`: ``(p - onehot(y)) m / Σ m``; masked steps have none.

    Nor have the steps of a mean over no steps, unless ``empty_gradient`` is ``nan``. Where gradients are
    multiplied by 0, NaN survives.
    """
    counted = _counted(logits, mask, average, empty)
    share = cotangent / (np.maximum(counted, 1.0) * counted.size)
    steps = np.broadcast_to(share[..., np.newaxis] if average == "sequences" else share, labels.shape)
    (gradient,) = sparse_softmax_cross_entropy_vjp(logits, labels, None, steps, reduction="none")
    at_masked = 0.0 if masking == "select" else 0.0 * gradient
    gradient = np.where(mask[..., np.newaxis], gradient, at_masked)
    if empty_gradient == "zero":
        return (gradient,)
    none = (counted == 0)[..., np.newaxis, np.newaxis] if average == "sequences" else counted == 0
    return (np.where(none, np.nan, gradient),)


def _counted(logits: Array, mask: Array, average: str, empty: str) -> Array:
    """How many steps count: in the batch, in each sequence, or all that there are."""
    require_rank("logits", logits, 3, "batch, steps, classes")
    require_shape("mask", mask, logits.shape[:-1], "batch, steps")
    require(average in AVERAGES, f"average must be one of {', '.join(AVERAGES)}; got {average!r}")
    require(empty in ("nan", "zero"), f"empty must be nan or zero; got {empty!r}")
    if average == "places":
        return np.array(float(mask.size))
    return np.sum(mask * 1.0, axis=_reduced(average))


def _reduced(average: str) -> tuple[int, ...]:
    """The axes that are averaged together."""
    return (1,) if average == "sequences" else (0, 1)
