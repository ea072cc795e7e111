"""Attention as kernels compute it: grouped heads, windows, capped scores, sinks, and the log of the sum.

All are one form, of which each layer is a view: ``s = scale ⟨q, k⟩``, capped if it is, over the keys that a
query may see; ``lse = log(Σ exp(s) + exp(sink))``; ``y = Σ exp(s - lse) v``.
"""

from __future__ import annotations

import numpy as np

from .attending import (
    AXES_OF_HEADS,
    Weights,
    average,
    average_vjp,
    band,
    cap,
    cap_slope,
    causal_band,
    check_choice,
    check_heads,
    scores,
    scores_vjp,
    weigh,
    weigh_vjp,
)
from .checks import Array, require, require_shape

__all__ = [
    "attention_with_lse",
    "attention_with_lse_vjp",
    "grouped_query_attention",
    "grouped_query_attention_vjp",
    "sink_attention",
    "sink_attention_vjp",
    "sliding_window_attention",
    "sliding_window_attention_vjp",
    "softcap_attention",
    "softcap_attention_vjp",
]

CAUSAL = ("none", "top_left", "bottom_right")
EMPTY_ROWS = ("zero", "uniform")


# --- groups of heads ---


def grouped_query_attention(
    query: Array,
    key: Array,
    value: Array,
    *,
    head_map: str = "blocked",
    causal: str = "none",
    empty_row: str = "zero",
) -> Array:
    """Attention of many heads of queries to few heads of keys and values.

    ``y_h = softmax(q_h k_gᵀ / √depth) v_g``, where head h of H belongs to the group ``g = ⌊h G / H⌋`` of G

    Args:
        query: ``(batch, queries, heads, depth)``; one head of keys for all is multi-query attention.
        key: ``(batch, keys, groups, depth)``, of which ``heads`` is a multiple.
        value: ``(batch, keys, groups, values)``.
        head_map: ``blocked`` as above, where the heads of a group lie side by side; or ``interleaved``, where
            head h belongs to ``h mod G``.
        causal: ``none``; ``top_left``, where query i attends to the keys up to i; or ``bottom_right``, where
            the last query attends to all keys and each earlier one to one key less.
        empty_row: what a query gets that may attend to no key: ``zero``, as is the sum over nothing, or the
            plain average of all values (``uniform``).

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, or an option is unknown.

    Source: Ainslie et al. (2023), GQA: training generalized multi-query transformer models, arXiv:2305.13245;
    Shazeer (2019), Fast transformer decoding: one write-head is all you need, arXiv:1911.02150.
    """
    check_heads(query, key, value)
    check_choice("head_map", head_map, tuple(AXES_OF_HEADS))
    check_choice("causal", causal, CAUSAL)
    check_choice("empty_row", empty_row, EMPTY_ROWS)
    allowed = causal_band(query.shape[1], key.shape[1], causal)
    weights = weigh(scores(query, key, head_map=head_map), allowed, empty_row=empty_row)
    return average(weights.of_keys, value, head_map=head_map)


def grouped_query_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    cotangent: Array,
    *,
    head_map: str = "blocked",
    causal: str = "none",
    empty_row: str = "zero",
) -> tuple[Array, Array, Array]:
    """Gradient of `grouped_query_attention`: that of a key or value is summed over the heads of its group."""
    allowed = causal_band(query.shape[1], key.shape[1], causal)
    weights = weigh(scores(query, key, head_map=head_map), allowed, empty_row=empty_row)
    into_weights, into_value = average_vjp(weights.of_keys, value, cotangent, head_map=head_map)
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    return (*scores_vjp(query, key, slope, head_map=head_map), into_value)


# --- windows ---


