"""Clear errors for bad input: the sentence names the parameter, what was given and what is allowed."""

from __future__ import annotations

from typing import Any

__all__ = ["require", "require_axis", "require_mask", "require_rank", "require_shape"]

Array = Any
"""A NumPy array or an error-carrying one: references take both."""


def require(condition: object, message: str) -> None:
    """Raise ``ValueError(message)`` unless ``condition`` holds."""
    if not condition:
        raise ValueError(message)


def require_axis(x: Array, axis: int) -> None:
    """Raise unless ``x`` has this axis, counted from the front or from the back."""
    require(-x.ndim <= axis < x.ndim, f"axis must be an axis of an array of shape {x.shape}; got {axis}")


def require_rank(name: str, array: Array, rank: int, axes: str) -> None:
    """Raise unless ``array`` has ``rank`` axes, which the message calls ``axes``."""
    require(array.ndim == rank, f"{name} must have the axes ({axes}); got shape {array.shape}")


def require_shape(name: str, array: Array, shape: tuple[int, ...], axes: str) -> None:
    """Raise unless ``array`` has this ``shape``, which the message calls ``axes``."""
    require(array.shape == shape, f"{name} must have shape {shape} = ({axes}); got {array.shape}")


def require_mask(name: str, mask: Array, shape: tuple[int, ...], axes: str) -> None:
    """Raise unless ``mask`` has this ``shape``, or length 1 along axes that share it."""
    fits = len(mask.shape) == len(shape) and all(m in (1, n) for m, n in zip(mask.shape, shape, strict=True))
    require(fits, f"{name} must have shape {shape} = ({axes}), or 1 in places; got {mask.shape}")
