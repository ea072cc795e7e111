"""Linear attention: a state of products of keys and values, which is read by queries and forgets.

Defined step by step. What works in chunks gives the same, and rounds differently.
"""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank, require_shape
from .packing import by_sequences, by_sequences_vjp

__all__ = [
    "decayed_sums",
    "decayed_sums_vjp",
    "gated_delta_rule",
    "gated_delta_rule_vjp",
    "gated_linear_attention",
    "gated_linear_attention_vjp",
    "shared",
    "shared_vjp",
]

# --- sums that decay ---


def gated_linear_attention(
    query: Array,
    key: Array,
    value: Array,
    gate: Array | None = None,
    state: Array | None = None,
    sizes: Array | None = None,
    *,
    scale: float | None = None,
) -> tuple[Array, Array]:
    """Linear attention, whose state decays as the gates say.

    ``S_t = diag(exp(g_t)) S_{t-1} + k_t v_tᵀ`` and ``y_t = c S_tᵀ q_t``, each head by itself

    Without gates nothing is forgotten: this is causal attention without a softmax.

    Args:
        query: q, ``(batch, steps, heads, depth)``.
        key: k, of the shape of ``query``.
        value: v, ``(batch, steps, heads, values)``.
        gate: g, logarithms of the share that is kept, so not above 0: ``(batch, steps, heads, depth)``, or
            ``(batch, steps, heads)`` with one for all of a head; None to keep all.
        state: ``(batch, heads, depth, values)``, from what came before, or None for zeros.
        sizes: how many steps each sequence has, ``(batch,)``, if sequences lie one after the other: rows are
            read as one, and what lies behind the last sequence is nobody's; None if each row is a sequence.
        scale: c, ``1 / √depth`` if None.

    Returns:
        y, of the shape of ``value``, and the state after the last step.

    Raises:
        ValueError: shapes do not fit.

    Source: Yang et al. (2023), Gated linear attention transformers, arXiv:2312.06635, section 4; without
    gates Katharopoulos et al. (2020), Transformers are RNNs, arXiv:2006.16236, section 3.
    """
    if sizes is not None:
        arrays = query, key, value, gate, state
        return by_sequences(gated_linear_attention, arrays, sizes, range(4), scale=scale)
    check_heads(query, key, value)
    heads = query.shape[2]
    require(value.shape[2] == heads, f"value must have {heads} heads; got {value.shape[2]}")
    check_gate(gate, query, value)
    check_state(state, query, value)
    return decayed_sums(query, key, value, gate, state, scale=scale)


def gated_linear_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    gate: Array | None,
    state: Array | None,
    sizes: Array | None,
    cotangents: tuple[Array, Array],
    *,
    scale: float | None = None,
) -> tuple[Array | None, ...]:
    """Gradients of `gated_linear_attention`: that of the state decays backwards, as it did forwards."""
    if sizes is not None:
        arrays = query, key, value, gate, state
        return by_sequences_vjp(gated_linear_attention, arrays, sizes, range(4), cotangents, scale=scale)
    return decayed_sums_vjp(query, key, value, gate, state, cotangents, scale=scale)


def decayed_sums(
    query: Array, key: Array, value: Array, gate: Array | None, state: Array | None, *, scale: float | None
) -> tuple[Array, Array]:
    """What `gated_linear_attention` returns, of arrays that fit."""
    factors = _factors(gate)
    states = _states(key, value, factors, state)
    reading = _scale(scale, query) * query
    y = [np.einsum("bhd,bhdv->bhv", reading[:, t], held) for t, held in enumerate(states[1:])]
    return np.stack(y, axis=1), states[-1]


