"""Resizing of jax.image, which leaves out axes whose length stays."""

from __future__ import annotations

from .modules import function

function(
    "resize",
    "jax.image.resize",
    {"antialias": "antialias"},
    on="x, (x.shape[0], *lengths[: x.ndim - 2], x.shape[-1]), "
    "'cubic-pytorch' if coefficient == -0.75 else method",
    unused=("border",),
    fixed={"bins": ("fractional", "jax weighs an element by the part that is covered")},
    where={
        "surplus == 0": "takes lengths",
        "coordinates == 'half_pixel'": "jax.image.resize takes centres of places",
        "(coefficient == -0.75) == (border == 'clamped')": "jax clamps with the coefficient -0.75 alone",
    },
)
