"""Losses of classification of PyTorch, whose classes are the second axis of logits."""

from __future__ import annotations

from .framework import F, binds, torch
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
ROWS = "logits.movedim(-1, 1), targets.movedim(-1, 1)"

function("softmax_cross_entropy", "torch.nn.functional.cross_entropy", SMOOTHED, WEIGHT, on=ROWS, where=SOFT)
module("softmax_cross_entropy", "torch.nn.CrossEntropyLoss", WEIGHT | SMOOTHED, WEIGHT, on=ROWS, where=SOFT)

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
POSITIVE = {"pos_weight": "positive_weight"}

for word, api, options in (
    (function, "torch.nn.functional.binary_cross_entropy_with_logits", REDUCED),
    (module, "torch.nn.BCEWithLogitsLoss", REDUCED | POSITIVE),
):
    word("sigmoid_cross_entropy", api, options, POSITIVE, on="logits, targets", where=PRODUCT, fixed=BINARY)

BCE = {
    "guard": ("log", "torch holds logarithms above -100"),
    "gradient": ("bounded", "torch holds p (1 - p) above 1e-12 in the gradient"),
    "row_mean": (False, "torch reduces over all elements at once"),
    "epsilon": (1e-7, "torch has no epsilon"),
    "zero_target": ("zero", "finite logarithms leave nothing to choose"),
}
NONE = {"reduction": "'none'"}
BOTH = "predictions, targets"

function("binary_cross_entropy", "torch.nn.functional.binary_cross_entropy", NONE, on=BOTH, fixed=BCE)
module("binary_cross_entropy", "torch.nn.BCELoss", NONE, on=BOTH, fixed=BCE)

# --- divergence ---

ZERO_TARGET = {
    "zero_target == 'nan' or data != 'negative_infinities'": "torch multiplies targets and log-probabilities",
    "zero_gradient == 'nan' or data not in ('zeros', 'saturated', 'negative_infinities')": "torch gives 0/0",
}
ONE_OR_ALL = {"reduction != 'rows'": "torch gives terms, or one value for all"}
TERMS = {"reduction": "reduction.replace('elements', 'none')"}
OF_TARGETS, OF_LOGARITHMS = TERMS | {"log_target": "False"}, TERMS | {"log_target": "True"}

for word, api in ((function, "torch.nn.functional.kl_div"), (module, "torch.nn.KLDivLoss")):
    word("kl_divergence", api, OF_TARGETS, on="log_predictions, targets", where=ZERO_TARGET | ONE_OR_ALL)
    word(
        "kl_divergence_with_log_targets",
        api,
        OF_LOGARITHMS,
        on="log_predictions, log_targets",
        where=ONE_OR_ALL,
    )


@binds(
    "kl_divergence_probabilities",
    "torch.xlogy",
    fixed={"epsilon": (0.0, "torch clips nothing")},
    where={"zero_gradient == 'nan' or data != 'zeros'": "torch divides 0 by 0"},
    composition=True,
)
def kl_divergence_probabilities(targets, predictions, *, reduction):
    terms = torch.xlogy(targets, targets) - torch.xlogy(targets, predictions)
    rows = terms if reduction in ("elements", "mean") else terms.sum(dim=-1)
    if reduction == "sum":
        return rows.sum()
    return rows.mean() if reduction in ("mean", "batchmean") else rows


LOGARITHM = {"zero_target == 'nan' or epsilon > 0 or data != 'zeros'": "a product with log 0, or 1/0, is NaN"}


def probabilities(predictions, epsilon, normalized):
    """Rows that are clipped and divided by their sum, as a user of torch would write it."""
    if normalized == "before":
        predictions = predictions / predictions.sum(dim=-1, keepdim=True)
    held = predictions.clamp(epsilon, 1.0 - epsilon) if epsilon else predictions
    return held / held.sum(dim=-1, keepdim=True) if normalized == "after" else held


@binds(
    "categorical_cross_entropy",
    "torch.log",
    where=LOGARITHM,
    fixed={"sparse": (False, "takes a distribution")},
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, *, epsilon, normalized):
    return -(targets * torch.log(probabilities(predictions, epsilon, normalized))).sum(dim=-1)


@binds(
    "categorical_cross_entropy",
    "torch.nn.functional.nll_loss",
    where=LOGARITHM,
    fixed={"sparse": (True, "takes one class for each row")},
    composition=True,
)
def categorical_cross_entropy_nll(predictions, targets, labels, *, epsilon, normalized):
    log_p = torch.log(probabilities(predictions, epsilon, normalized))
    return F.nll_loss(log_p, labels.long(), reduction="none")
