"""Poolings of tf.nn."""

from __future__ import annotations

from ..binding import takes
from .framework import function

NO_CEILING = {"ceil_mode": (False, "tf.nn's poolings have no such rule")}
WITHOUT_PADDING = NO_CEILING | {"count_padding": (False, "tf.nn's means do not count the padding")}
AS_THEY_ARE = {
    n: WITHOUT_PADDING | ({"divisor": (None, "tf.nn divides by the number of taps")} if n > 1 else {})
    for n in (1, 2, 3)
}
MAXIMA = NO_CEILING | {"nan": ("hold", "what becomes of NaN is a deviation on file")}
NAMED = {"padding in ('valid', 'same')": "this function pads by name, 'VALID' or 'SAME'"}
NO_LOWER = {"padding != 'same_lower'": "tf.nn has no such padding"}
NO_WIDER = {
    n: {f"min(window) < 1 or all(strides[i] <= window[i] for i in {tuple(range(n))})": "it strides no wider"}
    for n in (1, 2, 3)
}
NOT_BOTH = {"max(strides) == 1 or max(dilation) == 1": "tf.nn.pool refuses strides and dilation together"}


def tf_padding(padding):
    return padding.upper() if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]


WINDOWS = {"ksize": "window", "strides": "strides"}
POOLED = {"window_shape": "window", "strides": "strides", "padding": "padding.upper()"}

for n in (1, 2, 3):
    function(
        f"max_pool{n}d",
        f"tf.nn.max_pool{n}d",
        WINDOWS | {"padding": "tf_padding(padding)"},
        where=NO_LOWER | {"max(dilation) == 1": "it has no dilation"} | (NAMED if n == 3 else {}),
        fixed=MAXIMA,
    )
    function(
        f"max_pool{n}d",
        "tf.nn.max_pool",
        WINDOWS | {"padding": "tf_padding(padding)"},
        where=NO_LOWER | {"max(dilation) == 1": "it has no dilation"} | (NAMED if n == 3 else {}),
        fixed=MAXIMA,
    )
    function(
        f"max_pool{n}d",
        "tf.nn.pool",
        {"pooling_type": "'MAX'", "dilations": "dilation"} | POOLED,
        where=NO_LOWER | NAMED | NOT_BOTH | NO_WIDER[n],
        fixed=MAXIMA,
    )
    function(
        f"avg_pool{n}d",
        f"tf.nn.avg_pool{n}d",
        WINDOWS | {"padding": "padding.upper()"},
        where=NAMED,
        fixed=AS_THEY_ARE[n],
    )
    function(
        f"avg_pool{n}d",
        "tf.nn.avg_pool",
        WINDOWS | {"padding": "padding.upper()"},
        where=NAMED,
        fixed=AS_THEY_ARE[n],
    )
    function(
        f"avg_pool{n}d",
        "tf.nn.pool",
        {"pooling_type": "'AVG'"} | POOLED,
        where=NAMED | NO_WIDER[n],
        fixed=AS_THEY_ARE[n],
    )

# --- any rank, or two axes, from one spec ---

for name, index, together in (("", "image", "False"), ("(include_batch_in_index)", "batch", "True")):
    function(
        "max_pool_with_argmax",
        f"tf.nn.max_pool_with_argmax{name}",
        {
            "ksize": "window[:2]",
            "strides": "strides[:2]",
            "padding": "padding.upper()",
            "include_batch_in_index": together,
        },
        where=NAMED | {"spatial == 2": "is of images"},
        fixed={"index": (index, "counts channels as well")},
    )

WHOLE = {"axis": "list(range(1, len(x.shape) - 1))", "keepdims": "keepdims"}
function(
    "global_pool",
    "tf.reduce_max",
    WHOLE,
    where=takes("tie_gradient", "split", "shares it among equal maxima", "ties"),
    fixed={"operation": ("max", "its name says so")},
)
function(
    "global_pool",
    "tf.reduce_mean",
    WHOLE,
    fixed={"operation": ("mean", "its name says so"), "tie_gradient": ("split", "a mean has no ties")},
)

for operation in ("dilation", "erosion"):
    function(
        "morphology2d",
        f"tf.nn.{operation}2d",
        {
            "strides": "(1, *strides, 1)",
            "padding": "padding.upper()",
            "data_format": "'NHWC'",
            "dilations": "(1, *dilation, 1)",
        },
        on="x, kernel",
        fixed={"operation": (operation, "its name says so")},
    )
