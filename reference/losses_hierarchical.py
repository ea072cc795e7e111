"""Losses of classes in clusters: frequent classes are told apart at once, rare ones within their cluster."""

from __future__ import annotations

import numpy as np

from .chain import chained, part
from .checks import Array, require, require_rank, require_shape
from .dense import dense
from .softmax import log_softmax

__all__ = [
    "adaptive_log_probs",
    "adaptive_log_probs_vjp",
    "adaptive_log_softmax",
    "adaptive_log_softmax_vjp",
]


def adaptive_log_probs(
    inputs: Array,
    head: Array,
    head_bias: Array | None,
    first_down: Array,
    first_up: Array,
    second_down: Array | None = None,
    second_up: Array | None = None,
) -> Array:
    """Log-probabilities of all classes under an adaptive softmax.

    ``log p_c = log softmax(x H + b)_c`` of the frequent classes, and of the class c of cluster k
    ``log softmax(x H + b)_k + log softmax((x D_k) U_k)_c``: the head gives each cluster one more column

    Args:
        inputs: ``(batch, features)``; ``x``.
        head: ``(features, shortlist + clusters)``, the frequent classes and then the clusters; ``H``.
        head_bias: ``(shortlist + clusters,)``, or None; ``b``.
        first_down: ``(features, size)``, onto fewer features; ``D_1``.
        first_up: ``(size, classes of the first cluster)``; ``U_1``.
        second_down: the same of the second cluster, or None where there is one cluster; ``D_2``.
        second_up: ``U_2``, or None.

    Returns:
        ``(batch, classes)``: the frequent classes, those of the first cluster, and those of the second.

    Raises:
        ValueError: shapes that do not fit.

    Source: Grave, Joulin, Cissé, Grangier and Jégou (2016), Efficient softmax approximation for GPUs,
    arXiv:1609.04309, section 4.
    """
    require_rank("inputs", inputs, 2, "batch, features")
    of_head = part(log_softmax, part(dense, inputs, head, head_bias))
    first = part(log_softmax, part(dense, part(dense, inputs, first_down, None), first_up, None))
    second = None
    if second_down is not None:
        second = part(log_softmax, part(dense, part(dense, inputs, second_down, None), second_up, None))
    return part(_unfold, of_head, first, second)


adaptive_log_probs_vjp = chained(adaptive_log_probs)


def adaptive_log_softmax(
    inputs: Array,
    head: Array,
    head_bias: Array | None,
    first_down: Array,
    first_up: Array,
    second_down: Array | None,
    second_up: Array | None,
    labels: Array,
) -> tuple[Array, Array]:
    """Adaptive softmax: the log-probability of the class of each row, and the mean of their negatives.

    ``log p_y`` of `adaptive_log_probs`, and ``-mean log p_y``

    Args:
        inputs: ``(batch, features)``.
        head: ``(features, shortlist + clusters)``.
        head_bias: ``(shortlist + clusters,)``, or None.
        first_down: ``(features, size)``.
        first_up: ``(size, classes of the first cluster)``.
        second_down: the same of the second cluster, or None.
        second_up: the same, or None.
        labels: ``(batch,)``, integers below the number of classes; ``y``.

    Returns:
        ``(batch,)``, and a scalar.

    Raises:
        ValueError: shapes that do not fit, or labels that are no classes.

    Source: Grave, Joulin, Cissé, Grangier and Jégou (2016), Efficient softmax approximation for GPUs,
    arXiv:1609.04309, section 4.
    """
    layer = head, head_bias, first_down, first_up, second_down, second_up
    log_p = part(adaptive_log_probs, inputs, *layer)
    of_labels = part(_pick, log_p, labels)
    return of_labels, part(_negative_mean, of_labels)


adaptive_log_softmax_vjp = chained(adaptive_log_softmax, wrt=7)


def _unfold(of_head: Array, first: Array, second: Array | None) -> Array:
    """The frequent classes, and the classes of each cluster, whose own share is in the head."""
    tails = [tail for tail in (first, second) if tail is not None]
    shortlist = of_head.shape[-1] - len(tails)
    require(shortlist > 0, f"head must have a column for each of {len(tails)} clusters, and more")
    clusters = [of_head[:, shortlist + n, np.newaxis] + tail for n, tail in enumerate(tails)]
    return np.concatenate([of_head[:, :shortlist], *clusters], axis=-1)


def _unfold_vjp(
    of_head: Array, first: Array, second: Array | None, cotangent: Array
) -> tuple[Array, Array, Array | None]:
    """Gradient of `_unfold`: that of a cluster is the sum over its classes."""
    tails = [tail for tail in (first, second) if tail is not None]
    start = of_head.shape[-1] - len(tails)
    shares, of_tails = [cotangent[:, :start]], []
    for tail in tails:
        of_tails.append(cotangent[:, start : start + tail.shape[-1]])
        shares.append(np.sum(of_tails[-1], axis=-1, keepdims=True))
        start += tail.shape[-1]
    return np.concatenate(shares, axis=-1), of_tails[0], of_tails[1] if second is not None else None


def _pick(log_p: Array, labels: Array) -> Array:
    """The element of each row that its label says."""
    require_shape("labels", labels, log_p.shape[:1], "batch")
    classes = log_p.shape[-1]
    require(np.all((labels >= 0) & (labels < classes)), f"labels must be classes: 0 to {classes - 1}")
    return np.take_along_axis(log_p, labels[:, np.newaxis], axis=-1)[:, 0]


def _pick_vjp(log_p: Array, labels: Array, cotangent: Array) -> tuple[Array, None]:
    """Gradient of `_pick`: the cotangent where the label is."""
    hits = labels[:, np.newaxis] == np.arange(log_p.shape[-1])
    return np.where(hits, cotangent[:, np.newaxis], 0.0), None


def _negative_mean(log_p: Array) -> Array:
    return -np.mean(log_p)


def _negative_mean_vjp(log_p: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `_negative_mean`."""
    return (np.broadcast_to(-cotangent / len(log_p), log_p.shape),)
