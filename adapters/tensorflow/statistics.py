"""Statistics of TensorFlow."""

from __future__ import annotations

from .framework import binds, function, tf

ABOUT = {"axes": "list(axes)", "keepdims": "keepdims"}
TWO_PASS = {"algorithm": ("two_pass", "takes the mean off first")}
PLAIN = {"not weighted": "takes no weights"}

function(
    "moments",
    "tf.nn.moments",
    ABOUT,
    gives="mean, variance",
    returns="mean, variance",
    where=PLAIN,
    fixed=TWO_PASS,
    unused=("weights",),
)
function(
    "moments",
    "tf.nn.weighted_moments",
    ABOUT | {"frequency_weights": "weights"},
    gives="mean, variance",
    returns="mean, variance",
    where={"weighted": "takes weights"},
    fixed=TWO_PASS,
)


@binds(
    "moments",
    "tf.nn.normalize_moments",
    where=PLAIN,
    fixed={"algorithm": ("sums", "takes sums of squares")},
)
def moments(x, weights, *, axes, keepdims):
    count, sums, squares, shift = tf.nn.sufficient_statistics(x, list(axes), keepdims=keepdims)
    return tf.nn.normalize_moments(count, sums, squares, shift)


function(
    "sufficient_statistics",
    "tf.nn.sufficient_statistics",
    {"axes": "list(axes)", "shift": "tf.constant(shift, x.dtype) if shift else None"},
    gives="count, sums, squares, given",
    returns="sums, squares",
)
