"""Specs of the layers of attention."""

from __future__ import annotations

from ..reference import attention_layers as reference
from .language.spec import Input, Parameter, Source, Spec

VASWANI = Source("Vaswani et al. (2017), Attention is all you need", "https://arxiv.org/abs/1706.03762")
AXES = "batch queries keys features memory heads depth values"
# Of the third, heads together are not as deep as there are features; of the fourth, nor are values as keys.
SIZES = (
    (2, 4, 4, 6, 6, 2, 3, 3),
    (3, 3, 5, 6, 4, 3, 2, 2),
    (1, 5, 9, 5, 5, 3, 4, 4),
    (2, 2, 3, 7, 5, 2, 4, 3),
)

CROSS = (
    Input("key", "batch, keys, memory", when="not self_attention"),
    Input("value", "batch, keys, memory", when="not self_attention"),
)
KERNELS = (
    Input("query_kernel", "features, heads, depth", kind="weight"),
    Input("key_kernel", "memory, heads, depth", kind="weight"),
    Input("value_kernel", "memory, heads, values", kind="weight"),
    Input("output_kernel", "heads, values, features", kind="weight"),
)
BIASES = (
    ("query_bias", "heads, depth"),
    ("key_bias", "heads, depth"),
    ("value_bias", "heads, values"),
    ("output_bias", "features"),
)
MASKS = (
    Input("mask", "queries, keys", kind="mask", meaning="True: attend", when="masking == 'pairs'"),
    Input("key_mask", "batch, keys", kind="mask", meaning="True: counts", when="masking == 'keys'"),
)
MASKING = Parameter("masking", reference.MASKINGS, "which keys a query may attend to")

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
    ),
    axes=AXES,
    sizes=SIZES,
    data=("normal", "cancelling"),
    excluded=("self_attention and (queries != keys or features != memory)",),
    sources=(VASWANI,),
)

multi_head_attention_weights = Spec(
    reference=reference.multi_head_attention_weights,
    inputs=(
        Input("query", "batch, queries, features"),
        Input("key", "batch, keys, memory"),
        Input("value", "batch, keys, memory"),
        *KERNELS,
        *MASKS,
    ),
    parameters=(MASKING, Parameter("mean", (True, False), "whether weights are averaged over the heads")),
    outputs=("y", "weights"),
    axes=AXES,
    sizes=SIZES[:3],
    data=("normal", "cancelling"),
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
