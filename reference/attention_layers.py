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

MASKINGS = ("none", "pairs", "keys", "causal", "added")
APPENDED = ("none", "learned", "zero", "both")

Gradients = tuple[Array | None, ...]
Three = tuple[Any, Any, Any]
NO_BIASES: Three = (None, None, None)


class Heads(NamedTuple):
    """Queries, keys and values by head, and the weights of the keys for each query.

    The first ``given`` of the keys and values were given, the others are those behind them.
    """

    query: Array
    key: Array
    value: Array
    weights: Weights
    allowed: Array
    given: int


class Beside(NamedTuple):
    """What weights depend on beside queries and keys: what is added to scores, what is appended, masks."""

    score_bias: Array | None
    last_key: Array | None
    last_value: Array | None
    mask: Array | None
    key_mask: Array | None
    masking: str
    appended: str


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
    score_bias: Array | None = None,
    last_key: Array | None = None,
    last_value: Array | None = None,
    mask: Array | None = None,
    key_mask: Array | None = None,
    *,
    masking: str = "none",
    appended: str = "none",
) -> Array:
    """Attention of several heads, each with its own projections.

    ``y = Σ_h softmax(Q_h K_hᵀ / √depth + B) V_h W_h + b`` with ``Q_h = q W^Q_h + b^Q_h``, and so K and V

    Args:
        query: ``(batch, queries, features)``.
        key: ``(batch, keys, memory)``; None for self-attention, where the query is key and value, too.
        value: ``(batch, keys, contents)``.
        query_kernel: ``(features, heads, depth)``.
        key_kernel: ``(memory, heads, depth)``.
        value_kernel: ``(contents, heads, values)``.
        output_kernel: ``(heads, values, outputs)``.
        query_bias: ``(heads, depth)``; all four or none are given.
        key_bias: ``(heads, depth)``; it adds the same to all scores of a query, and has the gradient 0 where
            nothing is appended.
        value_bias: ``(heads, values)``.
        output_bias: ``(outputs,)``.
        score_bias: B, ``(queries, keys)``, added to the scores of all heads.
        last_key: ``(heads, depth)``, behind the keys of every sequence; it is not projected.
        last_value: ``(heads, values)``, the value of that key.
        mask: ``(queries, keys)``, True where a query may attend to a key.
        key_mask: ``(batch, keys)``, True where a key counts.
        masking: ``causal``, where query i attends to the keys up to i; ``pairs`` or ``keys``, by a mask;
            ``added``, by what is added to the scores; or ``none``.
        appended: what stands behind the keys, where every query sees it: ``none``; ``learned``, the last key
            with its value; ``zero``, a key of 0 whose value is 0; or ``both``.

    Returns:
        ``(batch, queries, outputs)``

    Raises:
        ValueError: a shape does not fit, or ``masking`` or ``appended`` is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.2.
    """
    kernels = query_kernel, key_kernel, value_kernel
    beside = Beside(score_bias, last_key, last_value, mask, key_mask, masking, appended)
    _check_projected(query, key, value, *kernels, output_kernel, beside)
    heads = _heads(query, key, value, kernels, (query_bias, key_bias, value_bias), beside)
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
    score_bias: Array | None,
    last_key: Array | None,
    last_value: Array | None,
    mask: Array | None,
    key_mask: Array | None,
    cotangent: Array,
    *,
    masking: str = "none",
    appended: str = "none",
) -> Gradients:
    """Gradient of `multi_head_attention`: that of attention, between those of projections."""
    kernels = query_kernel, key_kernel, value_kernel
    beside = Beside(score_bias, last_key, last_value, mask, key_mask, masking, appended)
    heads = _heads(query, key, value, kernels, (query_bias, key_bias, value_bias), beside)
    return _through_heads(
        *(heads, beside, query, key, value, kernels, output_kernel),
        biased=output_bias is not None,
        into_output=cotangent,
        into_weights=0.0,
    )


