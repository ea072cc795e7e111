"""Rotary position embeddings of PyTorch, which has none: what its users write."""

from __future__ import annotations

from .framework import binds, torch

HALVES = {"pairing == 'half'": "halves are exchanged"}
NEIGHBOURS = {"pairing == 'interleaved'": "complex numbers hold neighbours"}
EACH_FEATURE = {"tables == 'features'": "tables have a column for each feature"}
EACH_PAIR = {"tables == 'pairs'": "tables have a column for each pair"}


def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat([-second, first], dim=-1)


def rotate_neighbours(x):
    return torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)


def angles_of(x, positions, width, base):
    """Angles in float32, or in the type of wider data, as ``(batch, steps, 1, width / 2)``."""
    wide = torch.promote_types(x.dtype, torch.float32)
    frequencies = 1.0 / base ** (torch.arange(0, width, 2, dtype=wide, device=x.device) / width)
    return (positions[..., None].to(wide) * frequencies)[:, :, None]


@binds("rotary_embedding", "torch.cat(torch.cos)", where=HALVES, composition=True)
def rotary_halves(x, positions, *, rotated, base, direction):
    width = x.shape[-1] if rotated is None else rotated
    angles = angles_of(x, positions, width, base)
    angles = torch.cat([angles, angles], dim=-1)
    cosines, sines = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    sines = sines if direction == "forward" else -sines
    turned, rest = x[..., :width], x[..., width:]
    return torch.cat([turned * cosines + rotate_half(turned) * sines, rest], dim=-1)


@binds("rotary_embedding", "torch.view_as_complex(torch.polar)", where=NEIGHBOURS, composition=True)
def rotary_complex(x, positions, *, rotated, base, direction):
    width = x.shape[-1] if rotated is None else rotated
    angles = angles_of(x, positions, width, base)
    angles = angles if direction == "forward" else -angles
    wide = x[..., :width].to(angles.dtype).reshape(*x.shape[:-1], width // 2, 2)
    turned = torch.view_as_complex(wide) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([torch.view_as_real(turned).flatten(-2).to(x.dtype), x[..., width:]], dim=-1)


@binds("apply_rotary_embedding", "torch.cat(torch.chunk)", where=EACH_FEATURE, composition=True)
def apply_to_features(x, cosines, sines, *, pairing, direction):
    width = cosines.shape[-1]
    cosines, sines = cosines[:, None], sines[:, None] if direction == "forward" else -sines[:, None]
    turned, rest = x[..., :width], x[..., width:]
    rotate = rotate_half if pairing == "half" else rotate_neighbours
    return torch.cat([turned * cosines + rotate(turned) * sines, rest], dim=-1)


@binds("apply_rotary_embedding", "torch.stack(torch.unbind)", where=EACH_PAIR | NEIGHBOURS, composition=True)
def apply_to_neighbours(x, cosines, sines, *, direction):
    width = 2 * cosines.shape[-1]
    cosines, sines = cosines[:, None], sines[:, None] if direction == "forward" else -sines[:, None]
    a, b = x[..., :width].reshape(*x.shape[:-1], width // 2, 2).unbind(-1)
    turned = torch.stack([a * cosines - b * sines, b * cosines + a * sines], dim=-1)
    return torch.cat([turned.flatten(-2), x[..., width:]], dim=-1)
