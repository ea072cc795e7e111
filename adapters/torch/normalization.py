"""Normalization layers of PyTorch, whose channels are axis 1 in batch and group normalization."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import call_module

BESSEL = {
    "bessel": "torch updates the running variance with n - 1 for n",
    "lone_value == 'error' or max(x[:-1]) > 1": "torch refuses a single value per channel",
}
STATISTICS = {
    "constant_statistics": "torch refuses to differentiate its running statistics",
    "centred or data != 'infinities'": "sums what is centred first",
}


@binds("batch_norm", "torch.nn.functional.batch_norm", where=BESSEL)
def batch_norm(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    mean, variance = running_mean.detach().clone(), running_variance.detach().clone()
    y = F.batch_norm(
        x.movedim(-1, 1), mean, variance, scale, bias, training=True, momentum=1 - momentum, eps=epsilon
    )
    return y.movedim(1, -1), mean, variance


@binds(
    "batch_norm", "torch.nn.BatchNorm1d", where=BESSEL | {"spatial <= 1": "takes one spatial axis or none"}
)
@binds("batch_norm", "torch.nn.BatchNorm2d", where=BESSEL | {"spatial == 2": "takes two spatial axes"})
@binds("batch_norm", "torch.nn.BatchNorm3d", where=BESSEL | {"spatial == 3": "takes three spatial axes"})
def batch_norm_module(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    mean, variance = running_mean.detach().clone(), running_variance.detach().clone()
    layer = batch_norm_layer(x, scale, bias, epsilon=epsilon, momentum=1 - momentum)
    statistics = {"running_mean": mean, "running_var": variance}
    y = call_module(layer, x.movedim(-1, 1), weight=scale, bias=bias, **statistics)
    return y.movedim(1, -1), mean, variance


@binds("batch_norm_repeated", "torch.nn.BatchNorm1d", where={"bessel": BESSEL["bessel"]})
def batch_norm_repeated(x, running_mean, running_variance, scale, bias, *, momentum, seen):
    arrays = {
        "weight": scale,
        "bias": bias,
        "running_mean": running_mean.clone(),
        "running_var": running_variance.clone(),
        "num_batches_tracked": torch.tensor(seen),
    }
    layer = torch.nn.BatchNorm1d(x.shape[-1], momentum=None if momentum is None else 1 - momentum)
    y = [call_module(layer, batch, **arrays) for batch in x]
    return torch.stack(y), arrays["running_mean"], arrays["running_var"]


@binds(
    "masked_batch_norm",
    "torch.nn.functional.batch_norm(x[mask])",
    where={
        "bessel": BESSEL["bessel"],
        "masked_output == 'zero'": "is written with zeros at masked places",
        "masking == 'select'": "takes the places that count out of the array",
    },
    composition=True,
)
def masked_batch_norm(x, mask, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    mean, variance = running_mean.detach().clone(), running_variance.detach().clone()
    counted = F.batch_norm(
        x[mask], mean, variance, scale, bias, training=True, momentum=1 - momentum, eps=epsilon
    )
    return torch.zeros_like(x).index_put((mask,), counted), mean, variance


@binds("batch_norm_inference", "torch.nn.functional.batch_norm", where=STATISTICS)
def batch_norm_inference(x, mean, variance, scale, bias, *, epsilon):
    mean, variance = mean.detach(), variance.detach()
    return F.batch_norm(x.movedim(-1, 1), mean, variance, scale, bias, training=False, eps=epsilon).movedim(
        1, -1
    )


@binds(
    "batch_norm_inference",
    "torch.nn.BatchNorm1d",
    where=STATISTICS | {"spatial <= 1": "takes one spatial axis or none"},
)
@binds(
    "batch_norm_inference",
    "torch.nn.BatchNorm2d",
    where=STATISTICS | {"spatial == 2": "takes two spatial axes"},
)
@binds(
    "batch_norm_inference",
    "torch.nn.BatchNorm3d",
    where=STATISTICS | {"spatial == 3": "takes three spatial axes"},
)
def batch_norm_inference_module(x, mean, variance, scale, bias, *, epsilon):
    layer = batch_norm_layer(x, scale, bias, epsilon=epsilon, momentum=0.0).eval()
    statistics = {"running_mean": mean.detach(), "running_var": variance.detach()}
    return call_module(layer, x.movedim(-1, 1), weight=scale, bias=bias, **statistics).movedim(1, -1)


def batch_norm_layer(x, scale, bias, *, epsilon, momentum):
    """The module for inputs of this rank; a weight that is not given stays at its initial 1 or 0."""
    make = {4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}.get(x.ndim, torch.nn.BatchNorm1d)
    affine = scale is not None or bias is not None
    return make(x.shape[-1], eps=epsilon, momentum=momentum, affine=affine)


FROZEN = {
    "torch.nn.BatchNorm1d": {"spatial <= 1": "takes one spatial axis or none"},
    "torch.nn.BatchNorm2d": {"spatial == 2": "takes two spatial axes"},
}
WEIGHTS_ALONE = {
    "statistics == 'batch'": "normalizes by the batch while the module trains",
    "bessel": BESSEL["bessel"],
}


@binds(
    "batch_norm_frozen",
    "torch.nn.BatchNorm1d.requires_grad_(False)",
    where=WEIGHTS_ALONE | FROZEN["torch.nn.BatchNorm1d"],
)
@binds(
    "batch_norm_frozen",
    "torch.nn.BatchNorm2d.requires_grad_(False)",
    where=WEIGHTS_ALONE | FROZEN["torch.nn.BatchNorm2d"],
)
def batch_norm_weights_frozen(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    layer = batch_norm_layer(x, scale, bias, epsilon=epsilon, momentum=1 - momentum).requires_grad_(False)
    return frozen(layer, x, running_mean, running_variance, scale, bias)


EVALUATED = {
    "statistics == 'running'": "normalizes by the running statistics",
    "bessel == False": "updates no statistics",
}


@binds("batch_norm_frozen", "torch.nn.BatchNorm1d.eval", where=EVALUATED | FROZEN["torch.nn.BatchNorm1d"])
@binds("batch_norm_frozen", "torch.nn.BatchNorm2d.eval", where=EVALUATED | FROZEN["torch.nn.BatchNorm2d"])
def batch_norm_evaluated(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    layer = batch_norm_layer(x, scale, bias, epsilon=epsilon, momentum=1 - momentum).eval()
    return frozen(layer, x, running_mean, running_variance, scale, bias)


def frozen(layer, x, running_mean, running_variance, scale, bias):
    """What a frozen layer returns, and its statistics afterwards."""
    mean, variance = running_mean.clone(), running_variance.clone()
    arrays = {"weight": scale, "bias": bias, "running_mean": mean, "running_var": variance}
    return call_module(layer, x.movedim(-1, 1), **arrays).movedim(1, -1), mean, variance


@binds(
    "batch_norm_folded", "torch.nn.utils.fusion.fuse_linear_bn_eval", where={"spatial == 0": "takes a Linear"}
)
@binds(
    "batch_norm_folded",
    "torch.nn.utils.fusion.fuse_conv_bn_eval",
    where={"spatial == 2": "takes a convolution"},
)
def batch_norm_folded(x, kernel, offset, mean, variance, scale, bias, *, epsilon):
    layer, norm = before_and_after(x, kernel, offset, mean, variance, scale, bias, epsilon)
    fuse = torch.nn.utils.fusion.fuse_linear_bn_eval
    if kernel.ndim == 4:
        fuse = torch.nn.utils.fusion.fuse_conv_bn_eval
    return fuse(layer, norm)(x.movedim(-1, 1)).movedim(1, -1)


@binds("batch_norm_folded", "torch.nn.BatchNorm2d(torch.nn.Conv2d)", where={"spatial == 2": "takes two axes"})
@binds("batch_norm_folded", "torch.nn.BatchNorm1d(torch.nn.Linear)", where={"spatial == 0": "takes none"})
def batch_norm_after(x, kernel, offset, mean, variance, scale, bias, *, epsilon):
    layer, norm = before_and_after(x, kernel, offset, mean, variance, scale, bias, epsilon)
    return norm(layer(x.movedim(-1, 1))).movedim(1, -1)


def before_and_after(x, kernel, offset, mean, variance, scale, bias, epsilon):
    """The dense layer or convolution, and the batch normalization after it, in inference."""
    *window, features, units = kernel.shape
    if window:
        layer = torch.nn.Conv2d(features, units, tuple(window), bias=offset is not None)
        weight = kernel.permute(3, 2, 0, 1)
    else:
        layer, weight = torch.nn.Linear(features, units, bias=offset is not None), kernel.T
    norm = (torch.nn.BatchNorm2d if window else torch.nn.BatchNorm1d)(units, eps=epsilon)
    arrays = {"weight": weight, "bias": offset}
    fill(layer, x, {name: array for name, array in arrays.items() if array is not None})
    fill(norm, x, {"running_mean": mean, "running_var": variance, "weight": scale, "bias": bias})
    return layer.eval(), norm.eval()


def fill(module, x, arrays):
    """Put arrays into a module, which takes the device and the dtype of ``x``."""
    module.to(x.device, x.dtype).load_state_dict(arrays, strict=False)


@binds("layer_norm", "torch.nn.functional.layer_norm")
def layer_norm(x, scale, bias, *, epsilon):
    return F.layer_norm(x, x.shape[-1:], scale, bias, eps=epsilon)


@binds("layer_norm", "torch.nn.LayerNorm")
def layer_norm_module(x, scale, bias, *, epsilon):
    affine = scale is not None or bias is not None
    without = {"bias": False} if affine and bias is None else {}  # an argument since PyTorch 2.1
    layer = torch.nn.LayerNorm(x.shape[-1], eps=epsilon, elementwise_affine=affine, **without)
    return call_module(layer, x, weight=scale, bias=bias)


@binds("group_norm", "torch.nn.functional.group_norm")
def group_norm(x, scale, bias, *, groups, epsilon):
    return F.group_norm(x.movedim(-1, 1), groups, scale, bias, eps=epsilon).movedim(1, -1)


@binds("group_norm", "torch.nn.GroupNorm")
def group_norm_module(x, scale, bias, *, groups, epsilon):
    affine = scale is not None or bias is not None
    layer = torch.nn.GroupNorm(groups, x.shape[-1], eps=epsilon, affine=affine)
    return call_module(layer, x.movedim(-1, 1), weight=scale, bias=bias).movedim(1, -1)


@binds("rms_norm", "torch.nn.functional.rms_norm")
def rms_norm(x, scale, *, epsilon):
    return F.rms_norm(x, x.shape[-1:], scale, eps=epsilon)


@binds("rms_norm", "torch.nn.RMSNorm")
def rms_norm_module(x, scale, *, epsilon):
    layer = torch.nn.RMSNorm(x.shape[-1], eps=epsilon, elementwise_affine=scale is not None)
    return call_module(layer, x, weight=scale)
