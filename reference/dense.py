"""Dense layers: affine maps of the last axis."""

from __future__ import annotations

import numpy as np

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
    y = np.matmul(x, kernel)
    if bias is None:
        return y
    require_shape("bias", bias, (units,), "units")
    return y + bias


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
