"""Specs of the losses that teach a policy what is preferred."""

from __future__ import annotations

from typing import Any

from ..reference import losses_preferences as reference
from .language.loss import loss
from .language.spec import Input, Parameter, Source

CHOSEN = Input("chosen", "batch", meaning="log-probabilities of the answers that were chosen")
REJECTED = Input("rejected", "batch", meaning="log-probabilities of those that were not")
LENGTH: dict[str, Any] = {"kind": "lengths", "limit": "9", "when": "averaged"}

cpo_loss = loss(
    reference.cpo_loss,
    (
        CHOSEN,
        REJECTED,
        Input("chosen_lengths", "batch", meaning="tokens of the former", **LENGTH),
        Input("rejected_lengths", "batch", meaning="tokens of the latter", **LENGTH),
    ),
    Parameter("beta", (0.125, 2.0), "how much the difference counts"),
    Parameter("margin", (0.0, 0.5), "by how much the chosen is to be ahead"),
    Parameter("nll_weight", (0.0, 1.0), "how much the likelihood of the chosen counts beside"),
    Parameter("label_smoothing", (0.0, 0.25), "how many pairs are the wrong way round"),
    Parameter("averaged", (False, True), "whether log-probabilities are divided by lengths"),
    sizes=((7,), (1,)),
    data=("normal", "saturated", "nan"),
    sources=(
        Source("Xu et al. (2024), Contrastive preference optimization", "https://arxiv.org/abs/2401.08417"),
        Source("Meng, Xia and Chen (2024), SimPO", "https://arxiv.org/abs/2405.14734"),
    ),
)

orpo_loss = loss(
    reference.orpo_loss,
    (
        Input("chosen_nll", "batch", kind="positive", meaning="of tokens of what was chosen, on average"),
        Input("rejected_nll", "batch", kind="positive", meaning="of tokens of what was not"),
    ),
    Parameter("weight", (0.125, 1.0), "how much the odds count"),
    sizes=((7,), (1,)),
    data=("normal",),
    sources=(Source("Hong, Lee and Thorne (2024), ORPO", "https://arxiv.org/abs/2403.07691"),),
)

kto_loss = loss(
    reference.kto_loss,
    (
        Input("log_probs", "batch", meaning="of answers under the policy"),
        Input("reference_log_probs", "batch", constant=True, meaning="under the reference"),
        Input("labels", "batch", kind="index", limit="2", meaning="1 for desirable answers"),
        Input("other_log_ratios", "others", constant=True, meaning="of answers to other questions"),
    ),
    Parameter("beta", (0.125, 0.5), "how much the difference counts"),
    Parameter("desirable", (1.0, 1.5), "weight of desirable answers"),
    Parameter("undesirable", (1.0, 0.75), "weight of the others"),
    # Of three others the mean is as often below 0 as above.
    sizes=((7, 3), (129, 4)),
    data=("normal", "saturated", "nan"),
    sources=(Source("Ethayarajh et al. (2024), KTO", "https://arxiv.org/abs/2402.01306"),),
)
