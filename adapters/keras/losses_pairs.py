"""Losses of all pairs of a batch of embeddings, of Keras."""

from __future__ import annotations

from .layers import function, instance
from .reductions import UNWEIGHTED
from .reductions import class_reduction as class_reduction  # rows name them
from .reductions import reduced as reduced

CIRCLE = {"gamma": "gamma", "margin": "margin", "remove_diagonal": "remove_diagonal"}
ON = "labels, embeddings"
REDUCED = {
    "reduction": "class_reduction(reduction.replace('mean_positive', 'mean'))",
    "dtype": "dtype_of(embeddings)",
}

instance(
    "circle",
    "keras.losses.Circle",
    CIRCLE | REDUCED,
    on=f"{ON}, sample_weights",
    where={"reduction != 'mean'": "Keras masks the losses that are 0, and a mean is over the others"},
)
function(
    "circle",
    "keras.losses.circle",
    CIRCLE,
    on=ON,
    returns="reduced(y, reduction)",
    unused=("sample_weights",),
    fixed=UNWEIGHTED,
    where={"reduction != 'mean_positive'": "the function leaves the reduction to the user"},
)
