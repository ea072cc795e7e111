"""Specs of the layers of a transformer, and of their stacks."""

from __future__ import annotations

import dataclasses

from ..reference import transformers as reference
from .attention_layers import VASWANI
from .language.spec import Input, Parameter, Source, Spec

XIONG = Source("Xiong et al. (2020), On layer normalization", "https://arxiv.org/abs/2002.04745")

X = Input("x", "batch, time, features")
MEMORY = Input("memory", "batch, places, features", meaning="what is attended to as well")
LENGTHS = Input("lengths", "batch", kind="lengths", limit="time", when="padded", meaning="places that count")
MEMORY_LENGTHS = Input(
    "memory_lengths", "batch", kind="lengths", limit="places", when="padded", meaning="places that count"
)
SCORE_BIAS = Input(
    "score_bias", "time, time", when="masks == 'added'", meaning="added to the scores of all heads"
)
MASK = Input("mask", "time, time", kind="mask", when="masks == 'pairs'", meaning="True: attend")
MEMORY_BIAS, MEMORY_MASK = (
    dataclasses.replace(given, name=name, axes="time, places")
    for given, name in ((SCORE_BIAS, "memory_bias"), (MASK, "memory_mask"))
)


def _weights(*axes: tuple[str, str], when: str) -> tuple[Input, ...]:
    """Kernels and scales, then biases and offsets, which are there under a condition."""
    return tuple(
        Input(name, of, kind="weight", when=when if name.endswith(("bias", "biases", "offsets")) else "True")
        for name, of in axes
    )


def _encoder(when: str, before: str = "") -> tuple[Input, ...]:
    """The weights of an encoder's layer, with an axis ``before``."""
    return _weights(
        ("projections", f"{before}3, features, heads, depth"),
        ("output_kernel", f"{before}heads, depth, features"),
        ("inner_kernel", f"{before}features, hidden"),
        ("outer_kernel", f"{before}hidden, features"),
        ("scales", f"{before}2, features"),
        ("projection_biases", f"{before}3, heads, depth"),
        ("output_bias", f"{before}features"),
        ("inner_bias", f"{before}hidden"),
        ("outer_bias", f"{before}features"),
        ("offsets", f"{before}2, features"),
        when=when,
    )


def _decoder(when: str, before: str = "") -> tuple[Input, ...]:
    """The weights of a decoder's layer, with an axis ``before``."""
    return _weights(
        ("projections", f"{before}2, 3, features, heads, depth"),
        ("output_kernels", f"{before}2, heads, depth, features"),
        ("inner_kernel", f"{before}features, hidden"),
        ("outer_kernel", f"{before}hidden, features"),
        ("scales", f"{before}3, features"),
        ("projection_biases", f"{before}2, 3, heads, depth"),
        ("output_biases", f"{before}2, features"),
        ("inner_bias", f"{before}hidden"),
        ("outer_bias", f"{before}features"),
        ("offsets", f"{before}3, features"),
        when=when,
    )


NORM = Parameter("norm", reference.NORMS, "whether sums are normalized, or what goes into each part")
ACTIVATION = Parameter("activation", tuple(reference.ACTIVATIONS), "between the two dense layers")
PADDED = Parameter("padded", (False, True), "whether sequences have lengths of their own")
USE_BIAS = Parameter("use_bias", (True, False), "whether there are biases and offsets")
EPSILON = Parameter("epsilon", (1e-5, 1.0), "of the normalizations")
MASKS = Parameter("masks", ("none", "pairs", "added"), "what every sequence has for its pairs of places")
INFERENCE = Parameter(
    "inference", (False, True), "whether no gradient is asked for, where some take another path"
)


def _causal(default: bool) -> Parameter:
    return Parameter("causal", (default, not default), "whether a place attends to those up to its own alone")


def _frozen(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """The same inputs, of which no gradient is asked at inference."""
    return tuple(dataclasses.replace(given, frozen="inference") for given in inputs)


# What the roundings of several layers leave to be judged in half types, each part alone shows better.
IN_HALF = "dtype in ('bfloat16', 'float16')"

MASKED = (
    # A mask that is given says all; and places that do not count may be the only ones that it leaves.
    "causal and masks != 'none'",
    "padded and masks == 'pairs'",
    "time == 1 and masks != 'none'",
    f"masks == 'added' and {IN_HALF}",
)
# Where no gradient is asked, another path is taken with biases and an even number of heads alone.
ONE_PATH = "inference and masks != 'none' and (not use_bias or heads == 1)"

ENCODER_AXES = "batch time features heads depth hidden"
DECODER_AXES = "batch time places features heads depth hidden"

transformer_encoder_layer = Spec(
    reference=reference.transformer_encoder_layer,
    inputs=(*_frozen((X, *_encoder("use_bias"), SCORE_BIAS)), LENGTHS, MASK),
    parameters=(NORM, ACTIVATION, _causal(False), PADDED, USE_BIAS, EPSILON, INFERENCE, MASKS),
    axes=ENCODER_AXES,
    sizes=((2, 4, 6, 2, 3, 5), (2, 3, 4, 1, 4, 9), (3, 1, 8, 4, 2, 3)),
    data=("normal",),
    excluded=(*MASKED, ONE_PATH),
    sources=(VASWANI, XIONG),
)

transformer_decoder_layer = Spec(
    reference=reference.transformer_decoder_layer,
    inputs=(
        *(X, MEMORY, *_decoder("use_bias"), SCORE_BIAS, MEMORY_BIAS),
        *(LENGTHS, MEMORY_LENGTHS, MASK, MEMORY_MASK),
    ),
    parameters=(NORM, ACTIVATION, _causal(True), PADDED, USE_BIAS, EPSILON, MASKS),
    axes=DECODER_AXES,
    sizes=((2, 4, 3, 6, 2, 3, 5), (1, 1, 5, 3, 1, 3, 7)),
    data=("normal",),
    excluded=MASKED,
    sources=(VASWANI, XIONG),
)

LAYERS = Parameter("layers", (2, 3), "how many")
FINAL_NORM = Parameter("final_norm", (True, False), "whether what leaves the last layer is normalized")
FINAL = (
    Input("final_scale", "features", kind="weight", when="final_norm"),
    Input("final_offset", "features", kind="weight", when="final_norm"),
)

transformer_encoder = Spec(
    reference=reference.transformer_encoder,
    inputs=(*_frozen((X, *_encoder("True", "layers, "), *FINAL)), LENGTHS),
    parameters=(
        NORM,
        _causal(False),
        PADDED,
        LAYERS,
        FINAL_NORM,
        Parameter(
            "padded_output",
            ("computed", "zero"),
            "what comes out where nothing counts, before the last normalization: as elsewhere, or 0",
            facet=True,
        ),
        INFERENCE,
    ),
    axes=ENCODER_AXES,
    sizes=((2, 3, 8, 2, 4, 5), (3, 5, 4, 4, 1, 3)),
    data=("normal",),
    excluded=("padded_output == 'zero' and not padded", IN_HALF),
    sources=(VASWANI,),
)

transformer_decoder = Spec(
    reference=reference.transformer_decoder,
    inputs=(X, MEMORY, *_decoder("False", "layers, ")[:5], FINAL[0], LENGTHS, MEMORY_LENGTHS),
    parameters=(NORM, _causal(True), PADDED, LAYERS, FINAL_NORM),
    excluded=(IN_HALF,),
    axes=DECODER_AXES,
    sizes=((2, 3, 4, 8, 2, 4, 5), (1, 2, 3, 9, 3, 3, 4)),
    data=("normal",),
    sources=(VASWANI,),
)
