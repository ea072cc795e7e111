"""Specs of the losses of language models."""

from __future__ import annotations

from ..reference import losses_language as reference
from .language.loss import LABELS_ARE_CLASSES, REDUCTION
from .language.spec import Input, Parameter, Source, Spec
from .losses_classification import CLASS_WEIGHTS, WEIGHTED

LOGITS = Input("logits", "tokens, classes", meaning="unnormalised log-probabilities")
LABELS = Input(
    "labels", "tokens", kind="index", limit="classes", marks="ignored", meaning="the class of each token"
)
CLASSES = Input("labels", "tokens", kind="index", limit="classes", meaning="the class of each token")
IGNORED = Parameter("ignored", (None, 0), "label of tokens that do not count")
LABEL_SMOOTHING = Parameter("label_smoothing", (0.0, 0.125), "share that is spread evenly over the classes")

linear_cross_entropy = Spec(
    reference=reference.linear_cross_entropy,
    inputs=(
        Input("inputs", "tokens, features", meaning="what is mapped to logits"),
        Input("kernel", "classes, features", kind="weight"),
        Input("bias", "classes", kind="weight", when="use_bias"),
        LABELS,
        CLASS_WEIGHTS,
    ),
    parameters=(
        REDUCTION,
        LABEL_SMOOTHING,
        IGNORED,
        Parameter("use_bias", (False, True), "whether a bias is added"),
        WEIGHTED,
        Parameter("chunk", (None, 2, 4), "how many tokens are mapped at once, which must not show"),
    ),
    sizes=((5, 3, 7), (1, 2, 3), (4, 17, 33)),
    data=("normal", "saturated", "nan"),
    constraints=(LABELS_ARE_CLASSES,),
    # Its label may be the one that is ignored: a mean over nothing.
    excluded=("tokens == 1 and (ignored is not None or weighted)",),
    sources=(Source("Wijmans et al. (2024), Cut your losses", "https://arxiv.org/abs/2411.09009"),),
)

token_cross_entropy = Spec(
    reference=reference.token_cross_entropy,
    inputs=(LOGITS, LABELS),
    parameters=(
        REDUCTION,
        LABEL_SMOOTHING,
        IGNORED,
        Parameter("z_weight", (0.0, 0.125), "weight of the square of the logarithm of the sum"),
        Parameter("softcap", (None, 2.0, 32.0), "what no logit passes"),
    ),
    sizes=((5, 7), (1, 2), (3, 257)),
    data=("normal", "saturated", "offset", "nan"),
    constraints=(LABELS_ARE_CLASSES,),
    kernel_data={"low": ("logits",), "late": ("logits",)},
    excluded=("tokens == 1 and ignored is not None",),
    sources=(
        Source(
            "Szegedy et al. (2015), Rethinking the inception architecture", "https://arxiv.org/abs/1512.00567"
        ),
        Source("Chowdhery et al. (2022), PaLM", "https://arxiv.org/abs/2204.02311"),
        Source("Gemma Team (2024), Gemma 2", "https://arxiv.org/abs/2408.00118"),
    ),
)

token_log_probs = Spec(
    reference=reference.token_log_probs,
    inputs=(LOGITS, CLASSES),
    outputs=("log_probs", "entropy"),
    parameters=(Parameter("temperature", (1.0, 0.5, 2.0), "what logits are divided by"),),
    sizes=((5, 7), (1, 2), (3, 257)),
    data=("normal", "offset", "nan"),
    constraints=(LABELS_ARE_CLASSES,),
    sources=(Source("Ahmadian et al. (2024), Back to basics", "https://arxiv.org/abs/2402.14740"),),
)

dpo_loss = Spec(
    reference=reference.dpo_loss,
    inputs=(
        Input("chosen", "batch", meaning="log-probabilities of the answers that were chosen"),
        Input("rejected", "batch", meaning="log-probabilities of those that were not"),
        Input("reference_chosen", "batch", constant=True, meaning="the former under the reference"),
        Input("reference_rejected", "batch", constant=True, meaning="the latter under the reference"),
    ),
    parameters=(
        REDUCTION,
        Parameter("beta", (0.125, 0.5), "how much the difference counts"),
        Parameter("label_smoothing", (0.0, 0.25), "how many pairs are the wrong way round"),
        Parameter("preference", reference.PREFERENCES, "what is made of the difference"),
    ),
    sizes=((7,), (1,)),
    empty=(),
    data=("normal", "saturated", "nan"),
    excluded=(
        "label_smoothing > 0 and preference in ('ipo', 'hinge')",
        # Whether a maximum beside NaN has a gradient is open.
        "preference == 'hinge' and data == 'nan'",
    ),
    sources=(
        Source("Rafailov et al. (2023), Direct preference optimization", "https://arxiv.org/abs/2305.18290"),
        Source("Chowdhury, Kini and Natarajan (2024), Robust DPO", "https://arxiv.org/abs/2403.00409"),
        Source("Azar et al. (2023), A general theoretical paradigm", "https://arxiv.org/abs/2310.12036"),
        Source("Zhao et al. (2023), SLiC-HF", "https://arxiv.org/abs/2305.10425"),
    ),
)

