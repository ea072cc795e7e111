"""Losses of regression of PyTorch."""

from __future__ import annotations

from .modules import function, module

REDUCED = {"reduction": "reduction"}
BOTH = "predictions, targets"
NO_ROW_MEAN = {"row_mean": (False, "torch reduces over all elements at once")}
SQUARE = NO_ROW_MEAN | {"factor": (1.0, "torch has the whole square only")}
SIGN = {"data not in ('nan', 'infinities') or nan_sign == ('nan' if beta > 0 else 'zero')": "0 is sign(NaN)"}

function("smooth_l1", "torch.nn.functional.smooth_l1_loss", REDUCED | {"beta": "beta"}, on=BOTH, where=SIGN)
module("smooth_l1", "torch.nn.SmoothL1Loss", REDUCED | {"beta": "beta"}, on=BOTH, where=SIGN)

WEIGHT = {"weight": "each(sample_weights, predictions)"}
UNWEIGHTED = {"weighted": (False, "torch weighs no samples here")}
UNWEIGHTED_SAMPLES = {"samples_weighted": UNWEIGHTED["weighted"]}
UNMASKED = {"masked": (False, "takes no mask"), "masking": ("select", "and so none is left out")}
OVER_LOSSES = {
    "reduction in ('mean', 'none', 'sum')": "a mean divides by the number of losses, weighted or not"
}
ABSOLUTE = NO_ROW_MEAN | {"nan_sign": ("zero", "0 is sign(NaN)")}
DIVIDES = {
    "reduction in ('none', 'sum', 'mean_weights' if weighted else 'mean')": "a mean divides by its weights"
}


def each(weights, like):
    """The weights of samples, for each of their elements: torch takes no others."""
    return None if weights is None else weights[:, None].expand_as(like)


WEIGHTED_FORM = {"on": BOTH, "defaults": {"weight": None}}
UNWEIGHTED_FORM = {"on": BOTH, "unused": ("sample_weights",)}
DIVIDED = {"reduction": "'mean' if reduction == 'mean_weights' else reduction"} | WEIGHT

function(
    "mean_squared_error",
    "torch.nn.functional.mse_loss",
    DIVIDED,
    **WEIGHTED_FORM,
    where=DIVIDES,
    fixed=SQUARE,
)
module("mean_squared_error", "torch.nn.MSELoss", REDUCED, **UNWEIGHTED_FORM, fixed=SQUARE | UNWEIGHTED)
function(
    "huber",
    "torch.nn.functional.huber_loss",
    REDUCED | {"delta": "delta"} | WEIGHT,
    **WEIGHTED_FORM,
    where=OVER_LOSSES,
    fixed=NO_ROW_MEAN,
)
module(
    "huber",
    "torch.nn.HuberLoss",
    REDUCED | {"delta": "delta"},
    **UNWEIGHTED_FORM,
    fixed=NO_ROW_MEAN | UNWEIGHTED,
)

function(
    "mean_absolute_error",
    "torch.nn.functional.l1_loss",
    DIVIDED,
    **WEIGHTED_FORM,
    where=DIVIDES,
    fixed=ABSOLUTE,
)
module(
    "mean_absolute_error",
    "torch.nn.L1Loss",
    REDUCED,
    **UNWEIGHTED_FORM,
    fixed=ABSOLUTE | UNWEIGHTED,
)

POISSON = REDUCED | {"log_input": "rates is None", "full": "full", "eps": "epsilon"}
RATES = "log_rates if rates is None else rates, targets"

for word, api in (
    (function, "torch.nn.functional.poisson_nll_loss"),
    (module, "torch.nn.PoissonNLLLoss"),
):
    word(
        "poisson_nll",
        api,
        POISSON,
        on=RATES,
        unused=("sample_weights",),
        fixed=NO_ROW_MEAN | UNWEIGHTED,
    )

GAUSSIAN = REDUCED | {"full": "full", "eps": "epsilon"}
PASSED = {"floor_gradient": ("passed", "torch raises variances and norms outside of what is differentiated")}
OF_VARIANCES = "predictions, targets, variances"

function("gaussian_nll", "torch.nn.functional.gaussian_nll_loss", GAUSSIAN, on=OF_VARIANCES, fixed=PASSED)
module("gaussian_nll", "torch.nn.GaussianNLLLoss", GAUSSIAN, on=OF_VARIANCES, fixed=PASSED)

COSINE = {"dim": "axis", "eps": "epsilon"}
COSINE_FORM = (
    UNWEIGHTED
    | UNMASKED
    | {
        "form": ("similarity", "torch leaves it to the user to make a loss of it"),
        "reduction": ("none", "torch reduces no similarities"),
    }
)
PASSED_UNLESS_ZERO = {"floor_gradient == 'passed' or epsilon == 0": PASSED["floor_gradient"][1]}

function(
    "cosine_similarity",
    "torch.nn.functional.cosine_similarity",
    COSINE,
    on=BOTH,
    unused=("mask", "sample_weights"),
    where=PASSED_UNLESS_ZERO,
    fixed=COSINE_FORM,
)
module(
    "cosine_similarity",
    "torch.nn.CosineSimilarity",
    COSINE,
    on=BOTH,
    unused=("mask", "sample_weights"),
    where=PASSED_UNLESS_ZERO,
    fixed=COSINE_FORM,
)