def multi_head_attention_weights(
    query: Array,
    key: Array,
    value: Array,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    score_bias: Array | None = None,
    last_key: Array | None = None,
    last_value: Array | None = None,
    mask: Array | None = None,
    key_mask: Array | None = None,
    *,
    masking: str = "none",
    appended: str = "none",
    mean: bool = True,
) -> tuple[Array, Array]:
    """Attention of several heads without biases, and the weights by which it averages.

    ``w_h = softmax(Q_h K_hᵀ / √depth + B)``, and with ``mean`` their mean over the heads

    Args:
        query: as all others of `multi_head_attention`.
        key: ``(batch, keys, memory)``.
        value: ``(batch, keys, contents)``.
        query_kernel: ``(features, heads, depth)``.
        key_kernel: ``(memory, heads, depth)``.
        value_kernel: ``(contents, heads, values)``.
        output_kernel: ``(heads, values, outputs)``.
        score_bias: B, ``(queries, keys)``, added to the scores of all heads.
        last_key: ``(heads, depth)``, behind all keys.
        last_value: ``(heads, values)``.
        mask: ``(queries, keys)``, True where a query may attend to a key.
        key_mask: ``(batch, keys)``, True where a key counts.
        masking: ``none``, ``pairs``, ``keys``, ``causal`` or ``added``.
        appended: ``none``, ``learned``, ``zero`` or ``both``.
        mean: whether the weights are averaged over the heads.

    Returns:
        The output, ``(batch, queries, outputs)``, and the weights, ``(batch, queries, keys)`` or ``(batch,
        heads, queries, keys)``, where what is appended counts as a key; gradients flow through both.

    Raises:
        ValueError: a shape does not fit, or ``masking`` or ``appended`` is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.2.
    """
    kernels = query_kernel, key_kernel, value_kernel
    beside = Beside(score_bias, last_key, last_value, mask, key_mask, masking, appended)
    _check_projected(query, key, value, *kernels, output_kernel, beside)
    heads = _heads(query, key, value, kernels, NO_BIASES, beside)
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
    score_bias: Array | None,
    last_key: Array | None,
    last_value: Array | None,
    mask: Array | None,
    key_mask: Array | None,
    cotangents: tuple[Array, Array],
    *,
    masking: str = "none",
    appended: str = "none",
    mean: bool = True,
) -> Gradients:
    """Gradient of `multi_head_attention_weights`: that of the weights joins what the average sends them."""
    kernels = query_kernel, key_kernel, value_kernel
    beside = Beside(score_bias, last_key, last_value, mask, key_mask, masking, appended)
    heads = _heads(query, key, value, kernels, NO_BIASES, beside)
    into_output, into_weights = cotangents
    if mean:
        into_weights = into_weights[:, np.newaxis] / query_kernel.shape[1]
    gradients = _through_heads(
        *(heads, beside, query, key, value, kernels, output_kernel),
        biased=False,
        into_output=into_output,
        into_weights=into_weights,
    )
    return *gradients[:7], *gradients[11:]


def _heads(
    query: Array, key: Array | None, value: Array | None, kernels: Three, biases: Three, beside: Beside
) -> Heads:
    inputs = (query if given is None else given for given in (query, key, value))
    queries, keys, values = (_projected(*each) for each in zip(inputs, kernels, biases, strict=True))
    count, zero = keys.shape[1], beside.appended in ("zero", "both")
    keys, values = _behind(keys, beside.last_key, zero), _behind(values, beside.last_value, zero)
    behind = keys.shape[1] - count
    logits = scores(queries, keys)
    if beside.score_bias is not None:
        columns = np.zeros((query.shape[1], behind))
        logits = logits + np.concatenate([beside.score_bias, columns], axis=1)
    allowed = _allowed(query.shape[1], count, beside)
    seen = np.ones((*allowed.shape[:-1], behind), dtype=bool)
    allowed = np.concatenate([allowed, seen], axis=-1)
    return Heads(queries, keys, values, weigh(logits, allowed), allowed, count)


def _projected(x: Array, kernel: Array, bias: Array | None) -> Array:
    projected = np.einsum("btf,fhd->bthd", x, kernel)
    return projected if bias is None else projected + bias


