"""Recurrent layers of other cells, as users of PyTorch write them."""

from __future__ import annotations

from .framework import binds, torch


@binds("minimal_gated_unit", "torch.sigmoid", composition=True)
def minimal_gated_unit(
    x,
    h,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    *,
    reset,
    update,
    activation,
    recurrent_activation,
):
    squash = getattr(torch, activation)
    gate = {"sigmoid": torch.sigmoid, "hard_sigmoid": torch.nn.functional.hardsigmoid}[recurrent_activation]
    of_gate, of_candidate = recurrent_kernel.chunk(2, -1)
    states = []
    for step in x.unbind(1):
        to_gate, to_candidate = (step @ kernel + bias).chunk(2, -1)
        f = gate(to_gate + h @ of_gate)
        product = (f * h if reset == "before" else h) @ of_candidate
        product = product if recurrent_bias is None else product + recurrent_bias
        n = squash(to_candidate + (f * product if reset == "after" else product))
        h = f * h + (1 - f) * n if update == "keep" else (1 - f) * h + f * n
        states.append(h)
    return torch.stack(states, 1), h
