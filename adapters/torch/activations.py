"""Activations of PyTorch."""

from __future__ import annotations

from .modules import function, module

GELU = {"approximate": "'tanh' if approximate else 'none'"}
NAN_GRADIENT = {
    "nan_gradient == 'pass' or data != 'specials'": "torch lets the cotangent through where x is NaN"
}
SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
ONE = {"axis != (1, 3)": "takes one axis"}
SOFTPLUS = {"beta": "beta", "threshold": "threshold"}
THRESHOLD = {"threshold is not None": "returns x above a threshold, which is 20 unless another is given"}

function("relu", "torch.nn.functional.relu", where=NAN_GRADIENT)
module("relu", "torch.nn.ReLU", where=NAN_GRADIENT)
function("gelu", "torch.nn.functional.gelu", GELU)
module("gelu", "torch.nn.GELU", GELU)
function("silu", "torch.nn.functional.silu")
module("silu", "torch.nn.SiLU")
function("selu", "torch.nn.functional.selu", where=SELU)
module("selu", "torch.nn.SELU", where=SELU)
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
module("identity", "torch.nn.Identity")
function("sigmoid", "torch.nn.functional.sigmoid")
module("sigmoid", "torch.nn.Sigmoid")
function("tanh", "torch.nn.functional.tanh")
module("tanh", "torch.nn.Tanh")
function("log_sigmoid", "torch.nn.functional.logsigmoid")
module("log_sigmoid", "torch.nn.LogSigmoid")
function("softplus", "torch.nn.functional.softplus", SOFTPLUS, where=THRESHOLD)
module("softplus", "torch.nn.Softplus", SOFTPLUS, where=THRESHOLD)
function("softsign", "torch.nn.functional.softsign")
module("softsign", "torch.nn.Softsign")
function("mish", "torch.nn.functional.mish")
module("mish", "torch.nn.Mish")
function("tanh_shrink", "torch.nn.functional.tanhshrink")
module("tanh_shrink", "torch.nn.Tanhshrink")
function("exponential", "torch.exp")
function("glu", "torch.nn.functional.glu", {"dim": "axis"})
module("glu", "torch.nn.GLU", {"dim": "axis"})
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
