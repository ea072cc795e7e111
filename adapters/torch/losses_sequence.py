"""Losses of sequences, from what PyTorch has."""

from __future__ import annotations

from .framework import F, binds, torch
from .losses_regression import UNWEIGHTED
from .modules import function, module

NO_STEPS = "empty == 'nan' and average != 'places' and data == 'masked_rows'"
DIVIDED = {
    f"empty_gradient == 'nan' or not ({NO_STEPS})": "0 divided by 0 has a NaN gradient",
    "masking == 'multiply' or data != 'padding_nan'": "multiplies the losses by the mask",
}


@binds(
    "sequence_cross_entropy",
    "torch.nn.functional.cross_entropy(ignore_index=-100)",
    fixed={
        "average": ("steps", "torch averages over all labels that are not ignored"),
        "empty": ("nan", "torch's mean of no labels is NaN"),
        "masking": ("select", "ignored labels are left out"),
    },
    where={"empty_gradient == 'zero' or data != 'masked_rows'": "ignored labels have no gradient"},
    composition=True,
)
def ignored_labels(logits, labels, mask):
    kept = labels.long().masked_fill(~mask, -100)
    return F.cross_entropy(logits.movedim(-1, 1), kept, ignore_index=-100)


@binds("sequence_cross_entropy", "torch.nn.functional.cross_entropy", where=DIVIDED, composition=True)
def masked_means(logits, labels, mask, *, average, empty):
    losses = F.cross_entropy(logits.movedim(-1, 1), labels.long(), reduction="none") * mask
    if average == "places":
        return losses.mean()
    dim = 1 if average == "sequences" else (0, 1)
    counts = mask.sum(dim=dim)
    return (losses.sum(dim=dim) / (counts.clamp(min=1) if empty == "zero" else counts)).mean()


# --- labels that stand anywhere ---


def class_of(labels, blank, logits):
    """The classes of labels that are numbered without the blank."""
    return labels + (labels >= blank % logits.shape[-1])


def scores_of(logits, domain):
    """Logarithms of probabilities, time first."""
    return (F.log_softmax(logits, dim=-1) if domain == "logits" else logits).transpose(0, 1)


def steps_of(lengths, logits):
    """How many steps count: all, where no lengths are given."""
    return torch.full(logits.shape[:1], logits.shape[1]) if lengths is None else lengths


CTC = {
    "blank": "blank % logits.shape[-1]",
    "reduction": "{'mean': 'none', 'mean_labels': 'mean'}.get(reduction, reduction)",
    "zero_infinity": "infeasible == 'zero'",
}
CTC_FORM = {
    "on": "scores_of(logits, domain), class_of(labels, blank, logits), steps_of(logit_lengths, logits),"
    " label_lengths",
    "returns": "y.mean() if reduction == 'mean' else y",
    "where": {"dtype in ('float32', 'float64')": "torch has this loss in float32 and float64 on CPU"},
    "unused": ("sample_weights",),
    "fixed": UNWEIGHTED | {"gradient": ("exact", "torch gives one gradient, whatever is given")},
}

function("ctc_loss", "torch.nn.functional.ctc_loss", CTC, **CTC_FORM)
module("ctc_loss", "torch.nn.CTCLoss", CTC, **CTC_FORM)
