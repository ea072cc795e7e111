"""A rotary embedding as a ``torch.autograd.Function``, whose backward turns the other way.

    assay check examples/torch_rotary_embedding.py:rotary_embedding --spec rotary_embedding
    assay check examples/torch_rotary_embedding.py:broken --spec rotary_embedding

The broken twin holds positions in bfloat16, which has no 257: right on sequences of up to 256 steps.
"""

import torch


def tables(x, positions, width, base):
    """Cosines and sines of each pair, in float32 at least, for all heads."""
    wide = torch.promote_types(x.dtype, torch.float32)
    frequencies = 1.0 / base ** (torch.arange(0, width, 2, dtype=wide) / width)
    angles = positions.to(wide)[..., None, None] * frequencies
    return angles.cos(), angles.sin()


def turn(x, cosines, sines, pairing):
    width = 2 * cosines.shape[-1]
    turned, rest = x[..., :width].to(cosines.dtype), x[..., width:]
    if pairing == "half":
        a, b = turned.chunk(2, dim=-1)
        pairs = torch.cat([a * cosines - b * sines, b * cosines + a * sines], dim=-1)
    else:
        a, b = turned[..., 0::2], turned[..., 1::2]
        pairs = torch.stack([a * cosines - b * sines, b * cosines + a * sines], dim=-1).flatten(-2)
    return torch.cat([pairs.to(x.dtype), rest], dim=-1)


class Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cosines, sines, pairing):
        ctx.save_for_backward(cosines, sines)
        ctx.pairing = pairing
        return turn(x, cosines, sines, pairing)

    @staticmethod
    def backward(ctx, cotangent):
        cosines, sines = ctx.saved_tensors
        return turn(cotangent, cosines, -sines, ctx.pairing), None, None, None


def rotary_embedding(
    x: torch.Tensor, positions: torch.Tensor, *, pairing, rotated, base, direction
) -> torch.Tensor:
    width = x.shape[-1] if rotated is None else rotated
    cosines, sines = tables(x, positions, width, base)
    return Turn.apply(x, cosines, sines if direction == "forward" else -sines, pairing)


def broken(x: torch.Tensor, positions: torch.Tensor, **options) -> torch.Tensor:
    return rotary_embedding(x, positions.to(torch.bfloat16), **options)
