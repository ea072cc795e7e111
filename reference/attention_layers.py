"""Layers of attention: projections into heads and out of them, and scores by addition."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .attending import (
    Weights,
    average,
    average_vjp,
    causal_band,
    check_choice,
    scores,
    scores_vjp,
    weigh,
    weigh_vjp,
)
from .checks import Array, require, require_mask, require_rank, require_shape

__all__ = [
    "additive_attention",
    "additive_attention_vjp",
    "multi_head_attention",
    "multi_head_attention_vjp",
    "multi_head_attention_weights",
    "multi_head_attention_weights_vjp",
]

MASKINGS = ("none", "pairs", "keys", "causal")

Gradients = tuple[Array | None, ...]


class Heads(NamedTuple):
    """Queries, keys and values by head, and the weights of the keys for each query."""

    query: Array
    key: Array
    value: Array
    weights: Weights
    allowed: Array


# --- projections into heads ---


def multi_head_attention(
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
    mask: Array | None = None,
    key_mask: Array | None = None,
    *,
    masking: str = "none",
) -> Array:
    """Attention of several heads, each with its own projections.

    ``y = Σ_h softmax(Q_h K_hᵀ / √depth) V_h W_h + b`` with ``Q_h = q W^Q_h + b^Q_h``, and so K and V

    Args:
        query: ``(batch, queries, features)``.
        key: ``(batch, keys, memory)``; None for self-attention, where the query is key and value, too.
        value: ``(batch, keys, memory)``.
        query_kernel: ``(features, heads, depth)``.
        key_kernel: ``(memory, heads, depth)``.
        value_kernel: ``(memory, heads, values)``.
        output_kernel: ``(heads, values, features)``.
        query_bias: ``(heads, depth)``; all four or none are given.
        key_bias: ``(heads, depth)``; it adds the same to all scores of a query, and has the gradient 0.
        value_bias: ``(heads, values)``.
        output_bias: ``(features,)``.
        mask: ``(queries, keys)``, True where a query may attend to a key.
        key_mask: ``(batch, keys)``, True where a key counts.
        masking: ``causal``, where query i attends to the keys up to i; ``pairs`` or ``keys``, by a mask; or
            ``none``.

    Returns:
        ``(batch, queries, features)``

    Raises:
        ValueError: a shape does not fit, or ``masking`` is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.2.
    """
    check_choice("masking", masking, MASKINGS)
    _check_projected(query, key, value, query_kernel, key_kernel, value_kernel, output_kernel)
    heads = _heads(
        *(query, key, value, query_kernel, key_kernel, value_kernel),
        *(query_bias, key_bias, value_bias, mask, key_mask, masking),
    )
    y = np.einsum("bqhv,hvf->bqf", average(heads.weights.of_keys, heads.value), output_kernel)
    return y if output_bias is None else y + output_bias


def multi_head_attention_vjp(
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
    mask: Array | None,
    key_mask: Array | None,
    cotangent: Array,
    *,
    masking: str = "none",
) -> Gradients:
    """Gradient of `multi_head_attention`: that of attention, between those of projections."""
    kernels = query_kernel, key_kernel, value_kernel, output_kernel
    biases = query_bias, key_bias, value_bias
    heads = _heads(query, key, value, *kernels[:3], *biases, mask, key_mask, masking)
    return _through_heads(heads, query, key, value, *kernels, output_bias is not None, cotangent, 0.0)


def multi_head_attention_weights(
    query: Array,
    key: Array,
    value: Array,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    mask: Array | None = None,
    key_mask: Array | None = None,
    *,
    masking: str = "none",
    mean: bool = True,
) -> tuple[Array, Array]:
    """Attention of several heads without biases, and the weights by which it averages.

    ``w_h = softmax(Q_h K_hᵀ / √depth)``, and with ``mean`` their mean over the heads

    Args:
        query: as all others of `multi_head_attention`.
        key: ``(batch, keys, memory)``.
        value: ``(batch, keys, memory)``.
        query_kernel: ``(features, heads, depth)``.
        key_kernel: ``(memory, heads, depth)``.
        value_kernel: ``(memory, heads, values)``.
        output_kernel: ``(heads, values, features)``.
        mask: ``(queries, keys)``, True where a query may attend to a key.
        key_mask: ``(batch, keys)``, True where a key counts.
        masking: ``none``, ``pairs``, ``keys`` or ``causal``.
        mean: whether the weights are averaged over the heads.

    Returns:
        The output, ``(batch, queries, features)``, and the weights, ``(batch, queries, keys)`` or ``(batch,
        heads, queries, keys)``; gradients flow through both.

    Raises:
        ValueError: a shape does not fit, or ``masking`` is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.2.
    """
    check_choice("masking", masking, MASKINGS)
    given = query, key, value, query_kernel, key_kernel, value_kernel
    _check_projected(*given, output_kernel)
    heads = _heads(*given, None, None, None, mask, key_mask, masking)
    weights = heads.weights.of_keys
    y = np.einsum("bqhv,hvf->bqf", average(weights, heads.value), output_kernel)
    return y, np.mean(weights, axis=1) if mean else weights


def multi_head_attention_weights_vjp(
    query: Array,
    key: Array,
    value: Array,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    mask: Array | None,
    key_mask: Array | None,
    cotangents: tuple[Array, Array],
    *,
    masking: str = "none",
    mean: bool = True,
) -> Gradients:
    """Gradient of `multi_head_attention_weights`: that of the weights joins what the average sends them."""
    kernels = query_kernel, key_kernel, value_kernel, output_kernel
    heads = _heads(query, key, value, *kernels[:3], None, None, None, mask, key_mask, masking)
    into_output, into_weights = cotangents
    if mean:
        into_weights = into_weights[:, np.newaxis] / query_kernel.shape[1]
    return _through_heads(heads, query, key, value, *kernels, False, into_output, into_weights)[:7]


def _heads(
    query: Array,
    key: Array | None,
    value: Array | None,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    query_bias: Array | None,
    key_bias: Array | None,
    value_bias: Array | None,
    mask: Array | None,
    key_mask: Array | None,
    masking: str,
) -> Heads:
    key, value = (query if given is None else given for given in (key, value))
    by_head = [
        _projected(*each)
        for each in (
            (query, query_kernel, query_bias),
            (key, key_kernel, key_bias),
            (value, value_kernel, value_bias),
        )
    ]
    allowed = causal_band(query.shape[1], key.shape[1], "top_left" if masking == "causal" else "none")
    allowed = allowed if mask is None else allowed & mask
    allowed = allowed if key_mask is None else allowed & key_mask[:, np.newaxis, np.newaxis]
    weights = weigh(scores(by_head[0], by_head[1]), allowed)
    return Heads(by_head[0], by_head[1], by_head[2], weights, allowed)


def _projected(x: Array, kernel: Array, bias: Array | None) -> Array:
    projected = np.einsum("btf,fhd->bthd", x, kernel)
    return projected if bias is None else projected + bias


def _through_heads(
    heads: Heads,
    query: Array,
    key: Array | None,
    value: Array | None,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    biased: bool,
    into_output: Array,
    into_weights: Array | float,
) -> Gradients:
    """Gradients of inputs, kernels and biases, from those of the output and of the weights."""
    into_average = np.einsum("bqf,hvf->bqhv", into_output, output_kernel)
    from_average, into_value = average_vjp(heads.weights.of_keys, heads.value, into_average)
    slope, _ = weigh_vjp(heads.weights, heads.allowed, from_average + into_weights)
    into_heads = (*scores_vjp(heads.query, heads.key, slope), into_value)
    inputs = [query, *(query if given is None else given for given in (key, value))]
    kernels = query_kernel, key_kernel, value_kernel
    into_inputs: tuple[Any, ...] = tuple(
        np.einsum("bthd,fhd->btf", g, kernel) for g, kernel in zip(into_heads, kernels, strict=True)
    )
    if key is None:
        into_inputs = into_inputs[0] + into_inputs[1] + into_inputs[2], None, None
    averages = average(heads.weights.of_keys, heads.value)
    return (
        *into_inputs,
        *(np.einsum("btf,bthd->fhd", x, g) for x, g in zip(inputs, into_heads, strict=True)),
        np.einsum("bqhv,bqf->hvf", averages, into_output),
        *(np.sum(g, axis=(0, 1)) if biased else None for g in (*into_heads, into_output)),
    )


def _check_projected(
    query: Array,
    key: Array | None,
    value: Array | None,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
) -> None:
    require_rank("query", query, 3, "batch, queries, features")
    features, heads, depth = query_kernel.shape
    memory = features if key is None else key.shape[-1]
    require(query.shape[-1] == features, f"query must have {features} features; got {query.shape[-1]}")
    if key is not None and value is not None:
        require_rank("key", key, 3, "batch, keys, memory")
        require(key.shape[0] == query.shape[0], f"key must share the batch of the query; got {key.shape}")
        require_shape("value", value, key.shape, "batch, keys, memory")
    require_shape("key_kernel", key_kernel, (memory, heads, depth), "memory, heads, depth")
    values = value_kernel.shape[-1]
    require_shape("value_kernel", value_kernel, (memory, heads, values), "memory, heads, values")
    require_shape("output_kernel", output_kernel, (heads, values, features), "heads, values, features")


# --- scores by addition ---


def additive_attention(
    query: Array,
    key: Array,
    value: Array,
    scale: Array | None = None,
    key_mask: Array | None = None,
    *,
    causal: bool = False,
) -> Array:
    """Attention whose scores are sums over a hidden layer of query and key.

    ``y_i = Σⱼ softmaxⱼ(Σ_d s_d tanh(q_id + k_jd)) vⱼ``

    Args:
        query: ``(batch, queries, depth)``.
        key: ``(batch, keys, depth)``.
        value: ``(batch, keys, values)``.
        scale: s, ``(depth,)``; 1 where it is None.
        key_mask: ``(batch, keys)``, True where a key counts, one in each row at least.
        causal: whether query i attends to the keys up to i alone.

    Returns:
        ``(batch, queries, values)``

    Raises:
        ValueError: a shape does not fit.

    Source: Bahdanau, Cho and Bengio (2015), Neural machine translation by jointly learning to align and
    translate, arXiv:1409.0473, section 3.1 and appendix A.1.2, after its projections.
    """
    require_rank("query", query, 3, "batch, queries, depth")
    batch, _, depth = query.shape
    require_shape("key", key, (batch, key.shape[1], depth), "batch, keys, depth")
    require_shape("value", value, (*key.shape[:2], value.shape[-1]), "batch, keys, values")
    if scale is not None:
        require_shape("scale", scale, (depth,), "depth")
    if key_mask is not None:
        require_mask("key_mask", key_mask, key.shape[:2], "batch, keys")
    weights, _ = _added(query, key, scale, key_mask, causal)
    return np.einsum("bqk,bkv->bqv", weights.of_keys, value)


def additive_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    scale: Array | None,
    key_mask: Array | None,
    cotangent: Array,
    *,
    causal: bool = False,
) -> tuple[Array, Array, Array, Array | None]:
    """Gradient of `additive_attention`: ``s (1 - tanh²)`` times what flows into a score."""
    weights, allowed = _added(query, key, scale, key_mask, causal)
    slope, _ = weigh_vjp(weights, allowed, np.einsum("bqv,bkv->bqk", cotangent, value))
    hidden = _hidden(query, key)
    into_sum = slope[..., np.newaxis] * ((1.0 - hidden) * (1.0 + hidden))
    into_sum = into_sum if scale is None else into_sum * scale
    return (
        np.sum(into_sum, axis=2),
        np.sum(into_sum, axis=1),
        np.einsum("bqk,bqv->bkv", weights.of_keys, cotangent),
        None if scale is None else np.einsum("bqk,bqkd->d", slope, hidden),
    )


def _hidden(query: Array, key: Array) -> Array:
    return np.tanh(query[:, :, np.newaxis] + key[:, np.newaxis])


def _added(
    query: Array, key: Array, scale: Array | None, key_mask: Array | None, causal: bool
) -> tuple[Weights, Array]:
    """The weights, and which key a query may attend to."""
    allowed = causal_band(query.shape[1], key.shape[1], "top_left" if causal else "none")
    allowed = allowed if key_mask is None else allowed & key_mask[:, np.newaxis]
    hidden = _hidden(query, key)
    return weigh(np.sum(hidden if scale is None else hidden * scale, axis=-1), allowed), allowed
