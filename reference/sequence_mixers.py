"""Sequence mixers: layers that mix the steps of a sequence, and hand a state on to the next piece of it."""

from __future__ import annotations

import numpy as np

from .activations import silu, silu_vjp
from .checks import Array, require, require_rank, require_shape
from .packing import by_sequences, by_sequences_vjp

__all__ = ["causal_conv1d", "causal_conv1d_vjp"]

ACTIVATIONS = ("none", "silu")


def causal_conv1d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    state: Array | None = None,
    sizes: Array | None = None,
    *,
    activation: str = "none",
) -> tuple[Array, Array]:
    """Convolution of each channel with what came before, and the state that the next piece is given.

    ``y_t = f(b + Σ_w k_w z_{t+w})`` for w from 0 to W - 1, where z is the state, of ``W - 1`` steps, and x
    after it; the new state are the last ``W - 1`` steps of z

    Args:
        x: ``(batch, steps, channels)``.
        kernel: k, ``(width, channels)``; the last of the width meets the present step.
        bias: b, ``(channels,)``, or None for 0.
        state: ``(batch, width - 1, channels)``, what came before, or None for zeros.
        sizes: how many steps each sequence has, ``(batch,)``, if sequences lie one after the other: rows are
            read as one, and what lies behind the last sequence is nobody's; None if each row is a sequence.
        activation: f, ``none`` or ``silu``.

    Returns:
        y, of the shape of ``x``, and the state after it, ``(batch, width - 1, channels)``. Of fewer steps
        than the state has, part of the old one stays in it.

    Raises:
        ValueError: a shape does not fit, or ``activation`` is unknown.

    Source: Gu and Dao (2023), Mamba, arXiv:2312.00752, section 3.4.
    """
    if sizes is not None:
        return by_sequences(causal_conv1d, (x, kernel, bias, state), sizes, (0,), activation=activation)
    require_rank("x", x, 3, "batch, steps, channels")
    require_rank("kernel", kernel, 2, "width, channels")
    require(kernel.shape[1] == x.shape[2], f"kernel must have {x.shape[2]} channels; got {kernel.shape[1]}")
    require(activation in ACTIVATIONS, f"activation must be {' or '.join(ACTIVATIONS)}; got {activation!r}")
    if bias is not None:
        require_shape("bias", bias, x.shape[2:], "channels")
    if state is not None:
        before = (x.shape[0], len(kernel) - 1, x.shape[2])
        require_shape("state", state, before, "batch, width - 1, channels")
    whole = _with_state(x, kernel, state)
    y = _convolved(whole, kernel, bias)
    return silu(y) if activation == "silu" else y, whole[:, x.shape[1] :]


def causal_conv1d_vjp(
    x: Array,
    kernel: Array,
    bias: Array | None,
    state: Array | None,
    sizes: Array | None,
    cotangents: tuple[Array, Array],
    *,
    activation: str = "none",
) -> tuple[Array | None, ...]:
    """Gradients of `causal_conv1d`: a step has those of the steps that it reaches, and of the new state.

    The two are added when each is complete, as implementations do.
    """
    if sizes is not None:
        arrays = x, kernel, bias, state
        return by_sequences_vjp(causal_conv1d, arrays, sizes, (0,), cotangents, activation=activation)
    through, of_state = cotangents
    whole, width, steps = _with_state(x, kernel, state), len(kernel), x.shape[1]
    if activation == "silu":
        (through,) = silu_vjp(_convolved(whole, kernel, bias), through)
    reached = [_at(kernel[w] * through, w, whole) for w in range(width)]
    of_whole = np.sum(np.stack(reached), axis=0) + _at(of_state, steps, whole)
    return (
        of_whole[:, width - 1 :],
        np.einsum("btcw,btc->wc", _windows(whole, width), through),
        None if bias is None else np.sum(through, axis=(0, 1)),
        None if state is None else of_whole[:, : width - 1],
    )


def _with_state(x: Array, kernel: Array, state: Array | None) -> Array:
    """What came before, and x after it."""
    if state is None:
        return np.pad(x, ((0, 0), (len(kernel) - 1, 0), (0, 0)))
    return np.concatenate([state, x], axis=1)


def _convolved(whole: Array, kernel: Array, bias: Array | None) -> Array:
    """The bias is added in quarters: who begins a sum with it rounds at its size more than once."""
    y = np.einsum("btcw,wc->btc", _windows(whole, len(kernel)), kernel)
    if bias is None:
        return y
    return y + 0.25 * bias + 0.25 * bias + 0.25 * bias + 0.25 * bias


def _windows(whole: Array, width: int) -> Array:
    """What each step meets, ``(batch, steps, channels, width)``."""
    return np.lib.stride_tricks.sliding_window_view(whole, width, axis=1)


def _at(part: Array, start: int, whole: Array) -> Array:
    """A part of the steps, among zeros for the others."""
    return np.pad(part, ((0, 0), (start, whole.shape[1] - start - part.shape[1]), (0, 0)))
