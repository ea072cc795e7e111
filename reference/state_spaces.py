"""State spaces whose steps are chosen by the data: linear recurrences, in the words of linear attention."""

from __future__ import annotations

import numpy as np

from . import activations
from .chain import add, chained, part, reshape
from .checks import Array, require, require_rank, require_shape
from .linear_attention import decayed_sums, shared
from .packing import by_sequences

__all__ = [
    "contract",
    "contract_vjp",
    "selective_scan",
    "selective_scan_vjp",
    "state_space_duality",
    "state_space_duality_vjp",
    "step_sizes",
    "step_sizes_vjp",
    "turned",
    "turned_vjp",
]


def selective_scan(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array | None = None,
    z: Array | None = None,
    bias: Array | None = None,
    state: Array | None = None,
    sizes: Array | None = None,
    *,
    softplus: bool = True,
) -> tuple[Array, Array]:
    """Selective scan: a state space for each channel, whose steps, inputs and outputs follow the data.

    ``h_t = exp(Δ_t A) h_{t-1} + Δ_t x_t B_t`` and ``y_t = (C_tᵀ h_t + D x_t) silu(z_t)``, with
    ``Δ = δ + bias`` or its softplus

    What comes in is multiplied by Δ, as in every implementation; the paper's formula (4) has
    ``(exp(Δ A) - 1) / A`` there, which is the same for small steps only.

    Args:
        x: ``(batch, steps, channels)``.
        delta: δ, of the shape of ``x``.
        a: A, ``(channels, states)``, not above 0.
        b: B, ``(batch, steps, states)``, for all channels.
        c: C, of the shape of ``b``.
        d: D, ``(channels,)``, or None for 0.
        z: of the shape of ``x``; None to leave the outputs as they are.
        bias: ``(channels,)``, or None for 0.
        state: h before the first step, ``(batch, channels, states)``, or None for zeros.
        sizes: how many steps each sequence has, ``(batch,)``, if sequences lie one after the other: rows are
            read as one, and what lies behind the last sequence is nobody's; None if each row is a sequence.
        softplus: whether Δ is the softplus of the sum.

    Returns:
        y, of the shape of ``x``, and h after the last step, ``(batch, channels, states)``.

    Raises:
        ValueError: a shape does not fit.

    Source: Gu and Dao (2023), Mamba, arXiv:2312.00752, algorithm 2.
    """
    if sizes is not None:
        arrays = x, delta, a, b, c, d, z, bias, state
        return by_sequences(selective_scan, arrays, sizes, (0, 1, 3, 4, 6), softplus=softplus)
    require_rank("x", x, 3, "batch, steps, channels")
    require_rank("a", a, 2, "channels, states")
    batch, steps, channels = x.shape
    states = a.shape[1]
    require(steps > 0, f"x must have at least one step; got shape {x.shape}")
    per_step, per_channel = (batch, steps, states), (channels,)
    _require_shapes(
        ("delta", delta, x.shape, "batch, steps, channels"),
        ("a", a, (channels, states), "channels, states"),
        ("b", b, per_step, "batch, steps, states"),
        ("c", c, per_step, "batch, steps, states"),
        ("d", d, per_channel, "channels"),
        ("z", z, x.shape, "batch, steps, channels"),
        ("bias", bias, per_channel, "channels"),
        ("state", state, (batch, channels, states), "batch, channels, states"),
    )
    spans = part(step_sizes, delta, bias, softplus=softplus)
    gate = part(contract, spans, a, subscripts="btc,cn->btcn")
    taken = part(contract, spans, x, subscripts="btc,btc->btc")
    # Of one value to each channel: what linear attention calls a head.
    value = part(reshape, taken, shape=(batch, steps, channels, 1))
    of_all = (part(reshape, given, shape=(batch, steps, 1, states)) for given in (b, c))
    key, query = (part(shared, given, repeats=channels) for given in of_all)
    held = None if state is None else part(reshape, state, shape=(*state.shape, 1))
    y, held = part(decayed_sums, query, key, value, gate, held, scale=1.0)
    y = part(reshape, y, shape=x.shape)
    if d is not None:
        y = part(add, y, part(contract, x, d, subscripts="btc,c->btc"))
    if z is not None:
        y = part(contract, y, part(activations.silu, z), subscripts="btc,btc->btc")
    return y, part(reshape, held, shape=(batch, channels, states))


selective_scan_vjp = chained(selective_scan, wrt=9)


