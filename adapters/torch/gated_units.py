"""Gated units of PyTorch: its own, and what its users write."""

from __future__ import annotations

from ..binding import takes
from .framework import F, binds, torch
from .modules import function, module

GLU = {
    "activation": ("sigmoid", "is the unit of the logistic"),
    "gate": ("second", "gates by the second half"),
    "layout": ("concatenated", "takes halves that lie one after the other"),
}
SILU = {"activation == 'silu'": "is written for silu"}

function("gated_linear_unit", "torch.nn.functional.glu", {"dim": "-1"}, fixed=GLU)
module("gated_linear_unit", "torch.nn.GLU", {"dim": "-1"}, fixed=GLU)


def halves(x, gate, layout):
    """What is let through, and the gate."""
    first, second = x.chunk(2, dim=-1) if layout == "concatenated" else (x[..., 0::2], x[..., 1::2])
    return (second, first) if gate == "first" else (first, second)


@binds("gated_linear_unit", "torch.mul(torch.nn.functional)", composition=True)
def gated_linear_unit(x, *, activation, gate, layout):
    value, opening = halves(x, gate, layout)
    if activation.startswith("gelu"):
        return value * F.gelu(opening, approximate="tanh" if activation == "gelu_tanh" else "none")
    return value * {"sigmoid": torch.sigmoid, "silu": F.silu, "relu": F.relu}[activation](opening)


@binds(
    "clamped_swiglu",
    "torch.clamp(torch.sigmoid)",
    where=takes("kink_gradient", 1.0, "the gradient passes just at a limit", "ties")
    | takes("nan_gradient", "zero", "NaN is not within a limit", "nan"),
    composition=True,
)
def clamped_swiglu(x, *, alpha, limit, beta, gate, layout):
    value, opening = halves(x, gate, layout)
    opening, value = opening.clamp(max=limit), value.clamp(min=-limit, max=limit)
    return opening * torch.sigmoid(opening * alpha) * (value + beta)
