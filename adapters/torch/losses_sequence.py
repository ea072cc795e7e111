"""Losses of sequences, from what PyTorch has."""

from __future__ import annotations

from .framework import F, binds

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
