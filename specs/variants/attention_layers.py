"""Faults and controls of the layers of attention."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference.attention_layers import multi_head_attention_vjp
from ..language.variant import Control, Fault, each_way
from .attention_forms import attended, products

Array = Any

# --- projections into heads ---


def seen(allowed: Array, behind: int) -> Array:
    """What a query may attend to, and all that stands behind the keys."""
    return np.concatenate([allowed, np.ones((*allowed.shape[:-1], behind), dtype=bool)], axis=-1)


def layer(
    allow: Callable[..., Array],
    attend: Callable[..., Array] = attended,
    seen: Callable[[Array, int], Array] = seen,
    biased: bool = False,
) -> Callable[..., Array]:
    """Attention of several heads under ``allow(queries, keys, mask, key_mask, masking)``.

    The last key, which is not projected, may be ``biased`` as if it were.
    """

    def forward(
        query: Array,
        key: Array | None,
        value: Array | None,
        query_kernel: Array,
        key_kernel: Array,
        value_kernel: Array,
        output_kernel: Array,
        query_bias: Array | None = None,
        key_bias: Array | None = None,
        value_bias: Array | None = None,
        output_bias: Array | None = None,
        score_bias: Array | None = None,
        last_key: Array | None = None,
        last_value: Array | None = None,
        mask: Array | None = None,
        key_mask: Array | None = None,
        *,
        masking: str,
        appended: str = "none",
    ) -> Array:
        key, value = (query if x is None else x for x in (key, value))
        queries = projected(query, query_kernel, query_bias)
        # Where there are no other keys, the bias of keys adds the same to all scores of a query.
        keys = projected(key, key_kernel, None if appended == "none" else key_bias)
        values = projected(value, value_kernel, value_bias)
        logits = products(queries, keys)
        logits = logits if score_bias is None else logits + score_bias
        allowed = allow(query.shape[1], key.shape[1], mask, key_mask, masking)
        if appended != "none":
            last_keys, last_values = behind(last_key, appended), behind(last_value, appended)
            if biased:
                last_keys = last_keys + key_bias
            like = np.zeros((len(query), len(last_keys), *queries.shape[2:]))
            logits = np.concatenate([logits, products(queries, last_keys + like)], axis=-1)
            like = np.zeros((len(query), len(last_values), *values.shape[2:]))
            values = np.concatenate([values, last_values + like], axis=1)
            allowed = seen(allowed, len(last_keys))
        average = attend(logits, allowed, values)
        y = np.einsum("bqhv,hvf->bqf", average, output_kernel)
        return y if output_bias is None else y + output_bias

    return forward


def behind(last: Array | None, appended: str) -> Array:
    """Keys or values that stand behind the others, the first axis."""
    if last is None:
        return np.zeros((1, 1, 1))
    return np.stack([last] if appended == "learned" else [last, 0.0 * last])


def projected(x: Array, kernel: Array, bias: Array | None) -> Array:
    """All heads at once, as one product."""
    flat = np.einsum("btf,fu->btu", x, np.reshape(kernel, (kernel.shape[0], -1)))
    by_head = np.reshape(flat, (*x.shape[:2], *kernel.shape[1:]))
    return by_head if bias is None else by_head + bias


def right(queries: int, keys: int, mask: Array | None, key_mask: Array | None, masking: str) -> Array:
    """What a query may attend to, of all heads."""
    if masking == "causal":
        return np.tri(queries, keys, dtype=bool)
    if mask is not None:
        return mask
    return np.ones((queries, keys), dtype=bool) if key_mask is None else key_mask[:, np.newaxis, np.newaxis]


def causal_by(offset: int) -> Callable[..., Array]:
    """The causal diagonal in another place."""

    def allow(queries: int, keys: int, mask: Array | None, key_mask: Array | None, masking: str) -> Array:
        return np.tri(queries, keys, offset, dtype=bool)

    return allow


def later(queries: int, keys: int, mask: Array | None, key_mask: Array | None, masking: str) -> Array:
    """The keys from a query's own on: True where not to attend, taken for where to."""
    return np.tri(keys, queries, dtype=bool).T


def seen_causally(allowed: Array, behind: int) -> Array:
    """As if what stands behind the keys were later than a query."""
    return np.tri(allowed.shape[-2], allowed.shape[-1] + behind, dtype=bool)


def seen_in_front(allowed: Array, behind: int) -> Array:
    """As if it stood in front of them."""
    return np.roll(seen(allowed, behind), behind, axis=-1)


def masked_afterwards(logits: Array, allowed: Array, value: Array) -> Array:
    """Weights of all keys, those that do not count set to 0 in the end."""
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    weights = np.where(allowed, powers / np.sum(powers, axis=-1, keepdims=True), 0.0)
    return np.einsum("bhqk,bkhv->bqhv", weights, value)


