"""Specs of the losses of classes in clusters."""

from __future__ import annotations

from ..reference import losses_hierarchical as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

HEAD = "shortlist + clusters"
SIZE, SECOND_SIZE = "features // div_value", "features // div_value ** 2"
TWO = "clusters == 2"
LAYER = (
    Input("inputs", "batch, features", meaning="what is mapped to classes"),
    Input("head", f"features, {HEAD}", kind="weight", meaning="frequent classes, then clusters"),
    Input("head_bias", HEAD, kind="weight", when="use_bias"),
    Input("first_down", f"features, {SIZE}", kind="weight", meaning="onto fewer features"),
    Input("first_up", f"{SIZE}, first", kind="weight", meaning="the classes of the first cluster"),
    Input("second_down", f"features, {SECOND_SIZE}", kind="weight", when=TWO),
    Input("second_up", f"{SECOND_SIZE}, second", kind="weight", when=TWO),
)
PARAMETERS = (
    Parameter("clusters", (2, 1), "of rare classes"),
    Parameter("div_value", (2, 4), "by how much each cluster has fewer features than the one before"),
    Parameter("use_bias", (False, True), "whether the head has a bias"),
)
SIZES = ((6, 16, 3, 4, 2), (5, 16, 2, 3, 7))
SOURCES = (
    Source(
        "Grave et al. (2016), Efficient softmax approximation for GPUs", "https://arxiv.org/abs/1609.04309"
    ),
)

adaptive_log_softmax = Spec(
    reference=reference.adaptive_log_softmax,
    inputs=(
        *LAYER,
        Input(
            "labels",
            "batch",
            kind="index",
            limit="shortlist + first + (clusters - 1) * second",
            meaning="the class of each row",
        ),
    ),
    outputs=("log_probs", "loss"),
    parameters=PARAMETERS,
    sizes=SIZES,
    data=("normal", "saturated"),
    empty=(),
    constraints=(
        Constraint(
            "C2", "data != 'out_of_range'", "labels must be classes", broken_by={"data": "out_of_range"}
        ),
    ),
    sources=SOURCES,
)

adaptive_log_probs = Spec(
    reference=reference.adaptive_log_probs,
    inputs=LAYER,
    outputs=("log_probs",),
    parameters=PARAMETERS,
    sizes=SIZES,
    data=("normal", "saturated", "nan"),
    sources=SOURCES,
)
