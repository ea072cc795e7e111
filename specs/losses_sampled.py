"""Specs of the losses over sampled classes: candidates and their expected counts are given."""

from __future__ import annotations

from typing import Any

from ..reference import losses_sampled as reference
from .language.spec import Input, Parameter, Source, Spec

SHARED: dict[str, Any] = {
    "inputs": (
        Input("weights", "classes, features", kind="weight", meaning="rows of the output layer"),
        Input("biases", "classes", kind="weight"),
        Input("inputs", "batch, features", meaning="what the output layer maps"),
        Input("labels", "batch, true", kind="index", limit="classes", meaning="the true classes of each row"),
        Input(
            "sampled", "candidates", kind="index", limit="classes", meaning="candidates, of which some repeat"
        ),
        Input("true_expected", "batch, true", kind="positive", constant=True),
        Input("sampled_expected", "candidates", kind="positive", constant=True),
    ),
    "axes": "batch classes features true candidates",
    "sizes": ((3, 11, 5, 1, 4), (2, 7, 3, 2, 5), (4, 33, 17, 1, 9)),
    "data": ("normal", "saturated", "nan"),
}
CORRECTION = Parameter(
    "correction",
    reference.CORRECTIONS,
    "logits that are lowered by the logarithm of the expected count",
    facet=True,
)
ACCIDENTAL_HITS = "candidates that are a true class: kept, removed, or of equal ones the last removed"
TENSORFLOW = Source(
    "TensorFlow, Candidate sampling algorithms reference",
    "https://www.tensorflow.org/extras/candidate_sampling.pdf",
)

sampled_softmax_loss = Spec(
    reference=reference.sampled_softmax_loss,
    parameters=(
        Parameter("accidental_hits", ("remove", "remove_last", "keep"), ACCIDENTAL_HITS, facet=True),
        CORRECTION,
    ),
    sources=(
        Source(
            "Jean, Cho, Memisevic and Bengio (2015), On using very large target vocabulary, section 3",
            "https://arxiv.org/abs/1412.2007",
        ),
        Source(
            "Blanc and Rendle (2018), Adaptive sampled softmax with kernel based sampling",
            "https://arxiv.org/abs/1712.00527",
        ),
        TENSORFLOW,
    ),
    **SHARED,
)

nce_loss = Spec(
    reference=reference.nce_loss,
    parameters=(
        Parameter("accidental_hits", ("keep", "remove", "remove_last"), ACCIDENTAL_HITS, facet=True),
        CORRECTION,
        Parameter("true_target", ("share", "one"), "target of each of several true classes", facet=True),
    ),
    sources=(
        Source(
            "Gutmann and Hyvärinen (2010), Noise-contrastive estimation",
            "https://proceedings.mlr.press/v9/gutmann10a.html",
        ),
        Source(
            "Mikolov et al. (2013), Distributed representations of words and phrases, section 2.2",
            "https://arxiv.org/abs/1310.4546",
        ),
        TENSORFLOW,
    ),
    excluded=("true == 1 and true_target != 'share'",),
    **SHARED,
)
