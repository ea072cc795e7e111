"""Normalization of PyTorch over several of the last axes, by norms, and with statistics that are kept."""

from __future__ import annotations

from .modules import function, module
from .normalization import AFFINE, WEIGHT, X
from .normalization_batch import SPATIAL, STATISTICS, UPDATED

LAST = {
    "max(axes) == 3 and (len(axes) == 1 or axes[0] == 4 - len(axes))": "normalizes the last axes",
    "parameters_along == 'normalized'": "has parameters for each place that is normalized",
}
SHAPE = "tuple(x.shape[-len(axes):])"
LAYER_NORM = {"normalized_shape": SHAPE, "eps": "epsilon"}
RMS_NORM = {"normalized_shape": SHAPE, "eps": "None if epsilon == torch.finfo(x.dtype).eps else epsilon"}
SCALE = {"weight": "scale"}

function("layer_norm_over_axes", "torch.nn.functional.layer_norm", LAYER_NORM, WEIGHT, where=LAST)
module("layer_norm_over_axes", "torch.nn.LayerNorm", LAYER_NORM, WEIGHT, where=LAST)
function("rms_norm_over_axes", "torch.nn.functional.rms_norm", RMS_NORM, SCALE, where=LAST)
module("rms_norm_over_axes", "torch.nn.RMSNorm", RMS_NORM, SCALE, where=LAST)

function(
    "normalize",
    "torch.nn.functional.normalize",
    {"p": "torch.inf if power == 'max' else power", "dim": "axes", "eps": "epsilon"},
)

TRACKED = {"momentum": "1 - momentum", "eps": "epsilon"}
function(
    "tracked_instance_norm",
    "torch.nn.functional.instance_norm",
    TRACKED | {"use_input_stats": "True"},
    STATISTICS | WEIGHT,
    on=X,
    returns=UPDATED,
)
for axes, rank in SPATIAL.items():
    module(
        "tracked_instance_norm",
        f"torch.nn.InstanceNorm{axes}d(track_running_stats)",
        TRACKED | {"num_features": "x.shape[-1]", "affine": AFFINE, "track_running_stats": "True"},
        WEIGHT | STATISTICS,
        on=X,
        returns=UPDATED,
        where=rank,
    )
