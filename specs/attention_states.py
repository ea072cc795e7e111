"""Specs of attention in parts."""

from __future__ import annotations

from ..reference import attention_states as reference
from .attention_forms import CAUSAL, FLASH, KEY, QUERY, VALUE
from .language.spec import Input, Parameter, Source, Spec

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
    data=("normal", "padding_nan", "masked_rows"),
    sources=(FLASH,),
)
