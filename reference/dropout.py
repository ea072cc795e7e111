"""Dropout layers. Randomness is an input: a reference takes the mask."""

from __future__ import annotations

import numpy as np

from .checks import Array, require

__all__ = ["dropout", "dropout_vjp"]


def dropout(
    x: Array, mask: Array | None = None, *, rate: float = 0.5, training: bool = True, dropped: str = "zero"
) -> Array:
    """Dropout: elements are dropped at random, the others scaled so that the expectation stays.

    ``y = x / (1 - rate)`` where the mask is True, 0 elsewhere; ``y = x`` at inference and at rate 0

    Args:
        x: any shape.
        mask: whether each element is kept, with probability ``1 - rate``; the axes of ``x``, of length 1
            where elements share their fate. Not needed at inference, nor at the rates 0 and 1.
        rate: probability in [0, 1] that an element is dropped.
        training: False for inference.
        dropped: what stands at dropped places: ``zero``, or the ``product`` of x and 0, which is NaN where x
            is NaN or infinite.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``rate`` is no probability, or ``mask`` is missing or does not fit ``x``.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to
    prevent neural networks from overfitting, section 4; scaled in training as in section 10.
    """
    require(0 <= rate <= 1, f"rate must be a probability between 0 and 1; got {rate}")
    if not training or rate == 0:
        return x
    return _masked(x, _kept(x, mask, rate), rate, dropped)


def dropout_vjp(
    x: Array, mask: Array | None, cotangent: Array, *, rate: float = 0.5, training: bool = True
) -> tuple[Array]:
    """Gradient of `dropout`: the cotangent dropped and scaled by the same mask; 0 at rate 1."""
    if not training or rate == 0:
        return (cotangent,)
    return (_masked(cotangent, _kept(x, mask, rate), rate, "zero"),)


def _kept(x: Array, mask: Array | None, rate: float) -> Array:
    if rate == 1:
        return np.zeros(x.shape, dtype=np.bool_)
    require(mask is not None, f"mask must be given at rate {rate} in training")
    fits = mask.ndim == x.ndim and all(m in (1, n) for m, n in zip(mask.shape, x.shape, strict=True))  # type: ignore[union-attr]
    require(fits, f"mask must have the axes of x, {x.shape}, or 1 in their place; got {mask.shape}")  # type: ignore[union-attr]
    return mask


def _masked(x: Array, kept: Array, rate: float, dropped: str) -> Array:
    scaled = x if rate == 1 else x / (1.0 - rate)
    return np.where(kept, scaled, 0.0) if dropped == "zero" else scaled * kept
