"""Losses of regression of PyTorch."""

from __future__ import annotations

from .modules import function, module

REDUCED = {"reduction": "reduction"}
BOTH = "predictions, targets"
NO_ROW_MEAN = {"row_mean": (False, "torch reduces over all elements at once")}
SQUARE = NO_ROW_MEAN | {"factor": (1.0, "torch has the whole square only")}
SIGN = {"data not in ('nan', 'infinities') or nan_sign == ('nan' if beta > 0 else 'zero')": "0 is sign(NaN)"}

function("mean_squared_error", "torch.nn.functional.mse_loss", REDUCED, on=BOTH, fixed=SQUARE)
module("mean_squared_error", "torch.nn.MSELoss", REDUCED, on=BOTH, fixed=SQUARE)
function("huber", "torch.nn.functional.huber_loss", REDUCED | {"delta": "delta"}, on=BOTH, fixed=NO_ROW_MEAN)
module("huber", "torch.nn.HuberLoss", REDUCED | {"delta": "delta"}, on=BOTH, fixed=NO_ROW_MEAN)
function("smooth_l1", "torch.nn.functional.smooth_l1_loss", REDUCED | {"beta": "beta"}, on=BOTH, where=SIGN)
module("smooth_l1", "torch.nn.SmoothL1Loss", REDUCED | {"beta": "beta"}, on=BOTH, where=SIGN)
