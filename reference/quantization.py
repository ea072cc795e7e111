"""Numbers of eight bits or fewer: what they stand for, and products of them.

What is right follows from the rule of the scale. Of a code it is the quotient, rounded to the nearest number
that the format has, of two as near the even one: or a neighbour, where the quotient itself is rounded and
lies so near the middle.
"""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank, require_shape
from .selection import plain

__all__ = [
    "microscaling",
    "microscaling_vjp",
    "quantize",
    "quantize_vjp",
    "quantized_matmul",
    "quantized_matmul_vjp",
    "scaled_matmul",
    "scaled_matmul_vjp",
]

FORMATS = {
    "int8": (127.0, None, 0),
    "float8_e4m3fn": (448.0, 3, -6),
    "float8_e5m2": (57344.0, 2, -14),
    "float4_e2m1fn": (6.0, 1, 0),
}
"""The largest number, the bits of a fraction (None of whole numbers), the exponent of the least normal."""

SCOPES = ("row", "tensor")
EPSILONS = ("floor", "added")
BLOCK = 32
"""How many neighbours share an exponent."""

# --- to fewer bits ---


def quantize(
    x: Array,
    *,
    format: str = "int8",
    scope: str = "row",
    epsilon: float = 1e-5,
    epsilon_at: str = "floor",
) -> tuple[Array, Array]:
    """Numbers of eight bits, and the scale that their greatest magnitude asks for.

    ``s = max(max |x|, ε) / m`` or ``s = (max |x| + ε) / m``, and ``q = round(x / s)``, at most m in
    magnitude, with m the largest number of the format; ``x ≈ s q``

    Args:
        x: ``(rows, features)``.
        format: ``int8``, of which -128 is not used, ``float8_e4m3fn`` or ``float8_e5m2``.
        scope: ``row``, with a scale each, or ``tensor`` with one for all.
        epsilon: ε, for what is 0 throughout.
        epsilon_at: a ``floor`` of the magnitude, or ``added`` to it.

    Returns:
        q, of the shape of ``x``, and s, ``(rows,)`` or ``()``.

    Raises:
        ValueError: an option is unknown.

    Sources: Dettmers et al. (2022), LLM.int8(), arXiv:2208.07339, section 2; Micikevicius et al. (2022), FP8
    formats for deep learning, arXiv:2209.05433, section 3.
    """
    require_rank("x", x, 2, "rows, features")
    eights = tuple(FORMATS)[:3]
    require(format in eights, f"format must be one of {', '.join(eights)}; got {format!r}")
    require(scope in SCOPES, f"scope must be {' or '.join(SCOPES)}; got {scope!r}")
    require(epsilon_at in EPSILONS, f"epsilon_at must be {' or '.join(EPSILONS)}; got {epsilon_at!r}")
    greatest = np.max(np.abs(x), axis=-1 if scope == "row" else None)
    held = np.maximum(greatest, epsilon) if epsilon_at == "floor" else greatest + epsilon
    scale = held / FORMATS[format][0]
    return _nearest(x / (scale[..., np.newaxis] if scope == "row" else scale), format), scale


def quantize_vjp(x: Array, cotangents: tuple[Array, Array], **options: object) -> tuple[()]:
    """Gradient of `quantize`: steps have none."""
    return ()


