"""Specs of attention."""

from __future__ import annotations

from ..reference import attention as reference
from .language.spec import Input, Parameter, Source, Spec

dot_product_attention = Spec(
    reference=reference.dot_product_attention,
    inputs=(
        Input("query", "batch, queries, heads, depth"),
        Input("key", "batch, keys, heads, depth"),
        Input("value", "batch, keys, heads, values"),
        Input("bias", "1, heads, queries, keys", meaning="added to the scaled products", when="use_bias"),
        Input("mask", "batch, 1, queries, keys", kind="mask", meaning="True: attend", when="use_mask"),
    ),
    parameters=(
        Parameter("use_mask", (False, True), "whether there is a mask"),
        Parameter("use_bias", (False, True), "whether there is an additive bias"),
        Parameter("scale", (None, 0.3), "factor of the products; None is 1/√depth"),
        Parameter(
            "causal",
            ("none", "top_left", "bottom_right"),
            "whether queries attend to earlier keys only, and where the diagonal starts",
            facet=True,
        ),
        Parameter(
            "empty_row", ("uniform", "zero", "nan"), "what a query gets that may attend to no key", facet=True
        ),
        Parameter(
            "masking",
            ("select", "add", "drop"),
            "masked products are replaced, or -∞ is added, so that NaN stays; or values are left out too",
            facet=True,
            right="drop",
        ),
    ),
    axes="batch queries keys heads depth values",
    sizes=(
        (2, 3, 5, 4, 7, 7),
        (3, 9, 4, 1, 6, 17),
        (1, 5, 33, 3, 8, 8),
        (2, 1, 6, 2, 5, 3),
        (3, 1, 1, 2, 1, 4),
        (1, 2, 1025, 1, 8, 4),
    ),
    data=("normal", "saturated", "masked_rows", "nan"),
    kernel_data={"low": ("bias",), "late": ("bias",)},
    excluded=(
        "empty_row != 'uniform' and not use_mask and causal != 'bottom_right'",
        "empty_row == 'nan' and causal != 'none'",
        "data == 'masked_rows' and not use_mask",
        "masking == 'add' and not use_mask and causal == 'none'",
        "masking == 'drop' and (data != 'nan' or not use_mask)",
        # Nothing is left for these to do.
        "keys == 1 and (causal != 'none' or use_bias or scale is not None or masking != 'select')",
        "causal == 'bottom_right' and queries == 1 and use_mask",
    ),
    sources=(Source("Vaswani et al. (2017), Attention is all you need", "https://arxiv.org/abs/1706.03762"),),
)
