"""Poolings of jax.lax and flax."""

from __future__ import annotations

import math

from ..binding import takes
from .framework import binds, jax, jnp
from .modules import function

NO_CEIL = {"not ceil_mode": "XLA's windows never reach past the padding"}
NAN = {"nan == 'hold'": "what becomes of NaN is a deviation on file"}
MEANS = {
    n: NO_CEIL | ({"divisor is None": "divides by the number of taps"} if n > 1 else {}) for n in (1, 2, 3)
}
UNDILATED = NO_CEIL | {"max(dilation) == 1": "flax's poolings have no dilation"}


def lax_padding(padding):
    return padding.upper() if isinstance(padding, str) else padding


def reduce_windows(x, start, computation, window, strides, padding, dilation):
    return jax.lax.reduce_window(
        x,
        start,
        computation,
        (1, *window, 1),
        (1, *strides, 1),
        padding.upper() if isinstance(padding, str) else ((0, 0), *padding, (0, 0)),
        window_dilation=(1, *dilation, 1),
    )


@binds("max_pool1d", "jax.lax.reduce_window", where=NO_CEIL | NAN)
@binds("max_pool2d", "jax.lax.reduce_window", where=NO_CEIL | NAN)
@binds("max_pool3d", "jax.lax.reduce_window", where=NO_CEIL | NAN)
def max_pool(x, window, strides, padding, dilation):
    return reduce_windows(x, -jnp.inf, jax.lax.max, window, strides, padding, dilation)


@binds("avg_pool1d", "jax.lax.reduce_window", composition=True, where=MEANS[1])
@binds("avg_pool2d", "jax.lax.reduce_window", composition=True, where=MEANS[2])
@binds("avg_pool3d", "jax.lax.reduce_window", composition=True, where=MEANS[3])
def avg_pool(x, window, strides, padding, count_padding):
    dense = (1,) * len(window)
    total = reduce_windows(x, 0.0, jax.lax.add, window, strides, padding, dense)
    if count_padding:
        return total / math.prod(window)
    return total / reduce_windows(jnp.ones_like(x), 0.0, jax.lax.add, window, strides, padding, dense)


POOLED = "x, window, strides, lax_padding(padding)"
COUNTED = {"count_include_pad": "count_padding"}

for home in ("nnx", "linen"):
    for n in (1, 2, 3):
        function(f"max_pool{n}d", f"flax.{home}.max_pool", on=POOLED, where=UNDILATED | NAN)
        function(f"avg_pool{n}d", f"flax.{home}.avg_pool", COUNTED, on=POOLED, where=MEANS[n])

# A maximum is the minimum of negatives, negated.
function(
    "max_pool2d",
    "flax.nnx.min_pool",
    on=POOLED.replace("x", "-x", 1),
    returns="-y",
    where=UNDILATED | NAN,
    composition=True,
)

WHOLE = {"axis": "tuple(range(1, x.ndim - 1))", "keepdims": "keepdims"}
function(
    "global_pool",
    "jax.numpy.max",
    WHOLE,
    where=takes("tie_gradient", "split", "shares it among equal maxima", "ties")
    | {"operation == 'max'": "its name says so"},
)
function(
    "global_pool",
    "jax.numpy.mean",
    WHOLE,
    where={"operation == 'mean'": "its name says so", "tie_gradient == 'split'": "a mean has no ties"},
)
