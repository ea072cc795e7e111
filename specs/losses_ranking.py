"""Specs of the losses of ranking and of metric learning."""

from __future__ import annotations

from ..reference import losses_ranking as reference
from .language.loss import REDUCTION, loss
from .language.spec import Constraint, Input, Parameter, Source, Spec

VECTORS = "batch, features"
LABELS = Input("labels", VECTORS, kind="index", limit="2", meaning="0 or 1")
KINK_GRADIENT = Parameter("kink_gradient", (1.0, 0.5), "slope where nothing is lacking, just so", facet=True)

pairwise_distance = loss(
    reference.pairwise_distance,
    (Input("x", VECTORS), Input("y", VECTORS)),
    Parameter("p", (2, 1, float("inf")), "the degree of the norm"),
    Parameter("epsilon", (1e-6, 0.1), "what is added to each difference"),
    sizes=((3, 17), (5, 8)),
    data=("normal", "ties", "large", "nan"),
    sources=(
        Source(
            "Deza and Deza (2016), Encyclopedia of distances", "https://doi.org/10.1007/978-3-662-52844-0"
        ),
    ),
)

triplet_margin = loss(
    reference.triplet_margin,
    (Input("anchors", VECTORS), Input("positives", VECTORS), Input("negatives", VECTORS)),
    Parameter("p", (2, 1), "the degree of the norm"),
    Parameter("margin", (1.0, 4.0), "by which a negative is to be farther away"),
    Parameter("swap", (False, True), "whether the positive may stand in for the anchor"),
    Parameter("epsilon", (1e-6, 0.1), "what keeps distances from 0", facet=True),
    Parameter("epsilon_place", reference.EPSILON_PLACES, "what epsilon is added to", facet=True),
    sizes=((3, 17), (5, 8)),
    data=("normal", "ties", "nan"),
    constraints=(
        Constraint(
            "C2",
            "margin > 0",
            "margin must be positive",
            broken_by={"margin": -1.0},
            also_broken_by=({"margin": 0.0},),
        ),
    ),
    # There the distances to a negative may be equal, and which of them has the gradient is open.
    excluded=("swap and data == 'ties'",),
    sources=(
        Source(
            "Balntas et al. (2016), Learning local feature descriptors", "https://doi.org/10.5244/C.30.119"
        ),
    ),
)

margin_ranking = loss(
    reference.margin_ranking,
    (Input("first", VECTORS), Input("second", VECTORS), LABELS),
    Parameter("margin", (0.0, 0.5), "by which the order is to be kept"),
    KINK_GRADIENT,
    sizes=((3, 17), (1, 1)),
    data=("normal", "ties", "nan"),
    sources=(
        Source(
            "Herbrich, Graepel and Obermayer (2000), Large margin rank boundaries",
            "https://doi.org/10.7551/mitpress/1113.003.0010",
        ),
    ),
)

hinge_embedding = loss(
    reference.hinge_embedding,
    (Input("distances", VECTORS), LABELS),
    Parameter("margin", (1.0, 0.5), "beyond it pairs that are not alike cost nothing"),
    sizes=((3, 17), (1, 1)),
    data=("normal", "ties", "nan", "infinities"),
    sources=(
        Source(
            "Hadsell, Chopra and LeCun (2006), Dimensionality reduction by learning an invariant mapping",
            "https://doi.org/10.1109/CVPR.2006.100",
        ),
    ),
)

cosine_embedding = loss(
    reference.cosine_embedding,
    (
        Input("x", VECTORS),
        Input("y", VECTORS),
        Input("labels", "batch", kind="index", limit="2", meaning="0 or 1"),
    ),
    Parameter("margin", (0.0, 0.125), "cosines up to it cost pairs that are not alike nothing"),
    sizes=((7, 17), (9, 2)),
    data=("normal", "zeros", "offset", "large", "nan"),
    # Epsilon is 0 in float16, where a vector of zeros is then divided by 0.
    excluded=("dtype == 'float16' and data == 'zeros'",),
)

pdist = Spec(
    reference=reference.pdist,
    inputs=(Input("x", VECTORS),),
    parameters=(Parameter("p", (2, 1, 3), "the degree of the norm"),),
    sizes=((4, 7), (2, 17), (3, 1)),
    data=("normal", "ties", "nan", "large"),
    # Sums of sizes overflow.
    excluded=("p == 1 and data == 'large'",),
    sources=(
        Source(
            "Deza and Deza (2016), Encyclopedia of distances", "https://doi.org/10.1007/978-3-662-52844-0"
        ),
    ),
)

ITEMS = "batch, items"

ranking_softmax = Spec(
    reference=reference.ranking_softmax,
    inputs=(
        Input("scores", ITEMS, meaning="one for each item of a list"),
        Input("labels", ITEMS, kind="unit", meaning="how relevant an item is"),
        Input("mask", ITEMS, kind="mask", when="masked", meaning="which items count"),
        Input("weights", ITEMS, kind="positive", when="weighted", constant=True),
    ),
    parameters=(
        REDUCTION,
        Parameter("masked", (False, True), "whether some items do not count"),
        Parameter("weighted", (False, True), "whether items have weights"),
    ),
    sizes=((5, 7), (1, 3), (3, 17)),
    empty=(),
    data=("normal", "saturated", "masked_rows", "nan"),
    excluded=("data == 'masked_rows' and not masked",),
    sources=(Source("Cao et al. (2007), Learning to rank", "https://doi.org/10.1145/1273496.1273513"),),
)
