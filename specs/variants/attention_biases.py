"""Faults and controls of biases by distance, and of fused softmaxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference import attending
from ...reference.attention_biases import alibi_attention_vjp, alibi_slopes
from ..language.variant import Control, Fault
from .attention_forms import attended, products

Array = Any

# --- biases by distance ---


def signed(ahead: Array) -> Array:
    """Keys that lie ahead count the more."""
    return ahead


def absolute(ahead: Array) -> Array:
    """The distance to a key, less than 0."""
    return -np.abs(ahead)


def by_bias(
    slopes_of: Callable[[int], Array] = alibi_slopes,
    factor: Callable[[Array], Array] = absolute,
    times: float | None = 1.0,
    of_lse: float = 1.0,
) -> Callable[..., tuple[Array, Array]]:
    """Attention by slopes and a factor of the distance; biases ``times``, or scaled like products if None."""

    def forward(
        query: Array,
        key: Array,
        value: Array,
        slopes: Array | None,
        *,
        causal: bool,
        alignment: str,
        bias_by: str,
    ) -> tuple[Array, Array]:
        queries, keys = query.shape[1], key.shape[1]
        slopes = slopes_of(query.shape[2]) if slopes is None else slopes
        first = keys - queries if alignment == "bottom_right" else 0
        ahead = np.arange(keys) - (np.arange(queries)[:, np.newaxis] + first)
        bias = np.arange(keys) if bias_by == "place" else factor(ahead)
        bias = bias * slopes[:, np.newaxis, np.newaxis] * (query.shape[3] ** -0.5 if times is None else times)
        allowed = attending.band(queries, keys, None, 0 if causal else None, alignment)
        logits = products(query, key) + bias
        lse = attending.weigh(products(query, key) + of_lse * bias, allowed).lse
        return attended(logits, allowed, value), np.swapaxes(lse, 1, 2)

    return forward


def one_head_off(heads: int) -> Array:
    """The exponents begin at 0."""
    return alibi_slopes(heads) * 2.0 ** (8.0 / 2 ** (heads.bit_length() - 1))


def one_sequence(heads: int) -> Array:
    """A geometric sequence for any number of heads."""
    return 2.0 ** (-8.0 * np.arange(1, heads + 1) / heads)


def slope_from_output_alone(
    query: Array,
    key: Array,
    value: Array,
    slopes: Array,
    cotangents: tuple[Array, Array],
    *,
    causal: bool,
    alignment: str,
    bias_by: str,
) -> tuple[Array, ...]:
    """Gradients of slopes without what flows through the logarithm."""

    def gradients(into: tuple[Array, Array]) -> tuple[Array, ...]:
        return alibi_attention_vjp(
            query, key, value, slopes, into, causal=causal, alignment=alignment, bias_by=bias_by
        )

    return (*gradients(cotangents)[:3], gradients((cotangents[0], 0.0 * cotangents[1]))[3])


# --- softmaxes ---


def soft(weigh: Callable[..., Array]) -> Callable[..., Array]:
    """``weigh(scores, allowed, plus_one)``, and the value of empty rows where nothing is allowed."""

    def forward(
        x: Array, mask: Array | None, *, scale: float, causal: bool, plus_one: bool, empty_row: str
    ) -> Array:
        allowed = attending.band(x.shape[2], x.shape[3], None, 0 if causal else None)
        allowed = np.broadcast_to(allowed if mask is None else allowed & mask, x.shape)
        some = np.any(allowed, axis=-1, keepdims=True)
        empty = 0.0 if plus_one or empty_row == "zero" else 1.0 / x.shape[-1]
        return np.where(some, weigh(x * scale, allowed, plus_one), empty)

    return forward


def largest(x: Array, allowed: Array) -> Array:
    """The largest score that is allowed, or 0."""
    top = np.max(np.where(allowed, x, -np.inf), axis=-1, keepdims=True)
    return np.where(np.isfinite(top), top, 0.0)


def safely(x: Array, allowed: Array, plus_one: bool) -> Array:
    """The largest of scores and, where one is added, 0 is subtracted."""
    top = np.maximum(largest(x, allowed), 0.0) if plus_one else largest(x, allowed)
    powers = np.where(allowed, np.exp(np.where(allowed, x - top, 0.0)), 0.0)
    total = np.sum(powers, axis=-1, keepdims=True) + (np.exp(-top) if plus_one else 0.0)
    return powers / np.where(total == 0.0, 1.0, total)


def one_not_shifted(x: Array, allowed: Array, plus_one: bool) -> Array:
    """1 is added to a sum that is shifted by the largest score."""
    powers = np.where(allowed, np.exp(np.where(allowed, x - largest(x, allowed), 0.0)), 0.0)
    total = np.sum(powers, axis=-1, keepdims=True) + plus_one
    return powers / np.where(total == 0.0, 1.0, total)


def masked_after(x: Array, allowed: Array, plus_one: bool) -> Array:
    """What is masked counts in the sum."""
    return safely(x, np.ones_like(allowed), plus_one) * allowed


def next_too(
    x: Array, mask: Array | None, *, scale: float, causal: bool, plus_one: bool, empty_row: str
) -> Array:
    """Causal rows count one score more."""
    seen = attending.band(x.shape[2], x.shape[3], None, 1 if causal else None)
    mask = np.broadcast_to(seen if mask is None else seen & mask, x.shape)
    return soft(safely)(x, mask, scale=scale, causal=False, plus_one=plus_one, empty_row=empty_row)


FAULTS = {
    "alibi_attention": (
        Fault(name="slopes one head off", reference=by_bias(one_head_off), where="not learned"),
        Fault(
            name="one sequence for any heads",
            reference=by_bias(one_sequence),
            where="not learned and heads not in (1, 2, 4, 8)",
        ),
        Fault(name="sign of the distance", reference=by_bias(factor=signed), where="not causal"),
        Fault(name="bias scaled like products", reference=by_bias(times=None)),
        Fault(name="logarithm without biases", reference=by_bias(of_lse=0.0)),
        Fault(name="gradient of slopes without the logarithm", vjp=slope_from_output_alone, where="learned"),
    ),
    "scaled_masked_softmax": (
        Fault(name="one added to a shifted sum", reference=soft(one_not_shifted), where="plus_one"),
        Fault(name="masked after the sum", reference=soft(masked_after)),
        Fault(name="causal rows one score longer", reference=next_too, where="causal"),
    ),
}

CONTROLS = {
    "alibi_attention": (Control(name="products scaled", reference=by_bias()),),
    "scaled_masked_softmax": (Control(name="largest of scores and 0 subtracted", reference=soft(safely)),),
}
