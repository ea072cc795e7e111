"""Specs of attention in parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..reference import attention_states as reference
from .attention_forms import CAUSAL, FLASH, KEY, QUERY, VALUE
from .language.spec import Constraint, Input, Parameter, Source, Spec

# Logarithms alone follow the data: that of a part without keys is -∞, and its average a number all the same.
merge_attention_states = Spec(
    reference=reference.merge_attention_states,
    inputs=(
        Input("first", "tokens, heads, values", kind="weight", meaning="averages over some of the keys"),
        Input("first_lse", "tokens, heads", meaning="the logarithms of their sums"),
        Input("second", "tokens, heads, values", kind="weight", meaning="averages over the other keys"),
        Input("second_lse", "tokens, heads", meaning="the logarithms of their sums"),
    ),
    outputs=("y", "lse"),
    sizes=((5, 3, 7), (1, 2, 4), (17, 1, 33)),
    empty=("tokens",),
    data=("normal", "saturated", "negative_infinities", "nothing"),
    sources=(FLASH, Source("Liu et al. (2023), Ring attention", "https://arxiv.org/abs/2310.01889")),
)

variable_length_attention = Spec(
    reference=reference.variable_length_attention,
    inputs=(
        QUERY,
        KEY,
        VALUE,
        Input("query_lengths", "batch", kind="lengths", limit="queries", meaning="how many queries count"),
        Input("key_lengths", "batch", kind="lengths", limit="keys", meaning="how many keys count"),
    ),
    parameters=(Parameter("causal", ("none", "top_left", "bottom_right"), CAUSAL, facet=True),),
    axes="batch queries keys heads depth values",
    sizes=((3, 5, 6, 2, 7, 7), (2, 1, 1, 1, 2, 2), (2, 9, 17, 1, 8, 5)),
    data=("normal", "padding_nan", "masked_rows", "padding_large"),
    sources=(FLASH,),
)


def behind_the_last(names: Mapping[str, Any]) -> dict[str, Any]:
    """Queries and keys that belong to no sequence."""
    queries = np.arange(names["tokens"]) >= names["query_sizes"].sum()
    keys = np.arange(names["places"]) >= names["key_sizes"].sum()
    return {"query": queries, "key": keys, "value": keys}


packed_attention = Spec(
    reference=reference.packed_attention,
    inputs=(
        Input("query", "tokens, groups * repeats, depth", meaning="of all sequences, and of nobody"),
        Input("key", "places, groups, depth", meaning="of all sequences, and of nobody"),
        Input("value", "places, groups, values", meaning="of all sequences, and of nobody"),
        # The first and the last of these are met: none, and as many as fit for all.
        Input(
            "query_sizes",
            "sequences",
            kind="index",
            limit="tokens // sequences + 1",
            meaning="queries of each sequence",
        ),
        Input(
            "key_sizes",
            "sequences",
            kind="index",
            limit="places // sequences + 1",
            meaning="keys of each sequence",
        ),
    ),
    parameters=(Parameter("causal", ("none", "top_left", "bottom_right"), CAUSAL, facet=True),),
    axes="tokens places sequences groups repeats depth values",
    # Of two sequences one has no queries, and one no keys.
    sizes=((13, 16, 4, 2, 3, 4, 4), (5, 7, 2, 1, 2, 5, 3), (17, 33, 5, 3, 1, 8, 8)),
    data=("normal", "padding_nan", "padding_large"),
    unowned=behind_the_last,
    constraints=(
        Constraint(
            "C5",
            "query[1] % key[1] == 0",
            "heads of the query must be a multiple of those of the key",
            broken_by={"query": "tokens, groups * repeats + 1, depth"},
        ),
    ),
    sources=(
        FLASH,
        Source("Krell et al. (2021), Efficient sequence packing", "https://arxiv.org/abs/2107.02027"),
    ),
)
