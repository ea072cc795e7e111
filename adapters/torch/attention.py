"""Attention of PyTorch: heads come before queries and keys, and a mask joins the bias as -∞."""

from __future__ import annotations

from typing import Any

from ..lazy import Lazy
from .framework import F, binds, torch
from .modules import function

biases: Any = Lazy("torch.nn.attention.bias")

EMPTY = {"empty_row == 'zero' or not use_mask and causal != 'bottom_right'": "torch gives zero for nothing"}
ADDED = {
    "masking == 'add' or not use_mask and causal == 'none'": "torch adds -∞ where masked",
    "data != 'nan' or not use_mask or not use_bias": "the binding, not torch, joins mask and bias",
}
TOP_LEFT = {
    "causal != 'bottom_right'": "is_causal aligns the diagonal with the first key",
    "causal == 'none' or not use_mask and not use_bias": "torch takes no mask beside is_causal",
}
ALONE = {
    "causal != 'none'": "this is a causal bias",
    "not use_mask and not use_bias": "a causal bias takes the place of the mask",
}
FLAGS = EMPTY | ADDED | TOP_LEFT
DISPATCHED = {"data != 'nan' or causal == 'none'": "what becomes of NaN is up to the kernel that is chosen"}
BIAS = EMPTY | ADDED | ALONE | DISPATCHED
FLASH = (
    EMPTY
    | TOP_LEFT
    | {
        "not use_bias": "the kernel gives no gradient for a bias",
        "values == depth": "the kernel wants values as deep as keys",
        "(masking == 'add') == use_mask": "the kernel skips what is not causal, and adds masks",
    }
)


HEADS = "query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)"
SDPA = {"attn_mask": "joined(bias, mask)", "is_causal": "causal == 'top_left'", "scale": "scale"}


def joined(bias, mask):
    """The mask and the bias as one."""
    return mask if bias is None else bias if mask is None else bias.masked_fill(~mask, float("-inf"))


function(
    "dot_product_attention",
    "torch.nn.functional.scaled_dot_product_attention",
    SDPA,
    on=HEADS,
    returns="y.transpose(1, 2)",
    where=FLAGS | DISPATCHED,
)


@binds("dot_product_attention", "torch.nn.attention.SDPBackend.MATH", where=FLAGS)
def attention_math(query, key, value, bias, mask, *, scale, causal):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return attend(query, key, value, joined(bias, mask), scale=scale, is_causal=causal == "top_left")


@binds("dot_product_attention", "torch.nn.attention.SDPBackend.FLASH_ATTENTION", where=FLASH)
def attention_flash(query, key, value, bias, mask, *, scale, causal):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION):
        return attend(query, key, value, joined(bias, mask), scale=scale, is_causal=causal == "top_left")


def diagonal(query, key, *, causal):
    corner = biases.causal_upper_left if causal == "top_left" else biases.causal_lower_right
    return corner(query.shape[1], key.shape[1])


@binds("dot_product_attention", "torch.nn.attention.bias.CausalBias", where=BIAS, build=diagonal)
def attention_causal_bias(built, query, key, value, bias, mask, *, scale):
    return attend(query, key, value, built, scale=scale)


def attend(query, key, value, mask, **options):
    by_head = (x.transpose(1, 2) for x in (query, key, value))
    return F.scaled_dot_product_attention(*by_head, attn_mask=mask, **options).transpose(1, 2)
