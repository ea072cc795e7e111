"""What lies between scores and weights: biases by distance, and softmaxes that scale and mask at once."""

from __future__ import annotations

import numpy as np

from .attending import (
    Weights,
    average,
    average_vjp,
    band,
    check_choice,
    check_heads,
    scores,
    scores_vjp,
    weigh,
    weigh_vjp,
)
from .checks import Array, require_mask, require_rank, require_shape

__all__ = [
    "alibi_attention",
    "alibi_attention_vjp",
    "alibi_slopes",
    "scaled_masked_softmax",
    "scaled_masked_softmax_vjp",
]

ALIGNMENTS = ("bottom_right", "top_left")
BIASES = ("distance", "place")
EMPTY_ROWS = ("zero", "uniform")


# --- biases by distance ---


def alibi_attention(
    query: Array,
    key: Array,
    value: Array,
    slopes: Array | None = None,
    *,
    causal: bool = True,
    alignment: str = "bottom_right",
    bias_by: str = "distance",
) -> tuple[Array, Array]:
    """Attention with linear biases: a key counts the less, the farther it lies from the query.

    ``lse = log Σⱼ exp(s)`` and ``y_i = Σⱼ exp(s - lse) vⱼ`` with ``s = q_i kⱼ / √depth - m_h |p - j|``, where
    p is the place of query i among the keys

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        slopes: m, ``(heads,)``; None for those of the paper, `alibi_slopes`.
        causal: whether a query attends to the keys up to its own place alone.
        alignment: ``bottom_right``, where the last query has the place of the last key; or ``top_left``,
            where query i has place i.
        bias_by: ``distance`` as above; or ``place``, where ``m_h j`` is added: causal averages are the same,
            and their logarithms are not.

    Returns:
        The average, ``(batch, queries, heads, values)``, and the natural logarithm, ``(batch, queries,
        heads)``. Of a query that may attend to no key they are 0 and -∞.

    Raises:
        ValueError: a shape does not fit, or an option is unknown.

    Source: Press, Smith and Lewis (2021), Train short, test long, arXiv:2108.12409, section 3.
    """
    check_heads(query, key, value)
    check_choice("alignment", alignment, ALIGNMENTS)
    check_choice("bias_by", bias_by, BIASES)
    if slopes is not None:
        require_shape("slopes", slopes, query.shape[2:3], "heads")
    weights, *_ = _biased(query, key, slopes, causal, alignment, bias_by)
    return average(weights.of_keys, value), np.swapaxes(weights.lse, 1, 2)


def alibi_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    slopes: Array | None,
    cotangents: tuple[Array, Array],
    *,
    causal: bool = True,
    alignment: str = "bottom_right",
    bias_by: str = "distance",
) -> tuple[Array, Array, Array, Array | None]:
    """Gradient of `alibi_attention`: a slope has what flows into each score, times the distance."""
    into_output, into_lse = cotangents
    weights, allowed, factors = _biased(query, key, slopes, causal, alignment, bias_by)
    into_weights, into_value = average_vjp(weights.of_keys, value, into_output)
    slope, _ = weigh_vjp(weights, allowed, into_weights, np.swapaxes(into_lse, 1, 2))
    into_slopes = None if slopes is None else np.sum(slope * factors, axis=(0, 2, 3))
    return (*scores_vjp(query, key, slope), into_value, into_slopes)


def alibi_slopes(heads: int) -> Array:
    """The slopes of the paper: ``2^(-8h/n)`` for h from 1 to n, the largest power of two up to the heads.

    The heads that are left take the first, third and so on of those of ``2n`` heads.
    """
    power = 2 ** (heads.bit_length() - 1)
    of_power = 2.0 ** (-8.0 * np.arange(1, power + 1) / power)
    between = 2.0 ** (-4.0 * np.arange(1, 2 * power + 1, 2) / power)
    return np.concatenate([of_power, between[: heads - power]])


def _biased(
    query: Array, key: Array, slopes: Array | None, causal: bool, alignment: str, bias_by: str
) -> tuple[Weights, Array, Array]:
    """The weights, the keys that are seen, and what a slope is multiplied by: ``(queries, keys)`` each."""
    queries, keys = query.shape[1], key.shape[1]
    slopes = alibi_slopes(query.shape[2]) if slopes is None else slopes
    place = np.arange(queries) + (keys - queries if alignment == "bottom_right" else 0)
    every = np.arange(keys) * np.ones((queries, 1))
    factors = every if bias_by == "place" else -np.abs(every - place[:, np.newaxis])
    allowed = band(queries, keys, None, 0 if causal else None, alignment)
    logits = scores(query, key) + slopes[:, np.newaxis, np.newaxis] * factors
    return weigh(logits, allowed), allowed, factors


# --- softmaxes ---


def scaled_masked_softmax(
    x: Array,
    mask: Array | None = None,
    *,
    scale: float = 1.0,
    causal: bool = False,
    plus_one: bool = False,
    empty_row: str = "zero",
) -> Array:
    """Softmax of scores that are scaled and masked, as fused kernels of attention have it.

    ``y = exp(scale · x) / (n + Σ exp(scale · x))`` over what counts, with n of 0

    Args:
        x: ``(batch, heads, queries, keys)``.
        mask: True where a score counts; of length 1 along axes that share it. None for all.
        scale: factor of the scores.
        causal: whether query i counts the keys up to i alone.
        plus_one: whether n is 1, so that rows may add up to less than one.
        empty_row: what a row is of which nothing counts: ``zero``, or equal weights (``uniform``); with
            ``plus_one`` it is zero.

    Returns:
        As ``x``.

    Raises:
        ValueError: ``x`` has not four axes, the mask does not fit, or ``empty_row`` is unknown.

    Source: Milakov and Gimelshein (2018), Online normalizer calculation for softmax, arXiv:1805.02867;
    Bondarenko, Nagel and Blankevoort (2023), Quantizable transformers, arXiv:2306.12929.
    """
    require_rank("x", x, 4, "batch, heads, queries, keys")
    check_choice("empty_row", empty_row, EMPTY_ROWS)
    if mask is not None:
        require_mask("mask", mask, x.shape, "batch, heads, queries, keys")
    return _softmax(x, mask, scale, causal, plus_one, empty_row)[0].of_keys


def scaled_masked_softmax_vjp(
    x: Array,
    mask: Array | None,
    cotangent: Array,
    *,
    scale: float = 1.0,
    causal: bool = False,
    plus_one: bool = False,
    empty_row: str = "zero",
) -> tuple[Array]:
    """Gradient of `scaled_masked_softmax`: ``scale · y (g - Σ g y)``, and 0 where a score does not count."""
    weights, allowed = _softmax(x, mask, scale, causal, plus_one, empty_row)
    slope, _ = weigh_vjp(weights, allowed, cotangent)
    return (slope * scale,)


def _softmax(
    x: Array, mask: Array | None, scale: float, causal: bool, plus_one: bool, empty_row: str
) -> tuple[Weights, Array]:
    """The weights, and what counts."""
    allowed = band(x.shape[2], x.shape[3], None, 0 if causal else None)
    allowed = np.broadcast_to(allowed if mask is None else allowed & mask, x.shape)
    nothing = np.zeros(x.shape[1]) if plus_one else None
    return weigh(x * scale, allowed, nothing, empty_row=empty_row), allowed
