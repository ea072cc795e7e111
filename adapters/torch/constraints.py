"""Constraints of PyTorch: functions that project, and parametrizations of ``torch.nn.utils``.

The axis of the units is the first in PyTorch's kernels.
"""

from __future__ import annotations

from .framework import binds, torch
from .modules import function, functional_call

PLAIN = {"epsilon_at": ("none", "divides by the norm itself")}


function(
    "unit_norm",
    "torch.nn.functional.normalize",
    {"p": "2.0", "dim": "axis", "eps": "epsilon"},
    on="kernel",
    fixed={"epsilon_at": ("floor", "divides by max(n, ε)")},
)


@binds(
    "max_norm",
    "torch.renorm",
    fixed={"epsilon_at": ("beyond", "adds 1e-7 to the norms that it shortens, and leaves the others")},
)
def max_norm(kernel, *, max_value, axis):
    if not -2 <= axis < 2:
        raise IndexError(f"no axis {axis}")
    return torch.renorm(kernel, p=2, dim=1 - axis, maxnorm=max_value)


@binds("min_max_norm", "torch.clamp(torch.linalg.vector_norm)", fixed=PLAIN, composition=True)
def min_max_norm(kernel, *, min_value, max_value, rate, axis):
    norms = torch.linalg.vector_norm(kernel, dim=axis, keepdim=True)
    desired = rate * norms.clamp(min_value, max_value) + (1 - rate) * norms
    return kernel * (desired / norms)


CLAMP = {
    "zero_gradient == 1.0 or data == 'normal'": "passes the gradient where the bound is met",
    "nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN",
}
RELU = {
    "zero_gradient == 0.0 or data == 'normal'": "gives no gradient at 0",
    "nan_gradient == 'pass' or data != 'specials'": "passes the gradient where x is NaN",
}


function("non_neg", "torch.clamp", {"min": "0"}, on="kernel", where=CLAMP)
function("non_neg", "torch.nn.functional.relu", on="kernel", where=RELU)


def normalized(direction, *, norm_of):
    layer = layer_of(torch_kernel(direction).shape)
    dim = {"unit": 0, "feature": 1, "all": None}[norm_of]
    return torch.nn.utils.parametrizations.weight_norm(layer, dim=dim)


@binds(
    "weight_norm",
    "torch.nn.utils.parametrizations.weight_norm",
    fixed=PLAIN | {"epsilon": (1e-12, "has no epsilon")},
    where={"norm_of != 'pair'": "takes one dim"},
    build=normalized,
)
def weight_norm(built, direction, magnitude, *, norm_of):
    v = torch_kernel(direction)
    shape = [1] * v.ndim
    shape[norm_of == "feature"] = -1
    g = magnitude if norm_of == "all" else magnitude.reshape(shape)
    return own_kernel(parametrized(built, original0=g, original1=v))


def iterating(kernel, *, power_iterations, axis, epsilon):
    return torch.nn.utils.parametrizations.spectral_norm(
        layer_of(torch_kernel(kernel).shape),
        n_power_iterations=power_iterations,
        dim=0 if axis == "units" else 1,
        eps=epsilon,
    )


@binds(
    "spectral_norm",
    "torch.nn.utils.parametrizations.spectral_norm",
    fixed={
        "starts_from": ("features", "updates the vector of the units first"),
        "epsilon_at": ("floor", "divides by max(n, ε)"),
    },
    build=iterating,
)
def spectral_norm(built, kernel, vector, *, axis):
    weight = torch_kernel(kernel)
    rows, others, *window = weight.shape if axis == "units" else weight.transpose(0, 1).shape
    # The matrix of a kernel has its features before the window, and what is kept is in that order.
    start = vector.reshape(*window, others).movedim(-1, 0).reshape(-1).clone()
    y = parametrized(built, **{"original": weight, "0._u": weight.new_zeros(rows), "0._v": start})
    return own_kernel(y), start.reshape(others, *window).movedim(0, -1).reshape(-1)


def iterated(kernel):
    return torch.nn.utils.parametrizations.spectral_norm(layer_of(kernel.T.shape)).eval()


@binds(
    "spectral_norm_inference",
    "torch.nn.utils.parametrizations.spectral_norm.eval",
    fixed={"inference": ("kept", "divides by the value that both vectors give, and iterates no more")},
    build=iterated,
)
def spectral_norm_inference(built, kernel, left, right):
    return parametrized(built, **{"original": kernel.T, "0._u": right, "0._v": left}).T


def torch_kernel(kernel):
    """The kernel with its units first, then its features, then the window."""
    return kernel.permute(-1, -2, *range(kernel.ndim - 2))


def own_kernel(kernel):
    """Such a kernel back in our order."""
    return kernel.permute(*range(2, kernel.ndim), 1, 0)


def layer_of(shape):
    """A dense layer or a convolution with a weight of this shape."""
    units, features, *window = shape
    if not window:
        return torch.nn.Linear(features, units, bias=False)
    return torch.nn.Conv2d(features, units, tuple(window), bias=False)


def parametrized(layer, **arrays):
    """The weight that a parametrized layer computes from these arrays."""
    return functional_call(layer.parametrizations.weight, arrays, ())