TOKENS = "batch, tokens"

grpo_loss = Spec(
    reference=reference.grpo_loss,
    inputs=(
        Input("log_probs", TOKENS, meaning="of each token under the policy"),
        Input("old_log_probs", TOKENS, constant=True, meaning="under the policy that the tokens are from"),
        Input("reference_log_probs", TOKENS, constant=True, meaning="under the reference"),
        Input("advantages", "batch", constant=True, meaning="of each sequence"),
        Input("mask", TOKENS, kind="mask", meaning="which tokens count"),
    ),
    parameters=(
        Parameter("normalizer", reference.NORMALIZERS, "what losses of tokens are divided by", facet=True),
        Parameter("low", (0.25, 0.0), "how far below 1 a ratio counts"),
        Parameter("high", (0.25, 0.5, 0.0), "how far above 1 a ratio counts"),
        Parameter("beta", (0.0, 0.125), "weight of how far the policy has moved"),
        Parameter("level", reference.LEVELS, "what has a ratio of its own"),
        Parameter("divergence", reference.DIVERGENCES, "how far the policy has moved, estimated"),
        Parameter("objective", reference.OBJECTIVES, "what is maximized: ratios, or what they weigh"),
        Parameter("bound_gradient", (1.0, 0.625), "slope of a ratio that lies on both bounds", facet=True),
    ),
    sizes=((4, 5), (1, 3)),
    # With ties some tokens are as likely under both policies: a ratio of 1, on bounds that meet there.
    empty=(),
    data=("normal", "ties", "masked_rows", "padding_nan"),
    excluded=(
        "(low == 0) != (high == 0)",
        "bound_gradient != 1 and (low > 0 or data in ('normal', 'padding_nan'))",
        # Whether the ratio of a sequence lies on bounds that meet is a matter of rounding.
        "level == 'sequences' and low == 0",
        "divergence != 'exponential' and beta == 0",
        # A weight has no gradient, on a bound or off it; that of a sequence is nobody's.
        "objective == 'weighted' and (bound_gradient != 1 or level == 'sequences')",
    ),
    sources=(
        Source("Shao et al. (2024), DeepSeekMath", "https://arxiv.org/abs/2402.03300"),
        Source("Yu et al. (2025), DAPO", "https://arxiv.org/abs/2503.14476"),
        Source("Liu et al. (2025), Understanding R1-Zero-like training", "https://arxiv.org/abs/2503.20783"),
        Source("Zheng et al. (2025), Group sequence policy optimization", "https://arxiv.org/abs/2507.18071"),
        Source("MiniMax (2025), MiniMax-M1", "https://arxiv.org/abs/2506.13585"),
        Source("Schulman (2020), Approximating KL divergence", "http://joschu.net/blog/kl-approx.html"),
    ),
)

jsd_distillation = Spec(
    reference=reference.jsd_distillation,
    inputs=(
        LOGITS,
        Input("teacher_logits", "tokens, classes", constant=True, meaning="of the teacher"),
        Input("mask", "tokens", kind="mask", meaning="which tokens count"),
    ),
    parameters=(
        REDUCTION,
        Parameter("beta", (0.5, 0.0, 1.0, 0.125), "share of the teacher; at 0 and 1 one divergence alone"),
        Parameter("temperature", (1.0, 2.0), "what logits are divided by"),
        Parameter(
            "masking",
            ("select", "select_values"),
            "whether tokens that do not count are left out, or so in values but not in gradients",
            facet=True,
            right="select",
        ),
    ),
    sizes=((6, 7), (3, 33)),
    # Saturated, probabilities of one side or both are 0.
    data=("normal", "saturated", "padding_nan"),
    excluded=("masking != 'select' and data != 'padding_nan'",),
    sources=(Source("Agarwal et al. (2023), On-policy distillation", "https://arxiv.org/abs/2306.13649"),),
)
