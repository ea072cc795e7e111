"""Resizing of Keras: of images to a size, and by whole factors."""

from __future__ import annotations

from .layers import DTYPE, function, layer

NAMES = {"linear": "bilinear", "cubic": "bicubic"}

LAYOUT = {"data_format": "'channels_last'"}
METHOD = {"interpolation": "NAMES.get(method, method)"}
KERNELS = {
    "surplus": (0.0, "Keras takes lengths, or whole factors"),
    "coordinates": ("half_pixel", "Keras takes centres of places"),
    "coefficient": (-0.5, "Keras's a is -0.5"),
    "border": ("renormalized", "Keras leaves out what is outside"),
    "bins": ("fractional", "Keras weighs an element by the part that is covered"),
}
SINGLE = {"dtype != 'float64' or method == 'nearest'": "TensorFlow resizes in float32"}
IMAGES = SINGLE | {"spatial == 2": "is of images"}

function(
    "resize",
    "keras.ops.image.resize",
    METHOD | {"antialias": "antialias"} | LAYOUT,
    on="x, lengths[:2]",
    fixed=KERNELS,
    where=IMAGES,
)
layer(
    "resize",
    "keras.layers.Resizing",
    {"height": "lengths[0]", "width": "lengths[1]", "antialias": "antialias"} | METHOD | LAYOUT | DTYPE,
    fixed=KERNELS,
    where=IMAGES,
)

WHOLE = {
    f"all(lengths[i] % x[i + 1] == 0 for i in {(0, 1, 2)}[:spatial])": "repeats by whole factors",
    "min(lengths) >= 1": "takes a factor, and no length",
}
PLAIN = {"antialias": (False, "takes no antialias")}
REPEATED = PLAIN | KERNELS | {"method": ("nearest", "repeats")}


def factors(x, lengths):
    """By how much each spatial axis grows."""
    return tuple(m // n for m, n in zip(lengths, x.shape[1:-1], strict=False))


for n, size in ((1, "factors(x, lengths)[0]"), (3, "factors(x, lengths)")):
    layer(
        "resize",
        f"keras.layers.UpSampling{n}D",
        {"size": size} | (LAYOUT if n == 3 else {}) | DTYPE,
        fixed=REPEATED,
        where=WHOLE | {f"spatial == {n}": "is of another rank"},
    )
layer(
    "resize",
    "keras.layers.UpSampling2D",
    {"size": "factors(x, lengths)"} | METHOD | LAYOUT | DTYPE,
    fixed=KERNELS | PLAIN,
    where=WHOLE | IMAGES | {"method != 'area'": "has no such method"},
)