def decayed_sums_vjp(
    query: Array,
    key: Array,
    value: Array,
    gate: Array | None,
    state: Array | None,
    cotangents: tuple[Array, Array],
    *,
    scale: float | None,
) -> tuple[Array | None, ...]:
    """Gradients of `decayed_sums`."""
    through, of_state = cotangents
    factor, factors = _scale(scale, query), _factors(gate)
    states = _states(key, value, factors, state)
    reading, back = factor * query, []
    for t in reversed(range(query.shape[1])):
        before, after, k, v, g = states[t], states[t + 1], key[:, t], value[:, t], through[:, t]
        of_state = of_state + _outer(reading[:, t], g)
        of_query = factor * np.einsum("bhdv,bhv->bhd", after, g)
        of_key = np.einsum("bhdv,bhv->bhd", of_state, v)
        of_value = np.einsum("bhdv,bhd->bhv", of_state, k)
        kept = _kept(factors, t)
        back.append((of_query, of_key, of_value, _of_gate(gate, kept, of_state, before)))
        of_state = of_state if kept is None else kept * of_state
    of_steps = (_in_order(steps) for steps in zip(*back, strict=True))
    return (*of_steps, None if state is None else of_state)


# --- the delta rule ---


def gated_delta_rule(
    query: Array,
    key: Array,
    value: Array,
    beta: Array,
    gate: Array | None = None,
    state: Array | None = None,
    sizes: Array | None = None,
    *,
    normalise: bool = True,
    epsilon: float = 1e-6,
    scale: float | None = None,
) -> tuple[Array, Array]:
    """Linear attention that replaces what its state has for a key, and does not add to it.

    ``S = diag(exp(g_t)) S_{t-1}``, then ``S_t = S + β_t k_t (v_t - Sᵀ k_t)ᵀ`` and ``y_t = c S_tᵀ q_t``

    The state decays first, and what is then left for the key is corrected. Heads of values may be more than
    those of keys: neighbours share one.

    Args:
        query: q, ``(batch, steps, groups, depth)``.
        key: k, of the shape of ``query``.
        value: v, ``(batch, steps, heads, values)``, where heads are a multiple of groups.
        beta: β, ``(batch, steps, heads)``: the share that is replaced.
        gate: g, logarithms of the share that is kept, so not above 0: ``(batch, steps, heads)``, or
            ``(batch, steps, heads, depth)`` with one for each feature of a key; None to keep all.
        state: ``(batch, heads, depth, values)``, from what came before, or None for zeros.
        sizes: how many steps each sequence has, ``(batch,)``, if sequences lie one after the other: rows are
            read as one, and what lies behind the last sequence is nobody's; None if each row is a sequence.
        normalise: whether queries and keys are divided by ``√(Σ x² + ε)`` first.
        epsilon: ε.
        scale: c, ``1 / √depth`` if None.

    Returns:
        y, of the shape of ``value``, and the state after the last step.

    Raises:
        ValueError: shapes do not fit.

    Sources: Yang et al. (2024), Parallelizing linear transformers with the delta rule, arXiv:2406.06484;
    Yang, Kautz and Hatamizadeh (2024), Gated delta networks, arXiv:2412.06464, section 3; with a gate for
    each feature Kimi Team (2025), Kimi linear, arXiv:2510.26692.
    """
    if sizes is not None:
        options = {"normalise": normalise, "epsilon": epsilon, "scale": scale}
        arrays = query, key, value, beta, gate, state
        return by_sequences(gated_delta_rule, arrays, sizes, range(5), **options)
    check_heads(query, key, value)
    require_shape("beta", beta, value.shape[:3], "batch, steps, heads")
    check_gate(gate, query, value)
    check_state(state, query, value)
    if normalise:
        query, key = _normalised(query, epsilon), _normalised(key, epsilon)
    repeats = value.shape[2] // query.shape[2]
    reading = _scale(scale, query) * shared(query, repeats=repeats)
    held, y = _corrected(shared(key, repeats=repeats), value, beta, _factors(gate), state), []
    for t, (_, _, after) in enumerate(held):
        y.append(np.einsum("bhd,bhdv->bhv", reading[:, t], after))
    return np.stack(y, axis=1), held[-1][2]


