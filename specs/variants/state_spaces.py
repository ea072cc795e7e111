"""Faults and controls of state spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.state_spaces import selective_scan, state_space_duality
from ..language.variant import Control, Fault
from .linear_attention import in_chunks, plain_chunk
from .packing import control_of, each, faults_of

Array = Any


def sizes_of(delta: Array, bias: Any, softplus: bool) -> Array:
    """The sizes of steps."""
    total = delta if bias is None else delta + bias
    return np.logaddexp(total, 0.0) if softplus else total


def held_between_steps(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Any,
    z: Any,
    bias: Any,
    state: Any,
    *,
    softplus: bool,
) -> tuple[Array, Array]:
    """What comes in, held between steps: multiplied by ``(exp(Δ A) - 1) / A``, and not by Δ."""
    sizes = sizes_of(delta, bias, softplus)[..., None]
    held = np.zeros((len(x), *a.shape)) if state is None else state
    taken = np.where(a == 0, sizes, np.expm1(sizes * a) / np.where(a == 0, 1.0, a))
    y = []
    for t in range(x.shape[1]):
        held = np.exp(sizes[:, t] * a) * held + taken[:, t] * x[:, t, :, None] * b[:, t, None]
        y.append(np.einsum("bcn,bn->bc", held, c[:, t]))
    return opened(np.stack(y, axis=1), x, d, z), held


def opened(y: Array, x: Array, d: Any, z: Any) -> Array:
    """What the states gave out and what passed them by, gated."""
    y = y if d is None else y + d * x
    return y if z is None else y * (z * expit(z))


def gated_before_the_skip(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array,
    z: Array,
    bias: Any,
    state: Any,
    *,
    softplus: bool,
) -> tuple[Array, Array]:
    """``C h silu(z) + D x``."""
    y, held = selective_scan(x, delta, a, b, c, None, z, bias, state, softplus=softplus)
    return y + d * x, held


def bias_behind_the_softplus(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Any,
    z: Any,
    bias: Array,
    state: Any,
    *,
    softplus: bool,
) -> tuple[Array, Array]:
    """``softplus(δ) + bias``."""
    sizes = sizes_of(delta, None, True) + bias
    return selective_scan(x, sizes, a, b, c, d, z, None, state, softplus=False)


def one_step_too_many(result: Array, delta: Array, a: Array, bias: Any) -> Array:
    """The states after a step of padding, whose size the softplus has made greater than 0."""
    padded = np.zeros_like(delta[:, -1]) if bias is None else np.zeros_like(delta[:, -1]) + bias
    return result * np.exp(np.logaddexp(padded, 0.0)[..., None] * a)


def scan_begun_anew(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Any,
    z: Any,
    bias: Any,
    state: Any,
    *,
    softplus: bool,
) -> tuple[Array, Array]:
    """States that are forgotten behind 16 steps."""
    pieces = [
        selective_scan(
            *(x[:, s], delta[:, s], a, b[:, s], c[:, s], d, z if z is None else z[:, s], bias, before),
            softplus=softplus,
        )
        for s, before in ((slice(16), state), (slice(16, None), None))
    ]
    return np.concatenate([y for y, _ in pieces], axis=1), pieces[1][1]


def duality_begun_anew(
    x: Array, delta: Array, a: Array, b: Array, c: Array, d: Any, bias: Any, state: Any
) -> tuple[Array, Array]:
    """States that are forgotten behind 16 steps."""
    pieces = [
        state_space_duality(x[:, s], delta[:, s], a, b[:, s], c[:, s], d, bias, before)
        for s, before in ((slice(16), state), (slice(16, None), None))
    ]
    return np.concatenate([y for y, _ in pieces], axis=1), pieces[1][1]


def taken_whole(
    x: Array, delta: Array, a: Array, b: Array, c: Array, d: Any, bias: Any, state: Any
) -> tuple[Array, Array]:
    """What comes in without the size of its step."""
    y, held = state_space_duality(
        x / sizes_of(delta, bias, True)[..., None], delta, a, b, c, None, bias, state
    )
    return (y if d is None else y + d[:, None] * x), held


def heads_a_number_of_groups_apart(
    x: Array, delta: Array, a: Array, b: Array, c: Array, d: Any, bias: Any, state: Any
) -> tuple[Array, Array]:
    """Head h served by group ``h mod groups``."""
    b, c = (np.tile(array, (1, 1, x.shape[2] // b.shape[2], 1)) for array in (b, c))
    return state_space_duality(x, delta, a, b, c, d, bias, state)


def scan_in_chunks(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Any,
    z: Any,
    bias: Any,
    state: Any,
    *,
    softplus: bool,
) -> tuple[Array, Array]:
    """The scan as linear attention in chunks, of one head to each channel."""
    sizes = sizes_of(delta, bias, softplus)
    key, query = (array[:, :, None] + np.zeros((1, 1, x.shape[2], 1)) for array in (b, c))
    held = None if state is None else state[..., None]
    y, held = in_chunks(plain_chunk)(query, key, (sizes * x)[..., None], sizes[..., None] * a, held)
    y = y[..., 0] if d is None else y[..., 0] + d * x
    return (y if z is None else y * (z * (1.0 / (1.0 + np.exp(-z))))), held[..., 0]


def duality_in_chunks(
    x: Array, delta: Array, a: Array, b: Array, c: Array, d: Any, bias: Any, state: Any
) -> tuple[Array, Array]:
    """The quadratic form within chunks, and states between them (Dao and Gu 2024, section 6)."""
    sizes = sizes_of(delta, bias, True)
    key, query = (np.repeat(array, x.shape[2] // b.shape[2], axis=2) for array in (b, c))
    held = None if state is None else np.swapaxes(state, -1, -2)
    y, held = in_chunks(plain_chunk)(query, key, sizes[..., None] * x, sizes * a, held)
    return (y if d is None else y + d[:, None] * x), np.swapaxes(held, -1, -2)


OF_SCAN = (0, 1, 3, 4, 6)
OF_DUALITY = (0, 1, 3, 4)
"""Which of the arrays have an entry for each step."""

FAULTS = {
    "selective_scan": (
        Fault(name="what comes in is held between steps", reference=each(held_between_steps, OF_SCAN)),
        Fault(
            name="gated before the skip",
            reference=each(gated_before_the_skip, OF_SCAN),
            where="gated and use_skip",
        ),
        Fault(
            name="bias behind the softplus",
            reference=each(bias_behind_the_softplus, OF_SCAN),
            where="softplus and use_bias",
        ),
        Fault(
            name="a step of padding",
            results={"state": one_step_too_many},
            where="softplus and steps % 2 and not packed",
        ),
        Fault(name="begun anew behind a chunk", reference=each(scan_begun_anew, OF_SCAN), where="steps > 16"),
        *faults_of(selective_scan, OF_SCAN),
    ),
    "state_space_duality": (
        Fault(name="what comes in is taken whole", reference=each(taken_whole, OF_DUALITY)),
        Fault(
            name="heads a number of groups apart",
            reference=each(heads_a_number_of_groups_apart, OF_DUALITY),
            where="repeats > 1 and groups > 1",
        ),
        Fault(
            name="begun anew behind a chunk",
            reference=each(duality_begun_anew, OF_DUALITY),
            where="steps > 16",
        ),
        *faults_of(state_space_duality, OF_DUALITY),
    ),
}

CONTROLS = {
    "selective_scan": (
        Control(name="in chunks", reference=each(scan_in_chunks, OF_SCAN)),
        control_of(selective_scan, OF_SCAN),
    ),
    "state_space_duality": (
        Control(name="in chunks", reference=each(duality_in_chunks, OF_DUALITY)),
        control_of(state_space_duality, OF_DUALITY),
    ),
}
