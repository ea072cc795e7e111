"""Recurrent layers of ONNX: time first, one direction, weights ``(1, gates · units, features)``.

Biases come in pairs of equal length, that of the inputs and that of the states.
"""

from __future__ import annotations

import numpy as np

from .framework import function

LSTM_ORDER = (0, 3, 1, 2)
"""Ours is i, f, g, o, and ONNX's i, o, f, c."""

GRU_ORDER = (1, 0, 2)
"""Ours is r, z, n, and ONNX's z, r, h."""

NAMES = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}
OPTIONS = {"hidden_size": "len(recurrent_kernel)", "direction": "forward_or_reverse(direction)"}
SIGMOID = {"recurrent_activation": ("sigmoid", "slopes of a hard sigmoid are attributes of their own")}
PLACED = {"direction != 'backward_reversed'": "leaves hidden states at the steps of their inputs"}
FORM = {"unused": ("use_bias",), "where": PLACED}
ON = "np.swapaxes(x, 0, 1), in_order(kernel, {0}), in_order(recurrent_kernel, {0}), "
PLAIN, LSTM, GRU = (ON.format(order) for order in ("(0,)", "LSTM_ORDER", "GRU_ORDER"))
SEQUENCE = "np.swapaxes(y[:, 0], 0, 1)"


def in_order(kernel, order):
    """Weights of one direction, gates first, in another order."""
    return np.concatenate([np.split(kernel, len(order), -1)[place] for place in order], -1).T[None]


def biases(bias, order, recurrent_bias=None):
    """Both biases of one direction; that of the states is 0, but for the last gate's where there is one."""
    if bias is None:
        return None
    states = np.zeros_like(bias)
    if recurrent_bias is not None:
        states[-len(recurrent_bias) :] = recurrent_bias
    return np.concatenate([in_order(bias[None], order), in_order(states[None], order)], 1)[..., 0]


def forward_or_reverse(direction):
    """None where that is what the operator does by itself."""
    return None if direction == "forward" else "reverse"


def activations(*names):
    """What ONNX calls functions; None for those that it takes by itself."""
    return None if set(names[1:]) == {"tanh"} else [NAMES[name] for name in names]


function(
    "simple_rnn",
    "onnx.RNN",
    OPTIONS | {"activations": "[NAMES[activation]]"},
    calls="node('RNN', 14, 2)",
    on=PLAIN + "biases(bias, (0,)), None, h[None]",
    gives="y, final",
    returns=f"{SEQUENCE}, final[0]",
    where=PLACED,
    unused=("use_bias", "nan_gradient"),
)
function(
    "lstm",
    "onnx.LSTM",
    OPTIONS | {"activations": "activations(recurrent_activation, activation, activation)"},
    calls="node('LSTM', 14, 3)",
    on=LSTM + "biases(bias, LSTM_ORDER), None, h[None], c[None]",
    gives="y, h, c",
    returns=f"{SEQUENCE}, h[0], c[0]",
    fixed=SIGMOID | {"forget_bias": (0, "adds nothing to the forget gate but the biases")},
    **FORM,
)
function(
    "gru",
    "onnx.GRU",
    OPTIONS
    | {
        "activations": "activations(recurrent_activation, activation)",
        "linear_before_reset": "reset_after",
    },
    calls="node('GRU', 14, 2)",
    on=GRU + "biases(bias, GRU_ORDER, recurrent_bias), None, h[None]",
    gives="y, final",
    returns=f"{SEQUENCE}, final[0]",
    fixed=SIGMOID | {"update": ("keep", "the update gate weighs the old state")},
    where=PLACED,
    unused=("use_bias", "candidate_bias"),
)
