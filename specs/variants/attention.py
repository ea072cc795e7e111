"""Faults and controls of attention."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, nearest
from ..language.variant import Control, Fault, each_way

Array = Any

# --- the definition, with its parts exposed ---


def logits_of(query: Array, key: Array, bias: Array | None, scale: float | None) -> Array:
    """The scaled products and their bias; the products are scaled, not the query."""
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    products = np.einsum("bqhd,bkhd->bhqk", query, key) * factor
    return products if bias is None else products + bias


def allowed_keys(logits: Array, mask: Array | None, causal: str, masking: str) -> Array:
    """Where a query may attend to a key; with ``add``, where its logit is NaN too."""
    queries, keys = logits.shape[-2:]
    last = {"none": keys, "top_left": 0, "bottom_right": keys - queries}[causal]
    allowed = np.broadcast_to(np.arange(keys) <= np.arange(queries)[:, np.newaxis] + last, logits.shape)
    allowed = allowed if mask is None else allowed & mask
    return allowed | np.isnan(logits) if masking == "add" else allowed


def average(weights: Array, value: Array) -> Array:
    """The values, averaged."""
    return np.einsum("bhqk,bkhv->bqhv", weights, value)


def attention(weigh: Callable[..., Array]) -> Callable[..., Array]:
    """Attention whose weights are ``weigh(logits, allowed, empty)``."""

    def forward(
        query: Array,
        key: Array,
        value: Array,
        bias: Array | None = None,
        mask: Array | None = None,
        *,
        scale: float | None,
        causal: str,
        empty_row: str,
        masking: str,
    ) -> Array:
        logits = logits_of(query, key, bias, scale)
        allowed = allowed_keys(logits, mask, causal, masking)
        empty = {"uniform": 1.0 / key.shape[1], "zero": 0.0, "nan": np.nan}[empty_row]
        return average(weigh(logits, allowed, empty), value)

    return forward


def without_shift(logits: Array, allowed: Array, empty: float) -> Array:
    """Weights by ``exp(l) / Σ exp(l)``, which overflow for large logits."""
    exponentials = np.where(allowed, np.exp(logits), 0.0)
    some = np.any(allowed, axis=-1, keepdims=True)
    total = np.where(some, np.sum(exponentials, axis=-1, keepdims=True), 1.0)
    return np.where(some, exponentials / total, empty)


def shifted_by_all(logits: Array, allowed: Array, empty: float) -> Array:
    """Weights shifted by the largest logit of all keys, those masked included."""
    return without_shift(logits - np.max(logits, axis=-1, keepdims=True), allowed, empty)


def masked_by(number: float) -> Callable[[Array, Array, float], Array]:
    """Weights of logits to which a ``number`` is added where they are masked."""

    def weigh(logits: Array, allowed: Array, empty: float) -> Array:
        lowered = logits + np.where(allowed, 0.0, number)
        exponentials = np.exp(lowered - np.max(lowered, axis=-1, keepdims=True))
        some = np.any(allowed, axis=-1, keepdims=True)
        return np.where(some, exponentials / np.sum(exponentials, axis=-1, keepdims=True), empty)

    return weigh


def over_queries(logits: Array, allowed: Array, empty: float) -> Array:
    """Weights that add up to 1 over the queries."""
    exponentials = np.where(allowed, np.exp(logits - np.max(logits, axis=-2, keepdims=True)), 0.0)
    total = np.sum(exponentials, axis=-2, keepdims=True)
    return exponentials / np.where(total == 0, 1.0, total)


def not_renormalised(logits: Array, allowed: Array, empty: float) -> Array:
    """Weights of all keys, those masked set to zero afterwards."""
    some = np.any(allowed, axis=-1, keepdims=True)
    weights = shifted_by_all(logits, np.ones_like(allowed), empty)
    return np.where(some, np.where(allowed, weights, 0.0), empty)


def shifted(logits: Array, allowed: Array, empty: float) -> Array:
    """Weights as they should be."""
    top = np.max(np.where(allowed, logits, -np.inf), axis=-1, keepdims=True)
    return without_shift(logits - top, allowed, empty)


def in_base_2(logits: Array, allowed: Array, empty: float) -> Array:
    """Weights by powers of 2, the factor ``log₂ e`` taken into the logits."""
    scaled = logits * math.log2(math.e)
    top = np.max(np.where(allowed, scaled, -np.inf), axis=-1, keepdims=True)
    exponentials = np.where(allowed, np.exp2(scaled - top), 0.0)
    some = np.any(allowed, axis=-1, keepdims=True)
    total = np.where(some, np.sum(exponentials, axis=-1, keepdims=True), 1.0)
    return np.where(some, exponentials / total, empty)


def causal_by(offset: int) -> Callable[[Array, Array, float], Array]:
    """Weights of the keys up to that of the query and ``offset`` more."""

    def weigh(logits: Array, allowed: Array, empty: float) -> Array:
        queries, keys = logits.shape[-2:]
        earlier = np.arange(keys) <= np.arange(queries)[:, np.newaxis] + offset
        return shifted(logits, np.broadcast_to(earlier, logits.shape), empty)

    return weigh


def stored_in(name: str) -> Callable[[Array, Array, float], Array]:
    """Weights that are rounded to a narrower format before they meet the values."""
    return lambda logits, allowed, empty: nearest(shifted(logits, allowed, empty), DTYPES[name])


# --- other algorithms ---


def in_blocks(size: int, rescaled: bool = True) -> Callable[..., Array]:
    """Attention block by block of keys: sums are rescaled when the maximum grows (Dao et al., 2022).

    Without ``rescaled`` the sums are left as they were, which is a fault.
    """

    def forward(
        query: Array,
        key: Array,
        value: Array,
        bias: Array | None = None,
        mask: Array | None = None,
        *,
        scale: float | None,
        causal: str,
        empty_row: str,
        masking: str,
    ) -> Array:
        logits = logits_of(query, key, bias, scale)
        allowed = allowed_keys(logits, mask, causal, masking)
        masked = np.where(allowed, logits, -np.inf)
        top = np.full_like(logits[..., :1], -np.inf)
        total, y = np.zeros_like(top), 0.0
        for start in range(0, key.shape[1], size):
            block = slice(start, start + size)
            higher = np.maximum(top, np.max(masked[..., block], axis=-1, keepdims=True))
            fixed = np.where(higher == -np.inf, 0.0, higher)
            kept = np.exp(top - fixed) if rescaled else np.where(top == -np.inf, 0.0, np.ones_like(top))
            weights = np.where(allowed[..., block], np.exp(masked[..., block] - fixed), 0.0)
            total = total * kept + np.sum(weights, axis=-1, keepdims=True)
            y = y * np.swapaxes(kept, 1, 2) + average(weights, value[:, block])
            top = higher
        some = np.swapaxes(np.any(allowed, axis=-1, keepdims=True), 1, 2)
        total = np.swapaxes(total, 1, 2)
        empty = {"uniform": np.mean(value, axis=1, keepdims=True), "zero": 0.0, "nan": np.nan}[empty_row]
        spoilt = np.sum(value * 0.0, axis=1, keepdims=True)  # 0 times NaN is NaN
        return np.where(some, y / np.where(some, total, 1.0), empty + spoilt)

    return forward


def from_the_output(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None,
    mask: Array | None,
    cotangent: Array,
    *,
    scale: float | None,
    causal: str,
    empty_row: str,
    masking: str,
) -> tuple[Array, Array, Array, Array | None]:
    """Gradients by ``δ = w (⟨g, v⟩ - ⟨g, y⟩)``, weights by the log of the sum (Dao et al., 2022)."""
    logits = logits_of(query, key, bias, scale)
    passes = allowed_keys(logits, mask, causal, "select")
    allowed = allowed_keys(logits, mask, causal, masking)
    some = np.any(allowed, axis=-1, keepdims=True)
    masked = np.where(allowed, logits, -np.inf)
    top = np.where(some, np.max(masked, axis=-1, keepdims=True), 0.0)
    total = np.sum(np.exp(masked - top), axis=-1, keepdims=True)
    level = top + np.log(np.where(some, total, 1.0))
    empty = {"uniform": 1.0 / key.shape[1], "zero": 0.0, "nan": np.nan}[empty_row]
    weights = np.where(some, np.exp(masked - level), empty)
    into_output = np.swapaxes(np.sum(cotangent * average(weights, value), axis=-1, keepdims=True), 1, 2)
    slope = weights * (np.einsum("bqhv,bkhv->bhqk", cotangent, value) - into_output)
    slope = np.where(passes, slope, 0.0) if masking == "select" else slope
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    return (
        np.einsum("bhqk,bkhd->bqhd", slope, key) * factor,
        np.einsum("bhqk,bqhd->bkhd", slope, query) * factor,
        np.einsum("bhqk,bqhv->bkhv", weights, cotangent),
        None if bias is None else np.sum(slope, axis=0, keepdims=True),
    )


# --- wrong inputs ---


def heads_and_depth_mixed(query: Array) -> Array:
    """Projections split into depth by heads in the place of heads by depth."""
    batch, queries, heads, depth = query.shape
    return np.swapaxes(query.reshape(batch, queries, depth, heads), -1, -2)


def unscaled(gradient: Array, scale: float | None, depth: int) -> Array:
    """A gradient without the factor of the products."""
    return gradient * (math.sqrt(depth) if scale is None else 1 / scale)


DEFAULT_SCALE = "scale is None"

WIDE = "dtype in ('float32', 'float64')"
"""Where weights have more digits than a half type: half inputs have half weights by right."""

FAULTS = {
    "dot_product_attention": (
        *each_way(Fault(name="not scaled", parameters={"scale": "1.0"})),
        *each_way(Fault(name="scaled by 1 / depth", parameters={"scale": "1 / depth"}, where=DEFAULT_SCALE)),
        *each_way(
            Fault(
                name="scaled by the depth of values",
                parameters={"scale": "values ** -0.5"},
                where=DEFAULT_SCALE,
            )
        ),
        *each_way(
            Fault(
                name="scaled by the depth of all heads",
                parameters={"scale": "(heads * depth) ** -0.5"},
                where=DEFAULT_SCALE,
            )
        ),
        Fault(
            name="causal leaves out the key of the query",
            reference=attention(causal_by(-1)),
            where="causal == 'top_left' and not use_mask",
        ),
        Fault(
            name="causal looks one key ahead",
            reference=attention(causal_by(1)),
            where="causal == 'top_left' and not use_mask",
        ),
        *each_way(Fault(name="bias scaled", inputs={"bias": lambda bias, depth: bias / np.sqrt(depth)})),
        Fault(name="no maximum subtracted", reference=attention(without_shift), rounds=True),
        Fault(name="maximum of masked keys subtracted", reference=attention(shifted_by_all), rounds=True),
        Fault(name="masked by -10000", reference=attention(masked_by(-1e4)), where="data == 'saturated'"),
        Fault(name="softmax over the queries", reference=attention(over_queries)),
        Fault(name="mask after the softmax", reference=attention(not_renormalised)),
        Fault(name="blocks not rescaled", reference=in_blocks(2, rescaled=False)),
        *each_way(
            Fault(name="heads and depth mixed", inputs={"query": heads_and_depth_mixed}, where="heads > 1")
        ),
        Fault(name="weights stored in bfloat16", reference=attention(stored_in("bfloat16")), where=WIDE),
        Fault(name="weights stored in float16", reference=attention(stored_in("float16")), where=WIDE),
        Fault(
            name="gradient of the query not scaled",
            gradients={"query": unscaled},
        ),
        Fault(
            name="gradient of the key not scaled",
            gradients={"key": unscaled},
        ),
    ),
}

TIMES_VALUES = "masking != 'drop'"
"""Where a masked value is multiplied by a weight of 0, so that its NaN stays."""

CONTROLS = {
    "dot_product_attention": (
        Control(
            name="online, in blocks of 2 keys; gradient from the output",
            reference=in_blocks(2),
            vjp=from_the_output,
            # Where one key has all the weight, ⟨g, v⟩ - ⟨g, y⟩ is a difference of all but equal numbers.
            where=f"data != 'saturated' and {TIMES_VALUES}",
        ),
        Control(name="online, in blocks of 16 keys", reference=in_blocks(16), where=TIMES_VALUES),
        Control(name="powers of 2", reference=attention(in_base_2), where=TIMES_VALUES),
    ),
}
