"""Dense layers of PyTorch, whose weights are ``(units, features)``."""

from __future__ import annotations

from typing import Any

from ..lazy import Lazy
from .framework import F, binds, torch
from .modules import call_module

prune: Any = Lazy("torch.nn.utils.prune")
PRODUCT = {"masking == 'product'": "the weights are multiplied by the mask"}
SELECTED = {"masking == 'selected'": "zeros are selected"}


@binds("dense", "torch.nn.functional.linear")
def dense(x, kernel, bias):
    return F.linear(x, kernel.T, bias)


@binds("dense", "torch.nn.Linear")
def dense_module(x, kernel, bias):
    features, units = kernel.shape
    return call_module(torch.nn.Linear(features, units, bias=bias is not None), x, weight=kernel.T, bias=bias)


@binds("masked_dense", "torch.nn.utils.prune.custom_from_mask", where=PRODUCT)
def masked_dense(x, kernel, mask, bias):
    features, units = kernel.shape
    layer = torch.nn.Linear(features, units, bias=bias is not None).to(x.device, x.dtype)
    prune.custom_from_mask(layer, "weight", mask.T)
    return call_module(layer, x, weight_orig=kernel.T, bias=bias)


@binds("masked_dense", "torch.nn.functional.linear", where=PRODUCT, composition=True)
def masked_dense_function(x, kernel, mask, bias):
    return F.linear(x, (kernel * mask).T, bias)


@binds("masked_dense", "torch.where", where=SELECTED, composition=True)
def masked_dense_selected(x, kernel, mask, bias):
    return F.linear(x, torch.where(mask, kernel, 0.0).T, bias)


@binds("bilinear", "torch.nn.functional.bilinear")
def bilinear(left, right, kernel, bias):
    return F.bilinear(left, right, kernel, bias)


@binds("bilinear", "torch.nn.Bilinear")
def bilinear_module(left, right, kernel, bias):
    units, lefts, rights = kernel.shape
    layer = torch.nn.Bilinear(lefts, rights, units, bias=bias is not None)
    return call_module(layer, left, right, weight=kernel, bias=bias)
