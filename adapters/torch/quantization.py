"""Numbers of eight bits in PyTorch: its casts to them, and its products of them."""

from __future__ import annotations

from .framework import F, binds, torch

LARGEST = {"int8": 127.0, "float8_e4m3fn": 448.0, "float8_e5m2": 57344.0, "float4_e2m1fn": 6.0}


def stored(x, format):
    """The numbers of a format that are nearest, in the dtype that they are computed in."""
    held = x.clamp(-LARGEST[format], LARGEST[format])
    if format == "int8":
        return held.round().to(torch.int8).to(x.dtype)
    if format == "float4_e2m1fn":
        return in_four_bits(held)
    return held.to(getattr(torch, format)).to(x.dtype)


def in_four_bits(x):
    """Numbers with one bit of a fraction: the step doubles at 2 and at 4."""
    size = x.abs()
    step = torch.where(size < 2, 0.5, torch.where(size < 4, 1.0, 2.0)).to(x.dtype)
    return (x / step).round() * step


@binds("quantize", "torch.Tensor.to(dtype)", composition=True)
def quantize(x, *, format, scope, epsilon, epsilon_at):
    greatest = x.abs().amax(-1, keepdim=True) if scope == "row" else x.abs().amax()
    held = greatest.clamp_min(epsilon) if epsilon_at == "floor" else greatest + epsilon
    scale = held / LARGEST[format]
    return stored(x / scale, format), scale.squeeze(-1) if scope == "row" else scale


@binds("microscaling", "torch.Tensor.to(dtype)", composition=True)
def microscaling(x, *, format, exponent):
    blocks = x.unflatten(1, (-1, 32))
    share, power = torch.frexp(blocks.abs().amax(-1))
    of_largest, of_power = torch.frexp(torch.tensor(LARGEST[format]))
    power = power - of_power + ((share > of_largest) if exponent == "up" else 0)
    power = torch.where(share > 0, power, -127).clamp_min(-127)
    # Two factors: a power of two beyond the range of the numbers may scale what lies within it.
    half = power // 2
    scaled = torch.ldexp(torch.ldexp(blocks, -half[..., None]), (half - power)[..., None])
    return stored(scaled, format).flatten(1), power.int()


EIGHTS = {
    "dtype in ('float32', 'bfloat16')": "gives float32 and bfloat16",
    "scope != 'block'": "takes a scale for all, or for each row, on CPU",
}


@binds("scaled_matmul", "torch.nn.functional.scaled_mm", where=EIGHTS)
def scaled_mm(x, kernel, x_scale, kernel_scale, bias, *, scope):
    kind = {"tensor": F.ScalingType.TensorWise, "row": F.ScalingType.RowWise}[scope]
    return F.scaled_mm(
        x.to(torch.float8_e4m3fn),
        kernel.T.contiguous().to(torch.float8_e4m3fn).T,
        x_scale.float() if scope == "tensor" else x_scale.float()[:, None],
        kind,
        kernel_scale.float() if scope == "tensor" else kernel_scale.float()[None],
        kind,
        bias=bias,
        output_dtype=x.dtype,
    )


def wide(x):
    """Numbers in a format that holds products of them."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@binds("scaled_matmul", "torch.matmul", composition=True)
def scaled_matmul(x, kernel, x_scale, kernel_scale, bias, *, scope):
    if scope == "block":
        x_scale, kernel_scale = x_scale.repeat_interleave(32, 1), kernel_scale.repeat_interleave(32, 0)
    elif scope == "row":
        x_scale = x_scale[:, None]
    rows, columns = (wide(stored(array, "float8_e4m3fn")) for array in (x, kernel))
    y = (x_scale * rows) @ (kernel_scale * columns)
    return (y if bias is None else y + bias).to(x.dtype)


@binds("quantized_matmul", "torch._int_mm", composition=True)
def quantized_matmul(x, kernel, x_scale, kernel_scale, bias, *, zero_point, kernel_zero_point):
    depth, low, kernel_low = len(kernel), 128 - zero_point, 128 - kernel_zero_point
    x, kernel = ((codes - 128).to(torch.int8) for codes in (x, kernel))
    # (a + l) (b + m) = a b + m a + l b + l m, summed over the depth.
    rows, columns = x.int().sum(1, keepdim=True), kernel.int().sum(0)
    sums = torch._int_mm(x, kernel) + kernel_low * rows + low * columns + depth * low * kernel_low
    y = sums * wide(x_scale)[:, None] * kernel_scale
    return (y if bias is None else y + bias).to(x_scale.dtype)
