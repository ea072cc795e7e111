"""Losses of classification of PyTorch, whose classes are the second axis of logits."""

from __future__ import annotations

from .framework import F, binds, torch
from .losses_regression import OVER_LOSSES, UNMASKED, UNWEIGHTED_SAMPLES
from .losses_regression import each as each  # rows name it
from .modules import function, module

REDUCED = {"reduction": "reduction"}
SMOOTHED = REDUCED | {"label_smoothing": "label_smoothing"}
IGNORING = {"ignore_index": "-100 if ignored is None else ignored"}
WEIGHT = {"weight": "class_weights"}
"""In the constructor as users write it, and again in the call, so that gradients reach it."""

# --- softmax ---

SOFT = {
    "gradient == 'exact'": "torch differentiates whatever the targets sum to",
    "zero_target == 'nan' or data != 'negative_infinities'": "torch multiplies targets and log-probabilities",
}
SOFT_FORM = {
    "on": "logits.movedim(-1, 1), targets.movedim(-1, 1)",
    "unused": ("mask", "sample_weights"),
    "where": SOFT,
    "fixed": UNWEIGHTED_SAMPLES | UNMASKED,
}

function("softmax_cross_entropy", "torch.nn.functional.cross_entropy", SMOOTHED, WEIGHT, **SOFT_FORM)
module("softmax_cross_entropy", "torch.nn.CrossEntropyLoss", WEIGHT | SMOOTHED, WEIGHT, **SOFT_FORM)


@binds(
    "softmax_cross_entropy",
    "torch.log_softmax",
    fixed=UNWEIGHTED_SAMPLES
    | {
        "weighted": (False, "users weigh no classes here"),
        "label_smoothing": (0.0, "nor smooth labels"),
        "gradient": ("exact", "torch differentiates whatever the targets sum to"),
        "zero_target": ("zero", "what is left out has no logarithm"),
    },
    where={"masked and masking == 'select'": "leaves classes out, before the softmax and behind it"},
    composition=True,
)
def masked_cross_entropy(logits, targets, class_weights, mask, sample_weights, *, reduction):
    log_p = torch.log_softmax(logits.masked_fill(~mask, -torch.inf), dim=-1).masked_fill(~mask, 0.0)
    losses = -(targets * log_p).sum(dim=-1)
    return losses if reduction == "none" else getattr(losses, reduction)()


EMPTY = {"empty": ("nan", "torch's mean of no rows is NaN")}
UNSMOOTHED = {"label_smoothing": (0.0, "nll_loss smooths no labels")}
SPARSE = {
    "reduction in ('mean', 'none', 'sum')": "torch divides by the weights of the labels that count",
    "out_of_range == 'error' or data != 'out_of_range'": "torch raises for a label that is no class",
}
LABELS = "logits.movedim(-1, 1), labels.long()"
LOG_ROWS = "torch.nn.functional.log_softmax(logits, dim=-1).movedim(-1, 1), labels.long()"

for word, api, options, on, fixed in (
    (function, "torch.nn.functional.cross_entropy", SMOOTHED | IGNORING, LABELS, EMPTY),
    (module, "torch.nn.CrossEntropyLoss", WEIGHT | SMOOTHED | IGNORING, LABELS, EMPTY),
    (function, "torch.nn.functional.nll_loss", REDUCED | IGNORING, LOG_ROWS, EMPTY | UNSMOOTHED),
    (module, "torch.nn.NLLLoss", WEIGHT | REDUCED | IGNORING, LOG_ROWS, EMPTY | UNSMOOTHED),
    (module, "torch.nn.NLLLoss2d", WEIGHT | REDUCED | IGNORING, LOG_ROWS, EMPTY | UNSMOOTHED),
):
    word("sparse_softmax_cross_entropy", api, options, WEIGHT, on=on, where=SPARSE, fixed=fixed)


@binds(
    "sparse_softmax_cross_entropy",
    "torch.log(torch.softmax)",
    fixed=EMPTY | UNSMOOTHED,
    where=SPARSE
    | {
        "reduction == 'none' and ignored is None and not weighted": "softmax, then its logarithm",
        "data in ('normal', 'offset', 'saturated')": "this asks how far the two stay together",
    },
    composition=True,
)
def softmax_then_logarithm(logits, labels, class_weights):
    log_p = torch.log(torch.softmax(logits, dim=-1))
    return F.nll_loss(log_p.movedim(-1, 1), labels.long(), reduction="none")


# --- sigmoid ---

BINARY = {
    "label_smoothing": (0.0, "torch smooths no binary targets"),
    "row_mean": (False, "torch reduces over all elements at once"),
}
PRODUCT = {"zero_target == 'nan' or data != 'infinities'": "torch multiplies targets and logarithms"}
POSITIVE = {"pos_weight": "positive_weight", "weight": "each(sample_weights, logits)"}

for word, api, options in (
    (function, "torch.nn.functional.binary_cross_entropy_with_logits", REDUCED),
    (module, "torch.nn.BCEWithLogitsLoss", REDUCED | POSITIVE),
):
    word(
        "sigmoid_cross_entropy",
        api,
        options,
        POSITIVE,
        on="logits, targets",
        where=PRODUCT | OVER_LOSSES,
        fixed=BINARY,
    )
