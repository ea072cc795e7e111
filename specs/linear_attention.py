"""Specs of linear attention."""

from __future__ import annotations

from ..reference import linear_attention as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec
from .sequence_mixers import PACKED, PACKING, POISON, SIZES, STATEFUL, behind_the_last

GATES = ("head", "feature", "none")
GATE = Parameter("gate_of", GATES, "what has a gate of its own: each head, or each feature of its keys")
SCALE = Parameter("scale", (None, 1.0), "of what is read; 1 / √depth if None")
FORGETS = "logarithm of the share of the state that is kept"

# Steps around a chunk of 16; the state is no square.
gated_linear_attention = Spec(
    reference=reference.gated_linear_attention,
    inputs=(
        Input("query", "batch, steps, heads, depth", meaning="what is read"),
        Input("key", "batch, steps, heads, depth", meaning="under what it is written"),
        Input("value", "batch, steps, heads, values", meaning="what is written"),
        Input(
            "gate",
            "batch, steps, heads, *((depth,) if gate_of == 'feature' else ())",
            kind="decay",
            meaning=FORGETS,
            when="gate_of != 'none'",
        ),
        Input("state", "batch, heads, depth, values", meaning="from the steps before", when="stateful"),
        SIZES,
    ),
    outputs=("y", "state"),
    parameters=(GATE, SCALE, STATEFUL, PACKED),
    axes="batch steps heads depth values",
    sizes=((2, 5, 3, 4, 2), (2, 1, 2, 3, 5), (1, 17, 2, 5, 3), (1, 33, 1, 2, 3), (4, 5, 2, 3, 2)),
    # In a triangle of zeros NaN of a step that comes reaches those before: what works in chunks has it so.
    data=("normal", "wide", *POISON),
    excluded=PACKING,
    unowned=behind_the_last,
    kernel_data={"low": ("gate",)},
    sources=(
        Source("Yang et al. (2023), Gated linear attention", "https://arxiv.org/abs/2312.06635"),
        Source("Katharopoulos et al. (2020), Transformers are RNNs", "https://arxiv.org/abs/2006.16236"),
    ),
)

HEADS = "groups * repeats"

gated_delta_rule = Spec(
    reference=reference.gated_delta_rule,
    inputs=(
        Input("query", "batch, steps, groups, depth", meaning="what is read"),
        Input("key", "batch, steps, groups, depth", meaning="under what it is written"),
        Input("value", f"batch, steps, {HEADS}, values", meaning="what is written"),
        Input("beta", f"batch, steps, {HEADS}", kind="unit", meaning="the share that is replaced"),
        Input(
            "gate",
            f"batch, steps, {HEADS}, *((depth,) if gate_of == 'feature' else ())",
            kind="decay",
            meaning=FORGETS,
            when="gate_of != 'none'",
        ),
        Input("state", f"batch, {HEADS}, depth, values", meaning="from the steps before", when="stateful"),
        SIZES,
    ),
    outputs=("y", "state"),
    parameters=(
        GATE,
        Parameter("repeats", (1, 3), "heads of values that share one of keys"),
        Parameter("normalise", (True, False), "whether queries and keys get length 1 first", facet=True),
        Parameter("epsilon", (1e-6, 1e-3), "added to the square of the length, inside the root"),
        SCALE,
        STATEFUL,
        PACKED,
    ),
    axes="batch steps groups depth values",
    sizes=((2, 5, 2, 4, 3), (2, 1, 2, 3, 5), (1, 17, 1, 5, 3), (1, 33, 1, 2, 3), (4, 5, 1, 3, 2)),
    data=("normal", "tiny", *POISON),
    unowned=behind_the_last,
    kernel_data={"low": ("gate",)},
    constraints=(
        Constraint(
            "groups",
            "query[2] == key[2]",
            "query and key must agree in groups",
            broken_by={"key": "batch, steps, groups + 1, depth"},
        ),
        Constraint(
            "C5",
            "value[2] % query[2] == 0",
            "heads of the value must be a multiple of those of the query",
            broken_by={"value": f"batch, steps, {HEADS} + 1, values"},
        ),
    ),
    # A key that is long makes the state grow from step to step.
    excluded=("not normalise and steps > 5", "not normalise and epsilon != 1e-6", *PACKING),
    sources=(
        Source(
            "Yang, Kautz and Hatamizadeh (2024), Gated delta networks", "https://arxiv.org/abs/2412.06464"
        ),
        Source("Yang et al. (2024), Parallelizing the delta rule", "https://arxiv.org/abs/2406.06484"),
        Source("Kimi Team (2025), Kimi linear", "https://arxiv.org/abs/2510.26692"),
    ),
)
