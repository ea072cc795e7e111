"""Specs of attention as kernels compute it."""

from __future__ import annotations

from ..reference import attention_forms as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

QUERY = Input("query", "batch, queries, heads, depth")
KEY = Input("key", "batch, keys, heads, depth")
VALUE = Input("value", "batch, keys, heads, values")
AXES = "batch queries keys heads depth values"

CAUSAL = "whether queries attend to earlier keys only, and where the diagonal starts"
EMPTY_ROW = Parameter(
    "empty_row", ("zero", "uniform"), "what a query gets that may attend to no key", facet=True
)

# Of the second, rows see nothing under `bottom_right`.
SIZES = ((2, 3, 5, 3, 7, 7), (1, 7, 4, 2, 8, 8), (1, 5, 33, 1, 8, 3), (2, 1, 6, 2, 5, 3))

grouped_query_attention = Spec(
    reference=reference.grouped_query_attention,
    inputs=(
        Input(
            "query", "batch, queries, groups * repeats, depth", meaning="of as many heads as groups repeat"
        ),
        Input("key", "batch, keys, groups, depth"),
        Input("value", "batch, keys, groups, values"),
    ),
    parameters=(
        Parameter(
            "head_map",
            ("blocked", "interleaved"),
            "heads of queries that share one of keys: neighbours, or those that lie a number of groups apart",
            facet=True,
        ),
        Parameter("causal", ("none", "top_left", "bottom_right"), CAUSAL, facet=True),
        EMPTY_ROW,
    ),
    axes="batch queries keys groups repeats depth values",
    # As many groups as repeats would hide a wrong map.
    sizes=((2, 3, 5, 2, 3, 7, 7), (1, 7, 4, 3, 2, 6, 6), (2, 4, 17, 1, 5, 6, 3), (1, 5, 33, 5, 3, 8, 8)),
    data=("normal", "saturated"),
    constraints=(
        Constraint(
            "C5",
            "query[2] % key[2] == 0",
            "heads of the query must be a multiple of those of the key",
            broken_by={"query": "batch, queries, groups * repeats + 1, depth"},
        ),
    ),
    excluded=(
        "empty_row != 'zero' and not (causal == 'bottom_right' and queries > keys)",
        "head_map != 'blocked' and groups == 1",
    ),
    sources=(
        Source("Ainslie et al. (2023), GQA", "https://arxiv.org/abs/2305.13245"),
        Source("Shazeer (2019), Fast transformer decoding", "https://arxiv.org/abs/1911.02150"),
    ),
)

sliding_window_attention = Spec(
    reference=reference.sliding_window_attention,
    inputs=(QUERY, KEY, VALUE),
    parameters=(
        Parameter("left", (2, 0, None, 40), "how many keys before its own place a query sees"),
        Parameter("right", (0, 1, None), "how many keys behind its own place a query sees"),
        Parameter(
            "alignment",
            ("top_left", "bottom_right"),
            "where the place of a query is among the keys",
            facet=True,
        ),
        EMPTY_ROW,
    ),
    axes=AXES,
    sizes=((2, 6, 7, 2, 7, 7), (1, 9, 4, 1, 8, 8), (1, 5, 33, 3, 8, 5)),
    data=("normal", "saturated"),
    excluded=(
        "left is None and right is None",
        "left == 0 and right == 0",
        # Rows are empty where the first query's place lies before the keys, or the last one's behind them.
        "empty_row != 'zero' and queries <= keys",
        "empty_row != 'zero' and alignment == 'top_left' and left in (None, 40)",
        "empty_row != 'zero' and alignment == 'bottom_right' and right is None",
    ),
    sources=(Source("Beltagy et al. (2020), Longformer", "https://arxiv.org/abs/2004.05150"),),
)

softcap_attention = Spec(
    reference=reference.softcap_attention,
    inputs=(QUERY, KEY, VALUE),
    parameters=(
        Parameter("softcap", (1.0, 30.0), "what no score passes"),
        Parameter("causal", ("none", "top_left"), "whether queries attend to earlier keys only"),
    ),
    axes=AXES,
    sizes=SIZES[:3],
    data=("normal", "saturated"),
    sources=(Source("Gemma Team (2024), Gemma 2", "https://arxiv.org/abs/2408.00118"),),
)

FLASH = Source("Dao et al. (2022), FlashAttention", "https://arxiv.org/abs/2205.14135")

attention_with_lse = Spec(
    reference=reference.attention_with_lse,
    inputs=(QUERY, KEY, VALUE),
    parameters=(
        Parameter("causal", ("none", "top_left", "bottom_right"), CAUSAL, facet=True),
        Parameter(
            "lse_gradient",
            ("flows", "stopped"),
            "whether gradients flow through the logarithm",
            facet=True,
            right="flows",
        ),
    ),
    outputs=("y", "lse"),
    axes=AXES,
    sizes=SIZES,
    data=("normal", "saturated"),
    sources=(FLASH, Source("Dao (2023), FlashAttention-2", "https://arxiv.org/abs/2307.08691")),
)

sink_attention = Spec(
    reference=reference.sink_attention,
    inputs=(QUERY, KEY, VALUE, Input("sinks", "heads", meaning="a score of each head that has no value")),
    parameters=(Parameter("causal", ("none", "top_left", "bottom_right"), CAUSAL, facet=True),),
    outputs=("y", "lse"),
    axes=AXES,
    sizes=SIZES[:3],
    data=("normal", "saturated"),
    sources=(
        Source("OpenAI (2025), gpt-oss model card", "https://arxiv.org/abs/2508.10925"),
        Source("Xiao et al. (2023), Efficient streaming language models", "https://arxiv.org/abs/2309.17453"),
    ),
)
