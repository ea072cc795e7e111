"""Sequence mixers of JAX, from its convolution."""

from __future__ import annotations

from .framework import binds, jax, jnp


def whole(x, kernel, state):
    """What came before, and x after it."""
    before = jnp.zeros((x.shape[0], len(kernel) - 1, x.shape[2]), x.dtype) if state is None else state
    return jnp.concatenate([before, x], axis=1)


def ended(y, bias, activation):
    y = y if bias is None else y + bias
    return jax.nn.silu(y) if activation == "silu" else y


def live_steps(x, sizes):
    """Which steps count of rows that hold a sequence each, and where these lie among all."""
    room = jnp.arange(x.shape[1])
    return room < sizes[:, None], (jnp.cumsum(sizes) - sizes)[:, None] + room


def a_row_each(sizes, *arrays):
    """Sequences that lie one after the other, each in a row of its own, with 0 behind it."""
    if sizes is None:
        return arrays
    live, places = live_steps(arrays[0], sizes)
    places = jnp.minimum(places, live.size - 1)
    return tuple(x if x is None else gathered(x, places, live) for x in arrays)


def gathered(x, places, live):
    """The steps of all rows at these places, and 0 where none counts."""
    return jnp.where(live.reshape(*live.shape, *(1,) * (x.ndim - 2)), x.reshape(-1, *x.shape[2:])[places], 0)


def owners(sizes, rows):
    """The row and the step of each place among all, and whether it is anybody's."""
    ends, places = jnp.cumsum(sizes), jnp.arange(rows.shape[0] * rows.shape[1])
    row = jnp.minimum(jnp.searchsorted(ends, places, side="right"), len(rows) - 1)
    return row, jnp.minimum(places - (ends - sizes)[row], rows.shape[1] - 1), places < ends[-1]


def one_after_the_other(y, sizes):
    """What stands in rows of their own as sequences that lie one after the other, with 0 behind the last."""
    if sizes is None:
        return y
    row, step, owned = owners(sizes, y)
    return jnp.where(owned.reshape(-1, *(1,) * (y.ndim - 2)), y[row, step], 0).reshape(y.shape)


def windows(x, kernel, state, sizes):
    """What each step of packed sequences meets, a window to a row, and the steps behind each sequence.

    Of what is nobody's it is 0, so that no NaN meets a gradient of 0.
    """
    (rows,) = a_row_each(sizes, x)
    steps, taps = whole(rows, kernel, state), jnp.arange(len(kernel))
    row, step, owned = owners(sizes, x)
    met = jnp.where(owned[:, None, None], steps[row[:, None], step[:, None] + taps], 0)
    last = steps[jnp.arange(len(x))[:, None], sizes[:, None] + taps[:-1]]
    return met, last, owned[:, None]


@binds("causal_conv1d", "jax.lax.conv_general_dilated(feature_group_count)", composition=True)
def causal_conv1d(x, kernel, bias, state, sizes, *, activation):
    def convolved(steps):
        y = jax.lax.conv_general_dilated(
            steps,
            kernel[:, None],
            (1,),
            "VALID",
            dimension_numbers=("NWC", "WIO", "NWC"),
            feature_group_count=x.shape[-1],
        )
        return ended(y, bias, activation)

    if sizes is None:
        steps = whole(x, kernel, state)
        return convolved(steps), steps[:, x.shape[1] :]
    steps, last, owned = windows(x, kernel, state, sizes)
    return jnp.where(owned, convolved(steps)[:, 0], 0).reshape(x.shape), last
