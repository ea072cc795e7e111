"""Specs of normalization together with what stands beside it in a transformer."""

from __future__ import annotations

from ..reference import normalization_fused as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec
from .rotary import PAIRING

X = Input("x", "batch, steps, features", meaning="what a layer adds")
RESIDUAL = Input("residual", "batch, steps, features", meaning="what is handed on beside it")
SCALE = Input("scale", "features", kind="weight", meaning="factor of each feature")
BIAS = Input("bias", "features", kind="weight", meaning="added to each feature")
EPSILON = Parameter("epsilon", (1e-6, 1e-3), "added to the mean square, inside the root")
OFFSET = Parameter("offset", (0.0, 1.0), "what is added to the scale", facet=True)
SIZES = ((3, 2, 17), (1, 1, 1), (2, 3, 129))
DATA = ("normal", "tiny", "offset", "wide", "nan")
KERNEL_DATA = {"late": ("x",), "squares": ("x",), "weights_nan": ("scale",)}
# There the sum of squares is past the largest float16, and what is computed from it unknown.
OUT_OF_RANGE = ("dtype == 'float16' and data == 'offset' and features == 129",)
RMS = Source(
    "Zhang and Sennrich (2019), Root mean square layer normalization", "https://arxiv.org/abs/1910.07467"
)

offset_rms_norm = Spec(
    reference=reference.offset_rms_norm,
    inputs=(Input("x", "batch, steps, features", meaning="what is normalized"), SCALE),
    parameters=(Parameter("offset", (1.0, 0.0), OFFSET.meaning, facet=True), EPSILON),
    sizes=SIZES,
    data=DATA,
    kernel_data=KERNEL_DATA,
    excluded=OUT_OF_RANGE,
    sources=(RMS,),
)

fused_add_rms_norm = Spec(
    reference=reference.fused_add_rms_norm,
    inputs=(X, RESIDUAL, SCALE),
    outputs=("y", "sum"),
    parameters=(OFFSET, EPSILON),
    sizes=SIZES,
    data=DATA,
    kernel_data=KERNEL_DATA,
    excluded=OUT_OF_RANGE,
    sources=(RMS,),
)

fused_add_layer_norm = Spec(
    reference=reference.fused_add_layer_norm,
    inputs=(
        X,
        RESIDUAL,
        SCALE,
        BIAS,
        Input("mask", "batch, steps, features", kind="mask", meaning="what is kept of x", when="use_mask"),
    ),
    outputs=("y", "sum"),
    parameters=(
        Parameter("use_mask", (False, True), "whether x has had dropout"),
        Parameter("rate", (0.25, 0.5), "which share of x was dropped"),
        Parameter("epsilon", (1e-5, 1e-3), "added to the variance, inside the root"),
    ),
    sizes=((3, 2, 17), (2, 1, 4), (2, 3, 129)),
    data=DATA,
    kernel_data=KERNEL_DATA,
    excluded=("rate != 0.25 and not use_mask",),
    sources=(Source("Ba, Kiros and Hinton (2016), Layer normalization", "https://arxiv.org/abs/1607.06450"),),
)

gated_rms_norm = Spec(
    reference=reference.gated_rms_norm,
    inputs=(
        Input("x", "batch, steps, features", meaning="what is normalized"),
        Input("gate", "batch, steps, features", meaning="what opens each feature"),
        SCALE,
    ),
    parameters=(
        Parameter(
            "order",
            ("gate_first", "norm_first"),
            "whether what is gated is normalized, or what is normalized is gated",
            facet=True,
        ),
        Parameter("activation", ("silu", "sigmoid", "identity"), "of the gate"),
        Parameter("groups", (1, 3), "of neighbouring features, each with a mean of its own"),
        Parameter("epsilon", (1e-5, 1e-3), EPSILON.meaning),
    ),
    sizes=((3, 4, 18), (2, 1, 6), (2, 3, 129)),
    data=("normal", "tiny", "wide", "nan"),
    constraints=(
        Constraint(
            "C2",
            "groups > 0 and features % max(groups, 1) == 0",
            "groups must divide the features",
            broken_by={"groups": 4},
            also_broken_by=({"groups": 0},),
        ),
    ),
    sources=(Source("Dao and Gu (2024), Transformers are SSMs", "https://arxiv.org/abs/2405.21060"), RMS),
)

qk_norm_rope = Spec(
    reference=reference.qk_norm_rope,
    inputs=(
        Input("x", "batch, steps, heads, features", meaning="queries or keys"),
        Input(
            "scale",
            "*(() if scope == 'head' else (heads,)), features",
            kind="weight",
            meaning="factor of each feature",
        ),
        Input("positions", "batch, steps", kind="index", limit="32", meaning="the position of each step"),
    ),
    parameters=(
        Parameter("scope", ("head", "all_heads"), "what has a mean square of its own", facet=True),
        Parameter("order", ("norm_first", "rotation_first"), "which comes first", facet=True),
        PAIRING,
        EPSILON,
    ),
    sizes=((2, 5, 3, 8), (1, 7, 2, 66), (1, 1, 1, 2)),
    data=("normal", "tiny", "wide", "nan"),
    sources=(
        Source("Henry et al. (2020), Query-key normalization", "https://arxiv.org/abs/2010.04245"),
        Source("Su et al. (2021), RoFormer", "https://arxiv.org/abs/2104.09864"),
    ),
)
