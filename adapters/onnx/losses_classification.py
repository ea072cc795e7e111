"""Losses of classification of ONNX, whose classes are the second axis."""

from __future__ import annotations

from .framework import function

OPTIONS = {"reduction": "reduction", "ignore_index": "ignored"}
FORM = {
    "where": {
        "reduction in ('mean', 'none', 'sum')": "divides by the weights of the labels that count",
        "data != 'out_of_range'": "leaves open what a label is that is no class",
    },
    "unused": ("out_of_range",),
    "fixed": {"label_smoothing": (0.0, "smooths no labels"), "empty": ("nan", "divides 0 by 0")},
}
LOG_P = "node('LogSoftmax', 13)(logits, axis=-1)"

function(
    "sparse_softmax_cross_entropy",
    "onnx.SoftmaxCrossEntropyLoss",
    OPTIONS,
    calls="node('SoftmaxCrossEntropyLoss', 13)",
    on="np.moveaxis(logits, -1, 1), labels, class_weights",
    **FORM,
)
function(
    "sparse_softmax_cross_entropy",
    "onnx.NegativeLogLikelihoodLoss",
    OPTIONS,
    calls="node('NegativeLogLikelihoodLoss', 13)",
    on=f"np.moveaxis({LOG_P}, -1, 1), labels, class_weights",
    **FORM,
)
