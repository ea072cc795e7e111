"""Losses that teach a policy what is preferred, as users of JAX write them."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .reductions import reduced


@binds("cpo_loss", "jax.nn.log_sigmoid", composition=True)
def cpo_loss(
    chosen,
    rejected,
    chosen_lengths,
    rejected_lengths,
    *,
    beta,
    margin,
    nll_weight,
    label_smoothing,
    reduction,
):
    if chosen_lengths is not None:
        chosen, rejected = (
            chosen / chosen_lengths.astype(chosen.dtype),
            rejected / rejected_lengths.astype(rejected.dtype),
        )
    h = beta * (chosen - rejected) - margin
    losses = -(1 - label_smoothing) * jax.nn.log_sigmoid(h) - label_smoothing * jax.nn.log_sigmoid(-h)
    return reduced(losses - nll_weight * chosen if nll_weight else losses, reduction)


@binds("orpo_loss", "jax.nn.log_sigmoid", composition=True)
def orpo_loss(chosen_nll, rejected_nll, *, weight, reduction):
    odds = [-nll - jnp.log(-jnp.expm1(-nll)) for nll in (chosen_nll, rejected_nll)]
    return reduced(chosen_nll - weight * jax.nn.log_sigmoid(odds[0] - odds[1]), reduction)


@binds("kto_loss", "jax.nn.sigmoid", composition=True)
def kto_loss(
    log_probs,
    reference_log_probs,
    labels,
    other_log_ratios,
    *,
    beta,
    desirable,
    undesirable,
    reduction,
):
    ahead = beta * (log_probs - reference_log_probs - jnp.maximum(jnp.mean(other_log_ratios), 0))
    good, bad = desirable * jax.nn.sigmoid(-ahead), undesirable * jax.nn.sigmoid(ahead)
    return reduced(jnp.where(labels == 1, good, bad), reduction)
