"""Routing of tokens in JAX, which has none: what its users write."""

from __future__ import annotations

from .framework import binds, jax, jnp


def scores_of(logits, score):
    """In float32, or in the type of wider logits."""
    wide = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    return jax.nn.softmax(wide) if score == "softmax" else jax.nn.sigmoid(wide)


@binds("topk_router", "jax.lax.top_k(jax.nn.softmax)", composition=True)
def topk_router(logits, bias, *, k, score, renormalise, factor):
    scores = scores_of(logits, score)
    _, experts = jax.lax.top_k(scores if bias is None else scores + bias, k)
    weights = jnp.take_along_axis(scores, experts, axis=-1)
    weights = weights / weights.sum(-1, keepdims=True) if renormalise else weights
    return (factor * weights).astype(logits.dtype), experts


@binds("load_balancing_loss", "jax.nn.one_hot(jax.lax.top_k)", composition=True)
def load_balancing_loss(logits, *, k, share):
    probabilities, experts = scores_of(logits, "softmax"), logits.shape[-1]
    chosen = jax.nn.one_hot(jax.lax.top_k(logits, k)[1], experts, dtype=probabilities.dtype)
    shares = chosen.mean((0, 1)) * (1 if share == "choices" else k)
    return (experts * (shares * probabilities.mean(0)).sum()).astype(logits.dtype)


@binds("router_z_loss", "jax.nn.logsumexp(jax.numpy.square)", composition=True)
def router_z_loss(logits):
    wide = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    return jnp.square(jax.nn.logsumexp(wide, axis=-1)).mean().astype(logits.dtype)
