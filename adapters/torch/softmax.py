"""Softmaxes of PyTorch."""

from __future__ import annotations

from .modules import function, module

SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
ONE = {"axis != (1, 3)": "takes one axis"}
function("softmax", "torch.nn.functional.softmax", {"dim": "axis"}, where=ONE, fixed=SHIFTED | AS_THEY_ARE)
module("softmax", "torch.nn.Softmax", {"dim": "axis"}, where=ONE, fixed=SHIFTED | AS_THEY_ARE)
function(
    "softmax",
    "torch.softmax(x / temperature)",
    {"dim": "axis"},
    on="x / temperature",
    where=ONE,
    fixed=SHIFTED,
    composition=True,
)
function("log_softmax", "torch.nn.functional.log_softmax", {"dim": "axis"}, where=ONE, fixed=SHIFTED)
module("log_softmax", "torch.nn.LogSoftmax", {"dim": "axis"}, where=ONE, fixed=SHIFTED)
ALONG = {"dim": "(0, 1) if axis is None else axis", "keepdim": "keepdims"}
NO_MASK = {"mean": (False, "has no mean"), "masked": (False, "takes no mask")}
UNWEIGHTED = {"weighted": (False, "takes no weights")}
function("logsumexp", "torch.logsumexp", ALONG, unused=("mask", "weights"), fixed=NO_MASK | UNWEIGHTED)
function("softmin", "torch.nn.functional.softmin", {"dim": "axis"}, where=ONE, fixed=SHIFTED)
module("softmin", "torch.nn.Softmin", {"dim": "axis"}, where=ONE, fixed=SHIFTED)
CHANNELS = {"axis": (-1, "goes along channels"), "between": (0, "takes channels and a place")}
module(
    "softmax",
    "torch.nn.Softmax2d",
    on="x[:, :, None, None]",
    returns="y[:, :, 0, 0]",
    fixed=CHANNELS | SHIFTED | AS_THEY_ARE,
)

ONE_MASKED = {"axis not in ((0, 1), (1, 3))": "takes one axis"}
FILLED = "x.masked_fill(~mask, -torch.inf)"
for name in ("softmax", "log_softmax"):
    function(
        f"masked_{name}",
        f"torch.{name}(x.masked_fill)",
        {"dim": "axis"},
        on=FILLED,
        where=ONE_MASKED,
        fixed={"masking": ("fill", "fills logits with -∞")},
        composition=True,
    )
