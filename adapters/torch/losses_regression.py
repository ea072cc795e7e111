"""Losses of regression of PyTorch."""

from __future__ import annotations

from typing import Any

from .framework import F, binds, torch

NO_ROW_MEAN = {"not row_mean": "torch reduces over all elements at once"}
SQUARE = {"factor == 1.0": "torch has the whole square only"} | NO_ROW_MEAN


@binds("mean_squared_error", "torch.nn.functional.mse_loss", where=SQUARE)
def mean_squared_error(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return F.mse_loss(predictions, targets, reduction=reduction)


@binds("mean_squared_error", "torch.nn.MSELoss", where=SQUARE)
def mean_squared_error_module(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return torch.nn.MSELoss(reduction=reduction)(predictions, targets)


@binds("huber", "torch.nn.functional.huber_loss", where=NO_ROW_MEAN)
def huber(predictions: Any, targets: Any, *, delta: float, reduction: str) -> Any:
    return F.huber_loss(predictions, targets, reduction=reduction, delta=delta)


@binds("huber", "torch.nn.HuberLoss", where=NO_ROW_MEAN)
def huber_module(predictions: Any, targets: Any, *, delta: float, reduction: str) -> Any:
    return torch.nn.HuberLoss(reduction=reduction, delta=delta)(predictions, targets)


SIGN = {
    "data not in ('nan', 'infinities') or nan_sign == ('nan' if beta > 0 else 'zero')": "0 is sign(NaN)"
}


@binds("smooth_l1", "torch.nn.functional.smooth_l1_loss", where=SIGN)
def smooth_l1(predictions: Any, targets: Any, *, beta: float, reduction: str) -> Any:
    return F.smooth_l1_loss(predictions, targets, reduction=reduction, beta=beta)


@binds("smooth_l1", "torch.nn.SmoothL1Loss", where=SIGN)
def smooth_l1_module(predictions: Any, targets: Any, *, beta: float, reduction: str) -> Any:
    return torch.nn.SmoothL1Loss(reduction=reduction, beta=beta)(predictions, targets)
