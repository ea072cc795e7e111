"""Dense layers: affine maps of the last axis."""

from __future__ import annotations

import numpy as np

from .affine import affine
from .checks import Array, require, require_shape


def dense(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Fully connected layer.

    ``y = x W + b``

    Args:
        x: ``(…, features)``, any number of leading axes.
        kernel: ``(features, units)``.
        bias: ``(units,)``, or None for no bias.

    Returns:
        ``(…, units)``

    Raises:
        ValueError: the last axis of ``x`` and the first of ``kernel`` differ, or ``bias`` does not fit.

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.1.
    """
    features, units = kernel.shape
    require(x.shape[-1] == features, f"x must end in {features} features as the kernel has; got {x.shape}")
    if bias is not None:
        require_shape("bias", bias, (units,), "units")
    return affine(x, kernel, bias)


def dense_vjp(
    x: Array, kernel: Array, bias: Array | None, cotangent: Array
) -> tuple[Array, Array, Array | None]:
    """Gradient of `dense`: ``g Wᵀ``, ``xᵀ g`` and ``g`` summed over the leading axes."""
    rows = np.reshape(cotangent, (-1, kernel.shape[1]))
    return (
        np.matmul(cotangent, np.transpose(kernel)),
        np.matmul(np.transpose(np.reshape(x, (-1, kernel.shape[0]))), rows),
        None if bias is None else np.sum(rows, axis=0),
    )


def masked_dense(
    x: Array, kernel: Array, mask: Array, bias: Array | None = None, *, masking: str = "product"
) -> Array:
    """Pruned fully connected layer: weights that the mask leaves out count as zero.

    ``y = x (W ∘ M) + b``

    A neuron of which all weights are left out gives its bias: taking it out of the kernel is the same for
    the others.

    Args:
        x: ``(…, features)``, any number of leading axes.
        kernel: ``(features, units)``.
        mask: ``(features, units)`` of booleans, True where a weight is kept.
        bias: ``(units,)``, or None for no bias.
        masking: ``product``: weights and their gradients are multiplied by 1 or 0, which makes NaN of those
            that are not finite; ``selected``: 0 is put in their place.

    Returns:
        ``(…, units)``

    Raises:
        ValueError: ``mask`` has not the shape of ``kernel``, or as `dense`.

    Source: Han, Pool, Tran and Dally (2015), Learning both weights and connections for efficient neural
    networks, arXiv:1506.02626, section 3.
    """
    return dense(x, _kept(kernel, mask, masking), bias)


def masked_dense_vjp(
    x: Array, kernel: Array, mask: Array, bias: Array | None, cotangent: Array, *, masking: str = "product"
) -> tuple[Array, Array, Array | None]:
    """Gradient of `masked_dense`: that of `dense` with the masked kernel, 0 for weights that are left out."""
    dx, dkernel, dbias = dense_vjp(x, _kept(kernel, mask, masking), bias, cotangent)
    return dx, _kept(dkernel, mask, masking), dbias


def _kept(kernel: Array, mask: Array, masking: str) -> Array:
    require_shape("mask", mask, kernel.shape, "features, units")
    return np.where(mask, kernel, 0.0 * kernel if masking == "product" else 0.0)


def bilinear(left: Array, right: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Bilinear layer: each unit is a bilinear form of two inputs.

    ``y[…, u] = Σ_i Σ_j left[…, i] W[u, i, j] right[…, j] + b[u]``

    Args:
        left: ``(…, left features)``.
        right: ``(…, right features)`` with the same leading axes.
        kernel: ``(units, left features, right features)``.
        bias: ``(units,)``, or None for no bias.

    Returns:
        ``(…, units)``

    Raises:
        ValueError: the features of an input are not those of ``kernel``, the leading axes differ, or ``bias``
            does not fit.

    Source: Tenenbaum and Freeman (2000), Separating style and content with bilinear models.
    """
    units, lefts, rights = kernel.shape
    require(left.shape[-1] == lefts, f"left must end in {lefts} features as the kernel has; got {left.shape}")
    require_shape("right", right, (*left.shape[:-1], rights), "…, right features")
    y = np.einsum("...i,...iu->...u", left, np.einsum("uij,...j->...iu", kernel, right))
    if bias is None:
        return y
    require_shape("bias", bias, (units,), "units")
    return y + bias


def bilinear_vjp(
    left: Array, right: Array, kernel: Array, bias: Array | None, cotangent: Array
) -> tuple[Array, Array, Array, Array | None]:
    """Gradient of `bilinear`: it is linear in each of its three factors."""
    leading = tuple(range(cotangent.ndim - 1))
    rows = [np.reshape(a, (-1, a.shape[-1])) for a in (left, right, cotangent)]
    return (
        np.einsum("...u,...iu->...i", cotangent, np.einsum("uij,...j->...iu", kernel, right)),
        np.einsum("...u,...ju->...j", cotangent, np.einsum("uij,...i->...ju", kernel, left)),
        np.einsum("bij,bu->uij", rows[0][:, :, np.newaxis] * rows[1][:, np.newaxis], rows[2]),
        None if bias is None else np.sum(cotangent, axis=leading),
    )


EQUATIONS = {"last": "btf,fhu->bthu", "two": "btf,tfu->bu", "each": "btf,tfu->btu"}
"""The contraction of x with a kernel, by what is contracted."""


def einsum_dense(x: Array, kernel: Array, bias: Array | None = None, *, contracts: str = "last") -> Array:
    """Dense layer over named axes.

    - ``last``: ``y[b, t, h, u] = Σ_f x[b, t, f] W[f, h, u] + β[h, u]``, one axis becomes two;
    - ``two``: ``y[b, u] = Σ_{t, f} x[b, t, f] W[t, f, u] + β[u]``, two become one;
    - ``each``: ``y[b, t, u] = Σ_f x[b, t, f] W[t, f, u] + β[t, u]``, each step has its own kernel.

    Args:
        x: ``(batch, steps, features)``.
        kernel: ``(features, heads, units)``, or ``(steps, features, units)``.
        bias: of the axes of the kernel that are left, or None for no bias.
        contracts: one of the above.

    Returns:
        As above.

    Raises:
        ValueError: an axis of ``kernel`` or ``bias`` does not fit, or ``contracts`` is none of these.

    Source: keras.layers.EinsumDense.
    """
    equation = _equation(x, kernel, bias, contracts)
    y = np.einsum(equation, x, kernel)
    return y if bias is None else y + bias


def einsum_dense_vjp(
    x: Array, kernel: Array, bias: Array | None, cotangent: Array, *, contracts: str = "last"
) -> tuple[Array, Array, Array | None]:
    """Gradient of `einsum_dense`: the cotangent contracted with the kernel, and with x."""
    inputs, result = _equation(x, kernel, bias, contracts).split("->")
    of_x, of_kernel = inputs.split(",")
    others = tuple(range(cotangent.ndim - (0 if bias is None else bias.ndim)))
    return (
        np.einsum(f"{result},{of_kernel}->{of_x}", cotangent, kernel),
        np.einsum(f"{of_x},{result}->{of_kernel}", x, cotangent),
        None if bias is None else np.sum(cotangent, axis=others),
    )


def _equation(x: Array, kernel: Array, bias: Array | None, contracts: str) -> str:
    """The contraction of arrays that fit."""
    require(contracts in EQUATIONS, f"contracts must be one of {', '.join(EQUATIONS)}; got {contracts!r}")
    require(x.ndim == kernel.ndim == 3, f"x and kernel must have three axes; got {x.shape}, {kernel.shape}")
    met = (x.shape[-1:], kernel.shape[:1]) if contracts == "last" else (x.shape[1:], kernel.shape[:2])
    require(met[0] == met[1], f"x must end in {met[1]}, as the kernel begins; got {x.shape}")
    if bias is not None:
        left = {"last": kernel.shape[1:], "two": kernel.shape[2:], "each": kernel.shape[::2]}[contracts]
        require_shape("bias", bias, left, "the axes of the kernel that are left")
    return EQUATIONS[contracts]


def lora_dense(
    x: Array,
    down: Array,
    up: Array,
    kernel: Array | None = None,
    bias: Array | None = None,
    *,
    alpha: float | None = None,
) -> Array:
    """Dense layer with a correction of low rank.

    ``y = x W + b + s (x A) B`` with the scale ``s = α / r``, or 1

    Args:
        x: ``(batch, features)``.
        down: ``A``, ``(features, rank)``.
        up: ``B``, ``(rank, units)``.
        kernel: ``W``, ``(features, units)``, or None for the correction alone.
        bias: ``b``, ``(units,)``, or None.
        alpha: ``α``, or None for a scale of 1.

    Returns:
        ``(batch, units)``.

    Raises:
        ValueError: the shapes do not fit as those of `dense`.

    Source: Hu et al. (2021), LoRA: low-rank adaptation of large language models, arXiv:2106.09685, section
    4.1.
    """
    low = dense(dense(x, down), up)
    if alpha is not None:
        low = low * (alpha / down.shape[1])
    return low if kernel is None else dense(x, kernel, bias) + low


def lora_dense_vjp(
    x: Array,
    down: Array,
    up: Array,
    kernel: Array | None,
    bias: Array | None,
    cotangent: Array,
    *,
    alpha: float | None = None,
) -> tuple[Array, Array, Array, Array | None, Array | None]:
    """Gradient of `lora_dense`: that of three products."""
    scaled = cotangent if alpha is None else cotangent * (alpha / down.shape[1])
    hidden, of_up, _ = dense_vjp(dense(x, down), up, None, scaled)
    of_x, of_down, _ = dense_vjp(x, down, None, hidden)
    if kernel is None:
        return of_x, of_down, of_up, None, None
    through, of_kernel, of_bias = dense_vjp(x, kernel, bias, cotangent)
    return of_x + through, of_down, of_up, of_kernel, of_bias
