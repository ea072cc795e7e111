"""A sum and its root-mean-square normalization in one ``torch.autograd.Function``.

    assay check examples/torch_fused_add_rms_norm.py:fused_add_rms_norm --spec fused_add_rms_norm
    assay check examples/torch_fused_add_rms_norm.py:broken --spec fused_add_rms_norm

The broken twin's backward forgets that the sum is handed on: what reaches it from there is lost.
"""

import torch


class AddAndNormalize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, scale, epsilon):
        total = x + residual
        wide = total.to(torch.promote_types(x.dtype, torch.float32))
        factor = torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
        ctx.save_for_backward(total, scale, factor)
        return (wide * factor * scale.to(wide.dtype)).to(x.dtype), total

    @staticmethod
    def backward(ctx, of_y, of_sum):
        total, scale, factor = ctx.saved_tensors
        normed, g = total.to(factor.dtype) * factor, of_y.to(factor.dtype)
        through = g * scale.to(factor.dtype)
        added = factor * (through - normed * (through * normed).mean(-1, keepdim=True)) + of_sum
        of_scale = (g * normed).flatten(0, -2).sum(0)
        added = added.to(total.dtype)
        return added, added, of_scale.to(scale.dtype), None


class Broken(AddAndNormalize):
    @staticmethod
    def backward(ctx, of_y, of_sum):
        return AddAndNormalize.backward(ctx, of_y, torch.zeros_like(of_sum))


def fused_add_rms_norm(
    x: torch.Tensor, residual: torch.Tensor, scale: torch.Tensor, *, offset, epsilon
) -> tuple[torch.Tensor, torch.Tensor]:
    return AddAndNormalize.apply(x, residual, offset + scale, epsilon)


def broken(
    x: torch.Tensor, residual: torch.Tensor, scale: torch.Tensor, *, offset, epsilon
) -> tuple[torch.Tensor, torch.Tensor]:
    return Broken.apply(x, residual, offset + scale, epsilon)
