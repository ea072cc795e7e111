"""Faults and controls of linear attention."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference.linear_attention import gated_delta_rule, gated_linear_attention, gated_linear_attention_vjp
from ..language.variant import Control, Fault
from .packing import control_of, each, faults_of

Array = Any
Mixer = Callable[..., tuple[Array, Array]]
"""A layer that returns outputs and the state."""

CHUNK = 4
"""Shorter than those of kernels, so that the sequences of the cases have several."""


# --- steps that are wrong ---


def factors(gate: Any, value: Array) -> Array:
    """The share of a state that is kept at each step, ``(batch, steps, heads, depth or 1, 1)``."""
    if gate is None:
        return np.ones((*value.shape[:3], 1, 1))
    return np.exp(gate)[..., None] if gate.ndim == 4 else np.exp(gate)[..., None, None]


def started(key: Array, value: Array, state: Any) -> Array:
    """The state before the first step."""
    return np.zeros_like(outer(key[:, 0], value[:, 0])) if state is None else state


def outer(k: Array, v: Array) -> Array:
    """The products of the features of each head."""
    return k[..., None] * v[..., None, :]


def looked_up(held: Array, k: Array) -> Array:
    """What a state has for a key."""
    return np.einsum("bhdv,bhd->bhv", held, k)


def scaled(query: Array, scale: float | None) -> Array:
    """Queries times the scale."""
    return query * (query.shape[-1] ** -0.5 if scale is None else scale)


def read_before_it_is_written(
    query: Array, key: Array, value: Array, gate: Any, state: Any, *, scale: float | None
) -> tuple[Array, Array]:
    """Queries that do not see what their own step writes."""
    y, last = gated_linear_attention(query, key, value, gate, state, scale=scale)
    own = np.sum(scaled(query, scale) * key, axis=-1, keepdims=True) * value
    return y - own, last


def what_is_written_decays(
    query: Array, key: Array, value: Array, gate: Any, state: Any, *, scale: float | None
) -> tuple[Array, Array]:
    """``S_t = exp(g_t) (S_{t-1} + k_t v_tᵀ)``."""
    kept = factors(gate, value)[..., 0]
    return gated_linear_attention(query, kept * key, value, gate, state, scale=scale)


def begun_anew(function: Mixer) -> Mixer:
    """The function, which forgets what lies behind when it has done 16 steps."""

    @functools.wraps(function)  # by its signature a variant is told of options
    def forward(*arrays: Any, **options: Any) -> tuple[Array, Array]:
        *sequences, state = arrays
        first, _ = function(*(x if x is None else x[:, :16] for x in sequences), state, **options)
        rest, last = function(*(x if x is None else x[:, 16:] for x in sequences), None, **options)
        return np.concatenate([first, rest], axis=1), last

    return forward


def tail_of_the_last_chunk(gradient: Array, steps: int) -> Array:
    """Nothing for the steps that fill no chunk of 16."""
    whole = np.arange(steps) < steps // 16 * 16
    return gradient * whole.reshape(-1, *(1,) * (gradient.ndim - 2))


def state_backwards_undecayed(
    query: Array,
    key: Array,
    value: Array,
    gate: Array,
    state: Array,
    sizes: Any,
    cotangents: Any,
    *,
    scale: float | None,
) -> tuple[Any, ...]:
    """The gradient of the state before the first step, which the first gate has not reached."""
    *others, of_state = gated_linear_attention_vjp(
        query, key, value, gate, state, sizes, cotangents, scale=scale
    )
    return *others, of_state / factors(gate, value)[:, 0]


def corrected(step: Callable[..., Array], unit: Callable[[Array, float], Array] | None = None) -> Any:
    """The delta rule of ``step(held, k, v, β, kept)``, with its own way to make rows of length 1."""

    def forward(
        query: Array,
        key: Array,
        value: Array,
        beta: Array,
        gate: Any,
        state: Any,
        *,
        normalise: bool,
        epsilon: float,
        scale: float | None,
    ) -> tuple[Array, Array]:
        if normalise:
            query, key = ((unit or of_length_one)(x, epsilon) for x in (query, key))
        repeats = value.shape[2] // key.shape[2]
        query, key = (np.repeat(x, repeats, axis=2) for x in (scaled(query, scale), key))
        held, kept, y = started(key, value, state), factors(gate, value), []
        for t in range(key.shape[1]):
            held = step(held, key[:, t], value[:, t], beta[:, t, :, None], kept[:, t])
            y.append(looked_up(held, query[:, t]))
        return np.stack(y, axis=1), held

    return forward


def of_length_one(x: Array, epsilon: float) -> Array:
    """``x / √(Σ x² + ε)``."""
    return x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True) + epsilon)


def with_a_floor(x: Array, epsilon: float) -> Array:
    """``x / max(|x|, ε)``."""
    return x / np.maximum(np.sqrt(np.sum(x * x, axis=-1, keepdims=True)), epsilon)


def outside_the_root(x: Array, epsilon: float) -> Array:
    """``x / (|x| + ε)``."""
    return x / (np.sqrt(np.sum(x * x, axis=-1, keepdims=True)) + epsilon)


def right_step(held: Array, k: Array, v: Array, beta: Array, kept: Array) -> Array:
    """Decay, then the correction of what is left."""
    held = kept * held
    return held + outer(k, beta * (v - looked_up(held, k)))


def corrected_before_it_decays(held: Array, k: Array, v: Array, beta: Array, kept: Array) -> Array:
    """What is corrected is what there was before the decay."""
    return kept * held + outer(k, beta * (v - looked_up(held, k)))


def all_of_it_decays(held: Array, k: Array, v: Array, beta: Array, kept: Array) -> Array:
    """The correction decays, too."""
    return kept * (held + outer(k, beta * (v - looked_up(held, k))))


def only_what_is_written_is_weighed(held: Array, k: Array, v: Array, beta: Array, kept: Array) -> Array:
    """``β`` with the value, and not with what it takes the place of."""
    held = kept * held
    return held + outer(k, beta * v - looked_up(held, k))


def heads_a_number_of_groups_apart(
    query: Array,
    key: Array,
    value: Array,
    beta: Array,
    gate: Any,
    state: Any,
    *,
    normalise: bool,
    epsilon: float,
    scale: float | None,
) -> tuple[Array, Array]:
    """Head h of the values served by head ``h mod groups``."""
    repeats = value.shape[2] // key.shape[2]
    query, key = (np.tile(x, (1, 1, repeats, 1)) for x in (query, key))
    options: dict[str, Any] = {"normalise": normalise, "epsilon": epsilon, "scale": scale}
    return gated_delta_rule(query, key, value, beta, gate, state, **options)


# --- chunks, which are right ---


def in_chunks(chunk: Mixer) -> Mixer:
    """Linear attention of ``chunk(q, k, v, written, ratios, to_start, to_end, state)``, chunk by chunk."""

    def forward(query: Array, key: Array, value: Array, gate: Any, state: Any, beta: Any = None) -> Any:
        held, found = started(key, value, state), []
        for start in range(0, key.shape[1], CHUNK):
            piece = slice(start, start + CHUNK)
            q, k, v = query[:, piece], key[:, piece], value[:, piece]
            total = sums_of(gate, k, piece)
            y, held = chunk(q, k, v, None if beta is None else beta[:, piece], total, held)
            found.append(y)
        return np.concatenate(found, axis=1), held

    return forward


def sums_of(gate: Any, k: Array, piece: slice) -> Array:
    """The logarithm of what is kept from the start of a chunk to the end of each of its steps."""
    if gate is None:
        return np.zeros_like(k)
    total = np.cumsum(gate[:, piece], axis=1)
    return total if gate.ndim == 4 else total[..., None] + np.zeros(k.shape)


def products(q: Array, k: Array, total: Array, own: bool) -> Array:
    """``q_t k_s`` decayed from s to t, for s up to t, or below it: ``(batch, heads, t, s)``."""
    apart = total[:, :, None] - total[:, None]
    seen = np.tri(q.shape[1], k=0 if own else -1, dtype=bool)[None, :, :, None, None]
    decayed = np.where(seen, np.exp(np.where(seen, apart, 0.0)), 0.0)
    return np.einsum("bthd,bshd,btshd->bhts", q, k, decayed)


def after_the_chunk(k: Array, written: Array, total: Array, held: Array) -> Array:
    """The state after a chunk, whose steps have written something."""
    rest = k * np.exp(total[:, -1:] - total)
    return np.exp(total[:, -1])[..., None] * held + np.einsum("bthd,bthv->bhdv", rest, written)


def read_from(q: Array, k: Array, written: Array, total: Array, held: Array) -> Array:
    """What queries read of the state before the chunk, and of what its steps have written."""
    before = np.einsum("bthd,bhdv->bthv", q * np.exp(total), held)
    return before + np.einsum("bhts,bshv->bthv", products(q, k, total, own=True), written)


def plain_chunk(q: Array, k: Array, v: Array, _: Any, total: Array, held: Array) -> tuple[Array, Array]:
    """A chunk of linear attention."""
    return read_from(q, k, v, total, held), after_the_chunk(k, v, total, held)


def correcting_chunk(q: Array, k: Array, v: Array, beta: Array, total: Array, held: Array) -> Any:
    """A chunk of the delta rule, whose corrections solve a triangular system (Yang et al. 2024)."""
    missing = v - np.einsum("bthd,bhdv->bthv", k * np.exp(total), held)
    among = products(k, k, total, own=False)
    written: list[Array] = []
    for t in range(k.shape[1]):
        there = missing[:, t]
        for s, of_step in enumerate(written):
            there = there - among[:, :, t, s, None] * of_step
        written.append(beta[:, t, :, None] * there)
    stacked = np.stack(written, axis=1)
    return read_from(q, k, stacked, total, held), after_the_chunk(k, stacked, total, held)


def linear_in_chunks(
    query: Array, key: Array, value: Array, gate: Any, state: Any, *, scale: float | None
) -> tuple[Array, Array]:
    """Gated linear attention, chunk by chunk."""
    found: tuple[Array, Array] = in_chunks(plain_chunk)(scaled(query, scale), key, value, gate, state)
    return found


def delta_in_chunks(
    query: Array,
    key: Array,
    value: Array,
    beta: Array,
    gate: Any,
    state: Any,
    *,
    normalise: bool,
    epsilon: float,
    scale: float | None,
) -> tuple[Array, Array]:
    """The delta rule, chunk by chunk."""
    if normalise:
        query, key = of_length_one(query, epsilon), of_length_one(key, epsilon)
    repeats = value.shape[2] // key.shape[2]
    query, key = (np.repeat(x, repeats, axis=2) for x in (scaled(query, scale), key))
    found: tuple[Array, Array] = in_chunks(correcting_chunk)(query, key, value, gate, state, beta)
    return found


GATED = "gate_of != 'none'"

FAULTS = {
    "gated_linear_attention": (
        Fault(name="read before it is written", reference=each(read_before_it_is_written, range(4))),
        Fault(name="what is written decays", reference=each(what_is_written_decays, range(4)), where=GATED),
        Fault(
            name="begun anew behind a chunk",
            reference=each(begun_anew(gated_linear_attention), range(4)),
            where="steps > 16",
        ),
        Fault(
            name="no gradient of gates behind the last whole chunk",
            gradients={"gate": tail_of_the_last_chunk},
            where=f"{GATED} and steps % 16 and (stateful or steps > 1)",
        ),
        Fault(
            name="gradient of the state before the first gate",
            vjp=state_backwards_undecayed,
            where=f"{GATED} and stateful and not packed",
        ),
        *faults_of(gated_linear_attention, range(4)),
    ),
    "gated_delta_rule": (
        Fault(
            name="corrected before it decays",
            reference=each(corrected(corrected_before_it_decays), range(5)),
            where=f"{GATED} and (stateful or steps > 1)",
        ),
        Fault(
            name="the correction decays", reference=each(corrected(all_of_it_decays), range(5)), where=GATED
        ),
        Fault(
            name="β with what is written alone",
            reference=each(corrected(only_what_is_written_is_weighed), range(5)),
            where="stateful or steps > 1",
        ),
        Fault(
            name="length with a floor",
            reference=each(corrected(right_step, with_a_floor), range(5)),
            where="normalise and data == 'tiny'",
        ),
        Fault(
            name="epsilon outside the root",
            reference=each(corrected(right_step, outside_the_root), range(5)),
            where="normalise and data == 'tiny'",
        ),
        Fault(
            name="heads a number of groups apart",
            reference=each(heads_a_number_of_groups_apart, range(5)),
            where="repeats > 1 and groups > 1",
        ),
        Fault(
            name="begun anew behind a chunk",
            reference=each(begun_anew(gated_delta_rule), range(5)),
            where="steps > 16",
        ),
        *faults_of(gated_delta_rule, range(5)),
    ),
}

CONTROLS = {
    "gated_linear_attention": (
        Control(name="in chunks", reference=each(linear_in_chunks, range(4))),
        control_of(gated_linear_attention, range(4)),
    ),
    "gated_delta_rule": (
        Control(name="in chunks", reference=each(delta_in_chunks, range(5))),
        control_of(gated_delta_rule, range(5)),
    ),
}
