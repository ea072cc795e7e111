"""Specs of the losses of all pairs of a batch of embeddings."""

from __future__ import annotations

from ..reference import losses_pairs as reference
from .language.loss import weighing
from .language.spec import Input, Parameter, Source, Spec

EMBEDDINGS = Input("embeddings", "batch, features", meaning="one for each sample")
# Of more samples than labels two are alike at least.
LABELS = Input("labels", "batch", kind="index", limit="3", meaning="which samples are alike")
SAMPLES_WEIGHTED, SAMPLE_WEIGHTS, SENSELESS = weighing()
# Exponentials of what a temperature or a scale makes large leave half types no digits.
HALF = "dtype in ('bfloat16', 'float16')"

ntxent = Spec(
    reference=reference.ntxent,
    inputs=(EMBEDDINGS, LABELS),
    parameters=(Parameter("temperature", (0.0625, 0.5, 0.0078125, 256.0), "what cosines are divided by"),),
    sizes=((6, 5), (7, 17), (4, 3)),
    data=("normal", "offset"),
    # Beside a mean far from 0 all cosines are 1, but for what half types do not hold.
    excluded=(f"{HALF} and (temperature < 0.5 or data == 'offset')",),
    sources=(
        Source(
            "Chen et al. (2020), A simple framework for contrastive learning",
            "https://arxiv.org/abs/2002.05709",
        ),
        Source("Khosla et al. (2020), Supervised contrastive learning", "https://arxiv.org/abs/2004.11362"),
    ),
    empty=(),
)

circle = Spec(
    reference=reference.circle,
    inputs=(EMBEDDINGS, LABELS, SAMPLE_WEIGHTS),
    parameters=(
        Parameter(
            "reduction",
            ("mean", "none", "sum", "mean_positive", "mean_weights"),
            "a mean divides by the number of losses, or of those that are not 0, or by the weights of these",
            facet=True,
            plain="none",
        ),
        SAMPLES_WEIGHTED,
        Parameter("gamma", (0.125, 2.0, 80.0), "how much the far ones count"),
        Parameter("margin", (0.4, 0.25), "how near like ones are to be"),
        Parameter("remove_diagonal", (True, False), "whether none is like itself"),
    ),
    sizes=((6, 5), (7, 17), (7, 2), (4, 1)),
    data=("normal", "tiny"),
    excluded=(f"{HALF} and gamma > 2", *SENSELESS),
    sources=(Source("Sun et al. (2020), Circle loss", "https://arxiv.org/abs/2002.10857"),),
    empty=(),
)
