"""Losses of regression of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch

NO_ROW_MEAN = {"not row_mean": "torch reduces over all elements at once"}
SQUARE = {"factor == 1.0": "torch has the whole square only"} | NO_ROW_MEAN


@binds("mean_squared_error", "torch.nn.functional.mse_loss", where=SQUARE)
def mean_squared_error(predictions, targets, *, reduction):
    return F.mse_loss(predictions, targets, reduction=reduction)


@binds("mean_squared_error", "torch.nn.MSELoss", where=SQUARE)
def mean_squared_error_module(predictions, targets, *, reduction):
    return torch.nn.MSELoss(reduction=reduction)(predictions, targets)


@binds("huber", "torch.nn.functional.huber_loss", where=NO_ROW_MEAN)
def huber(predictions, targets, *, delta, reduction):
    return F.huber_loss(predictions, targets, reduction=reduction, delta=delta)


@binds("huber", "torch.nn.HuberLoss", where=NO_ROW_MEAN)
def huber_module(predictions, targets, *, delta, reduction):
    return torch.nn.HuberLoss(reduction=reduction, delta=delta)(predictions, targets)


SIGN = {"data not in ('nan', 'infinities') or nan_sign == ('nan' if beta > 0 else 'zero')": "0 is sign(NaN)"}


@binds("smooth_l1", "torch.nn.functional.smooth_l1_loss", where=SIGN)
def smooth_l1(predictions, targets, *, beta, reduction):
    return F.smooth_l1_loss(predictions, targets, reduction=reduction, beta=beta)


@binds("smooth_l1", "torch.nn.SmoothL1Loss", where=SIGN)
def smooth_l1_module(predictions, targets, *, beta, reduction):
    return torch.nn.SmoothL1Loss(reduction=reduction, beta=beta)(predictions, targets)