def microscaling(x: Array, *, format: str = "float8_e4m3fn", exponent: str = "floor") -> tuple[Array, Array]:
    """Numbers of eight bits or four, of which 32 neighbours share a power of two.

    ``q = round(x / 2^e)``, at most m in magnitude, with m the largest number of the format, and e for each
    block: ``floor(log2(max |x|)) - floor(log2(m))``, or the least for which ``max |x| ≤ 2^e m``

    By the first rule, that of the standard, what is greatest may lie above ``2^e m`` and is held there; by
    the second nothing is.

    Args:
        x: ``(rows, features)``, where 32 divides the features.
        format: ``float8_e4m3fn``, ``float8_e5m2`` or ``float4_e2m1fn``.
        exponent: ``floor`` or ``up``.

    Returns:
        q, of the shape of ``x``, and e, whole numbers, ``(rows, features / 32)``; -127 at least, which is
        what blocks of zeros have.

    Raises:
        ValueError: the features are no whole blocks, or an option is unknown.

    Source: Rouhani et al. (2023), Microscaling data formats for deep learning, arXiv:2310.10537; Open Compute
    Project (2023), OCP microscaling formats (MX) specification, version 1.0, section 6.3.
    """
    require_rank("x", x, 2, "rows, features")
    floats = tuple(FORMATS)[1:]
    require(format in floats, f"format must be one of {', '.join(floats)}; got {format!r}")
    require(exponent in ("floor", "up"), f"exponent must be floor or up; got {exponent!r}")
    rows, features = x.shape
    require(features % BLOCK == 0, f"x must have a multiple of {BLOCK} features; got {features}")
    blocks = x.reshape(rows, features // BLOCK, BLOCK)
    exponents = _exponents(np.max(np.abs(plain(blocks)), axis=-1), FORMATS[format][0], exponent)
    codes = _nearest(blocks * np.ldexp(1.0, -exponents)[..., np.newaxis], format)
    return codes.reshape(rows, features), exponents


def microscaling_vjp(x: Array, cotangent: Array, **options: object) -> tuple[()]:
    """Gradient of `microscaling`: steps have none."""
    return ()


def _exponents(greatest: Array, largest: float, rule: str) -> Array:
    """The shared exponents of blocks with these magnitudes; ``frexp`` is exact, a logarithm is not."""
    (share, power), (of_largest, power_of_largest) = np.frexp(greatest), np.frexp(largest)
    above = (share > of_largest) if rule == "up" else np.zeros_like(share, dtype=bool)
    found = power - power_of_largest + above
    return np.where(greatest > 0, np.maximum(found, -127), -127).astype(np.int32)


def _nearest(x: Array, format: str) -> Array:
    """The nearest number of a format, of two as near the even one; the largest of all beyond it."""
    largest, bits, least = FORMATS[format]
    if bits is None:
        return np.clip(np.rint(x), -largest, largest)
    _, power = np.frexp(plain(x))
    step = np.ldexp(1.0, np.maximum(power - 1, least) - bits)
    return np.clip(np.rint(x / step) * step, -largest, largest)


# --- products ---


def scaled_matmul(
    x: Array, kernel: Array, x_scale: Array, kernel_scale: Array, bias: Array | None = None
) -> Array:
    """Products of what scales are taken out of.

    ``y_{rc} = Σ_d s_{rd} x_{rd} t_{dc} w_{dc} + b_c``, where s is one number, or one for each row, or for
    each block of 32 in a row; t is one number, or one for each column, or for each block of 32 in a column

    Factors are numbers of eight bits, float8_e4m3fn: others are rounded to these first, as `quantize` does.

    Args:
        x: ``(rows, depth)``.
        kernel: w, ``(depth, units)``.
        x_scale: s, ``()``, ``(rows,)`` or ``(rows, depth / 32)``.
        kernel_scale: t, ``()``, ``(units,)`` or ``(depth / 32, units)``.
        bias: b, ``(units,)``, or None for 0.

    Returns:
        ``(rows, units)``

    Raises:
        ValueError: a shape does not fit.

    Source: Micikevicius et al. (2022), FP8 formats for deep learning, arXiv:2209.05433, section 3; with
    blocks Rouhani et al. (2023), arXiv:2310.10537.
    """
    rows, depth, units = _lengths(x, kernel)
    for name, scale, known in (
        ("x_scale", x_scale, ((), (rows,), (rows, depth // BLOCK))),
        ("kernel_scale", kernel_scale, ((), (units,), (depth // BLOCK, units))),
    ):
        require(scale.shape in known, f"{name} must have one of the shapes {known}; got {scale.shape}")
    _check_bias(bias, units)
    x, kernel = (_nearest(array, "float8_e4m3fn") for array in (x, kernel))
    if x_scale.ndim == 2:
        require(depth % BLOCK == 0, f"x must have whole blocks of {BLOCK}; got a depth of {depth}")
        blocks = x.reshape(rows, -1, BLOCK), kernel.reshape(-1, BLOCK, units)
        y = np.einsum("rk,ku,rku->ru", x_scale, kernel_scale, np.einsum("rkd,kdu->rku", *blocks))
    else:
        y = np.matmul(x, kernel) * (x_scale[:, np.newaxis] if x_scale.ndim else x_scale) * kernel_scale
    return y if bias is None else y + bias


def scaled_matmul_vjp(
    x: Array, kernel: Array, x_scale: Array, kernel_scale: Array, bias: Array | None, cotangent: Array
) -> tuple[()]:
    """No gradient is asked of what has been rounded to so few bits."""
    return ()


def quantized_matmul(
    x: Array,
    kernel: Array,
    x_scale: Array,
    kernel_scale: Array,
    bias: Array | None = None,
    *,
    zero_point: int = 128,
    kernel_zero_point: int = 128,
) -> Array:
    """Products of codes of eight bits, summed as whole numbers, and then scaled.

    ``y_{rc} = s_r t_c Σ_d (x_{rd} - z) (w_{dc} - z_w) + b_c``

    Args:
        x: codes from 0 to 255, ``(rows, depth)``.
        kernel: w, such codes, ``(depth, units)``.
        x_scale: s, ``(rows,)``.
        kernel_scale: t, ``(units,)``.
        bias: b, ``(units,)``, or None for 0.
        zero_point: z, the code of 0.
        kernel_zero_point: z_w.

    Returns:
        ``(rows, units)``

    Raises:
        ValueError: a shape does not fit, or what is no code.

    Sources: Jacob et al. (2018), Quantization and training of neural networks, arXiv:1712.05877, section 2.2;
    ONNX, MatMulInteger.
    """
    rows, _, units = _lengths(x, kernel)
    require_shape("x_scale", x_scale, (rows,), "rows")
    require_shape("kernel_scale", kernel_scale, (units,), "units")
    _check_bias(bias, units)
    for name, codes in (
        ("x", x),
        ("kernel", kernel),
        ("zero_point", np.array(zero_point)),
        ("kernel_zero_point", np.array(kernel_zero_point)),
    ):
        require(bool(((codes >= 0) & (codes <= 255)).all()), f"{name} must lie between 0 and 255")
    sums = np.matmul(x.astype(np.int64) - zero_point, kernel.astype(np.int64) - kernel_zero_point)
    y = sums.astype(np.float64) * x_scale[:, np.newaxis] * kernel_scale
    return y if bias is None else y + bias


def quantized_matmul_vjp(
    x: Array,
    kernel: Array,
    x_scale: Array,
    kernel_scale: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    zero_point: int = 128,
    kernel_zero_point: int = 128,
) -> tuple[()]:
    """No gradient is asked of what has been rounded to so few bits."""
    return ()


def _lengths(x: Array, kernel: Array) -> tuple[int, int, int]:
    """Rows, depth and units, of arrays that fit."""
    require_rank("x", x, 2, "rows, depth")
    require_rank("kernel", kernel, 2, "depth, units")
    require(kernel.shape[0] == x.shape[1], f"kernel must have the depth {x.shape[1]}; got {kernel.shape[0]}")
    return (*x.shape, kernel.shape[1])


def _check_bias(bias: Array | None, units: int) -> None:
    """Raise unless there is one number for each unit, if any."""
    if bias is not None:
        require_shape("bias", bias, (units,), "units")
