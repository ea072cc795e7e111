"""Layers of a transformer, as compositions of attention, dense layers and layer normalization.

Arrays that a layer has several of lie one behind the other: kernels of query, key and value; the scales of
all its normalizations; what belongs to attention within a sequence, and to a memory; the layers of a stack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .activations import gelu, relu
from .attending import check_choice
from .attention_layers import multi_head_attention
from .chain import add, chained, part, unstack
from .checks import Array, require, require_rank, require_shape
from .dense import dense
from .normalization import layer_norm

__all__ = [
    "transformer_decoder",
    "transformer_decoder_layer",
    "transformer_decoder_layer_vjp",
    "transformer_decoder_vjp",
    "transformer_encoder",
    "transformer_encoder_layer",
    "transformer_encoder_layer_vjp",
    "transformer_encoder_vjp",
]

NORMS = ("last", "first")
ACTIVATIONS: dict[str, Callable[..., Array]] = {"relu": relu, "gelu": gelu}

NO_BIASES = (None,) * 5

Optional = Array | None


class _Form(NamedTuple):
    """How the parts of a layer are put together."""

    norm: str
    activation: str
    epsilon: float


class _Seen(NamedTuple):
    """Which places a place attends to, and what is added to its scores of them."""

    score_bias: Optional
    mask: Optional
    counts: Optional
    causal: bool


def transformer_encoder_layer(
    x: Array,
    projections: Array,
    output_kernel: Array,
    inner_kernel: Array,
    outer_kernel: Array,
    scales: Array,
    projection_biases: Optional = None,
    output_bias: Optional = None,
    inner_bias: Optional = None,
    outer_bias: Optional = None,
    offsets: Optional = None,
    score_bias: Optional = None,
    lengths: Optional = None,
    mask: Optional = None,
    *,
    norm: str = "last",
    activation: str = "relu",
    causal: bool = False,
    epsilon: float = 1e-5,
) -> Array:
    """Layer of a transformer's encoder: attention of a sequence to itself, and a network at each place.

    ``h = N₁(x + A(x))`` and ``y = N₂(h + F(h))``, with the norm first ``h = x + A(N₁(x))`` and ``y = h +
    F(N₂(h))``; A is `multi_head_attention`, ``F(h) = f(h W + b) V + c``, and N are layer normalizations

    Args:
        x: ``(batch, time, features)``.
        projections: kernels of query, key and value, ``(3, features, heads, depth)``.
        output_kernel: of attention, ``(heads, depth, features)``.
        inner_kernel: W, ``(features, hidden)``.
        outer_kernel: V, ``(hidden, features)``.
        scales: of N₁ and N₂, ``(2, features)``.
        projection_biases: ``(3, heads, depth)``; all biases and offsets or none are given.
        output_bias: ``(features,)``.
        inner_bias: b, ``(hidden,)``.
        outer_bias: c, ``(features,)``.
        offsets: of N₁ and N₂, ``(2, features)``.
        score_bias: added to the scores of all heads of attention, ``(time, time)``.
        lengths: how many places of a sequence count as keys, one at least, ``(batch,)``; None for all. The
            others are queries still, and have their output.
        mask: True where a place attends to a place, ``(time, time)``; None for everywhere.
        norm: ``last``, behind each sum, or ``first``, before attention and before the network.
        activation: f, ``relu`` or ``gelu``.
        causal: whether a place attends to those up to its own alone.
        epsilon: of the normalizations.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit, or a word is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.1; Xiong et al.
    (2020), On layer normalization in the transformer architecture, arXiv:2002.04745, table 1.
    """
    form = _form(norm, activation, epsilon)
    require_rank("x", x, 3, "batch, time, features")
    norms = _norms(scales, offsets, 2)
    counts = _counting(lengths, x)
    kernels = (*_parts(projections, 3), output_kernel, *_parts(projection_biases, 3), output_bias)
    seen = _Seen(score_bias, mask, counts, causal)
    x = _around(x, norms[0], form, lambda z: _attention(z, None, kernels, seen))
    network = inner_kernel, outer_kernel, inner_bias, outer_bias
    return _around(x, norms[1], form, lambda z: _network(z, *network, activation))


transformer_encoder_layer_vjp = chained(transformer_encoder_layer, wrt=12)


def transformer_decoder_layer(
    x: Array,
    memory: Array,
    projections: Array,
    output_kernels: Array,
    inner_kernel: Array,
    outer_kernel: Array,
    scales: Array,
    projection_biases: Optional = None,
    output_biases: Optional = None,
    inner_bias: Optional = None,
    outer_bias: Optional = None,
    offsets: Optional = None,
    score_bias: Optional = None,
    memory_bias: Optional = None,
    lengths: Optional = None,
    memory_lengths: Optional = None,
    mask: Optional = None,
    memory_mask: Optional = None,
    *,
    norm: str = "last",
    activation: str = "relu",
    causal: bool = True,
    epsilon: float = 1e-5,
) -> Array:
    """Layer of a transformer's decoder: between the two parts of an encoder's, attention to a memory.

    ``g = N₁(x + A(x))``, ``h = N₂(g + B(g, m))`` and ``y = N₃(h + F(h))``, with the norm first ``g = x +
    A(N₁(x))``, ``h = g + B(N₂(g), m)`` and ``y = h + F(N₃(h))``; B takes its keys and values from the memory
    as it is

    Args:
        x: ``(batch, time, features)``.
        memory: m, ``(batch, places, features)``.
        projections: kernels of query, key and value of A and of B, ``(2, 3, features, heads, depth)``.
        output_kernels: of A and B, ``(2, heads, depth, features)``.
        inner_kernel: as in `transformer_encoder_layer`.
        outer_kernel: as there.
        scales: of N₁, N₂ and N₃, ``(3, features)``.
        projection_biases: ``(2, 3, heads, depth)``; all biases and offsets or none are given.
        output_biases: ``(2, features)``.
        inner_bias: as in `transformer_encoder_layer`.
        outer_bias: as there.
        offsets: of N₁, N₂ and N₃, ``(3, features)``.
        score_bias: added to the scores of A, ``(time, time)``.
        memory_bias: added to the scores of B, ``(time, places)``.
        lengths: how many places of a sequence count as keys, one at least, ``(batch,)``; None for all.
        memory_lengths: how many places of its memory count, one at least, ``(batch,)``; None for all.
        mask: True where A lets a place attend to a place, ``(time, time)``; None for everywhere.
        memory_mask: True where B lets a place attend to one of the memory, ``(time, places)``; None for
            everywhere.
        norm: ``last`` or ``first``.
        activation: ``relu`` or ``gelu``.
        causal: whether A attends to the places up to a query's own alone; B attends to all of the memory.
        epsilon: of the normalizations.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit, or a word is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.1; Xiong et al.
    (2020), On layer normalization in the transformer architecture, arXiv:2002.04745, for the norm first.
    """
    form = _form(norm, activation, epsilon)
    require_rank("x", x, 3, "batch, time, features")
    require_rank("memory", memory, 3, "batch, places, features")
    norms = _norms(scales, offsets, 3)
    own, other = (
        (*_parts(kernels, 3), output, *_parts(biases, 3), bias)
        for kernels, output, biases, bias in zip(
            *(_parts(each, 2) for each in (projections, output_kernels, projection_biases, output_biases)),
            strict=True,
        )
    )
    within = _Seen(score_bias, mask, _counting(lengths, x), causal)
    beyond = _Seen(memory_bias, memory_mask, _counting(memory_lengths, memory), False)
    x = _around(x, norms[0], form, lambda z: _attention(z, None, own, within))
    x = _around(x, norms[1], form, lambda z: _attention(z, memory, other, beyond))
    network = inner_kernel, outer_kernel, inner_bias, outer_bias
    return _around(x, norms[2], form, lambda z: _network(z, *network, activation))


transformer_decoder_layer_vjp = chained(transformer_decoder_layer, wrt=14)


# --- layers, one upon the other ---


def transformer_encoder(
    x: Array,
    projections: Array,
    output_kernel: Array,
    inner_kernel: Array,
    outer_kernel: Array,
    scales: Array,
    projection_biases: Array,
    output_bias: Array,
    inner_bias: Array,
    outer_bias: Array,
    offsets: Array,
    final_scale: Optional = None,
    final_offset: Optional = None,
    lengths: Optional = None,
    *,
    norm: str = "last",
    causal: bool = False,
    padded_output: str = "computed",
) -> Array:
    """Encoder of a transformer: layers, each over the outputs of the one below, and a normalization.

    Args:
        x: ``(batch, time, features)``.
        projections: as all weights of `transformer_encoder_layer`, with an axis of layers in front.
        output_kernel: ``(layers, heads, depth, features)``.
        inner_kernel: ``(layers, features, hidden)``.
        outer_kernel: ``(layers, hidden, features)``.
        scales: ``(layers, 2, features)``.
        projection_biases: ``(layers, 3, heads, depth)``.
        output_bias: ``(layers, features)``.
        inner_bias: ``(layers, hidden)``.
        outer_bias: ``(layers, features)``.
        offsets: ``(layers, 2, features)``.
        final_scale: of the normalization in the end, ``(features,)``; None for no such normalization.
        final_offset: ``(features,)``; with ``final_scale`` or None.
        lengths: how many places of a sequence count as keys in every layer, ``(batch,)``; None for all.
        norm: ``last`` or ``first``, in each layer.
        causal: whether a place attends to those up to its own alone.
        padded_output: at places that do not count, what is ``computed`` there, or ``zero`` before the
            normalization in the end.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit, or a word is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.1.
    """
    check_choice("padded_output", padded_output, ("computed", "zero"))
    require_rank("x", x, 3, "batch, time, features")
    stacked = projections, output_kernel, inner_kernel, outer_kernel, scales
    biases = projection_biases, output_bias, inner_bias, outer_bias, offsets
    for weights in _by_layer(*stacked, *biases):
        x = part(transformer_encoder_layer, x, *weights, None, lengths, None, norm=norm, causal=causal)
    counts = _counting(lengths, x)
    if padded_output == "zero" and counts is not None:
        x = part(keep, x, counts=counts)
    return x if final_scale is None else part(layer_norm, x, final_scale, final_offset)


transformer_encoder_vjp = chained(transformer_encoder, wrt=13)


def transformer_decoder(
    x: Array,
    memory: Array,
    projections: Array,
    output_kernels: Array,
    inner_kernel: Array,
    outer_kernel: Array,
    scales: Array,
    final_scale: Optional = None,
    lengths: Optional = None,
    memory_lengths: Optional = None,
    *,
    norm: str = "last",
    causal: bool = True,
) -> Array:
    """Decoder of a transformer, without biases: layers over each other that see one memory, and a norm.

    Args:
        x: ``(batch, time, features)``.
        memory: ``(batch, places, features)``, the same for all layers.
        projections: as all weights of `transformer_decoder_layer`, with an axis of layers in front.
        output_kernels: ``(layers, 2, heads, depth, features)``.
        inner_kernel: ``(layers, features, hidden)``.
        outer_kernel: ``(layers, hidden, features)``.
        scales: ``(layers, 3, features)``.
        final_scale: of the normalization in the end, ``(features,)``; None for no such normalization.
        lengths: how many places of a sequence count as keys, ``(batch,)``; None for all.
        memory_lengths: how many places of its memory count, ``(batch,)``; None for all.
        norm: ``last`` or ``first``, in each layer.
        causal: whether a place attends to those up to its own alone.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit, or a word is unknown.

    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.1.
    """
    require_rank("x", x, 3, "batch, time, features")
    given = {"norm": norm, "causal": causal}
    for weights in _by_layer(projections, output_kernels, inner_kernel, outer_kernel, scales):
        arrays = x, memory, *weights, *NO_BIASES, None, None, lengths, memory_lengths, None, None
        x = part(transformer_decoder_layer, *arrays, **given)
    return x if final_scale is None else part(layer_norm, x, final_scale, None)


transformer_decoder_vjp = chained(transformer_decoder, wrt=8)


def keep(x: Array, *, counts: Array) -> Array:
    """``x`` where a place counts, and 0 elsewhere."""
    return np.where(counts[..., np.newaxis], x, 0.0)


def keep_vjp(x: Array, cotangent: Array, *, counts: Array) -> tuple[Array]:
    """Gradient of `keep`."""
    return (keep(cotangent, counts=counts),)


def _by_layer(*stacked: Array) -> list[tuple[Array, ...]]:
    """The weights of each layer."""
    layers = len(stacked[0])
    require(layers > 0, "projections must have one layer at least")
    return list(zip(*(_parts(weights, layers) for weights in stacked), strict=True))


# --- parts of a layer ---


def _form(norm: str, activation: str, epsilon: float) -> _Form:
    check_choice("norm", norm, NORMS)
    check_choice("activation", activation, tuple(ACTIVATIONS))
    return _Form(norm, activation, epsilon)


def _parts(stacked: Optional, count: int) -> tuple[Any, ...]:
    """What lies one behind the other; None for each part where there is nothing."""
    if stacked is None:
        return (None,) * count
    require(len(stacked) == count, f"weights of {count} parts must be given; got {len(stacked)}")
    parts: tuple[Array, ...] = part(unstack, stacked)
    return parts


def _norms(scales: Array, offsets: Optional, count: int) -> list[tuple[Array, Optional]]:
    """Scale and offset of each normalization."""
    return list(zip(_parts(scales, count), _parts(offsets, count), strict=True))


def _counting(lengths: Optional, x: Array) -> Optional:
    """Which places of its sequence count, ``(batch, time)``; None for all."""
    if lengths is None:
        return None
    require_shape("lengths", lengths, x.shape[:1], "batch")
    longest = x.shape[1]
    require(np.all((lengths >= 1) & (lengths <= longest)), f"lengths must lie between 1 and {longest}")
    return np.arange(longest) < lengths[:, np.newaxis]


def _around(
    x: Array, normalization: tuple[Array, Optional], form: _Form, function: Callable[[Array], Array]
) -> Array:
    """The sum of x and what a function makes of it, normalized before the function or behind the sum."""
    if form.norm == "first":
        return part(add, x, function(part(layer_norm, x, *normalization, epsilon=form.epsilon)))
    total = part(add, x, function(x))
    return part(layer_norm, total, *normalization, epsilon=form.epsilon)


def _attention(x: Array, memory: Optional, weights: tuple[Any, ...], seen: _Seen) -> Array:
    """Attention of a sequence to a memory, or to itself."""
    given = x, memory, memory, *weights, seen.score_bias, None, None, seen.mask, seen.counts
    return part(multi_head_attention, *given, masking="causal" if seen.causal else "none")


def _network(
    x: Array, inner: Array, outer: Array, inner_bias: Optional, outer_bias: Optional, activation: str
) -> Array:
    """Two dense layers with an activation between them."""
    hidden = part(ACTIVATIONS[activation], part(dense, x, inner, inner_bias))
    return part(dense, hidden, outer, outer_bias)
