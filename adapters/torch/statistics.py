"""Statistics of PyTorch."""

from __future__ import annotations

from .modules import function

function(
    "moments",
    "torch.var_mean",
    {"dim": "axes", "correction": "0", "keepdim": "keepdims"},
    gives="variance, mean",
    returns="mean, variance",
    where={"not weighted": "takes no weights"},
    fixed={"algorithm": ("two_pass", "takes the mean off first")},
    unused=("weights",),
)
