"""Losses of classification of PyTorch, whose classes are the second axis of logits."""

from __future__ import annotations

from .framework import F, binds, torch

SOFT = {
    "gradient == 'exact'": "torch differentiates whatever the targets sum to",
    "zero_target == 'nan' or data != 'negative_infinities'": "torch multiplies targets and log-probabilities",
}
SPARSE = {
    "reduction in ('mean', 'none', 'sum')": "torch divides by the weights of the labels that count",
    "empty == 'nan'": "torch's mean of no rows is NaN",
    "out_of_range == 'error' or data != 'out_of_range'": "torch raises for a label that is no class",
}
UNSMOOTHED = SPARSE | {"label_smoothing == 0.0": "nll_loss smooths no labels"}


@binds("softmax_cross_entropy", "torch.nn.functional.cross_entropy", where=SOFT)
def softmax_cross_entropy(logits, targets, class_weights, *, label_smoothing, reduction):
    return F.cross_entropy(
        logits.movedim(-1, 1),
        targets.movedim(-1, 1),
        weight=class_weights,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@binds("softmax_cross_entropy", "torch.nn.CrossEntropyLoss", where=SOFT)
def softmax_cross_entropy_module(logits, targets, class_weights, *, label_smoothing, reduction):
    loss = torch.nn.CrossEntropyLoss(
        weight=class_weights, reduction=reduction, label_smoothing=label_smoothing
    )
    return loss(logits.movedim(-1, 1), targets.movedim(-1, 1))


@binds("sparse_softmax_cross_entropy", "torch.nn.functional.cross_entropy", where=SPARSE)
def sparse_softmax_cross_entropy(logits, labels, class_weights, *, label_smoothing, ignored, reduction):
    return F.cross_entropy(
        logits.movedim(-1, 1),
        labels.long(),
        weight=class_weights,
        ignore_index=-100 if ignored is None else ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@binds("sparse_softmax_cross_entropy", "torch.nn.CrossEntropyLoss", where=SPARSE)
def sparse_softmax_cross_entropy_module(
    logits, labels, class_weights, *, label_smoothing, ignored, reduction
):
    loss = torch.nn.CrossEntropyLoss(
        weight=class_weights,
        ignore_index=-100 if ignored is None else ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
    return loss(logits.movedim(-1, 1), labels.long())


@binds("sparse_softmax_cross_entropy", "torch.nn.functional.nll_loss", where=UNSMOOTHED)
def negative_log_likelihood(logits, labels, class_weights, *, ignored, reduction):
    return F.nll_loss(
        F.log_softmax(logits, dim=-1).movedim(-1, 1),
        labels.long(),
        weight=class_weights,
        ignore_index=-100 if ignored is None else ignored,
        reduction=reduction,
    )


@binds("sparse_softmax_cross_entropy", "torch.nn.NLLLoss", where=UNSMOOTHED)
def negative_log_likelihood_module(logits, labels, class_weights, *, ignored, reduction):
    log_probabilities = torch.nn.LogSoftmax(dim=-1)(logits).movedim(-1, 1)
    index = -100 if ignored is None else ignored
    return torch.nn.NLLLoss(weight=class_weights, ignore_index=index, reduction=reduction)(
        log_probabilities, labels.long()
    )


BINARY = {
    "label_smoothing == 0.0": "torch smooths no binary targets",
    "not row_mean": "torch reduces over all elements at once",
    "zero_target == 'nan' or data != 'infinities'": "torch multiplies targets and logarithms",
}


@binds("sigmoid_cross_entropy", "torch.nn.functional.binary_cross_entropy_with_logits", where=BINARY)
def sigmoid_cross_entropy(logits, targets, positive_weight, *, reduction):
    return F.binary_cross_entropy_with_logits(
        logits, targets, reduction=reduction, pos_weight=positive_weight
    )


@binds("sigmoid_cross_entropy", "torch.nn.BCEWithLogitsLoss", where=BINARY)
def sigmoid_cross_entropy_module(logits, targets, positive_weight, *, reduction):
    return torch.nn.BCEWithLogitsLoss(reduction=reduction, pos_weight=positive_weight)(logits, targets)


ZERO_TARGET = {
    "zero_target == 'nan' or data != 'negative_infinities'": "torch multiplies targets and log-probabilities",
    "zero_gradient == 'nan' or data not in ('zeros', 'saturated', 'negative_infinities')": "torch gives 0/0",
}
KL_REDUCTION = {"reduction != 'rows'": "torch gives terms, or one value for all"}
PLAIN = {
    "epsilon == 0.0": "torch clips nothing",
    "zero_gradient == 'nan' or data != 'zeros'": "torch divides 0 by 0",
}


@binds("kl_divergence", "torch.nn.functional.kl_div", where=ZERO_TARGET | KL_REDUCTION)
def kl_divergence(targets, log_predictions, *, reduction):
    return F.kl_div(
        log_predictions, targets, reduction=reduction.replace("elements", "none"), log_target=False
    )


@binds("kl_divergence", "torch.nn.KLDivLoss", where=ZERO_TARGET | KL_REDUCTION)
def kl_divergence_module(targets, log_predictions, *, reduction):
    loss = torch.nn.KLDivLoss(reduction=reduction.replace("elements", "none"), log_target=False)
    return loss(log_predictions, targets)


@binds("kl_divergence_with_log_targets", "torch.nn.functional.kl_div", where=KL_REDUCTION)
def kl_divergence_with_log_targets(log_targets, log_predictions, *, reduction):
    return F.kl_div(
        log_predictions, log_targets, reduction=reduction.replace("elements", "none"), log_target=True
    )


@binds("kl_divergence_with_log_targets", "torch.nn.KLDivLoss", where=KL_REDUCTION)
def kl_divergence_with_log_targets_module(log_targets, log_predictions, *, reduction):
    loss = torch.nn.KLDivLoss(reduction=reduction.replace("elements", "none"), log_target=True)
    return loss(log_predictions, log_targets)


@binds("kl_divergence_probabilities", "torch.xlogy", where=PLAIN, composition=True)
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
    where=LOGARITHM | {"not sparse": "takes a distribution"},
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, *, epsilon, normalized):
    return -(targets * torch.log(probabilities(predictions, epsilon, normalized))).sum(dim=-1)


@binds(
    "categorical_cross_entropy",
    "torch.nn.functional.nll_loss",
    where=LOGARITHM | {"sparse": "takes one class for each row"},
    composition=True,
)
def categorical_cross_entropy_nll(predictions, targets, labels, *, epsilon, normalized):
    log_p = torch.log(probabilities(predictions, epsilon, normalized))
    return F.nll_loss(log_p, labels.long(), reduction="none")


BCE = {
    "guard == 'log'": "torch holds logarithms above -100",
    "gradient == 'bounded'": "torch holds p (1 - p) above 1e-12 in the gradient",
    "not row_mean": "torch reduces over all elements at once",
    "epsilon == 1e-7": "torch has no epsilon",
    "zero_target == 'zero'": "finite logarithms leave nothing to choose",
}


@binds("binary_cross_entropy", "torch.nn.functional.binary_cross_entropy", where=BCE)
def binary_cross_entropy(predictions, targets):
    return F.binary_cross_entropy(predictions, targets, reduction="none")


@binds("binary_cross_entropy", "torch.nn.BCELoss", where=BCE)
def binary_cross_entropy_module(predictions, targets):
    return torch.nn.BCELoss(reduction="none")(predictions, targets)


@binds(
    "sparse_softmax_cross_entropy",
    "torch.log(torch.softmax)",
    where=UNSMOOTHED
    | {
        "reduction == 'none' and ignored is None and not weighted": "softmax, then its logarithm",
        "data in ('normal', 'offset', 'saturated')": "this asks how far the two stay together",
    },
    composition=True,
)
def softmax_then_logarithm(logits, labels, class_weights):
    log_p = torch.log(torch.softmax(logits, dim=-1))
    return F.nll_loss(log_p.movedim(-1, 1), labels.long(), reduction="none")