def _behind(by_head: Array, last: Array | None, zero: bool) -> Array:
    """Heads of keys or values, with one that was learned and one of zeros behind them."""
    one = (by_head.shape[0], 1, *by_head.shape[2:])
    parts = [by_head] if last is None else [by_head, np.broadcast_to(last, one)]
    parts = [*parts, np.zeros(one)] if zero else parts
    return np.concatenate(parts, axis=1) if parts[1:] else by_head


def _allowed(queries: int, keys: int, beside: Beside) -> Array:
    """Which of the keys that are given a query may attend to."""
    allowed = causal_band(queries, keys, "top_left" if beside.masking == "causal" else "none")
    allowed = allowed if beside.mask is None else allowed & beside.mask
    return allowed if beside.key_mask is None else allowed & beside.key_mask[:, np.newaxis, np.newaxis]


def _through_heads(
    heads: Heads,
    beside: Beside,
    query: Array,
    key: Array | None,
    value: Array | None,
    kernels: Three,
    output_kernel: Array,
    *,
    biased: bool,
    into_output: Array,
    into_weights: Array | float,
) -> Gradients:
    """Gradients of all arrays but the masks, from those of the output and of the weights."""
    into_average = np.einsum("bqf,hvf->bqhv", into_output, output_kernel)
    from_average, into_values = average_vjp(heads.weights.of_keys, heads.value, into_average)
    slope, _ = weigh_vjp(heads.weights, heads.allowed, from_average + into_weights)
    into_queries, into_keys = scores_vjp(heads.query, heads.key, slope)
    into_heads = into_queries, into_keys[:, : heads.given], into_values[:, : heads.given]
    inputs = [query if given is None else given for given in (query, key, value)]
    into_inputs: tuple[Any, ...] = tuple(
        np.einsum("bthd,fhd->btf", g, kernel) for g, kernel in zip(into_heads, kernels, strict=True)
    )
    if key is None:
        into_inputs = into_inputs[0] + into_inputs[1] + into_inputs[2], None, None
    averages = average(heads.weights.of_keys, heads.value)
    last = ((beside.last_key, into_keys), (beside.last_value, into_values))
    return (
        *into_inputs,
        *(np.einsum("btf,bthd->fhd", x, g) for x, g in zip(inputs, into_heads, strict=True)),
        np.einsum("bqhv,bqf->hvf", averages, into_output),
        *(np.sum(g, axis=(0, 1)) if biased else None for g in (*into_heads, into_output)),
        None if beside.score_bias is None else np.sum(slope[..., : heads.given], axis=(0, 1)),
        *(None if given is None else np.sum(g[:, heads.given], axis=0) for given, g in last),
    )


def _check_projected(
    query: Array,
    key: Array | None,
    value: Array | None,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    beside: Beside,
) -> None:
    check_choice("masking", beside.masking, MASKINGS)
    check_choice("appended", beside.appended, APPENDED)
    require_rank("query", query, 3, "batch, queries, features")
    features, heads, depth = query_kernel.shape
    require(query.shape[-1] == features, f"query must have {features} features; got {query.shape[-1]}")
    memory = contents = features
    if key is not None and value is not None:
        require_rank("key", key, 3, "batch, keys, memory")
        require(key.shape[0] == query.shape[0], f"key must share the batch of the query; got {key.shape}")
        memory, contents = key.shape[-1], value.shape[-1]
        require_shape("value", value, (*key.shape[:2], contents), "batch, keys, contents")
    require_shape("key_kernel", key_kernel, (memory, heads, depth), "memory, heads, depth")
    values, outputs = value_kernel.shape[-1], output_kernel.shape[-1]
    require_shape("value_kernel", value_kernel, (contents, heads, values), "contents, heads, values")
    require_shape("output_kernel", output_kernel, (heads, values, outputs), "heads, values, outputs")
    learned = beside.appended in ("learned", "both")
    for name, last, length in (
        ("last_key", beside.last_key, depth),
        ("last_value", beside.last_value, values),
    ):
        require((last is not None) == learned, f"{name} must be given where one is appended, and not else")
        if last is not None:
            require_shape(name, last, (heads, length), "heads, depth")
    if beside.score_bias is not None:
        pairs = query.shape[1], (query if key is None else key).shape[1]
        require_shape("score_bias", beside.score_bias, pairs, "queries, keys")


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
