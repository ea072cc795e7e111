"""Losses of language models: the fused one of PyTorch, and what its users write."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, module

LINEAR = {
    "reduction": "reduction",
    "ignore_index": "-100 if ignored is None else ignored",
    "label_smoothing": "label_smoothing",
    "options": "None if chunk is None else torch.nn.LinearCrossEntropyOptions(batch_chunk_size=chunk)",
}

function(
    "linear_cross_entropy",
    "torch.nn.functional.linear_cross_entropy",
    LINEAR,
    {"linear_bias": "bias", "weight": "class_weights"},
    on="inputs, kernel, labels.long()",
)
module(
    "linear_cross_entropy",
    "torch.nn.LinearCrossEntropyLoss",
    {
        "in_features": "kernel.shape[1]",
        "num_classes": "kernel.shape[0]",
        "bias": "bias is not None",
        "dtype": "inputs.dtype",
        "weight": "class_weights",
    }
    | LINEAR,
    {"linear.weight": "kernel", "linear.bias": "bias", "weight": "class_weights"},
    on="inputs, labels.long()",
)


@binds(
    "linear_cross_entropy",
    "torch.nn.functional.linear",
    fixed={"chunk": (None, "all at once")},
    composition=True,
)
def linear_then_cross_entropy(
    inputs, kernel, bias, labels, class_weights, *, label_smoothing, ignored, reduction
):
    return F.cross_entropy(
        F.linear(inputs, kernel, bias),
        labels.long(),
        weight=class_weights,
        ignore_index=-100 if ignored is None else ignored,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@binds("token_cross_entropy", "torch.nn.functional.cross_entropy", composition=True)
def token_cross_entropy(logits, labels, *, label_smoothing, ignored, z_weight, softcap, reduction):
    z = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    counts = torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored
    losses = F.cross_entropy(
        z,
        labels.long(),
        ignore_index=-100 if ignored is None else ignored,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    if z_weight:
        losses = losses + torch.where(counts, z_weight * torch.logsumexp(z, dim=-1) ** 2, 0)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / counts.sum()


@binds("token_log_probs", "torch.logsumexp", composition=True)
def token_log_probs(logits, labels, *, temperature):
    z = logits / temperature
    total = torch.logsumexp(z, dim=-1)
    chosen = torch.gather(z, -1, labels.long()[:, None])[:, 0]
    return chosen - total, total - (torch.softmax(z, dim=-1) * z).sum(dim=-1)


@binds("dpo_loss", "torch.nn.functional.logsigmoid", composition=True)
def dpo_loss(
    chosen, rejected, reference_chosen, reference_rejected, *, beta, label_smoothing, preference, reduction
):
    h = (chosen - rejected) - (reference_chosen - reference_rejected)
    if preference == "ipo":
        losses = (h - 1 / (2 * beta)) ** 2
    elif preference == "hinge":
        losses = torch.relu(1 - beta * h)
    else:
        right, wrong = -F.logsigmoid(beta * h), -F.logsigmoid(-beta * h)
        if preference == "sigmoid":
            losses = (1 - label_smoothing) * right + label_smoothing * wrong
        else:
            losses = ((1 - label_smoothing) * right - label_smoothing * wrong) / (1 - 2 * label_smoothing)
    return losses if reduction == "none" else getattr(losses, reduction)()


@binds(
    "grpo_loss",
    "torch.clamp",
    fixed={"bound_gradient": (1.0, "a clamp passes the gradient on at its bounds")},
    composition=True,
)
def grpo_loss(
    log_probs,
    old_log_probs,
    reference_log_probs,
    advantages,
    mask,
    *,
    low,
    high,
    beta,
    normalizer,
    level,
    divergence,
    objective,
):
    given = log_probs, old_log_probs, reference_log_probs
    log_probs, old_log_probs, reference_log_probs = (x.masked_fill(~mask, 0) for x in given)
    apart, each = log_probs - old_log_probs, advantages[:, None]
    counted = mask.sum(dim=-1).clamp(min=1)
    if level == "sequences":
        apart = ((apart * mask).sum(dim=-1) / counted)[:, None]
    ratio = torch.exp(apart)
    held = torch.clamp(ratio, 1 - low, 1 + high)
    if objective == "weighted":
        losses = -held.detach() * each * log_probs
    else:
        losses = -torch.min(ratio * each, held * each)
    if beta:
        moved = reference_log_probs - log_probs
        forms = {
            "exponential": torch.exp(moved) - moved - 1,
            "square": 0.5 * moved**2,
            "difference": -moved,
        }
        losses = losses + beta * forms[divergence]
    losses = losses * mask
    if normalizer == "sequences":
        return (losses.sum(dim=-1) / counted).mean()
    return losses.sum() / (mask.sum().clamp(min=1) if normalizer == "tokens" else mask.numel())


def divergences(logits, teacher_logits, beta, temperature):
    """The divergence of each token."""
    student = F.log_softmax(logits / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=-1)
    given = {"reduction": "none", "log_target": True}
    if beta == 0:
        terms = F.kl_div(student, teacher, **given)
    elif beta == 1:
        terms = F.kl_div(teacher, student, **given)
    else:
        share = torch.tensor(beta, dtype=logits.dtype)
        mixture = torch.logaddexp(student + torch.log1p(-share), teacher + torch.log(share))
        terms = beta * F.kl_div(mixture, teacher, **given) + (1 - beta) * F.kl_div(mixture, student, **given)
    return terms.sum(dim=-1)


def over_counted(losses, mask, reduction):
    """The losses, their sum, or the mean over those that count."""
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / mask.sum()


@binds(
    "jsd_distillation",
    "torch.nn.functional.kl_div",
    where={
        "masking == 'select_values' or data != 'padding_nan'": "selects losses: the gradient is 0 times NaN"
    },
    composition=True,
)
def jsd_distillation(logits, teacher_logits, mask, *, beta, temperature, reduction):
    losses = divergences(logits, teacher_logits, beta, temperature)
    return over_counted(torch.where(mask, losses, 0), mask, reduction)


@binds(
    "jsd_distillation",
    "torch.where",
    fixed={"masking": ("select", "selects logits before")},
    where={"data == 'padding_nan'": "elsewhere as losses that are selected"},
    composition=True,
)
def jsd_of_what_counts(logits, teacher_logits, mask, *, beta, temperature, reduction):
    student, teacher = (torch.where(mask[:, None], x, 0) for x in (logits, teacher_logits))
    losses = divergences(student, teacher, beta, temperature)
    return over_counted(torch.where(mask, losses, 0), mask, reduction)
