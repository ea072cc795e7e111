"""Activations of PyTorch that draw."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, module

BOUNDS = {"lower": "lower", "upper": "upper"}

NO_HALF = {"dtype != 'float16' or not training": "draws in no float16 on the CPU"}

function("rrelu", "torch.nn.functional.rrelu", BOUNDS | {"training": "training"}, where=NO_HALF)
module("rrelu", "torch.nn.RReLU", BOUNDS, then=".train(training)", where=NO_HALF)
function("gumbel_softmax", "torch.nn.functional.gumbel_softmax", {"tau": "tau", "dim": "axis"})


@binds("gumbel_softmax_hard", "torch.nn.functional.gumbel_softmax(hard)")
def gumbel_softmax_hard(x, *, tau, axis):
    with torch.random.fork_rng():  # so that the next call draws the same
        soft = F.gumbel_softmax(x, tau, dim=axis)
    return F.gumbel_softmax(x, tau, hard=True, dim=axis), soft
