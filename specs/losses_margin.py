"""Specs of the losses of classification by margins."""

from __future__ import annotations

from ..reference import losses_margin as reference
from .language.loss import LABELS_ARE_CLASSES, loss
from .language.spec import Constraint, Input, Parameter, Source

SCORES = Input("scores", "batch, features", meaning="positive for class 1, negative for class 0")
LABELS = Input("labels", "batch, features", kind="index", limit="2", meaning="0 or 1")
ROSASCO = Source(
    "Rosasco et al. (2004), Are loss functions all the same?", "https://doi.org/10.1162/089976604773135104"
)
MARGIN_IN_RANGE = Constraint(
    "C2",
    "margin >= 0",
    "margin must not be negative",
    broken_by={"margin": -1.0},
    also_broken_by=({"margin": -(2.0**-30)},),
)
SIZES = ((3, 17), (1, 1))

hinge = loss(
    reference.hinge,
    (SCORES, LABELS),
    Parameter("margin", (1.0, 0.0), "how far beyond 0 a score costs nothing: 0 is the perceptron's"),
    Parameter("power", (1, 2), "of what is lacking"),
    Parameter("kink_gradient", (1.0, 0.5, 0.0), "slope where nothing is lacking, just so", facet=True),
    row_mean=True,
    weighted=True,
    sizes=SIZES,
    data=("normal", "ties", "zeros", "nan", "infinities"),
    constraints=(MARGIN_IN_RANGE,),
    # A square has no kink.
    excluded=("power == 2 and kink_gradient != 1",),
    sources=(ROSASCO,),
)

soft_margin = loss(
    reference.soft_margin,
    (SCORES, LABELS),
    sizes=SIZES,
    data=("normal", "tails", "saturated", "large", "nan", "infinities"),
    sources=(ROSASCO,),
)

CLASS_SCORES = Input("scores", "batch, classes", meaning="one for each class")
CLASSES = Input("labels", "batch", kind="index", limit="classes", meaning="the class of each row")
CLASS_WEIGHTS = Input("class_weights", "classes", kind="positive", when="weighted", constant=True)
WEIGHTED = Parameter("weighted", (False, True), "whether classes have weights")
WEIGHT_FOR_EACH = Constraint(
    "C4",
    "not weighted or class_weights == (classes,)",
    "class_weights must have a weight for each class",
    broken_by={"weighted": True, "class_weights": "classes + 1"},
)

multi_margin = loss(
    reference.multi_margin,
    (
        CLASS_SCORES,
        CLASSES,
        CLASS_WEIGHTS,
    ),
    Parameter("margin", (1.0, 0.25), "by which the class is to be ahead of the others"),
    Parameter("power", (1, 2), "of what is lacking"),
    WEIGHTED,
    sizes=((3, 17), (5, 2)),
    data=("normal", "ties", "nan"),
    constraints=(
        Constraint(
            "C3",
            "data != 'out_of_range'",
            "labels must be classes",
            broken_by={"data": "out_of_range"},
        ),
        WEIGHT_FOR_EACH,
    ),
)

multiclass_hinge = loss(
    reference.multiclass_hinge,
    (CLASS_SCORES, CLASSES),
    Parameter("margin", (1.0, 0.0), "by which the class is to be ahead of the best other one"),
    Parameter("rival_floor", reference.RIVAL_FLOORS, "what the best other class scores at least", facet=True),
    weighted=True,
    sizes=((3, 17), (5, 2)),
    data=("normal", "offset", "nan"),
    constraints=(LABELS_ARE_CLASSES,),
    sources=(
        Source(
            "Crammer and Singer (2001), Multiclass kernel-based vector machines",
            "http://jmlr.csail.mit.edu/papers/volume2/crammer01a/crammer01a.pdf",
        ),
    ),
)

multilabel_margin = loss(
    reference.multilabel_margin,
    (CLASS_SCORES, Input("labels", "batch, classes", kind="index", limit="2", meaning="1 of its classes")),
    sizes=((3, 17), (5, 2)),
    data=("normal", "ties", "nan"),
)

multilabel_soft_margin = loss(
    reference.multilabel_soft_margin,
    (
        Input("logits", "batch, classes", meaning="log-odds"),
        Input("targets", "batch, classes", kind="unit", meaning="probabilities"),
        CLASS_WEIGHTS,
    ),
    WEIGHTED,
    sizes=((3, 17), (5, 2)),
    data=("normal", "tails", "saturated", "large", "nan"),
    constraints=(WEIGHT_FOR_EACH,),
)
