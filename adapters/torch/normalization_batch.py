"""Batch normalization of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import call_module, function, module
from .normalization import AFFINE, WEIGHT, X, Y

SPATIAL = {
    3: {"spatial == 3": "takes three spatial axes"},
    2: {"spatial == 2": "takes two spatial axes"},
    1: {"spatial <= 1": "takes one spatial axis or none"},
}

BESSEL = {"bessel": (True, "torch updates the running variance with n - 1 for n")}
SUM = {"infinite_mean": ("sum", "divides a sum by the count")}
LONE_VALUE = {"lone_value == 'error' or max(x[:-1]) > 1": "torch refuses a single value per channel"}
MOMENTUM = {"momentum": "1 - momentum", "eps": "epsilon"}
BATCH_NORM = {"num_features": "x.shape[-1]", "affine": AFFINE} | MOMENTUM
STATISTICS = {
    "running_mean": "(mean := running_mean.detach().clone())",
    "running_var": "(variance := running_variance.detach().clone())",
}
UPDATED = f"{Y}, mean, variance"

function(
    "batch_norm",
    "torch.nn.functional.batch_norm",
    {"training": "True"} | MOMENTUM,
    STATISTICS | WEIGHT,
    on=X,
    returns=UPDATED,
    where=LONE_VALUE,
    fixed=BESSEL | SUM,
)
for axes, rank in SPATIAL.items():
    module(
        "batch_norm",
        f"torch.nn.BatchNorm{axes}d",
        BATCH_NORM,
        WEIGHT | STATISTICS,
        on=X,
        returns=UPDATED,
        where=LONE_VALUE | rank,
        fixed=BESSEL | SUM,
    )


def repeated(x, *, momentum):
    return torch.nn.BatchNorm1d(x.shape[-1], momentum=None if momentum is None else 1 - momentum)


@binds("batch_norm_repeated", "torch.nn.BatchNorm1d", fixed=BESSEL, build=repeated)
def batch_norm_repeated(built, x, running_mean, running_variance, scale, bias, *, seen):
    arrays = {
        "weight": scale,
        "bias": bias,
        "running_mean": running_mean.clone(),
        "running_var": running_variance.clone(),
        "num_batches_tracked": torch.tensor(seen),
    }
    y = [call_module(built, batch, **arrays) for batch in x]
    return torch.stack(y), arrays["running_mean"], arrays["running_var"]


@binds(
    "masked_batch_norm",
    "torch.nn.functional.batch_norm(x[mask])",
    fixed=BESSEL
    | {
        "masked_output": ("zero", "is written with zeros at masked places"),
        "masking": ("select", "takes the places that count out of the array"),
    },
    composition=True,
)
def masked_batch_norm(x, mask, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    mean, variance = running_mean.detach().clone(), running_variance.detach().clone()
    counted = F.batch_norm(
        x[mask], mean, variance, scale, bias, training=True, momentum=1 - momentum, eps=epsilon
    )
    return torch.zeros_like(x).index_put((mask,), counted), mean, variance


CONSTANT = {"constant_statistics": (True, "torch refuses to differentiate its running statistics")}
CENTRED = {"centred or data != 'infinities'": "sums what is centred first"}
GIVEN = {"running_mean": "mean.detach()", "running_var": "variance.detach()"}

function(
    "batch_norm_inference",
    "torch.nn.functional.batch_norm",
    {"training": "False", "eps": "epsilon"},
    GIVEN | WEIGHT,
    on=X,
    returns=Y,
    where=CENTRED,
    fixed=CONSTANT,
)
for axes, rank in SPATIAL.items():
    module(
        "batch_norm_inference",
        f"torch.nn.BatchNorm{axes}d",
        {"num_features": "x.shape[-1]", "eps": "epsilon", "affine": AFFINE},
        WEIGHT | GIVEN,
        then=".eval()",
        on=X,
        returns=Y,
        where=CENTRED | rank,
        fixed=CONSTANT,
    )

WEIGHTS_ALONE = BESSEL | {"statistics": ("batch", "normalizes by the batch while the module trains")}
EVALUATED = {
    "statistics": ("running", "normalizes by the running statistics"),
    "bessel": (False, "updates no statistics"),
}
KEPT = {
    "running_mean": "(mean := running_mean.clone())",
    "running_var": "(variance := running_variance.clone())",
}

for then, fixed in ((".requires_grad_(False)", WEIGHTS_ALONE), (".eval()", EVALUATED)):
    for axes in (2, 1):
        module(
            "batch_norm_frozen",
            f"torch.nn.BatchNorm{axes}d{then.removesuffix('()')}",
            BATCH_NORM,
            WEIGHT | KEPT,
            calls=f"torch.nn.BatchNorm{axes}d",
            then=then,
            on=X,
            returns=UPDATED,
            where=SPATIAL[axes],
            fixed=fixed,
        )

PAIRS = {0: {"spatial": (0, "takes a Linear")}, 2: {"spatial": (2, "takes a convolution")}}


def layer_and_norm(kernel, offset, *, epsilon):
    *window, features, units = kernel.shape
    if window:
        layer = torch.nn.Conv2d(features, units, tuple(window), bias=offset is not None)
        norm = torch.nn.BatchNorm2d(units, eps=epsilon)
    else:
        layer = torch.nn.Linear(features, units, bias=offset is not None)
        norm = torch.nn.BatchNorm1d(units, eps=epsilon)
    return torch.nn.Sequential(layer, norm).eval()


def weights_of_both(kernel, offset, mean, variance, scale, bias):
    """Weights of the dense layer or convolution, and of the batch normalization after it, by their names."""
    weight = kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
    weights = {"0.weight": weight.contiguous(), "0.bias": offset, "1.weight": scale, "1.bias": bias}
    return weights | {"1.running_mean": mean, "1.running_var": variance}


@binds(
    "batch_norm_folded",
    "torch.nn.utils.fusion.fuse_linear_bn_eval",
    fixed=PAIRS[0],
    build=layer_and_norm,
)
@binds(
    "batch_norm_folded",
    "torch.nn.utils.fusion.fuse_conv_bn_eval",
    fixed=PAIRS[2],
    build=layer_and_norm,
)
def batch_norm_folded(built, x, kernel, offset, mean, variance, scale, bias):
    for name, array in weights_of_both(kernel, offset, mean, variance, scale, bias).items():
        if array is not None:
            built.state_dict(keep_vars=True)[name].data = array
    fuse = torch.nn.utils.fusion.fuse_linear_bn_eval
    if kernel.ndim == 4:
        fuse = torch.nn.utils.fusion.fuse_conv_bn_eval
    return fuse(*built)(x.movedim(-1, 1)).movedim(1, -1)


@binds("batch_norm_folded", "torch.nn.BatchNorm2d(torch.nn.Conv2d)", fixed=PAIRS[2], build=layer_and_norm)
@binds("batch_norm_folded", "torch.nn.BatchNorm1d(torch.nn.Linear)", fixed=PAIRS[0], build=layer_and_norm)
def batch_norm_after(built, x, kernel, offset, mean, variance, scale, bias):
    weights = weights_of_both(kernel, offset, mean, variance, scale, bias)
    return call_module(built, x.movedim(-1, 1), **weights).movedim(1, -1)