def through_queries_alone(
    query: Array,
    key: Array | None,
    value: Array | None,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    query_bias: Array | None,
    key_bias: Array | None,
    value_bias: Array | None,
    output_bias: Array | None,
    score_bias: Array | None,
    last_key: Array | None,
    last_value: Array | None,
    mask: Array | None,
    key_mask: Array | None,
    cotangent: Array,
    *,
    masking: str,
    appended: str,
) -> tuple[Array | None, ...]:
    """Of what keys and values are made of, the queries' part of the gradient alone."""
    kernels = query_kernel, key_kernel, value_kernel, output_kernel
    biases = query_bias, key_bias, value_bias, output_bias
    rest = (*kernels, *biases, score_bias, last_key, last_value, mask, key_mask, cotangent)
    gradients = multi_head_attention_vjp(query, query, query, *rest, masking=masking, appended=appended)
    return gradients[0], None, None, *gradients[3:]


# --- scores by addition ---


def added(score: Callable[[Array, Array, Array], Array]) -> Callable[..., Array]:
    """Attention whose scores are ``score`` of queries, keys and scale, each with axes for the others."""

    def forward(
        query: Array,
        key: Array,
        value: Array,
        scale: Array | None = None,
        key_mask: Array | None = None,
        *,
        causal: bool,
    ) -> Array:
        logits = score(query[:, :, np.newaxis], key[:, np.newaxis], 1.0 if scale is None else scale)
        allowed = np.ones(logits.shape[1:], dtype=bool)
        allowed = np.tril(allowed) if causal else allowed
        allowed = allowed if key_mask is None else allowed & key_mask[:, np.newaxis]
        return attended(logits[:, np.newaxis], _of_one_head(allowed), value[:, :, np.newaxis])[:, :, 0]

    return forward


def _of_one_head(allowed: Array) -> Array:
    return allowed if allowed.ndim == 2 else allowed[:, np.newaxis]


def by_exponentials(query: Array, key: Array, scale: Array) -> Array:
    """The tanh as ``1 - 2 / (exp(2 x) + 1)``, which keeps what a sum of such numbers needs."""
    return np.sum(scale * (1.0 - 2.0 / (np.exp(np.minimum(2.0 * (query + key), 80.0)) + 1.0)), axis=-1)


FAULTS = {
    "multi_head_attention": (
        *each_way(
            Fault(
                name="scaled by the depth of all heads",
                inputs={
                    "query_kernel": lambda query_kernel, heads: query_kernel / math.sqrt(heads),
                    "query_bias": lambda query_bias, heads: query_bias / math.sqrt(heads),
                },
                where="use_bias",
            )
        ),
        Fault(
            name="bias of the query not scaled",
            inputs={"query_bias": lambda query_bias, depth: query_bias * math.sqrt(depth)},
            where="use_bias",
        ),
        Fault(
            name="output bias of each head",
            inputs={"output_bias": lambda output_bias, heads: output_bias * heads},
            where="use_bias",
        ),
        Fault(
            name="mean of the heads",
            inputs={"output_kernel": lambda output_kernel, heads: output_kernel / heads},
        ),
        Fault(
            name="causal leaves out a query's own key",
            reference=layer(causal_by(-1)),
            where="masking == 'causal'",
        ),
        Fault(name="causal looks one key ahead", reference=layer(causal_by(1)), where="masking == 'causal'"),
        Fault(name="causal the other way round", reference=layer(later), where="masking == 'causal'"),
        Fault(
            name="what is appended seen causally",
            reference=layer(right, seen=seen_causally),
            where="masking == 'causal' and appended != 'none'",
        ),
        Fault(
            name="mask of what is appended in front",
            reference=layer(right, seen=seen_in_front),
            where="masking not in ('none', 'added') and appended != 'none'",
        ),
        Fault(
            name="last key with the bias of keys",
            reference=layer(right, biased=True),
            where="appended == 'learned' and use_bias",
        ),
        Fault(name="mask after the softmax", reference=layer(right, masked_afterwards)),
        Fault(
            name="gradient through the queries alone",
            vjp=through_queries_alone,
            where="self_attention",
        ),
    ),
    "additive_attention": (
        Fault(
            name="scaled inside the tanh",
            reference=added(lambda q, k, s: np.sum(np.tanh(s * (q + k)), axis=-1)),
        ),
        Fault(
            name="divided by the root of the depth",
            reference=added(lambda q, k, s: np.sum(s * np.tanh(q + k), axis=-1) / math.sqrt(q.shape[-1])),
        ),
        Fault(
            name="product for the sum", reference=added(lambda q, k, s: np.sum(s * np.tanh(q * k), axis=-1))
        ),
        Fault(name="no tanh", reference=added(lambda q, k, s: np.sum(s * (q + k), axis=-1))),
    ),
}

CONTROLS = {
    "multi_head_attention": (
        Control(name="heads in one product, keys without bias", reference=layer(right)),
    ),
    "additive_attention": (Control(name="tanh by exponentials", reference=added(by_exponentials)),),
}