def sliding_window_attention(
    query: Array,
    key: Array,
    value: Array,
    *,
    left: int | None = 2,
    right: int | None = 0,
    alignment: str = "top_left",
    empty_row: str = "zero",
) -> Array:
    """Attention to the keys that lie near a query.

    ``y_i = Σⱼ wᵢⱼ vⱼ`` over ``p - left ≤ j ≤ p + right``, with ``p`` the place of query i among the keys

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        left: how many keys before its own place a query sees, beside that; None for all.
        right: how many behind it: 0 is causal; None for all.
        alignment: ``top_left``, where query i has place i; or ``bottom_right``, where the last query has that
            of the last key.
        empty_row: as of `grouped_query_attention`; a query whose window lies beyond the keys sees none.

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, a bound is negative, or an option is unknown.

    Source: Beltagy, Peters and Cohan (2020), Longformer, arXiv:2004.05150, section 3.1.
    """
    check_heads(query, key, value)
    check_choice("alignment", alignment, CAUSAL[1:])
    check_choice("empty_row", empty_row, EMPTY_ROWS)
    for name, bound in (("left", left), ("right", right)):
        require(bound is None or bound >= 0, f"{name} must be at least 0, or None; got {bound}")
    allowed = band(query.shape[1], key.shape[1], left, right, alignment)
    return average(weigh(scores(query, key), allowed, empty_row=empty_row).of_keys, value)


def sliding_window_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    cotangent: Array,
    *,
    left: int | None = 2,
    right: int | None = 0,
    alignment: str = "top_left",
    empty_row: str = "zero",
) -> tuple[Array, Array, Array]:
    """Gradient of `sliding_window_attention`: what lies beyond a window gets nothing through it."""
    allowed = band(query.shape[1], key.shape[1], left, right, alignment)
    weights = weigh(scores(query, key), allowed, empty_row=empty_row)
    into_weights, into_value = average_vjp(weights.of_keys, value, cotangent)
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    return (*scores_vjp(query, key, slope), into_value)


# --- capped scores ---


def softcap_attention(
    query: Array, key: Array, value: Array, *, softcap: float = 1.0, causal: str = "none"
) -> Array:
    """Attention whose scores are held below a bound.

    ``y = softmax(c tanh(s / c)) v`` with ``s = q kᵀ / √depth``: the cap comes before the mask

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        softcap: c, which no score passes.
        causal: ``none``, or ``top_left``, where query i attends to the keys up to i.

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, the cap is not positive, or ``causal`` is unknown.

    Source: Gemma Team (2024), Gemma 2, arXiv:2408.00118.
    """
    check_heads(query, key, value)
    check_choice("causal", causal, CAUSAL[:2])
    require(softcap > 0, f"softcap must be positive; got {softcap}")
    allowed = causal_band(query.shape[1], key.shape[1], causal)
    return average(weigh(cap(scores(query, key), softcap), allowed).of_keys, value)


def softcap_attention_vjp(
    query: Array, key: Array, value: Array, cotangent: Array, *, softcap: float = 1.0, causal: str = "none"
) -> tuple[Array, Array, Array]:
    """Gradient of `softcap_attention`: what flows into a score is multiplied by ``1 - tanh²(s / c)``."""
    allowed = causal_band(query.shape[1], key.shape[1], causal)
    logits = scores(query, key)
    weights = weigh(cap(logits, softcap), allowed)
    into_weights, into_value = average_vjp(weights.of_keys, value, cotangent)
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    return (*scores_vjp(query, key, slope * cap_slope(logits, softcap)), into_value)


# --- the log of the sum ---


def attention_with_lse(
    query: Array, key: Array, value: Array, *, causal: str = "none"
) -> tuple[Array, Array]:
    """Attention, and the logarithm of the sum that its weights are divided by.

    ``lse = log Σₖ exp(s)`` with ``s = q kᵀ / √depth``, and ``y = Σₖ exp(s - lse) v``

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        causal: ``none``, ``top_left`` or ``bottom_right``, as of `grouped_query_attention`.

    Returns:
        The average, ``(batch, queries, heads, values)``, and the natural logarithm, ``(batch, queries,
        heads)``. Both have gradients. Of a query that may attend to no key they are 0 and -∞.

    Raises:
        ValueError: a shape does not fit, or ``causal`` is unknown.

    Source: Dao et al. (2022), FlashAttention, arXiv:2205.14135, algorithm 1; Dao (2023), FlashAttention-2,
    arXiv:2307.08691, section 3.1.1.
    """
    check_heads(query, key, value)
    check_choice("causal", causal, CAUSAL)
    weights = weigh(scores(query, key), causal_band(query.shape[1], key.shape[1], causal))
    return average(weights.of_keys, value), _queries_first(weights.lse)


