"""A SiLU as a ``torch.autograd.Function`` with its backward written by hand.

    assay check examples/torch_silu.py:silu --spec silu --dtype float32 --dtype bfloat16
    assay check examples/torch_silu.py:broken --spec silu

The broken twin's value is right; its backward forgets that the gate depends on x too.
"""

import torch


class SiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.nn.functional.silu(x.clamp(min=-750.0))  # -inf times 0 is NaN

    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        wide = (x.float() if x.dtype != torch.float64 else x).clamp(-750.0, 750.0)
        gate = torch.sigmoid(wide)
        return (cotangent.to(wide.dtype) * (gate + wide * gate * torch.sigmoid(-wide))).to(x.dtype)


class Broken(SiLU):
    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        return cotangent * torch.sigmoid(x)


def silu(x: torch.Tensor) -> torch.Tensor:
    return SiLU.apply(x)


def broken(x: torch.Tensor) -> torch.Tensor:
    return Broken.apply(x)
