"""Specs of state spaces whose steps are chosen by the data."""

from __future__ import annotations

from ..reference import state_spaces as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec
from .sequence_mixers import PACKED, PACKING, POISON, SIZES, STATEFUL, behind_the_last

STEPS = "batch, steps, channels"
BIASED = Parameter("use_bias", (True, False), "whether a bias is added to the sizes of steps")
SKIP = Parameter("use_skip", (True, False), "whether what comes in is added, times D")

selective_scan = Spec(
    reference=reference.selective_scan,
    inputs=(
        Input("x", STEPS, meaning="what comes in"),
        Input("delta", STEPS, meaning="the size of each step, before the softplus"),
        Input("a", "channels, states", kind="decay", meaning="A: how fast each state decays"),
        Input("b", "batch, steps, states", meaning="B: what each state takes in"),
        Input("c", "batch, steps, states", meaning="C: what each state gives out"),
        Input("d", "channels", kind="weight", meaning="D: what passes by the states", when="use_skip"),
        Input("z", STEPS, meaning="opens each output, through SiLU", when="gated"),
        Input("bias", "channels", kind="weight", meaning="added to the size of each step", when="use_bias"),
        Input("state", "batch, channels, states", meaning="from the steps before", when="stateful"),
        SIZES,
    ),
    outputs=("y", "state"),
    parameters=(
        STATEFUL,
        PACKED,
        SKIP,
        BIASED,
        Parameter("gated", (True, False), "whether outputs are gated"),
        Parameter("softplus", (True, False), "whether the size of a step is a softplus"),
    ),
    sizes=((2, 5, 3, 4), (2, 1, 2, 3), (1, 17, 2, 3), (1, 33, 1, 2), (4, 5, 2, 3)),
    data=("normal", "zeros", *POISON),
    unowned=behind_the_last,
    # Steps that are not positive make states grow: few of them.
    excluded=("not softplus and steps > 5", *PACKING),
    sources=(Source("Gu and Dao (2023), Mamba", "https://arxiv.org/abs/2312.00752"),),
)

GROUPS = "groups * repeats"

state_space_duality = Spec(
    reference=reference.state_space_duality,
    inputs=(
        Input("x", f"batch, steps, {GROUPS}, features", meaning="what comes in"),
        Input("delta", f"batch, steps, {GROUPS}", meaning="the size of each step, before the softplus"),
        Input("a", GROUPS, kind="decay", meaning="A: how fast the states of a head decay"),
        Input("b", "batch, steps, groups, states", meaning="B: what each state takes in"),
        Input("c", "batch, steps, groups, states", meaning="C: what each state gives out"),
        Input("d", GROUPS, kind="weight", meaning="D: what passes by the states", when="use_skip"),
        Input("bias", GROUPS, kind="weight", meaning="added to the size of each step", when="use_bias"),
        Input(
            "state", f"batch, {GROUPS}, features, states", meaning="before the first step", when="stateful"
        ),
        SIZES,
    ),
    outputs=("y", "state"),
    parameters=(
        Parameter("repeats", (1, 3), "heads that share B and C"),
        STATEFUL,
        PACKED,
        SKIP,
        BIASED,
    ),
    axes="batch steps groups features states",
    sizes=((2, 5, 2, 3, 4), (2, 1, 2, 2, 3), (1, 17, 2, 2, 3), (1, 33, 1, 3, 2), (4, 5, 1, 2, 3)),
    data=("normal", "zeros", *POISON),
    excluded=PACKING,
    unowned=behind_the_last,
    constraints=(
        Constraint(
            "C5",
            "x[2] % c[2] == 0",
            "heads of x must be a multiple of the groups of b",
            broken_by={
                "x": f"batch, steps, {GROUPS} + 1, features",
                "delta": f"batch, steps, {GROUPS} + 1",
                "a": f"{GROUPS} + 1",
                "d": f"{GROUPS} + 1",
                "bias": f"{GROUPS} + 1",
            },
        ),
    ),
    sources=(Source("Dao and Gu (2024), Transformers are SSMs", "https://arxiv.org/abs/2405.21060"),),
)
