"""Specs of numbers of eight bits or fewer."""

from __future__ import annotations

from ..reference import quantization as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

FP8 = Source("Micikevicius et al. (2022), FP8 formats for deep learning", "https://arxiv.org/abs/2209.05433")
MX = Source("Rouhani et al. (2023), Microscaling data formats", "https://arxiv.org/abs/2310.10537")

quantize = Spec(
    reference=reference.quantize,
    inputs=(Input("x", "rows, features", constant=True, meaning="what is rounded to fewer bits"),),
    outputs=("codes", "scale"),
    parameters=(
        Parameter("format", tuple(reference.FORMATS)[:3], "of the codes"),
        Parameter("scope", reference.SCOPES, "what has a scale of its own"),
        Parameter("epsilon", (1e-5, 1e-2), "what the magnitude is at least, or more"),
        Parameter("epsilon_at", reference.EPSILONS, "a floor of the magnitude, or added to it", facet=True),
    ),
    sizes=((3, 17), (2, 1), (4, 129)),
    empty=("rows",),
    data=("normal", "tiny", "wide", "ties", "blank"),
    sources=(
        FP8,
        Source("Dettmers et al. (2022), LLM.int8()", "https://arxiv.org/abs/2208.07339"),
    ),
)

microscaling = Spec(
    reference=reference.microscaling,
    inputs=(Input("x", "rows, 32 * blocks", constant=True, meaning="what is rounded to fewer bits"),),
    outputs=("codes",),
    states=("exponents",),
    parameters=(
        Parameter("format", tuple(reference.FORMATS)[1:], "of the codes"),
        Parameter(
            "exponent",
            ("floor", "up"),
            "that of the greatest magnitude, or the least by which nothing is held",
            facet=True,
        ),
    ),
    axes="rows blocks",
    sizes=((3, 2), (1, 1), (2, 5)),
    empty=("rows",),
    data=("normal", "wide", "kinks", "blank"),
    constraints=(
        Constraint(
            "C1",
            "x[1] % 32 == 0",
            "x must have a multiple of 32 features",
            broken_by={"x": "rows, 32 * blocks + 1"},
        ),
    ),
    sources=(
        MX,
        Source(
            "Open Compute Project (2023), OCP microscaling formats (MX) specification",
            "https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf",
        ),
    ),
)

BIAS = Input("bias", "units", kind="weight", when="use_bias", constant=True)
USE_BIAS = Parameter("use_bias", (False, True), "whether a bias is added")
DEPTH = "32 * blocks"

scaled_matmul = Spec(
    reference=reference.scaled_matmul,
    inputs=(
        Input("x", f"rows, {DEPTH}", constant=True, meaning="what becomes numbers of eight bits"),
        Input("kernel", f"{DEPTH}, units", constant=True, meaning="what becomes such numbers, too"),
        Input(
            "x_scale",
            "*(() if scope == 'tensor' else (rows,) if scope == 'row' else (rows, blocks))",
            kind="positive",
            constant=True,
            meaning="what x has been divided by",
        ),
        Input(
            "kernel_scale",
            "*(() if scope == 'tensor' else (units,) if scope == 'row' else (blocks, units))",
            kind="positive",
            constant=True,
            meaning="what the kernel has been divided by",
        ),
        BIAS,
    ),
    parameters=(
        Parameter("scope", ("tensor", "row", "block"), "what has a scale of its own; blocks are of 32"),
        USE_BIAS,
    ),
    axes="rows blocks units",
    sizes=((3, 2, 5), (16, 1, 16), (1, 3, 1)),
    empty=("rows",),
    data=("normal", "cancelling"),
    constraints=(
        Constraint(
            "C1",
            "x[1] == kernel[0]",
            "x and kernel must agree in depth",
            broken_by={"kernel": f"{DEPTH} + 32, units"},
        ),
    ),
    sources=(FP8, MX),
)

quantized_matmul = Spec(
    reference=reference.quantized_matmul,
    inputs=(
        Input("x", "rows, depth", kind="index", limit="256", meaning="codes of eight bits"),
        Input("kernel", "depth, units", kind="index", limit="256", meaning="codes of eight bits"),
        Input("x_scale", "rows", kind="positive", constant=True, meaning="of each row"),
        Input("kernel_scale", "units", kind="positive", constant=True, meaning="of each column"),
        BIAS,
    ),
    parameters=(
        Parameter("zero_point", (128, 0, 3), "the code of x that stands for 0"),
        Parameter("kernel_zero_point", (128, 0), "the code of the kernel that stands for 0"),
        USE_BIAS,
    ),
    sizes=((3, 7, 5), (1, 17, 4), (2, 33, 1), (1, 1, 1)),
    empty=("rows",),
    data=("normal",),
    sources=(
        Source("Jacob et al. (2018), Quantization and training", "https://arxiv.org/abs/1712.05877"),
        Source("ONNX, MatMulInteger", "https://onnx.ai/onnx/operators/onnx__MatMulInteger.html"),
    ),
)
