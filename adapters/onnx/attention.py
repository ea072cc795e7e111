"""Attention of ONNX: heads come before queries and keys, and a mask joins the bias as -∞."""

from __future__ import annotations

import numpy as np

from .framework import function

HEADS = "np.swapaxes(query, 1, 2), np.swapaxes(key, 1, 2), np.swapaxes(value, 1, 2)"
Y = "np.swapaxes(y, 1, 2)"
NOTHING = {"empty_row": ("zero", "gives zero for nothing")}
TOP_LEFT = {"causal != 'bottom_right'": "is_causal aligns the diagonal with the first key"}
ADDED = {
    "masking == 'add' or not use_mask and causal == 'none'": "adds -∞ where masked",
    "data != 'nan' or not use_mask or not use_bias": "the binding, not ONNX, joins mask and bias",
}


def joined(bias, mask):
    """The mask and the bias as one."""
    if bias is None or mask is None:
        return mask if bias is None else bias
    return np.where(mask, bias, -np.inf).astype(bias.dtype)


function(
    "dot_product_attention",
    "onnx.Attention",
    {"scale": "scale", "is_causal": "causal == 'top_left'"},
    calls="node('Attention', 23)",
    on=f"{HEADS}, joined(bias, mask)",
    returns=Y,
    where=TOP_LEFT | ADDED,
    fixed=NOTHING,
)
