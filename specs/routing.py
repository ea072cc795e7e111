"""Specs of routing."""

from __future__ import annotations

from ..reference import routing as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

LOGITS = Input("logits", "tokens, experts", meaning="how well each expert fits each token")
K = Parameter("k", (2, 1, 4), "how many experts each token goes to")
ENOUGH = Constraint(
    "C1",
    "0 <= k <= experts",
    "k must be from 0 to the number of experts",
    broken_by={"k": 9},
    also_broken_by=({"k": -1},),
)
SIZES = ((7, 8), (5, 4), (3, 33))

topk_router = Spec(
    reference=reference.topk_router,
    inputs=(
        LOGITS,
        Input("bias", "experts", meaning="added where experts are chosen", when="biased", constant=True),
    ),
    states=("experts",),
    parameters=(
        K,
        Parameter("score", reference.SCORES, "what logits become", facet=True),
        Parameter(
            "renormalise", (True, False), "whether the weights of a token sum to the factor", facet=True
        ),
        Parameter("factor", (1.0, 2.5), "of all weights"),
        Parameter("biased", (False, True), "whether a bias takes part in the choice"),
    ),
    sizes=SIZES,
    empty=("tokens",),
    data=("normal", "ties", "below_zero", "offset"),
    constraints=(ENOUGH,),
    # A single weight that is 1 has no gradient. The logistic of 30 is 1, as near as float32 has it.
    excluded=(
        "k == 1 and renormalise",
        "data == 'offset' and score == 'sigmoid'",
        "data == 'offset' and biased",
    ),
    sources=(
        Source(
            "Shazeer et al. (2017), Outrageously large neural networks", "https://arxiv.org/abs/1701.06538"
        ),
        Source("DeepSeek-AI (2024), DeepSeek-V3 technical report", "https://arxiv.org/abs/2412.19437"),
    ),
)

load_balancing_loss = Spec(
    reference=reference.load_balancing_loss,
    inputs=(LOGITS,),
    parameters=(
        K,
        Parameter("share", ("tokens", "choices"), "of what an expert has its share", facet=True),
    ),
    sizes=(*SIZES, (2, 2)),
    data=("normal", "ties", "below_zero", "saturated"),
    constraints=(ENOUGH,),
    sources=(
        Source("Fedus, Zoph and Shazeer (2021), Switch transformers", "https://arxiv.org/abs/2101.03961"),
    ),
)

router_z_loss = Spec(
    reference=reference.router_z_loss,
    inputs=(LOGITS,),
    sizes=((7, 8), (1, 1), (3, 33)),
    data=("normal", "saturated", "offset", "wide", "nan"),
    sources=(Source("Zoph et al. (2022), ST-MoE", "https://arxiv.org/abs/2202.08906"),),
)
