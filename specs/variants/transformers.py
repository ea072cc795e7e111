"""Faults and controls of the layers of a transformer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference import transformers
from ...reference.activations import gelu, relu
from ...reference.dense import dense
from ...reference.normalization import layer_norm
from ..language.variant import Control, Fault
from .attention_layers import layer

Array = Any
Function = Callable[..., Array]


# --- what a layer is made of ---


def seen(offset: int = 0) -> Function:
    """Which keys a query may attend to, of all heads; the causal diagonal may lie in another place."""

    def allow(queries: int, keys: int, mask: Array | None, key_mask: Array | None, masking: str) -> Array:
        allowed = np.tri(queries, keys, offset if masking == "causal" else keys, dtype=bool)
        allowed = allowed if mask is None else allowed & mask
        return allowed if key_mask is None else allowed & key_mask[:, np.newaxis, np.newaxis]

    return allow


def network(
    x: Array,
    inner: Array,
    outer: Array,
    inner_bias: Array | None,
    outer_bias: Array | None,
    activation: str,
    exact: bool = True,
) -> Array:
    """The dense layers, the hidden units in two halves."""
    hidden = dense(x, inner, inner_bias)
    hidden = relu(hidden) if activation == "relu" else gelu(hidden, approximate=not exact)
    half = outer.shape[0] // 2
    y = dense(hidden[..., :half], outer[:half]) + dense(hidden[..., half:], outer[half:])
    return y if outer_bias is None else y + outer_bias


def around(x: Array, normalize: Function, norm: str, function: Function) -> Array:
    """A part with its sum and its normalization."""
    return x + function(normalize(x)) if norm == "first" else normalize(x + function(x))


def sum_of_normalized(x: Array, normalize: Function, norm: str, function: Function) -> Array:
    """What is normalized is added, too; or what is added is all that is normalized."""
    if norm == "first":
        normal = normalize(x)
        return normal + function(normal)
    return x + normalize(function(x))


def taken_for_a_mask(score_bias: Array | None) -> Array | None:
    """What is below 0 shuts a pair out, and the rest does nothing."""
    return None if score_bias is None else np.where(score_bias < 0.0, -40.0, 0.0)


def of_two(stacked: Array | None) -> tuple[Any, ...]:
    """What belongs to attention within the sequence, and to the memory."""
    return (None, None) if stacked is None else tuple(stacked)


def heads(
    allow: Function,
    x: Array,
    memory: Array | None,
    weights: tuple[Any, ...],
    counts: Array | None,
    causal: bool,
    score_bias: Array | None = None,
    mask: Array | None = None,
) -> Array:
    """Attention, whose heads are one product."""
    projections, output, biases, bias = weights
    each = (None,) * 3 if biases is None else tuple(biases)
    kernels = (*projections, output, *each, bias)
    masking = "causal" if causal else "none"
    given = x, memory, memory, *kernels, score_bias, None, None, mask, counts
    return layer(allow)(*given, masking=masking)


def counting(lengths: Array | None, x: Array) -> Array | None:
    """Which places count."""
    return None if lengths is None else np.arange(x.shape[1]) < lengths[:, np.newaxis]


def normalizations(scales: Array, offsets: Array | None, epsilon: float) -> list[Function]:
    """Each as a function of x."""
    biases = (None,) * len(scales) if offsets is None else tuple(offsets)
    return [
        functools.partial(layer_norm, scale=scale, bias=bias, epsilon=epsilon)
        for scale, bias in zip(scales, biases, strict=True)
    ]


def encoder_layer(
    allow: Function | None = None,
    network: Function = network,
    around: Function = around,
    beside: bool = False,
    added: Function = lambda score_bias: score_bias,
) -> Function:
    """An encoder's layer of these parts; the network may stand ``beside`` attention.

    What is ``added`` to scores is made of what is given for it.
    """

    def forward(
        x: Array,
        projections: Array,
        output_kernel: Array,
        inner_kernel: Array,
        outer_kernel: Array,
        scales: Array,
        projection_biases: Array | None = None,
        output_bias: Array | None = None,
        inner_bias: Array | None = None,
        outer_bias: Array | None = None,
        offsets: Array | None = None,
        score_bias: Array | None = None,
        lengths: Array | None = None,
        mask: Array | None = None,
        *,
        norm: str,
        activation: str,
        causal: bool,
        epsilon: float,
    ) -> Array:
        first, second = normalizations(scales, offsets, epsilon)
        kernels = projections, output_kernel, projection_biases, output_bias
        told = counting(lengths, x), causal, added(score_bias), mask
        h = around(x, first, norm, lambda z: heads(allow or seen(), z, None, kernels, *told))
        dense_layers = inner_kernel, outer_kernel, inner_bias, outer_bias, activation
        return around(h, second, norm, lambda z: network(x if beside else z, *dense_layers))

    return forward


def decoder_layer(
    normalized_memory: bool = False, both_causal: bool = False, swapped: bool = False
) -> Function:
    """A decoder's layer, in which something may be wrong."""

    def forward(
        x: Array,
        memory: Array,
        projections: Array,
        output_kernels: Array,
        inner_kernel: Array,
        outer_kernel: Array,
        scales: Array,
        projection_biases: Array | None = None,
        output_biases: Array | None = None,
        inner_bias: Array | None = None,
        outer_bias: Array | None = None,
        offsets: Array | None = None,
        score_bias: Array | None = None,
        memory_bias: Array | None = None,
        lengths: Array | None = None,
        memory_lengths: Array | None = None,
        mask: Array | None = None,
        memory_mask: Array | None = None,
        *,
        norm: str,
        activation: str,
        causal: bool,
        epsilon: float,
    ) -> Array:
        first, second, third = normalizations(scales, offsets, epsilon)
        own, other = zip(
            *(of_two(each) for each in (projections, output_kernels, projection_biases, output_biases)),
            strict=True,
        )
        kept = second(memory) if normalized_memory else memory
        within = counting(lengths, x), causal, score_bias, mask
        beyond = counting(memory_lengths, memory), causal and both_causal, memory_bias, memory_mask
        parts: list[tuple[Function, Function]] = [
            (first, lambda z: heads(seen(), z, None, own, *within)),
            (second, lambda z: heads(seen(), z, kept, other, *beyond)),
        ]
        for normalize, attend in parts[::-1] if swapped else parts:
            x = around(x, normalize, norm, attend)
        dense_layers = inner_kernel, outer_kernel, inner_bias, outer_bias, activation
        return around(x, third, norm, lambda z: network(z, *dense_layers))

    return forward


