"""Selection: which elements are the greatest, and where they stood."""

from __future__ import annotations

import numpy as np

from .checks import Array, require

__all__ = ["greatest", "plain", "scattered", "top_k", "top_k_vjp"]


def top_k(x: Array, *, k: int = 2, largest: bool = True, nan: str = "greatest") -> tuple[Array, Array]:
    """The k greatest elements of each row, or the k least, and their places.

    ``v_j = x_{i_j}`` with ``v_1 ≥ v_2 ≥ … ≥ v_k``, and of equals the one first that stands first

    Args:
        x: ``(…, features)``.
        k: how many, from 0 to the number of features.
        largest: whether the greatest are taken; otherwise the least, in ascending order.
        nan: NaN counts as ``greatest`` of all; or it is ``last``, and taken for want of others only.

    Returns:
        Values and places, each ``(…, k)``.

    Raises:
        ValueError: there are no k elements, or ``nan`` is unknown.

    Source: Knuth (1998), The art of computer programming, volume 3, section 5.3.3.
    """
    require(nan in ("greatest", "last"), f"nan must be greatest or last; got {nan!r}")
    places = greatest(x, k, largest=largest, nan=nan)
    return np.take_along_axis(x, places, axis=-1), places


def top_k_vjp(
    x: Array, cotangent: Array, *, k: int = 2, largest: bool = True, nan: str = "greatest"
) -> tuple[Array]:
    """Gradient of `top_k`: each cotangent at the place that its value was taken from, and 0 elsewhere."""
    return (scattered(cotangent, greatest(x, k, largest=largest, nan=nan), x.shape[-1]),)


def greatest(x: Array, k: int, *, largest: bool = True, nan: str = "greatest") -> Array:
    """Places of the k greatest along the last axis, of equals the first ones first."""
    features = x.shape[-1]
    require(0 <= k <= features, f"k must be from 0 to the {features} features; got {k}")
    values = plain(x)
    unknown, first = np.isnan(values), nan == "greatest" and largest
    ranks = np.where(unknown, -np.inf if first else np.inf, -values if largest else values)
    beside = np.where(unknown, -1 if first else 1, 0)  # an infinity has the rank of NaN, and is none
    order = np.lexsort((np.broadcast_to(np.arange(features), x.shape), beside, ranks), axis=-1)
    return np.asarray(order[..., :k], np.int32)


def plain(x: Array) -> Array:
    """The numbers of an array, without the errors that it carries: a choice is a function of those alone."""
    return np.real(np.asarray(getattr(x, "value", x)))


def scattered(values: Array, places: Array, features: int) -> Array:
    """Values at their places, and 0 elsewhere."""
    chosen = places[..., np.newaxis] == np.arange(features)
    return np.sum(np.where(chosen, values[..., np.newaxis], 0.0), axis=-2)
