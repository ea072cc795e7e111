"""Specs of masks that layers pass on."""

from __future__ import annotations

from ..reference import masking as reference
from .spec import Constraint, Input, Parameter, Source, Spec

masked_average = Spec(
    name="masked_average",
    reference=reference.masked_average,
    vjp=reference.masked_average_vjp,
    inputs=(
        Input("x", "batch, steps, features", meaning="what the layer is given", when="layer != 'embedding'"),
        Input(
            "indices",
            "batch, steps",
            kind="index",
            limit="features",
            meaning="rows of the table but the first",
            when="layer == 'embedding'",
        ),
        Input("mask", "batch, steps", kind="mask", meaning="whether a step counts"),
        Input(
            "kernel",
            "features + (layer == 'embedding'), (4 if layer == 'lstm' else 1) * units",
            kind="weight",
            when=f"layer in {reference.WEIGHTED}",
        ),
        Input("recurrent_kernel", "units, 4 * units", kind="weight", when="layer == 'lstm'"),
    ),
    parameters=(
        Parameter("layer", tuple(reference.LAYERS), "what stands between the mask and the average"),
        Parameter(
            "mask_after",
            ("kept", "lost"),
            "whether the layer passes the mask on, so that masked steps stay out of the average",
            facet=True,
        ),
    ),
    axes="batch steps features units",
    sizes=((4, 5, 3, 2), (2, 3, 7, 4)),
    data=("normal",),
    constraints=(
        Constraint(
            "C1",
            "layer == 'embedding' or mask == x[:2]",
            "mask must have one element per step",
            broken_by={"mask": "batch, steps + 1"},
        ),
    ),
    sources=(
        Source(
            "Keras, Understanding masking and padding",
            "https://keras.io/guides/understanding_masking_and_padding/",
        ),
        Source("keras.layers.Masking", "https://keras.io/api/layers/core_layers/masking/"),
        Source(
            "keras.layers.GlobalAveragePooling1D",
            "https://keras.io/api/layers/pooling_layers/global_average_pooling1d/",
        ),
    ),
)
