"""Losses of ranking and of metric learning of PyTorch."""

from __future__ import annotations

from .framework import torch
from .modules import function, module

REDUCED = {"reduction": "reduction"}
DISTANCE = {"p": "float(p)", "eps": "epsilon"}
ALONE = {"reduction": ("none", "torch reduces no distances")}

function("pairwise_distance", "torch.nn.functional.pairwise_distance", DISTANCE, on="x, y", fixed=ALONE)
module("pairwise_distance", "torch.nn.PairwiseDistance", DISTANCE, on="x, y", fixed=ALONE)

TRIPLET = {"margin": "margin", "swap": "swap"} | REDUCED
TRIPLES = "anchors, positives, negatives"
IN_DIFFERENCE = {"epsilon_place": ("difference", "torch adds epsilon to each difference")}


def distance(p, epsilon):
    """A distance of the caller's own, or None where it is the one that torch takes by itself."""
    own = torch.nn.functional.pairwise_distance
    return None if (p, epsilon) == (2, 1e-6) else lambda x, y: own(x, y, p=float(p), eps=epsilon)


BY_FUNCTION = TRIPLET | {"distance_function": "distance(p, epsilon)"}

function(
    "triplet_margin",
    "torch.nn.functional.triplet_margin_loss",
    TRIPLET | DISTANCE,
    on=TRIPLES,
    fixed=IN_DIFFERENCE,
)
module("triplet_margin", "torch.nn.TripletMarginLoss", TRIPLET | DISTANCE, on=TRIPLES, fixed=IN_DIFFERENCE)
function(
    "triplet_margin",
    "torch.nn.functional.triplet_margin_with_distance_loss",
    BY_FUNCTION,
    on=TRIPLES,
    fixed=IN_DIFFERENCE,
)
module(
    "triplet_margin",
    "torch.nn.TripletMarginWithDistanceLoss",
    BY_FUNCTION,
    on=TRIPLES,
    fixed=IN_DIFFERENCE,
)

MARGIN = {"margin": "margin"} | REDUCED
ORDER = "first, second, (2 * labels - 1).to(first.dtype)"
PASSED = {"kink_gradient": (1.0, "the clamp passes the gradient on at its bound")}
PAIRS = "distances, (2 * labels - 1).to(distances.dtype)"

function("margin_ranking", "torch.nn.functional.margin_ranking_loss", MARGIN, on=ORDER, fixed=PASSED)
module("margin_ranking", "torch.nn.MarginRankingLoss", MARGIN, on=ORDER, fixed=PASSED)
function("hinge_embedding", "torch.nn.functional.hinge_embedding_loss", MARGIN, on=PAIRS)
module("hinge_embedding", "torch.nn.HingeEmbeddingLoss", MARGIN, on=PAIRS)

ALIKE = "x, y, 2 * labels - 1"

function("cosine_embedding", "torch.nn.functional.cosine_embedding_loss", MARGIN, on=ALIKE)
module("cosine_embedding", "torch.nn.CosineEmbeddingLoss", MARGIN, on=ALIKE)

function(
    "pdist",
    "torch.nn.functional.pdist",
    {"p": "float(p)"},
    where={"dtype in ('float32', 'float64')": "torch has these distances in float32 and float64 on CPU"},
)