def attention_with_lse_vjp(
    query: Array,
    key: Array,
    value: Array,
    cotangents: tuple[Array, Array],
    *,
    causal: str = "none",
    lse_gradient: str = "flows",
) -> tuple[Array, Array, Array]:
    """Gradient of `attention_with_lse`: the logarithm sends its cotangent, times the weights, into scores.

    With ``lse_gradient="stopped"`` it sends nothing, and is a number for the record alone.
    """
    check_choice("lse_gradient", lse_gradient, ("flows", "stopped"))
    into_output, into_lse = cotangents
    into_lse = into_lse if lse_gradient == "flows" else np.zeros_like(into_lse)
    allowed = causal_band(query.shape[1], key.shape[1], causal)
    weights = weigh(scores(query, key), allowed)
    return _through_both(query, key, value, weights, allowed, (into_output, into_lse))[:3]


# --- sinks ---


def sink_attention(
    query: Array, key: Array, value: Array, sinks: Array, *, causal: str = "none"
) -> tuple[Array, Array]:
    """Attention whose weights share their sum with a learned score of each head, which has no value.

    ``lse = log(exp(sink) + Σₖ exp(s))`` with ``s = q kᵀ / √depth``, and ``y = Σₖ exp(s - lse) v``

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        sinks: ``(heads,)``; sinks of 0 give the softmax that may attend to nothing.
        causal: ``none``, ``top_left`` or ``bottom_right``, as of `grouped_query_attention`.

    Returns:
        The average, ``(batch, queries, heads, values)``, and the natural logarithm of the sum, sink included,
        ``(batch, queries, heads)``. Of a query that may attend to no key they are 0 and the sink.

    Raises:
        ValueError: a shape does not fit, or ``causal`` is unknown.

    Source: OpenAI (2025), gpt-oss-120b & gpt-oss-20b model card, arXiv:2508.10925.
    """
    check_heads(query, key, value)
    check_choice("causal", causal, CAUSAL)
    require_shape("sinks", sinks, (query.shape[2],), "heads")
    weights = weigh(scores(query, key), causal_band(query.shape[1], key.shape[1], causal), sinks)
    return average(weights.of_keys, value), _queries_first(weights.lse)


def sink_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    sinks: Array,
    cotangents: tuple[Array, Array],
    *,
    causal: str = "none",
) -> tuple[Array, Array, Array, Array]:
    """Gradient of `sink_attention`: ``Σ p (dlse - ⟨g, y⟩)`` flows into a sink of the weight p."""
    allowed = causal_band(query.shape[1], key.shape[1], causal)
    weights = weigh(scores(query, key), allowed, sinks)
    return _through_both(query, key, value, weights, allowed, cotangents)


def _queries_first(lse: Array) -> Array:
    return np.swapaxes(lse, 1, 2)


def _through_both(
    query: Array,
    key: Array,
    value: Array,
    weights: Weights,
    allowed: Array,
    cotangents: tuple[Array, Array],
) -> tuple[Array, Array, Array, Array]:
    """Gradients of queries, keys, values and sinks, from those of the average and of the logarithm."""
    into_output, into_lse = cotangents
    into_weights, into_value = average_vjp(weights.of_keys, value, into_output)
    slope, into_sinks = weigh_vjp(weights, allowed, into_weights, _queries_first(into_lse))
    return (*scores_vjp(query, key, slope), into_value, into_sinks)