def state_space_duality(
    x: Array,
    delta: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array | None = None,
    bias: Array | None = None,
    state: Array | None = None,
    sizes: Array | None = None,
) -> tuple[Array, Array]:
    """State space duality, the mixer of Mamba 2: heads whose states decay by one number each.

    ``h_t = exp(Δ_t A) h_{t-1} + Δ_t x_t B_tᵀ`` and ``y_t = h_t C_t + D x_t`` with ``Δ = softplus(δ + bias)``,
    each head by itself, of which neighbours share B and C

    Args:
        x: ``(batch, steps, heads, features)``.
        delta: δ, ``(batch, steps, heads)``.
        a: A, ``(heads,)``, not above 0.
        b: B, ``(batch, steps, groups, states)``, where heads are a multiple of groups.
        c: C, of the shape of ``b``.
        d: D, ``(heads,)``, or None for 0.
        bias: ``(heads,)``, or None for 0.
        state: h before the first step, ``(batch, heads, features, states)``, or None for zeros.
        sizes: how many steps each sequence has, ``(batch,)``, if sequences lie one after the other: rows are
            read as one, and what lies behind the last sequence is nobody's; None if each row is a sequence.

    Returns:
        y, of the shape of ``x``, and h after the last step, ``(batch, heads, features, states)``.

    Raises:
        ValueError: a shape does not fit.

    Source: Dao and Gu (2024), Transformers are SSMs, arXiv:2405.21060, sections 5 and 6.
    """
    if sizes is not None:
        arrays = x, delta, a, b, c, d, bias, state
        return by_sequences(state_space_duality, arrays, sizes, (0, 1, 3, 4))
    require_rank("x", x, 4, "batch, steps, heads, features")
    require_rank("b", b, 4, "batch, steps, groups, states")
    batch, steps, heads, features = x.shape
    groups, states = b.shape[2:]
    require(steps > 0, f"x must have at least one step; got shape {x.shape}")
    require(heads % groups == 0, f"heads of x must be a multiple of {groups}; got {heads}")
    per_step = (batch, steps, groups, states)
    _require_shapes(
        ("delta", delta, (batch, steps, heads), "batch, steps, heads"),
        ("a", a, (heads,), "heads"),
        ("b", b, per_step, "batch, steps, groups, states"),
        ("c", c, per_step, "batch, steps, groups, states"),
        ("d", d, (heads,), "heads"),
        ("bias", bias, (heads,), "heads"),
        ("state", state, (batch, heads, features, states), "batch, heads, features, states"),
    )
    spans = part(step_sizes, delta, bias, softplus=True)
    gate = part(contract, spans, a, subscripts="bth,h->bth")
    value = part(contract, x, spans, subscripts="bthp,bth->bthp")
    key, query = (part(shared, given, repeats=heads // groups) for given in (b, c))
    held = None if state is None else part(turned, state)
    y, held = part(decayed_sums, query, key, value, gate, held, scale=1.0)
    if d is not None:
        y = part(add, y, part(contract, x, d, subscripts="bthp,h->bthp"))
    return y, part(turned, held)


state_space_duality_vjp = chained(state_space_duality, wrt=8)


# --- parts ---


def step_sizes(delta: Array, bias: Array | None, *, softplus: bool) -> Array:
    """``Δ = δ + bias``, or its softplus."""
    total = delta if bias is None else delta + bias
    return activations.softplus(total) if softplus else total


def step_sizes_vjp(
    delta: Array, bias: Array | None, cotangent: Array, *, softplus: bool
) -> tuple[Array, Array | None]:
    """Gradients of `step_sizes`: the bias has that of every step."""
    if softplus:
        (cotangent,) = activations.softplus_vjp(delta if bias is None else delta + bias, cotangent)
    return cotangent, None if bias is None else np.sum(cotangent, axis=(0, 1))


def contract(x: Array, y: Array, *, subscripts: str) -> Array:
    """``np.einsum(subscripts, x, y)``, of which each letter of a factor stands in another place, too."""
    return np.einsum(subscripts, x, y)


def contract_vjp(x: Array, y: Array, cotangent: Array, *, subscripts: str) -> tuple[Array, Array]:
    """Gradients of `contract`: the places of a factor and of the result exchanged."""
    factors, _, result = subscripts.partition("->")
    of_x, _, of_y = factors.partition(",")
    return (
        np.einsum(f"{result},{of_y}->{of_x}", cotangent, y),
        np.einsum(f"{of_x},{result}->{of_y}", x, cotangent),
    )


def turned(x: Array) -> Array:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def turned_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `turned`."""
    return (np.swapaxes(cotangent, -1, -2),)


def _require_shapes(*rules: tuple[str, Array | None, tuple[int, ...], str]) -> None:
    """Raise unless each array that there is has its shape."""
    for name, array, shape, axes in rules:
        if array is not None:
            require_shape(name, array, shape, axes)