def gated_delta_rule_vjp(
    query: Array,
    key: Array,
    value: Array,
    beta: Array,
    gate: Array | None,
    state: Array | None,
    sizes: Array | None,
    cotangents: tuple[Array, Array],
    *,
    normalise: bool = True,
    epsilon: float = 1e-6,
    scale: float | None = None,
) -> tuple[Array | None, ...]:
    """Gradients of `gated_delta_rule`: a key has one as what is replaced, and one as what is looked up."""
    if sizes is not None:
        options = {"normalise": normalise, "epsilon": epsilon, "scale": scale}
        arrays = query, key, value, beta, gate, state
        return by_sequences_vjp(gated_delta_rule, arrays, sizes, range(5), cotangents, **options)
    through, of_state = cotangents
    rows = (query, key)
    if normalise:
        query, key = _normalised(query, epsilon), _normalised(key, epsilon)
    repeats = value.shape[2] // query.shape[2]
    factor, factors = _scale(scale, query), _factors(gate)
    reading, keys = factor * shared(query, repeats=repeats), shared(key, repeats=repeats)
    held, back = _corrected(keys, value, beta, factors, state), []
    for t in reversed(range(query.shape[1])):
        before, left, after = held[t]
        k, share, g = keys[:, t], beta[:, t, :, np.newaxis], through[:, t]
        of_state = of_state + _outer(reading[:, t], g)
        of_query = factor * np.einsum("bhdv,bhv->bhd", after, g)
        missing = value[:, t] - np.einsum("bhdv,bhd->bhv", left, k)
        of_correction = np.einsum("bhdv,bhd->bhv", of_state, k)
        of_value = share * of_correction
        of_key = np.einsum("bhdv,bhv->bhd", of_state, share * missing)
        of_key = of_key - np.einsum("bhdv,bhv->bhd", left, of_value)
        of_beta = np.sum(of_correction * missing, axis=-1)
        of_state = of_state - _outer(k, of_value)
        kept = _kept(factors, t)
        back.append((of_query, of_key, of_value, of_beta, _of_gate(gate, kept, of_state, before)))
        of_state = of_state if kept is None else kept * of_state
    of_query, of_key, *others = (_in_order(steps) for steps in zip(*back, strict=True))
    of_rows = [shared_vjp(x, of, repeats=repeats)[0] for x, of in ((query, of_query), (key, of_key))]
    if normalise:
        of_rows = [_normalised_vjp(x, of, epsilon) for x, of in zip(rows, of_rows, strict=True)]
    return (*of_rows, *others, None if state is None else of_state)


def _corrected(
    key: Array, value: Array, beta: Array, factors: Array | None, state: Array | None
) -> list[tuple[Array, Array, Array]]:
    """The state before each step, what is left of it after decay, and the state after the step."""
    held = _zeros(key, value) if state is None else state
    found = []
    for t in range(key.shape[1]):
        k, kept = key[:, t], _kept(factors, t)
        left = held if kept is None else kept * held
        missing = value[:, t] - np.einsum("bhdv,bhd->bhv", left, k)
        after = left + _outer(k, beta[:, t, :, np.newaxis] * missing)
        found.append((held, left, after))
        held = after
    return found


def _normalised(x: Array, epsilon: float) -> Array:
    """``x / √(Σ x² + ε)`` along the last axis."""
    return x / np.sqrt(np.sum(np.square(x), axis=-1, keepdims=True) + epsilon)


def _normalised_vjp(x: Array, cotangent: Array, epsilon: float) -> Array:
    """``(g - u Σ u g) / √(Σ x² + ε)`` with ``u`` what x becomes."""
    norm = np.sqrt(np.sum(np.square(x), axis=-1, keepdims=True) + epsilon)
    unit = x / norm
    return (cotangent - unit * np.sum(unit * cotangent, axis=-1, keepdims=True)) / norm


