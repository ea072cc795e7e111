"""Faults and controls of the losses of classification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, xlogy

from ...numerics.dtypes import dtype, nearest
from ...reference.losses_classification import softmax_cross_entropy, softmax_over
from ...reference.reductions import elements, reduce, rows, share_out
from ...reference.softmax import log_softmax, softmax
from ..language.variant import Control, Fault, each_way
from .softmax import log_of_softmax, log_softmax_without_shift

Array = Any

SUM_FOR_MEAN = (
    Fault(name="sum for the mean", parameters={"reduction": "'sum'"}, where="reduction == 'mean'"),
)
MEAN_FOR_SUM = (
    Fault(name="mean for the sum", parameters={"reduction": "'mean'"}, where="reduction == 'sum'"),
)
LogSoftmax = Callable[[Array], Array]


# --- logarithms of the softmax ---


def clipped_log(logits: Array) -> Array:
    """``log(softmax(x))`` with probabilities held in [1e-7, 1 - 1e-7]."""
    return np.log(np.clip(softmax(logits), 1e-7, 1 - 1e-7))


def log_with_epsilon(logits: Array) -> Array:
    """``log(softmax(x) + 1e-8)``."""
    return np.log(softmax(logits) + 1e-8)


def online_log_softmax(logits: Array) -> Array:
    """One pass over the classes: the sum is rescaled when the maximum grows."""
    classes = np.moveaxis(logits, -1, 0)
    top, total = classes[0], np.ones_like(classes[0])
    for logit in classes[1:]:
        higher = np.maximum(top, logit)
        # Classes of -inf that come first have no distance from a maximum of -inf.
        kept = np.where(top == higher, 1.0, np.exp(top - higher))
        added = np.where(logit == higher, 1.0, np.exp(logit - higher))
        total, top = total * kept + added, higher
    return np.moveaxis(classes - top - np.log(total), 0, -1)


# --- cross entropies upon them ---


def cross_entropy_by(logarithm: LogSoftmax) -> Callable[..., Array]:
    """Softmax cross entropy by some logarithm of the softmax."""

    @rows.loss
    @softmax_over.loss
    def reference(
        logits: Array,
        targets: Array,
        class_weights: Array | None = None,
        *,
        label_smoothing: float = 0.0,
        zero_target: str = "zero",
    ) -> Array:
        shares = smoothed(targets, label_smoothing)
        shares = shares if class_weights is None else class_weights * shares
        terms = shares * logarithm(logits)
        terms = np.where(shares == 0, 0.0, terms) if zero_target == "zero" else terms
        return -np.sum(terms, axis=-1)

    return reference


def softmax_over_all(*inputs: Array, **options: Any) -> Array:
    """The softmax takes in the classes that do not count, whose terms are then left out."""
    logits, targets, weights, mask, sample_weights = inputs
    shares = targets if mask is None else np.where(mask, targets, 0.0)
    return softmax_cross_entropy(logits, shares, weights, None, sample_weights, **options)


def smoothed(targets: Array, label_smoothing: float) -> Array:
    """``(1 - ε) t + ε/C``."""
    if not label_smoothing:
        return targets
    return (1.0 - label_smoothing) * targets + label_smoothing / targets.shape[-1]


def sparse_cross_entropy_by(logarithm: LogSoftmax, weighted_smoothing: bool = True) -> Callable[..., Array]:
    """Cross entropy of labels by some logarithm of the softmax, whose distributions are formed in full."""

    def reference(
        logits: Array,
        labels: Array,
        class_weights: Array | None = None,
        *,
        label_smoothing: float = 0.0,
        ignored: int | None = None,
        reduction: str = "mean",
        empty: str = "nan",
        out_of_range: str = "error",
    ) -> Array:
        classes = logits.shape[-1]
        known, counted = (labels >= 0) & (labels < classes), labels != ignored
        label = np.where(known, labels, 0)
        weights = np.ones(classes) if class_weights is None else class_weights
        hits = (label[..., np.newaxis] == np.arange(classes)) * 1.0
        shares = weights * ((1.0 - label_smoothing) * hits)
        if label_smoothing:
            shares = shares + (weights if weighted_smoothing else 1.0) * (label_smoothing / classes)
        losses = -np.sum(np.where(shares == 0, 0.0, shares * logarithm(logits)), axis=-1)
        losses = np.where(known, losses, np.nan if out_of_range == "nan" else 0.0)
        losses = np.where(counted, losses, 0.0)
        if reduction in ("none", "sum"):
            return reduce(losses, reduction)
        if reduction != "mean_batch" and not counted.any():
            return np.sum(losses) + (0.0 if empty == "zero" else np.nan)
        rows = float(np.sum(counted) if reduction == "mean_rows" else counted.size)
        of_labels = np.sum(np.where(counted, np.take(weights, label), 0.0))
        return share_out(losses, of_labels if reduction == "mean" else rows)

    return reference


def _in_bfloat16(labels: Array) -> Array:
    return nearest(labels, dtype("bfloat16"))


def _of_ignored(logits: Array, labels: Array, ignored: int, losses: Array) -> Array:
    """The logits of ignored rows, in the shape of the losses."""
    rows = np.sum(np.where((labels == ignored)[..., np.newaxis], logits, 0), axis=-1)
    return rows if np.ndim(losses) else np.sum(rows)


# --- sigmoid cross entropies ---


def sigmoid_cross_entropy_by(terms: Callable[[Array, Array, Array], Array]) -> Callable[..., Array]:
    """Sigmoid cross entropy by ``terms(logits, targets, weights)``."""

    @elements.loss
    def reference(
        logits: Array,
        targets: Array,
        positive_weight: Array | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> Array:
        if label_smoothing:
            targets = (1.0 - label_smoothing) * targets + 0.5 * label_smoothing
        weight = 1.0 if positive_weight is None else positive_weight
        return terms(logits, targets, weight)

    return reference


def stable_terms(x: Array, t: Array, w: Array) -> Array:
    """``(1 - t) x + (1 + (w - 1) t) (log(1 + exp(-|x|)) + max(-x, 0))``, as TensorFlow has it; it cancels."""
    return (1.0 - t) * x + (1.0 + (w - 1.0) * t) * (np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0.0))


def softplus_terms(x: Array, t: Array, w: Array) -> Array:
    """``w t ζ(-x) + (1 - t) ζ(x)`` with ``ζ(x) = max(x, 0) + log(1 + exp(-|x|))``."""
    rest = np.log1p(np.exp(-np.abs(x)))
    return w * t * (np.maximum(-x, 0.0) + rest) + (1.0 - t) * (np.maximum(x, 0.0) + rest)


def log_of_sigmoid(x: Array, t: Array, w: Array) -> Array:
    """``-w t log σ(x) - (1 - t) log(1 - σ(x))``, infinite where σ is 0 or 1."""
    p = expit(x)
    return -w * xlogy(t, p) - xlogy(1.0 - t, 1.0 - p)


def clipped_log_of_sigmoid(x: Array, t: Array, w: Array) -> Array:
    """The same with σ held in [1e-7, 1 - 1e-7]."""
    p = np.clip(expit(x), 1e-7, 1 - 1e-7)
    return -w * t * np.log(p) - (1.0 - t) * np.log(1.0 - p)


def without_absolute_value(x: Array, t: Array, w: Array) -> Array:
    """``(1 - t) x + (1 + (w - 1) t) log(1 + exp(-x))``, which overflows for negative logits."""
    return (1.0 - t) * x + (1.0 + (w - 1.0) * t) * np.log1p(np.exp(-x))


def log_for_log1p(x: Array, t: Array, w: Array) -> Array:
    """The stable form with ``log(1 + e)``, which loses small losses."""
    return (1.0 - t) * x + (1.0 + (w - 1.0) * t) * (np.log(1.0 + np.exp(-np.abs(x))) + np.maximum(-x, 0.0))


# --- what they share ---


SMOOTHED_TWICE = each_way(
    Fault(
        name="label smoothing applied twice",
        parameters={"label_smoothing": "label_smoothing * (2 - label_smoothing)"},
    )
)
SMOOTHED_OVER_OTHERS = each_way(
    Fault(
        name="label smoothing over the other classes alone",
        parameters={"label_smoothing": "label_smoothing * classes / max(classes - 1, 1)"},
        where="classes > 1",
    )
)
SMOOTHING = (*SMOOTHED_TWICE, *SMOOTHED_OVER_OTHERS)


BASE_2 = Fault(name="logarithm to base 2", results={"y": lambda result: result / np.log(2)})

LOGARITHMS: dict[str, LogSoftmax] = {
    "no maximum subtracted": log_softmax_without_shift,
    "logarithm of the softmax": log_of_softmax,
    "probabilities clipped at 1e-7": clipped_log,
    "epsilon in the logarithm": log_with_epsilon,
}


FAULTS = {
    "softmax_cross_entropy": (
        *(
            Fault(name=name, reference=cross_entropy_by(logarithm), rounds=True)
            for name, logarithm in LOGARITHMS.items()
        ),
        Fault(
            name="softmax along the rows",
            inputs={"logits": lambda logits: log_softmax(logits, axis=0)},
        ),
        Fault(
            name="softmax over the classes that do not count too", reference=softmax_over_all, where="masked"
        ),
        BASE_2,
        *SUM_FOR_MEAN,
        *MEAN_FOR_SUM,
        *SMOOTHING,
        Fault(
            name="mean divided by the weights",
            results={
                "y": lambda result, targets, class_weights: (
                    result * targets[..., 0].size / np.sum(targets * class_weights)
                )
            },
            where="weighted and reduction == 'mean'",
        ),
        *each_way(
            Fault(
                name="targets normalized",
                inputs={"targets": lambda targets: targets / np.sum(targets, axis=-1, keepdims=True)},
            )
        ),
        Fault(
            name="label of the largest target for the targets",
            inputs={
                "targets": lambda targets: (
                    (np.argmax(targets, axis=-1)[..., np.newaxis] == np.arange(targets.shape[-1])) * 1.0
                )
            },
        ),
        Fault(
            name="gradient of the targets is that of the logits",
            gradients={
                "targets": lambda gradient, logits, targets: gradient * 0 + (softmax(logits) - targets)
            },
        ),
        Fault(
            name="no gradient of the targets", gradients={"targets": lambda targets: np.zeros_like(targets)}
        ),
        Fault(
            name="smoothing forgotten in the gradient of the targets",
            gradients={"targets": lambda gradient, label_smoothing: gradient / (1 - label_smoothing)},
        ),
    ),
    "sparse_softmax_cross_entropy": (
        *(
            Fault(name=name, reference=sparse_cross_entropy_by(logarithm), rounds=True)
            for name, logarithm in LOGARITHMS.items()
        ),
        BASE_2,
        *SUM_FOR_MEAN,
        *MEAN_FOR_SUM,
        *SMOOTHING,
        *each_way(
            Fault(
                name="labels through bfloat16",
                inputs={"labels": lambda labels, classes: np.minimum(_in_bfloat16(labels), classes - 1)},
                where="data != 'out_of_range'",
            )
        ),
        Fault(
            name="mean over all rows, ignored ones as well",
            parameters={"reduction": "'mean_batch'"},
            where="ignored is not None and reduction == 'mean'",
        ),
        Fault(
            name="mean over the rows, not their weights",
            parameters={"reduction": "'mean_rows'"},
            where="weighted and reduction == 'mean'",
        ),
        Fault(
            name="mean over the rows that count for that over all",
            parameters={"reduction": "'mean_rows'"},
            where="reduction == 'mean_batch'",
        ),
        Fault(
            name="loss of an ignored row times 0",
            results={
                "y": lambda result, logits, labels, ignored: (
                    result + 0 * _of_ignored(logits, labels, ignored, result)
                )
            },
            where="ignored is not None",
        ),
        Fault(
            name="gradient of an ignored row times 0",
            gradients={
                "logits": lambda gradient, logits, labels, ignored: (
                    gradient + np.where((labels == ignored)[..., np.newaxis], 0 * softmax(logits), 0)
                )
            },
            where="ignored is not None",
        ),
        Fault(
            name="a label that is no class counts from the end",
            inputs={"labels": lambda labels, classes: labels % classes},
        ),
        Fault(
            name="a label that is no class is the nearest one",
            inputs={"labels": lambda labels, classes: np.clip(labels, 0, classes - 1)},
        ),
        Fault(
            name="smoothed share not weighted",
            reference=sparse_cross_entropy_by(log_softmax, weighted_smoothing=False),
            where="weighted and label_smoothing > 0",
        ),
        Fault(
            name="gradient is the softmax alone",
            gradients={"logits": lambda logits, cotangent: cotangent[..., np.newaxis] * softmax(logits)},
            where="reduction == 'none'",
        ),
    ),
    "sigmoid_cross_entropy": (
        Fault(
            name="logarithm of the logistic function",
            reference=sigmoid_cross_entropy_by(log_of_sigmoid),
            rounds=True,
        ),
        Fault(
            name="probabilities clipped at 1e-7",
            reference=sigmoid_cross_entropy_by(clipped_log_of_sigmoid),
            rounds=True,
        ),
        Fault(
            name="exponential of negative logits overflows",
            reference=sigmoid_cross_entropy_by(without_absolute_value),
            rounds=True,
        ),
        Fault(name="log for log1p", reference=sigmoid_cross_entropy_by(log_for_log1p), rounds=True),
        BASE_2,
        *SUM_FOR_MEAN,
        *MEAN_FOR_SUM,
        *SMOOTHED_TWICE,
        *each_way(
            Fault(
                name="targets smoothed towards 0",
                parameters={"label_smoothing": "0.0"},
                inputs={"targets": lambda targets, label_smoothing: (1 - label_smoothing) * targets},
            )
        ),
        Fault(
            name="positive weight of both terms",
            reference=sigmoid_cross_entropy_by(lambda x, t, w: w * stable_terms(x, t, 1.0)),
            where="weighted",
        ),
        Fault(
            name="positive weight of the negative term",
            reference=sigmoid_cross_entropy_by(lambda x, t, w: stable_terms(-x, 1.0 - t, w)),
            where="weighted",
        ),
        *each_way(Fault(name="targets reversed", inputs={"targets": lambda targets: 1 - targets})),
        Fault(
            name="gradient without the positive weight in the negative part",
            gradients={
                "logits": lambda gradient, logits, targets, positive_weight: (
                    gradient * (expit(logits) - positive_weight * targets) / (expit(logits) - targets)
                )
            },
            where="weighted and label_smoothing == 0",
        ),
        Fault(
            name="no gradient of the targets", gradients={"targets": lambda targets: np.zeros_like(targets)}
        ),
        Fault(
            name="smoothing forgotten in the gradient of the targets",
            gradients={"targets": lambda gradient, label_smoothing: gradient / (1 - label_smoothing)},
        ),
    ),
}


CONTROLS = {
    "softmax_cross_entropy": (Control(name="online", reference=cross_entropy_by(online_log_softmax)),),
    "sparse_softmax_cross_entropy": (
        Control(
            name="online, of distributions",
            reference=sparse_cross_entropy_by(online_log_softmax),
            # The logarithm is added to each of many far larger logits before these are summed.
            where="data != 'saturated' or label_smoothing == 0",
        ),
    ),
    "sigmoid_cross_entropy": (
        Control(
            name="by softplus",
            reference=sigmoid_cross_entropy_by(softplus_terms),
            where="data != 'infinities' or zero_target == 'nan'",
        ),
    ),
}
