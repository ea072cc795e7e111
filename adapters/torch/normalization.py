"""Normalization layers of PyTorch, whose channels are axis 1 in batch and group normalization."""

from __future__ import annotations

from .modules import function, module

X, Y = "x.movedim(-1, 1)", "y.movedim(1, -1)"
WEIGHT = {"weight": "scale", "bias": "bias"}
AFFINE = "scale is not None or bias is not None"


LAYER_NORM = {"normalized_shape": "x.shape[-1:]", "eps": "epsilon"}
GROUP_NORM = {"num_groups": "groups", "eps": "epsilon"}

function("layer_norm", "torch.nn.functional.layer_norm", LAYER_NORM, WEIGHT)
module(
    "layer_norm",
    "torch.nn.LayerNorm",
    LAYER_NORM | {"elementwise_affine": AFFINE, "bias": "bias is not None or scale is None"},
    WEIGHT,
    defaults={"bias": True},  # an argument since PyTorch 2.1
)
function("group_norm", "torch.nn.functional.group_norm", GROUP_NORM, WEIGHT, on=X, returns=Y)
module(
    "group_norm",
    "torch.nn.GroupNorm",
    GROUP_NORM | {"num_channels": "x.shape[-1]", "affine": AFFINE},
    WEIGHT,
    on=X,
    returns=Y,
)


def spread(weight, x):
    """A weight of each channel, over all places."""
    return (
        None if weight is None else weight.reshape(-1, *[1] * (x.ndim - 2)).expand(x.movedim(-1, 1).shape[1:])
    )


function(
    "group_norm",
    "torch.nn.functional.layer_norm",
    {"normalized_shape": "x.movedim(-1, 1).shape[1:]", "eps": "epsilon"},
    {"weight": "spread(scale, x)", "bias": "spread(bias, x)"},
    on=X,
    returns=Y,
    where={"groups == 1": "one group is all that layer normalization can take"},
    unused=("groups",),
    composition=True,
)
function("rms_norm", "torch.nn.functional.rms_norm", LAYER_NORM, {"weight": "scale"})
module(
    "rms_norm",
    "torch.nn.RMSNorm",
    LAYER_NORM | {"elementwise_affine": "scale is not None"},
    {"weight": "scale"},
)

INSTANCE = {
    "lone_value == 'error' or max(x[1:-1]) > 1": "torch refuses a single value per channel of a sample"
}

function(
    "instance_norm",
    "torch.nn.functional.instance_norm",
    {"eps": "epsilon"},
    WEIGHT,
    on=X,
    returns=Y,
    where=INSTANCE,
)
for axes in (1, 2, 3):
    module(
        "instance_norm",
        f"torch.nn.InstanceNorm{axes}d",
        {"num_features": "x.shape[-1]", "eps": "epsilon", "affine": AFFINE},
        WEIGHT,
        on=X,
        returns=Y,
        where=INSTANCE | {f"spatial == {axes}": "is of another rank"},
    )

MEAN = {"alpha_of": ("mean", "torch's alpha is the factor of a mean")}
RESPONSE = {"size": "window", "alpha": "alpha", "beta": "beta", "k": "offset"}

function(
    "local_response_norm",
    "torch.nn.functional.local_response_norm",
    RESPONSE,
    on=X,
    returns=Y,
    fixed=MEAN,
)
for name in ("LocalResponseNorm", "CrossMapLRN2d"):
    module("local_response_norm", f"torch.nn.{name}", RESPONSE, on=X, returns=Y, fixed=MEAN)
