"""Losses of classes in clusters of PyTorch."""

from __future__ import annotations

from .framework import binds, torch
from .modules import call_module, module

SHORTLIST, FIRST = "head.shape[1] - clusters", "first_up.shape[1]"
OPTIONS = {
    "in_features": "inputs.shape[1]",
    "n_classes": f"{SHORTLIST} + {FIRST} + (0 if second_up is None else second_up.shape[1])",
    "cutoffs": f"[{SHORTLIST}] + ([] if clusters == 1 else [{SHORTLIST} + {FIRST}])",
    "div_value": "div_value",
    "head_bias": "head_bias is not None",
    "dtype": "inputs.dtype",
}
WEIGHTS = {
    "head.weight": "head.T",
    "head.bias": "head_bias",
    "tail.0.0.weight": "first_down.T",
    "tail.0.1.weight": "first_up.T",
    "tail.1.0.weight": "None if second_down is None else second_down.T",
    "tail.1.1.weight": "None if second_up is None else second_up.T",
}

module(
    "adaptive_log_softmax",
    "torch.nn.AdaptiveLogSoftmaxWithLoss",
    OPTIONS,
    WEIGHTS,
    on="inputs, labels.long()",
    returns="y.output, y.loss",
)


def adaptive(inputs, head, first_up, second_up, clusters, div_value, head_bias):
    """A module whose call is the method ``log_prob`` of the layer."""
    shortlist, first = head.shape[1] - clusters, first_up.shape[1]
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(
        inputs.shape[1],
        shortlist + first + (0 if second_up is None else second_up.shape[1]),
        [shortlist] if clusters == 1 else [shortlist, shortlist + first],
        div_value=div_value,
        head_bias=head_bias is not None,
        dtype=inputs.dtype,
    )
    layer.forward = layer.log_prob
    return layer


@binds("adaptive_log_probs", "torch.nn.AdaptiveLogSoftmaxWithLoss.log_prob", build=adaptive)
def adaptive_log_probs(built, inputs, head, head_bias, first_down, first_up, second_down, second_up):
    weights = {"head.weight": head.T, "tail.0.0.weight": first_down.T, "tail.0.1.weight": first_up.T}
    if head_bias is not None:
        weights["head.bias"] = head_bias
    if second_down is not None:
        weights |= {"tail.1.0.weight": second_down.T, "tail.1.1.weight": second_up.T}
    return call_module(built, inputs, **weights)
