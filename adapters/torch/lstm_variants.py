"""Relatives of the LSTM in PyTorch: cells made of its primitives, in a loop over time."""

from __future__ import annotations

import math

from .framework import binds, torch
from .modules import module

STOPPED = {"clip_gradient": ("zero", "torch's clamp stops what it holds")}

ONE_WAY = {"bidirectional": (False, "is written for one direction")}


@binds("layer_norm_lstm", "torch.nn.functional.layer_norm", composition=True)
def layer_norm_lstm(
    x,
    h,
    c,
    kernel,
    recurrent_kernel,
    bias,
    scale,
    recurrent_scale,
    cell_scale,
    cell_bias,
    *,
    normalized,
    carried,
    forget_bias,
    epsilon,
):
    def norm(x, scale, bias=None):
        return torch.nn.functional.layer_norm(x, x.shape[-1:], scale, bias, epsilon)

    def cell(step, h, c):
        if normalized == "gates":
            gates = zip(
                *(a.chunk(4, -1) for a in (step @ kernel + h @ recurrent_kernel, scale, bias)), strict=True
            )
            i, f, g, o = (norm(*gate) for gate in gates)
        else:
            z = norm(step @ kernel, scale) + norm(h @ recurrent_kernel, recurrent_scale) + bias
            i, f, g, o = z.chunk(4, -1)
        c = torch.sigmoid(f + forget_bias) * c + torch.sigmoid(i) * torch.tanh(g)
        seen = norm(c, cell_scale, cell_bias)
        return torch.sigmoid(o) * torch.tanh(seen), c if carried == "cell" else seen

    return over_time(cell, x, h, c)


@binds("peephole_lstm", "torch.sigmoid", fixed=STOPPED, composition=True)
def peephole_lstm(x, h, c, kernel, recurrent_kernel, bias, peepholes, *, coupled, cell_clip):
    *to_i, to_f, to_o = peepholes

    def cell(step, h, c):
        *i, f, g, o = (step @ kernel + h @ recurrent_kernel + bias).chunk(3 if coupled else 4, -1)
        f = torch.sigmoid(f + to_f * c)
        i = 1 - f if coupled else torch.sigmoid(i[0] + to_i[0] * c)
        c = f * c + i * torch.tanh(g)
        c = c if cell_clip is None else c.clamp(-cell_clip, cell_clip)
        return torch.sigmoid(o + to_o * c) * torch.tanh(c), c

    return over_time(cell, x, h, c)


@binds("projection_lstm", "torch.sigmoid", fixed=ONE_WAY, composition=True)
def projection_lstm(x, h, c, kernel, recurrent_kernel, bias, projection, peepholes):
    to_i, to_f, to_o = (0, 0, 0) if peepholes is None else peepholes

    def cell(step, h, c):
        i, f, g, o = (step @ kernel + h @ recurrent_kernel + bias).chunk(4, -1)
        c = torch.sigmoid(f + to_f * c) * c + torch.sigmoid(i + to_i * c) * torch.tanh(g)
        output = torch.sigmoid(o + to_o * c) * torch.tanh(c)
        return output @ projection, c

    return over_time(cell, x, h, c)


@binds("time_gated_lstm", "torch.sigmoid", composition=True)
def time_gated_lstm(x, elapsed, h, c, kernel, recurrent_kernel, bias, *, decay):
    decays = torch.exp(-elapsed) if decay == "exponential" else 1 / torch.log(math.e + elapsed)

    def cell(step, h, c):
        step, factor = step[:, :-1], step[:, -1:]
        i, f, g, o = (step @ kernel + h @ recurrent_kernel + bias).chunk(4, -1)
        c = torch.sigmoid(f) * factor * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    return over_time(cell, torch.cat([x, decays[..., None]], -1), h, c)


module(
    "projection_lstm",
    "torch.nn.LSTM(proj_size)",
    {
        "input_size": "len(kernel)",
        "hidden_size": "projection.shape[0]",
        "batch_first": "True",
        "proj_size": "projection.shape[1]",
    },
    {
        "weight_ih_l0": "kernel.T",
        "weight_hh_l0": "recurrent_kernel.T",
        "weight_hr_l0": "projection.T",
        "bias_ih_l0": "bias",
        "bias_hh_l0": "torch.zeros_like(bias)",
    },
    on="x, (h[None], c[None])",
    gives="y, (h, c)",
    returns="y, h[0], c[0]",
    unused=("peepholes",),
    fixed={
        "use_peepholes": (False, "torch's gates do not see the cell"),
        "bidirectional": (False, "goes forward alone"),
    },
)

module(
    "projection_lstm",
    "torch.nn.LSTM(proj_size, bidirectional)",
    {
        "input_size": "kernel.shape[1]",
        "hidden_size": "projection.shape[1]",
        "batch_first": "True",
        "proj_size": "projection.shape[2]",
        "bidirectional": "True",
    },
    {
        "weight_ih_l0": "kernel[0].T",
        "weight_hh_l0": "recurrent_kernel[0].T",
        "weight_hr_l0": "projection[0].T",
        "bias_ih_l0": "bias[0]",
        "bias_hh_l0": "torch.zeros_like(bias[0])",
        "weight_ih_l0_reverse": "kernel[1].T",
        "weight_hh_l0_reverse": "recurrent_kernel[1].T",
        "weight_hr_l0_reverse": "projection[1].T",
        "bias_ih_l0_reverse": "bias[1]",
        "bias_hh_l0_reverse": "torch.zeros_like(bias[1])",
    },
    on="x, (h, c)",
    gives="y, (h, c)",
    returns="y, h, c",
    unused=("peepholes",),
    fixed={
        "use_peepholes": (False, "torch's gates do not see the cell"),
        "bidirectional": (True, "goes both ways"),
    },
)


def over_time(cell, x, h, c):
    """Hidden states and the last carry of a cell that takes a step and two states."""
    states = []
    for step in x.unbind(1):
        h, c = cell(step, h, c)
        states.append(h)
    return torch.stack(states, 1), h, c
