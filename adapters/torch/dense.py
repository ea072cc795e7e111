"""Dense layers of PyTorch, whose weights are ``(units, features)``."""

from __future__ import annotations

from typing import Any

from ..lazy import Lazy
from .framework import F, binds, torch
from .modules import call_module, function, module

prune: Any = Lazy("torch.nn.utils.prune")
SIZES = {"in_features": "kernel.shape[0]", "out_features": "kernel.shape[1]", "bias": "bias is not None"}
WEIGHT = {"weight": "kernel.T", "bias": "bias"}
BILINEAR = {"weight": "kernel", "bias": "bias"}
PRODUCT = {"masking": ("product", "the weights are multiplied by the mask")}
SELECTED = {"masking": ("selected", "zeros are selected")}

function("dense", "torch.nn.functional.linear", {}, WEIGHT)
module("dense", "torch.nn.Linear", SIZES, WEIGHT)
function("bilinear", "torch.nn.functional.bilinear", {}, BILINEAR, on="left, right")
module(
    "bilinear",
    "torch.nn.Bilinear",
    {
        "in1_features": "kernel.shape[1]",
        "in2_features": "kernel.shape[2]",
        "out_features": "kernel.shape[0]",
        "bias": "bias is not None",
    },
    BILINEAR,
    on="left, right",
)


def pruned(kernel, bias):
    layer = torch.nn.Linear(*kernel.shape, bias=bias is not None)
    return prune.custom_from_mask(layer, "weight", torch.ones_like(layer.weight))


@binds("masked_dense", "torch.nn.utils.prune.custom_from_mask", fixed=PRODUCT, build=pruned)
def masked_dense(built, x, kernel, mask, bias):
    return call_module(built, x, weight_orig=kernel.T, weight_mask=mask.T.contiguous(), bias=bias)


@binds("masked_dense", "torch.nn.functional.linear", fixed=PRODUCT, composition=True)
def masked_dense_function(x, kernel, mask, bias):
    return F.linear(x, (kernel * mask).T, bias)


@binds("masked_dense", "torch.where", fixed=SELECTED, composition=True)
def masked_dense_selected(x, kernel, mask, bias):
    return F.linear(x, torch.where(mask, kernel, 0.0).T, bias)


EQUATIONS = {"last": "btf,fhu->bthu", "two": "btf,tfu->bu", "each": "btf,tfu->btu"}
function(
    "einsum_dense",
    "torch.einsum",
    on="EQUATIONS[contracts], x, kernel",
    where={"not use_bias": "has no bias"},
    unused=("bias",),
)
