"""Sequences that lie one after the other in one array: what a mixer gives each of them by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .chain import gradients_of, part, reshape
from .checks import Array, require, require_shape

__all__ = [
    "by_sequences",
    "by_sequences_vjp",
    "in_one_row",
    "in_one_row_vjp",
    "joined",
    "joined_vjp",
    "stretch",
    "stretch_vjp",
]

Mixer = Callable[..., Any]
"""A layer of arrays, of which the last are a state and sizes; it returns outputs and the state after them."""


def by_sequences(
    mixer: Mixer,
    arrays: Sequence[Array | None],
    sizes: Array,
    per_step: Sequence[int],
    **options: Any,
) -> tuple[Array, Array]:
    """What a mixer gives sequences of several sizes, each by itself with a state of its own.

    The rows of a batch are read as one: the first sequence begins with the first row, each other one where
    the one before it ends, and what lies behind the last is nobody's.

    Args:
        mixer: ``mixer(*arrays, None, **options)`` returns outputs ``(batch, steps, …)`` and states
            ``(batch, …)`` of sequences that are rows.
        arrays: what it is given, the state last; None for what is absent.
        sizes: how many steps each sequence has, ``(batch,)``, of which any may be 0.
        per_step: which of the arrays begin with ``(batch, steps)``.
        options: keywords of the mixer.

    Returns:
        The outputs, where what they are of lies, and 0 for what is nobody's; and the state after each
        sequence, which is the one before it if there are no steps.

    Raises:
        ValueError: a shape does not fit, a size is negative, or all together are more than there are steps.
    """
    whole, after = part(mixer, *arrays, None, **options)
    *given, state = arrays
    room = whole.shape[0] * whole.shape[1]
    require_shape("sizes", sizes, whole.shape[:1], "batch")
    fits = bool((sizes >= 0).all()) and sizes.sum() <= room
    require(fits, f"sizes must not be negative, nor above {room} together; got {sizes.tolist()}")
    moving = [place in per_step and array is not None for place, array in enumerate(given)]
    rows = [part(in_one_row, x) if moves else x for x, moves in zip(given, moving, strict=True)]
    before = np.zeros_like(after) if state is None else state
    found, states, start = [], [], 0
    for number, size in enumerate(sizes.tolist()):
        held = part(stretch, before, start=number, size=1, axis=0)
        if size:
            own = (
                part(stretch, x, start=start, size=size, axis=1) if moves else x
                for x, moves in zip(rows, moving, strict=True)
            )
            y, held = part(mixer, *own, held, None, **options)
            found.append(y)
        states.append(held)
        start += size
    nobody = np.zeros_like(np.reshape(whole, (1, room, *whole.shape[2:]))[:, start:])
    row = part(joined, *found, nobody, axis=1)
    return part(reshape, row, shape=whole.shape), part(joined, *states, axis=0)


def by_sequences_vjp(
    mixer: Mixer,
    arrays: Sequence[Array | None],
    sizes: Array,
    per_step: Sequence[int],
    cotangents: tuple[Array, Array],
    **options: Any,
) -> tuple[Array | None, ...]:
    """Gradients of `by_sequences`: of what all share, the sum over the sequences."""

    def of_arrays(*given: Array | None) -> tuple[Array, Array]:
        return by_sequences(mixer, given, sizes, per_step, **options)

    return gradients_of(of_arrays, arrays, cotangents)


def in_one_row(x: Array) -> Array:
    """The rows of a batch one after the other, ``(1, batch * steps, …)``."""
    return np.reshape(x, (1, x.shape[0] * x.shape[1], *x.shape[2:]))


def in_one_row_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `in_one_row`."""
    return (np.reshape(cotangent, x.shape),)


def stretch(x: Array, *, start: int, size: int, axis: int) -> Array:
    """So many places along an axis, from ``start`` on."""
    return x[(slice(None),) * axis + (slice(start, start + size),)]


def stretch_vjp(x: Array, cotangent: Array, *, start: int, size: int, axis: int) -> tuple[Array]:
    """Gradient of `stretch`: 0 for all other places."""
    beside = [(0, 0)] * x.ndim
    beside[axis] = start, x.shape[axis] - start - size
    return (np.pad(cotangent, beside),)


def joined(*pieces: Array, axis: int) -> Array:
    """These pieces, one behind the other."""
    return np.concatenate(pieces, axis=axis)


def joined_vjp(*pieces_and_cotangent: Array, axis: int) -> tuple[Array, ...]:
    """Gradient of `joined`: that of each piece."""
    *pieces, cotangent = pieces_and_cotangent
    ends = np.cumsum([piece.shape[axis] for piece in pieces])
    return tuple(np.split(cotangent, ends[:-1].tolist(), axis=axis))