# --- layers, one upon the other ---


def stacked(
    layer: Function, given: int, weights: int, *, normal_layers: bool = False, first_alone: str = ""
) -> Function:
    """A stack of layers over so many sequences, of so many weights each, with a normalization in the end.

    The last normalization may follow on each layer; something may be told to the first layer alone.
    """

    def forward(*arrays: Array, norm: str, causal: bool) -> Array:
        x, *others = arrays[:given]
        final, counts = arrays[given + weights : -given], arrays[-given:]
        absent = (None,) * given
        for number, each in enumerate(zip(*arrays[given : given + weights], strict=True)):
            told = counts if not (number and first_alone == "lengths") else [None] * given
            seen_causally = causal and not (number and first_alone == "causal")
            each = (*each, *(None,) * (10 - weights))
            x = layer(x, *others, *each, *absent, *told, *absent, norm=norm, causal=seen_causally)
            x = layer_norm(x, *final) if normal_layers and final[0] is not None else x
        return x if normal_layers or final[0] is None else layer_norm(x, *final)

    return forward


ENCODER = functools.partial(stacked, transformers.transformer_encoder_layer, 1, 10)
DECODER = functools.partial(stacked, transformers.transformer_decoder_layer, 2, 5)


def controlled(layer: Function) -> Function:
    """A layer with what its stack does not say."""
    return functools.partial(layer, activation="relu", epsilon=1e-5)


