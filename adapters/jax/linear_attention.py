"""Linear attention in JAX: by a scan over the steps, or by one that joins what neighbours do to the state."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .sequence_mixers import a_row_each, one_after_the_other


def factors(gate, value):
    """The share of a state that is kept at each step, ``(batch, steps, heads, depth or 1, 1)``."""
    if gate is None:
        return jnp.ones((*value.shape[:3], 1, 1), value.dtype)
    return jnp.exp(gate)[..., None] if gate.ndim == 4 else jnp.exp(gate)[..., None, None]


def started(state, key, value):
    """The state before the first step."""
    shape = (value.shape[0], value.shape[2], key.shape[-1], value.shape[-1])
    return jnp.zeros(shape, value.dtype) if state is None else state


def scaled(query, scale):
    return query * (query.shape[-1] ** -0.5 if scale is None else scale)


def scanned(step, state, *arrays):
    """``jax.lax.scan`` over the second axis, with the state after the last step behind what it gave."""
    state, y = jax.lax.scan(step, state, tuple(jnp.moveaxis(array, 1, 0) for array in arrays))
    return jnp.moveaxis(y, 0, 1), state


def joined(earlier, later):
    """What two stretches do to a state, one after the other: each keeps a share, and adds something."""
    (kept, added), (kept_later, added_later) = earlier, later
    return kept * kept_later, kept_later * added + added_later


def states(kept, added, state):
    """The state after each step, by ``jax.lax.associative_scan``."""
    if state is not None:
        added = added.at[:, 0].add(kept[:, 0] * state)
    return jax.lax.associative_scan(joined, (jnp.broadcast_to(kept, added.shape), added), axis=1)[1]


@binds("gated_linear_attention", "jax.lax.scan", composition=True)
def gated_linear_attention(query, key, value, gate, state, sizes, *, scale):
    query, key, value, gate = a_row_each(sizes, query, key, value, gate)

    def step(held, given):
        q, k, v, kept = given
        held = kept * held + jnp.einsum("bhd,bhv->bhdv", k, v)
        return held, jnp.einsum("bhd,bhdv->bhv", q, held)

    arrays = scaled(query, scale), key, value, factors(gate, value)
    y, state = scanned(step, started(state, key, value), *arrays)
    return one_after_the_other(y, sizes), state


@binds("gated_linear_attention", "jax.lax.associative_scan", composition=True)
def gated_linear_attention_joined(query, key, value, gate, state, sizes, *, scale):
    query, key, value, gate = a_row_each(sizes, query, key, value, gate)
    added = jnp.einsum("bthd,bthv->bthdv", key, value)
    held = states(factors(gate, value), added, state)
    y = jnp.einsum("bthd,bthdv->bthv", scaled(query, scale), held)
    return one_after_the_other(y, sizes), held[:, -1]


def unit(x, epsilon):
    # The slope of rsqrt overflows in half types where rows are short.
    return x / jnp.sqrt(jnp.square(x).sum(-1, keepdims=True) + epsilon)


@binds("gated_delta_rule", "jax.lax.scan", composition=True)
def gated_delta_rule(query, key, value, beta, gate, state, sizes, *, normalise, epsilon, scale):
    query, key, value, beta, gate = a_row_each(sizes, query, key, value, beta, gate)

    def step(held, given):
        q, k, v, b, kept = given
        held = kept * held
        missing = b[..., None] * (v - jnp.einsum("bhd,bhdv->bhv", k, held))
        held = held + jnp.einsum("bhd,bhv->bhdv", k, missing)
        return held, jnp.einsum("bhd,bhdv->bhv", q, held)

    if normalise:
        query, key = unit(query, epsilon), unit(key, epsilon)
    shared = value.shape[2] // query.shape[2]
    query, key = (jnp.repeat(x, shared, 2) for x in (scaled(query, scale), key))
    arrays = query, key, value, beta, factors(gate, value)
    y, state = scanned(step, started(state, key, value), *arrays)
    return one_after_the_other(y, sizes), state
