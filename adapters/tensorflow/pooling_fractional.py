"""Fractional poolings of tf.nn, which return the boundaries that they drew."""

from __future__ import annotations

from .framework import function


def ratios(x, lengths):
    """By how much each axis shrinks, a little less, so that lengths rounded down are what is asked for."""
    each = [n / (m + 0.5) if m < n else n / m for n, m in zip(x.shape[1:], lengths, strict=False)]
    return [1.0, *each, 1.0]


for name, operation in (("max", "max"), ("avg", "mean")):
    function(
        "fractional_pool",
        f"tf.nn.fractional_{name}_pool",
        {
            "pooling_ratio": "ratios(x, lengths)",
            "pseudo_random": "spaced",
            "overlapping": "overlapping",
            "seed": "seed",
        },
        gives="y, rows, columns",
        returns="y, rows, columns",
        where={"dtype in ('float32', 'float64')": "it takes numbers of single and double precision"},
        fixed={"operation": (operation, "its name says so")},
    )
