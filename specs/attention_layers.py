"""Specs of the layers of attention."""

from __future__ import annotations

from ..reference import attention_layers as reference
from .language.spec import Input, Parameter, Source, Spec

VASWANI = Source("Vaswani et al. (2017), Attention is all you need", "https://arxiv.org/abs/1706.03762")
AXES = "batch queries keys features memory contents heads depth values outputs"
# Of the third, heads together are not as deep as there are features; of the fourth, nor are values as keys,
# and something else comes out than went in.
SIZES = (
    (2, 4, 4, 6, 6, 6, 2, 3, 3, 6),
    (3, 3, 5, 6, 4, 7, 3, 2, 2, 6),
    (1, 5, 9, 5, 5, 5, 3, 4, 4, 5),
    (2, 2, 3, 7, 5, 5, 2, 4, 3, 6),
)

CROSS = (
    Input("key", "batch, keys, memory", when="not self_attention"),
    Input("value", "batch, keys, contents", when="not self_attention"),
)
KERNELS = (
    Input("query_kernel", "features, heads, depth", kind="weight"),
    Input("key_kernel", "memory, heads, depth", kind="weight"),
    Input("value_kernel", "contents, heads, values", kind="weight"),
    Input("output_kernel", "heads, values, outputs", kind="weight"),
)
BIASES = (
    ("query_bias", "heads, depth"),
    ("key_bias", "heads, depth"),
    ("value_bias", "heads, values"),
    ("output_bias", "outputs"),
)
LEARNED = "appended in ('learned', 'both')"
MASKS = (
    Input("score_bias", "queries, keys", when="masking == 'added'", meaning="added to the scores"),
    Input("last_key", "heads, depth", kind="weight", when=LEARNED, meaning="behind all other keys"),
    Input("last_value", "heads, values", kind="weight", when=LEARNED, meaning="its value"),
    Input("mask", "queries, keys", kind="mask", meaning="True: attend", when="masking == 'pairs'"),
    Input("key_mask", "batch, keys", kind="mask", meaning="True: counts", when="masking == 'keys'"),
)
MASKING = Parameter("masking", reference.MASKINGS, "which keys a query may attend to")
APPENDED = Parameter("appended", reference.APPENDED, "what stands behind the keys, for every query to see")
# Sums that cancel say of what is appended no more than of the other keys.
PLAINLY = "appended != 'none' and data == 'cancelling'"

multi_head_attention = Spec(
    reference=reference.multi_head_attention,
    inputs=(
        Input("query", "batch, queries, features"),
        *CROSS,
        *KERNELS,
        *(Input(name, axes, kind="weight", when="use_bias") for name, axes in BIASES),
        *MASKS,
    ),
    parameters=(
        MASKING,
        Parameter("self_attention", (False, True), "whether keys and values are made of the queries"),
        Parameter("use_bias", (True, False), "whether projections add a bias"),
        APPENDED,
    ),
    axes=AXES,
    sizes=SIZES,
    data=("normal", "cancelling"),
    excluded=("self_attention and not (queries == keys and features == memory == contents)", PLAINLY),
    sources=(VASWANI,),
)

multi_head_attention_weights = Spec(
    reference=reference.multi_head_attention_weights,
    inputs=(
        Input("query", "batch, queries, features"),
        Input("key", "batch, keys, memory"),
        Input("value", "batch, keys, contents"),
        *KERNELS,
        *MASKS,
    ),
    parameters=(
        MASKING,
        Parameter("mean", (True, False), "whether weights are averaged over the heads"),
        APPENDED,
    ),
    outputs=("y", "weights"),
    axes=AXES,
    sizes=(*SIZES[:2], (1, 2, 3, 2, 2, 2, 1, 2, 2, 2)),
    data=("normal", "cancelling"),
    excluded=(PLAINLY,),
    sources=(VASWANI,),
)

additive_attention = Spec(
    reference=reference.additive_attention,
    inputs=(
        Input("query", "batch, queries, depth"),
        Input("key", "batch, keys, depth"),
        Input("value", "batch, keys, values"),
        Input("scale", "depth", kind="weight", when="use_scale"),
        Input("key_mask", "batch, keys", kind="mask", meaning="True: counts", when="use_mask"),
    ),
    parameters=(
        Parameter("use_scale", (True, False), "whether the sum is weighed"),
        Parameter("use_mask", (False, True), "whether some keys do not count"),
        Parameter("causal", (False, True), "whether queries attend to earlier keys only"),
    ),
    axes="batch queries keys depth values",
    sizes=((2, 3, 5, 7, 4), (1, 1, 1, 1, 1), (1, 9, 17, 8, 8)),
    data=("normal", "saturated"),
    # A key that does not count may be the only one that a query sees.
    excluded=("use_mask and causal",),
    sources=(Source("Bahdanau et al. (2015)", "https://arxiv.org/abs/1409.0473"),),
)