GELU_BY_TANH = functools.partial(network, exact=False)

FAULTS = {
    "transformer_encoder_layer": (
        Fault(name="sum beside the normalization", reference=encoder_layer(around=sum_of_normalized)),
        Fault(name="network beside attention", reference=encoder_layer(beside=True)),
        Fault(
            name="what is added taken for a mask",
            reference=encoder_layer(added=taken_for_a_mask),
            where="masks == 'added'",
        ),
        Fault(
            name="tanh form of gelu",
            reference=encoder_layer(network=GELU_BY_TANH),
            where="activation == 'gelu'",
        ),
        Fault(name="causal leaves out its own key", reference=encoder_layer(seen(-1)), where="causal"),
        Fault(name="causal looks one key ahead", reference=encoder_layer(seen(1)), where="causal"),
    ),
    "transformer_decoder_layer": (
        Fault(name="memory normalized", reference=decoder_layer(normalized_memory=True)),
        Fault(name="memory seen causally", reference=decoder_layer(both_causal=True), where="causal"),
        Fault(name="memory before its own sequence", reference=decoder_layer(swapped=True)),
    ),
    "transformer_encoder": (
        Fault(
            name="last normalization behind every layer",
            reference=ENCODER(normal_layers=True),
            where="final_norm and padded_output == 'computed'",
        ),
        Fault(
            name="causal in the first layer alone",
            reference=ENCODER(first_alone="causal"),
            where="causal and padded_output == 'computed'",
        ),
        Fault(
            name="lengths for the first layer alone",
            reference=ENCODER(first_alone="lengths"),
            where="padded and padded_output == 'computed'",
        ),
        Fault(
            name="0 behind the last normalization",
            results={
                "y": lambda result, lengths: np.where(
                    (np.arange(result.shape[1]) < lengths[:, None])[..., None], result, 0.0
                )
            },
            where="padded and padded_output == 'zero' and final_norm",
        ),
    ),
    "transformer_decoder": (
        Fault(
            name="last normalization behind every layer",
            reference=DECODER(normal_layers=True),
            where="final_norm",
        ),
        Fault(
            name="causal in the first layer alone",
            reference=DECODER(first_alone="causal"),
            where="causal",
        ),
        Fault(
            name="lengths for the first layer alone",
            reference=DECODER(first_alone="lengths"),
            where="padded",
        ),
    ),
}


def shifted(*names: str, where: str) -> tuple[Control, ...]:
    """All features shifted alike by what a part adds, which no normalization behind it sees."""
    return tuple(
        Control(
            name=f"features shifted alike by {name}, in the gradient",
            inputs={name: lambda given: None if given is None else given + 1.0},
            where=where,
            spoils="gradients",
            rounds=False,
        )
        for name in names
    )


HALVES = "heads in one product, hidden units in halves"

CONTROLS = {
    "transformer_encoder_layer": (
        Control(name=HALVES, reference=encoder_layer()),
        *shifted(
            *("output_kernel", "outer_kernel", "output_bias", "outer_bias"),
            where="norm == 'last' and not inference",
        ),
    ),
    "transformer_decoder_layer": (
        Control(name=HALVES, reference=decoder_layer()),
        *shifted(
            *("output_kernels", "outer_kernel", "output_biases", "outer_bias"),
            where="norm == 'last'",
        ),
    ),
    "transformer_encoder": (
        Control(
            name=HALVES,
            reference=stacked(controlled(encoder_layer()), 1, 10),
            where="padded_output == 'computed'",
        ),
        *shifted(
            *("output_kernel", "outer_kernel", "output_bias", "outer_bias"),
            where="(norm == 'last' or final_norm) and not inference",
        ),
    ),
    "transformer_decoder": (
        Control(name=HALVES, reference=stacked(controlled(decoder_layer()), 2, 5)),
        *shifted("output_kernels", "outer_kernel", where="norm == 'last' or final_norm"),
    ),
}
