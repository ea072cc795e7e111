"""Normalization of PyTorch together with what its users write beside it."""

from __future__ import annotations

from .framework import F, binds, torch
from .rotary import angles_of, rotate_half, rotate_neighbours

FUNCTION = "torch.nn.functional.rms_norm"


def rms_norm(x, scale, epsilon):
    return F.rms_norm(x, x.shape[-1:], scale, epsilon)


def rms_norm_in_float32(x, scale, epsilon):
    """All of it in float32, or in the type of wider data, rounded once."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon) * scale.to(wide.dtype)).to(
        x.dtype
    )


def rms_norm_cast_early(x, scale, epsilon):
    """As Llama has it: what is normalized is rounded before it is scaled."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return scale * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)).to(x.dtype)


@binds("offset_rms_norm", f"{FUNCTION}(offset + weight)", composition=True)
def offset_rms_norm(x, scale, *, offset, epsilon):
    return rms_norm(x, offset + scale, epsilon)


@binds("offset_rms_norm", "torch.rsqrt(torch.mean)", composition=True)
def offset_rms_norm_in_float32(x, scale, *, offset, epsilon):
    return rms_norm_in_float32(x, offset + scale.to(torch.promote_types(x.dtype, torch.float32)), epsilon)


@binds("fused_add_rms_norm", f"{FUNCTION}(torch.add)", composition=True)
def fused_add_rms_norm(x, residual, scale, *, offset, epsilon):
    total = x + residual
    return rms_norm(total, offset + scale, epsilon), total


@binds("fused_add_rms_norm", "torch.rsqrt(torch.add)", composition=True)
def fused_add_rms_norm_cast_early(x, residual, scale, *, offset, epsilon):
    total = x + residual
    return rms_norm_cast_early(total, offset + scale, epsilon), total


@binds("fused_add_layer_norm", "torch.nn.functional.layer_norm(torch.add)", composition=True)
def fused_add_layer_norm(x, residual, scale, bias, mask, *, rate, epsilon):
    total = (x if mask is None else torch.where(mask, x / (1 - rate), 0)) + residual
    return F.layer_norm(total, x.shape[-1:], scale, bias, epsilon), total


@binds("gated_rms_norm", f"{FUNCTION}(torch.nn.functional.silu)", composition=True)
def gated_rms_norm(x, gate, scale, *, order, activation, groups, epsilon):
    opened = {"silu": F.silu, "sigmoid": torch.sigmoid, "identity": torch.Tensor.contiguous}[activation](gate)
    normed = (x * opened if order == "gate_first" else x).unflatten(-1, (groups, -1))
    y = F.rms_norm(normed, normed.shape[-1:], None, epsilon).flatten(-2) * scale
    return y if order == "gate_first" else y * opened


@binds("qk_norm_rope", f"{FUNCTION}(torch.cos)", composition=True)
def qk_norm_rope(x, scale, positions, *, scope, order, pairing, epsilon):
    angles = angles_of(x, positions, x.shape[-1], 1e4)
    each = torch.cat([angles, angles], dim=-1) if pairing == "half" else angles.repeat_interleave(2, dim=-1)
    rotate = rotate_half if pairing == "half" else rotate_neighbours

    def turned(x):
        return x * each.cos().to(x.dtype) + rotate(x) * each.sin().to(x.dtype)

    def normed(x):
        return F.rms_norm(x, scale.shape, scale, epsilon)

    return turned(normed(x)) if order == "norm_first" else normed(turned(x))
