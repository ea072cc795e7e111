"""Attention: averages of values, weighted by how well their keys fit a query."""

from __future__ import annotations

import math

import numpy as np

from .checks import Array, require, require_rank
from .softmax import below_maximum

__all__ = ["dot_product_attention", "dot_product_attention_vjp"]


def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    *,
    scale: float | None = None,
    causal: str = "none",
    empty_row: str = "uniform",
    masking: str = "select",
) -> Array:
    """Scaled dot-product attention of several heads.

    ``y_q = Σₖ w_qk vₖ`` with ``w_q = softmax(scale · ⟨q, k⟩ + bias)`` over the keys that q may attend to

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        bias: added to the scaled products; any shape that broadcasts to ``(batch, heads, queries, keys)``.
        mask: True where a query may attend to a key; broadcasts in the same way.
        scale: factor of the products, or None for ``1/√depth``.
        causal: ``none``; ``top_left``, where query i attends to the keys up to i; or ``bottom_right``, where
            the last query attends to all keys and each earlier one to one key less.
        empty_row: what a query gets that may attend to no key: the plain average of all values
            (``uniform``, as a large negative number in place of -∞ gives), ``zero``, or ``nan``.
        masking: ``select``, where a masked product has no influence; ``drop``, where the value beside it has
            none either, although it be NaN; or ``add``, where -∞ is added to the product, so that NaN stays.

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, or ``causal``, ``empty_row`` or ``masking`` is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.1.
    """
    _check(query, key, value, causal, empty_row, masking)
    weights, passes = _weights(_scaled(query, scale), key, bias, mask, causal, empty_row, masking)
    if masking != "drop":
        return np.einsum("bhqk,bkhv->bqhv", weights, value)
    terms = weights[..., np.newaxis] * np.swapaxes(value, 1, 2)[:, :, np.newaxis]
    return np.swapaxes(np.sum(np.where(_counts(passes)[..., np.newaxis], terms, 0.0), axis=3), 1, 2)


def dot_product_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None,
    mask: Array | None,
    cotangent: Array,
    *,
    scale: float | None = None,
    causal: str = "none",
    empty_row: str = "uniform",
    masking: str = "select",
) -> tuple[Array, Array, Array, Array | None]:
    """Gradient of `dot_product_attention`: ``δ = w (⟨g, v⟩ - Σₖ w ⟨g, v⟩)`` flows into products and bias.

    Nothing flows into a product that is masked, unless by adding -∞.
    """
    scaled = _scaled(query, scale)
    weights, passes = _weights(scaled, key, bias, mask, causal, empty_row, masking)
    into_weights = np.einsum("bqhv,bkhv->bhqk", cotangent, value)
    if masking == "drop":
        weights, into_weights = (np.where(_counts(passes), w, 0.0) for w in (weights, into_weights))
    centred = into_weights - np.sum(into_weights * weights, axis=-1, keepdims=True)
    slope = np.where(passes, weights * centred, 0.0)
    return (
        _scaled(np.einsum("bhqk,bkhd->bqhd", slope, key), scale),
        np.einsum("bhqk,bqhd->bkhd", slope, scaled),
        np.einsum("bhqk,bqhv->bkhv", weights, cotangent),
        None if bias is None else _sum_to(slope, bias.shape),
    )


def _weights(
    scaled: Array,
    key: Array,
    bias: Array | None,
    mask: Array | None,
    causal: str,
    empty_row: str,
    masking: str,
) -> tuple[Array, Array]:
    """The weights, and where gradients pass: both ``(batch, heads, queries, keys)``."""
    products = np.einsum("bqhd,bkhd->bhqk", scaled, key)
    logits = products if bias is None else products + bias
    allowed = np.broadcast_to(_causal_mask(scaled.shape[1], key.shape[1], causal), logits.shape)
    allowed = allowed if mask is None else allowed & mask
    passes = np.ones_like(allowed) if masking == "add" else allowed
    allowed = allowed | np.isnan(logits) if masking == "add" else allowed
    some = np.any(allowed, axis=-1, keepdims=True)
    shifted = below_maximum(logits, np.where(allowed, logits, -np.inf), axis=-1)
    exponentials = np.where(allowed, np.exp(shifted), 0.0)
    total = np.where(some, np.sum(exponentials, axis=-1, keepdims=True), 1.0)
    empty = {"uniform": 1.0 / key.shape[1], "zero": 0.0, "nan": np.nan}[empty_row]
    return np.where(some, exponentials / total, empty), passes


def _counts(passes: Array) -> Array:
    """Which values count for a query: all of them, where it may attend to no key."""
    return passes | ~np.any(passes, axis=-1, keepdims=True)


def _causal_mask(queries: int, keys: int, causal: str) -> Array:
    last = {"none": keys, "top_left": 0, "bottom_right": keys - queries}[causal]
    return np.arange(keys) <= np.arange(queries)[:, np.newaxis] + last


def _scaled(query: Array, scale: float | None) -> Array:
    return query * (1.0 / math.sqrt(query.shape[-1]) if scale is None else scale)


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which ``shape`` is 1 and was broadcast."""
    axes = tuple(axis for axis, length in enumerate(shape) if length == 1 and x.shape[axis] > 1)
    return np.sum(x, axis=axes, keepdims=True) if axes else x


def _check(query: Array, key: Array, value: Array, causal: str, empty_row: str, masking: str) -> None:
    require_rank("query", query, 4, "batch, queries, heads, depth")
    require_rank("key", key, 4, "batch, keys, heads, depth")
    require_rank("value", value, 4, "batch, keys, heads, values")
    require(
        key.shape[0::2] == query.shape[0::2] and key.shape[3] == query.shape[3],
        f"key must share batch, heads and depth with the query {query.shape}; got {key.shape}",
    )
    require(
        value.shape[:3] == key.shape[:3],
        f"value must share batch, keys and heads with the key {key.shape}; got {value.shape}",
    )
    known = {
        "causal": (causal, ("none", "top_left", "bottom_right")),
        "empty_row": (empty_row, ("uniform", "zero", "nan")),
        "masking": (masking, ("select", "drop", "add")),
    }
    for name, (given, allowed) in known.items():
        require(given in allowed, f"{name} must be one of {', '.join(allowed)}; got {given!r}")
