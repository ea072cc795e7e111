"""Selection of TensorFlow, of which what is approximate on a TPU alone is compiled by XLA."""

from __future__ import annotations

from ..binding import takes
from .framework import binds, function, tf

LARGEST = {"largest": (True, "takes the greatest")}
LEAST = {"largest": (False, "takes the least")}
LAST = takes("nan", "last", "NaN is no greater than any number", "nan")
APPROXIMATE = {
    "data not in ('ties', 'nan') and dtype == 'float32'": (
        "takes no float64; which of equals is taken, as there are in half types, is not said"
    ),
    "nan == 'greatest'": "asked of numbers alone",
}

function(
    "top_k",
    "tf.nn.top_k",
    {"k": "k"},
    gives="values, places",
    returns="values, places",
    fixed=LARGEST,
    where=LAST,
)

function(
    "isotonic_regression",
    "tf.nn.isotonic_regression",
    {"decreasing": "decreasing", "axis": "axis"},
    gives="y, segments",
    returns="y, segments",
)


def compiled(function, x, k):
    return tf.function(function, jit_compile=True)(x, k)


@binds("top_k", "tf.nn.approx_max_k", fixed=LARGEST, where=APPROXIMATE)
def approx_max_k(x, *, k):
    return compiled(tf.nn.approx_max_k, x, k)


@binds("top_k", "tf.nn.approx_min_k", fixed=LEAST, where=APPROXIMATE)
def approx_min_k(x, *, k):
    return compiled(tf.nn.approx_min_k, x, k)
