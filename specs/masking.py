"""Specs of masks that layers pass on."""

from __future__ import annotations

from ..reference import masking as reference
from .language.spec import Input, Parameter, Source, Spec

masked_average = Spec(
    reference=reference.masked_average,
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
    sizes=((4, 5, 3, 2), (2, 3, 7, 4)),
    data=("normal",),
    sources=(
        Source(
            "Keras, Understanding masking and padding",
            "https://keras.io/guides/understanding_masking_and_padding/",
        ),
        Source("keras.layers.Masking", "https://keras.io/api/layers/core_layers/masking/"),
    ),
)

lstm_beside_padding = Spec(
    reference=reference.lstm_beside_padding,
    inputs=(
        Input("x", "batch, time, features", meaning="sequences and their padding"),
        Input("h", "batch, units", meaning="initial hidden state", kind="weight"),
        Input("c", "batch, units", meaning="initial cell state", kind="weight"),
        Input("kernel", "features, 4 * units", kind="weight", meaning="gates in the order i, f, g, o"),
        Input("recurrent_kernel", "units, 4 * units", kind="weight"),
        Input("bias", "4 * units", kind="weight"),
        Input("lengths", "batch", kind="lengths", limit="time", meaning="how many steps count"),
    ),
    outputs=("y", "final_h", "final_c"),
    parameters=(
        Parameter(
            "masking",
            ("select", "select_values"),
            "whether padding is left out, or of values alone, so that its NaN reaches gradients",
            facet=True,
            right="select",
        ),
    ),
    sizes=((3, 5, 2, 4), (2, 3, 7, 5), (4, 3, 9, 8)),
    data=("normal", "padding_nan"),
    excluded=("masking != 'select' and data != 'padding_nan'",),
    sources=(
        Source(
            "torch.nn.utils.rnn.pack_padded_sequence",
            "https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html",
        ),
        *masked_average.sources[:1],
    ),
)

masking = Spec(
    reference=reference.masking,
    inputs=(
        Input("x", "batch, steps, features", meaning="sequences"),
        Input("mask", "batch, steps", kind="mask", meaning="False where a step is filled with the value"),
    ),
    states=("present",),
    parameters=(Parameter("mask_value", (0.0, -1.5), "what padding is filled with"),),
    sizes=((4, 5, 3), (1, 1, 1), (3, 9, 1)),
    data=("normal", "zeros", "nan", "masked_rows"),
    sources=masked_average.sources,
)

masked_stack = Spec(
    reference=reference.masked_stack,
    inputs=(
        Input("x", "batch, steps, features", meaning="sequences"),
        Input("mask", "batch, steps", kind="mask", meaning="False where a step is filled with the value"),
        Input("kernel", "features, 4 * units", kind="weight", meaning="of the LSTM, in the order i, f, g, o"),
        Input("recurrent_kernel", "units, 4 * units", kind="weight"),
        Input("bias", "4 * units", kind="weight"),
        Input("upper_kernel", "units, 3 * units", kind="weight", meaning="of the unit, in the order r, z, n"),
        Input("upper_recurrent_kernel", "units, 3 * units", kind="weight"),
        Input("upper_bias", "3 * units", kind="weight"),
    ),
    parameters=(
        Parameter("mask_value", (0.0, -1.5), "what padding is filled with"),
        Parameter(
            "masked_output",
            ("repeat", "zero"),
            "what layers put out at masked steps: the last output, or 0",
            facet=True,
        ),
        Parameter("return_sequences", (True, False), "all outputs, or that of the step taken last"),
    ),
    # Of few steps and features little is rounded: there the smallest faults of a gradient show in half types.
    sizes=((3, 5, 2, 4), (9, 1, 17, 3), (2, 2, 3, 2)),
    data=("normal", "masked_rows", "tails"),
    sources=masked_average.sources,
)
