"""Specs of the losses of sequences."""

from __future__ import annotations

from ..reference import losses_sequence as reference
from .language.spec import Input, Parameter, Source, Spec

sequence_cross_entropy = Spec(
    reference=reference.sequence_cross_entropy,
    inputs=(
        Input("logits", "batch, steps, classes", meaning="unnormalised log-probabilities"),
        Input("labels", "batch, steps", kind="index", limit="classes", meaning="the class of each step"),
        Input("mask", "batch, steps", kind="mask", meaning="whether a step counts"),
    ),
    parameters=(
        Parameter(
            "average",
            reference.AVERAGES,
            "over all steps that count, over sequences of their means, or over all places",
            facet=True,
        ),
        Parameter("empty", ("nan", "zero"), "the mean where every step is masked", facet=True),
        Parameter(
            "masking",
            reference.MASKINGS,
            "whether masked losses are left out, so in values but not in gradients, or times 0",
            facet=True,
            right="select",
        ),
        Parameter("empty_gradient", ("zero", "nan"), "gradient of the steps of such a mean", facet=True),
    ),
    sizes=((4, 5, 7), (1, 3, 2), (3, 9, 33)),
    data=("normal", "saturated", "masked_rows", "padding_nan"),
    excluded=(
        "average == 'places' and empty == 'zero'",
        "masking != 'select' and data != 'padding_nan'",
        # Where every sequence has a step that counts, which means of no steps are is all one.
        "data == 'padding_nan' and (empty_gradient == 'nan' or batch == 1)",
        "empty_gradient == 'nan' and (empty == 'zero' or average == 'places')",
    ),
    sources=(
        Source("Graves (2013), Generating sequences", "https://arxiv.org/abs/1308.0850"),
        Source(
            "TensorFlow Addons, sequence_loss",
            "https://www.tensorflow.org/addons/api_docs/python/tfa/seq2seq/sequence_loss",
        ),
    ),
)
