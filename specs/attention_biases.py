"""Specs of what lies between scores and weights."""

from __future__ import annotations

from ..reference import attention_biases as reference
from .attention_forms import AXES, KEY, QUERY, VALUE
from .language.spec import Input, Parameter, Source, Spec

alibi_attention = Spec(
    reference=reference.alibi_attention,
    inputs=(
        QUERY,
        KEY,
        VALUE,
        Input("slopes", "heads", kind="positive", meaning="how much each step takes", when="learned"),
    ),
    parameters=(
        Parameter("causal", (True, False), "whether queries attend to earlier keys only"),
        Parameter("learned", (False, True), "whether slopes are given, or those of the paper"),
        Parameter(
            "alignment", reference.ALIGNMENTS, "where the place of a query is among the keys", facet=True
        ),
        Parameter(
            "bias_by", reference.BIASES, "whether the distance or the place of a key is counted", facet=True
        ),
    ),
    outputs=("y", "lse"),
    axes=AXES,
    # Heads are a power of two, or not; of the last, rows see nothing.
    sizes=((2, 3, 5, 4, 7, 7), (1, 5, 5, 3, 4, 4), (1, 5, 33, 6, 8, 3), (1, 7, 4, 2, 3, 8)),
    data=("normal", "saturated"),
    excluded=("bias_by == 'place' and not causal",),
    sources=(Source("Press, Smith and Lewis (2021), ALiBi", "https://arxiv.org/abs/2108.12409"),),
)

scaled_masked_softmax = Spec(
    reference=reference.scaled_masked_softmax,
    inputs=(
        Input("x", "batch, heads, queries, keys", meaning="the scores"),
        Input("mask", "batch, 1, queries, keys", kind="mask", meaning="True: counts", when="use_mask"),
    ),
    parameters=(
        Parameter("use_mask", (True, False), "whether there is a mask"),
        Parameter("causal", (False, True), "whether queries attend to earlier keys only"),
        Parameter("scale", (1.0, 0.3), "factor of the scores"),
        Parameter("plus_one", (False, True), "whether 1 is added to the sum", facet=True),
        Parameter("empty_row", reference.EMPTY_ROWS, "what a row is of which nothing counts", facet=True),
    ),
    axes="batch heads queries keys",
    sizes=((2, 3, 4, 7), (1, 2, 5, 33), (2, 1, 3, 1), (1, 1, 9, 9)),
    data=("normal", "saturated", "masked_rows"),
    kernel_data={"low": ("x",)},
    excluded=(
        "empty_row != 'zero' and (not use_mask or plus_one)",
        "data == 'masked_rows' and not use_mask",
    ),
    sources=(
        Source("Milakov and Gimelshein (2018), Online softmax", "https://arxiv.org/abs/1805.02867"),
        Source("Bondarenko et al. (2023), Quantizable transformers", "https://arxiv.org/abs/2306.12929"),
    ),
)
