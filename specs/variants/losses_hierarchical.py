"""Faults and controls of the losses of classes in clusters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference.softmax import log_softmax
from ..language.variant import Control, Fault, each_way

Array = Any


def log_of_sums(scores: Array) -> Array:
    """Logarithms of a softmax, the maximum added to that of the sum."""
    top = np.max(scores, axis=-1, keepdims=True)
    return scores - (np.log(np.sum(np.exp(scores - top), axis=-1, keepdims=True)) + top)


def log_probs_by(
    inputs: Array,
    head: Array,
    head_bias: Array | None,
    first_down: Array,
    first_up: Array,
    second_down: Array | None = None,
    second_up: Array | None = None,
    *,
    logarithm: Callable[[Array], Array] = log_of_sums,
    share: float = 1.0,
    apart: bool = False,
) -> Array:
    """Cluster by cluster; without the ``share`` of a cluster, or with frequent classes ``apart`` from it."""
    scores = np.matmul(inputs, head) if head_bias is None else np.matmul(inputs, head) + head_bias
    tails = [(first_down, first_up)] + ([] if second_down is None else [(second_down, second_up)])
    shortlist = scores.shape[-1] - len(tails)
    of_head = logarithm(scores)
    found = [logarithm(scores[:, :shortlist]) if apart else of_head[:, :shortlist]]
    for place, (down, up) in enumerate(tails, start=shortlist):
        of_tail = logarithm(np.matmul(np.matmul(inputs, down), up))
        found.append(of_tail + share * of_head[:, place : place + 1])
    return np.concatenate(found, axis=-1)


def of_labels(function: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    """The log-probability of the class of each row, and the mean of their negatives."""

    def reference(*given: Array) -> tuple[Array, Array]:
        *layer, labels = given
        found = np.take_along_axis(function(*layer), labels[:, np.newaxis], axis=-1)[:, 0]
        return found, np.mean(-found)

    return reference


without_share = functools.partial(log_probs_by, logarithm=log_softmax, share=0.0)
"""Within its cluster, as if each cluster were certain."""

frequent_apart = functools.partial(log_probs_by, logarithm=log_softmax, apart=True)
"""Frequent classes as if there were no clusters."""


def clusters_exchanged(head: Array) -> Array:
    """The columns of the two clusters in the place of each other."""
    return np.concatenate([head[..., :-2], head[..., :-3:-1]], axis=-1)


EXCHANGED = each_way(
    Fault(name="clusters exchanged in the head", inputs={"head": clusters_exchanged}, where="clusters == 2")
)

FAULTS = {
    "adaptive_log_softmax": (
        Fault(name="share of the cluster left out", reference=of_labels(without_share)),
        Fault(name="frequent classes without the clusters", reference=of_labels(frequent_apart)),
        *EXCHANGED,
    ),
    "adaptive_log_probs": (
        Fault(name="share of the cluster left out", reference=without_share),
        Fault(name="frequent classes without the clusters", reference=frequent_apart),
        *EXCHANGED,
    ),
}

CONTROLS = {
    "adaptive_log_softmax": (
        Control(name="maximum added last", reference=of_labels(log_probs_by), normwise=True),
    ),
    "adaptive_log_probs": (Control(name="maximum added last", reference=log_probs_by, normwise=True),),
}

# A softmax takes no notice of what is added to all of its logits.
UNNOTICED = tuple(
    f"{weight} plus one{where}"
    for weight in ("head", "head_bias", "first_up", "second_up")
    for where in ("", ", in the gradient")
)
NO_FAULTS = {"adaptive_log_softmax": UNNOTICED, "adaptive_log_probs": UNNOTICED}