def shared(x: Array, *, repeats: int) -> Array:
    """Heads, each of which serves so many neighbours, ``(batch, steps, heads * repeats, depth)``."""
    return np.repeat(x, repeats, axis=2)


def shared_vjp(x: Array, cotangent: Array, *, repeats: int) -> tuple[Array]:
    """Gradient of `shared`: the sum over those that a head serves."""
    batch, steps, heads, depth = x.shape
    return (np.sum(cotangent.reshape(batch, steps, heads, repeats, depth), axis=3),)


# --- what both are made of ---


def check_heads(query: Array, key: Array, value: Array) -> None:
    """Raise unless queries and keys are of one shape, and the heads of values a multiple of theirs."""
    require_rank("query", query, 4, "batch, steps, heads, depth")
    require_shape("key", key, query.shape, "batch, steps, heads, depth")
    require_rank("value", value, 4, "batch, steps, heads, values")
    batch, steps = query.shape[:2]
    fits = value.shape[:2] == (batch, steps)
    require(fits, f"value must have batch {batch} and {steps} steps; got shape {value.shape}")
    heads, groups = value.shape[2], query.shape[2]
    require(heads % groups == 0, f"heads of value must be a multiple of {groups}; got {heads}")
    require(query.shape[1] > 0, f"query must have at least one step; got shape {query.shape}")


def check_gate(gate: Array | None, query: Array, value: Array) -> None:
    """Raise unless there is a gate for each head of values, or for each feature of its keys."""
    if gate is not None:
        per_head = value.shape[:3]
        known = (per_head, (*per_head, query.shape[3]))
        require(gate.shape in known, f"gate must have shape {known[0]} or {known[1]}; got {gate.shape}")


def check_state(state: Array | None, query: Array, value: Array) -> None:
    """Raise unless a state is one matrix for each head."""
    if state is not None:
        shape = (value.shape[0], value.shape[2], query.shape[3], value.shape[3])
        require_shape("state", state, shape, "batch, heads, depth, values")


def _scale(scale: float | None, query: Array) -> float:
    return query.shape[-1] ** -0.5 if scale is None else scale


def _factors(gate: Array | None) -> Array | None:
    """The share that is kept of states, ``(batch, steps, heads, depth or 1, 1)``."""
    if gate is None:
        return None
    kept = np.exp(gate)[..., np.newaxis]
    return kept if gate.ndim == 4 else kept[..., np.newaxis]


def _kept(factors: Array | None, t: int) -> Array | None:
    return None if factors is None else factors[:, t]


def _of_gate(gate: Array | None, kept: Array | None, of_state: Array, before: Array) -> Array | None:
    """Gradient of the logarithm of what is kept of a state."""
    if gate is None or kept is None:
        return None
    axes = "bhd" if gate.ndim == 4 else "bh"
    return np.einsum(f"bhdv,bhdv->{axes}", of_state, kept * before)


def _states(key: Array, value: Array, factors: Array | None, state: Array | None) -> list[Array]:
    """The state before the first step, and after each."""
    states = [_zeros(key, value) if state is None else state]
    for t in range(key.shape[1]):
        kept = _kept(factors, t)
        held = states[-1] if kept is None else kept * states[-1]
        states.append(held + _outer(key[:, t], value[:, t]))
    return states


def _zeros(key: Array, value: Array) -> Array:
    return np.zeros_like(_outer(key[:, 0], value[:, 0]))


def _outer(left: Array, right: Array) -> Array:
    """The products of the features of each head."""
    return left[..., np.newaxis] * right[..., np.newaxis, :]


def _in_order(steps: tuple[Array | None, ...]) -> Array | None:
    """The gradients of all steps, of which the last came first."""
    found = [step for step in reversed(steps) if step is not None]
    return np.stack(found, axis=1) if found else None
