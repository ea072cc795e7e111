"""Losses of language models, as users of JAX write them."""

from __future__ import annotations

from .framework import binds, jax, jnp, optax
from .reductions import reduced


def over_counted(losses, counts, reduction):
    """The losses, their sum, or the mean over those that count."""
    return jnp.sum(losses) / jnp.sum(counts) if reduction == "mean" else reduced(losses, reduction)


@binds(
    "linear_cross_entropy",
    "optax.losses.softmax_cross_entropy_with_integer_labels",
    fixed={
        "chunk": (None, "all at once"),
        "label_smoothing": (0.0, "this loss smooths no labels"),
    },
    composition=True,
)
def linear_cross_entropy(inputs, kernel, bias, labels, class_weights, *, ignored, reduction):
    logits = inputs @ kernel.T if bias is None else inputs @ kernel.T + bias
    counts = jnp.ones(labels.shape, bool) if ignored is None else labels != ignored
    losses = optax.losses.softmax_cross_entropy_with_integer_labels(
        jnp.where(counts[:, None], logits, 0), labels
    )
    if class_weights is not None:
        counts = jnp.where(counts, class_weights[labels], 0)
    return over_counted(jnp.where(counts != 0, counts * losses, 0), counts, reduction)


@binds("token_cross_entropy", "jax.nn.logsumexp", composition=True)
def token_cross_entropy(logits, labels, *, label_smoothing, ignored, z_weight, softcap, reduction):
    z = logits if softcap is None else softcap * jnp.tanh(logits / softcap)
    counts = jnp.ones(labels.shape, bool) if ignored is None else labels != ignored
    z = jnp.where(counts[:, None], z, 0)
    total = jax.nn.logsumexp(z, axis=-1)
    losses = total - jnp.take_along_axis(z, labels[:, None], axis=-1)[:, 0]
    if label_smoothing:
        losses = (1 - label_smoothing) * losses + label_smoothing * jnp.mean(total[:, None] - z, axis=-1)
    if z_weight:
        losses = losses + z_weight * total**2
    return over_counted(jnp.where(counts, losses, 0), counts, reduction)


@binds("token_log_probs", "jax.nn.log_softmax", composition=True)
def token_log_probs(logits, labels, *, temperature):
    z = logits / temperature
    log_p = jax.nn.log_softmax(z, axis=-1)
    entropy = jax.nn.logsumexp(z, axis=-1) - jnp.sum(jnp.exp(log_p) * z, axis=-1)
    return jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0], entropy


@binds("dpo_loss", "jax.nn.log_sigmoid", composition=True)
def dpo_loss(
    chosen, rejected, reference_chosen, reference_rejected, *, beta, label_smoothing, preference, reduction
):
    h = (chosen - rejected) - (reference_chosen - reference_rejected)
    if preference == "ipo":
        losses = (h - 1 / (2 * beta)) ** 2
    elif preference == "hinge":
        losses = jax.nn.relu(1 - beta * h)
    else:
        right, wrong = -jax.nn.log_sigmoid(beta * h), -jax.nn.log_sigmoid(-beta * h)
        if preference == "sigmoid":
            losses = (1 - label_smoothing) * right + label_smoothing * wrong
        else:
            losses = ((1 - label_smoothing) * right - label_smoothing * wrong) / (1 - 2 * label_smoothing)
    return reduced(losses, reduction)


@binds(
    "grpo_loss",
    "jax.numpy.clip",
    where={
        "bound_gradient < 1 or low > 0 or objective == 'weighted' or data in ('normal', 'padding_nan')": (
            "JAX halves the gradient where both sides of a minimum are equal"
        )
    },
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
    log_probs, old_log_probs, reference_log_probs = (jnp.where(mask, x, 0) for x in given)
    apart, each = log_probs - old_log_probs, advantages[:, None]
    counted = jnp.maximum(jnp.sum(mask, axis=-1), 1)
    if level == "sequences":
        apart = (jnp.sum(apart * mask, axis=-1) / counted)[:, None]
    ratio = jnp.exp(apart)
    held = jnp.clip(ratio, 1 - low, 1 + high)
    if objective == "weighted":
        losses = -jax.lax.stop_gradient(held) * each * log_probs
    else:
        losses = -jnp.minimum(ratio * each, held * each)
    if beta:
        moved = reference_log_probs - log_probs
        forms = {
            "exponential": jnp.exp(moved) - moved - 1,
            "square": 0.5 * moved**2,
            "difference": -moved,
        }
        losses = losses + beta * forms[divergence]
    losses = losses * mask
    if normalizer == "sequences":
        return jnp.mean(jnp.sum(losses, axis=-1) / counted)
    return jnp.sum(losses) / (jnp.maximum(jnp.sum(mask), 1) if normalizer == "tokens" else mask.size)


@binds(
    "jsd_distillation",
    "optax.losses.kl_divergence_with_log_targets",
    where={
        "masking == 'select_values' or data != 'padding_nan'": "selects losses: the gradient is 0 times NaN"
    },
    composition=True,
)
def jsd_distillation(logits, teacher_logits, mask, *, beta, temperature, reduction):
    student = jax.nn.log_softmax(logits / temperature, axis=-1)
    teacher = jax.nn.log_softmax(teacher_logits / temperature, axis=-1)
    divergence = optax.losses.kl_divergence_with_log_targets
    if beta == 0:
        losses = divergence(student, teacher)
    elif beta == 1:
        losses = divergence(teacher, student)
    else:
        mixture = jnp.logaddexp(student + jnp.log(1 - beta), teacher + jnp.log(beta))
        losses = beta * divergence(mixture, teacher) + (1 - beta) * divergence(mixture, student)
    return over_counted(jnp.where(mask, losses, 0), mask, reduction)
