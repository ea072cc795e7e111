"""Recurrent layers of PyTorch: weights are ``(gates · units, features)``, in our order, biases in pairs.

The second bias is zero, except for the recurrent bias of a GRU's candidate.
"""

from __future__ import annotations

from .framework import binds, torch
from .modules import call_module, module

FORWARD = {"direction": ("forward", "torch runs backwards only as one half of a bidirectional layer")}
NAN_GRADIENT = {
    "nan_gradient == 'pass' or activation == 'tanh' or data not in ('nan', 'infinities')": "relu passes NaN"
}
NO_SIGMOID = {"activation != 'sigmoid'": "torch has tanh and relu"}
FUNCTIONS = {
    "forget_bias": (0, "torch adds nothing to the forget gate but the biases"),
    "activation": ("tanh", "torch's cell is squashed by tanh"),
    "recurrent_activation": ("sigmoid", "torch's gates are sigmoids"),
}
RESET_AFTER = {"reset_after": (True, "torch applies the reset gate after the recurrent product")}
PLACEMENT = RESET_AFTER | {
    "update": ("keep", "torch's update gate weighs the old state"),
    "activation": ("tanh", "torch's candidate is squashed by tanh"),
    "recurrent_activation": ("sigmoid", "torch's gates are sigmoids"),
}


def weights_of(kernel, recurrent_kernel, bias, recurrent_bias=None):
    """Weights by their names in torch; the second bias is zero but for the candidate's part."""
    weights = {"weight_ih": kernel.T, "weight_hh": recurrent_kernel.T}
    if bias is None:
        return weights
    if recurrent_bias is None:
        return weights | {"bias_ih": bias, "bias_hh": torch.zeros_like(bias)}
    gates = torch.zeros_like(bias)[: -len(recurrent_bias)]
    return weights | {"bias_ih": bias, "bias_hh": torch.cat([gates, recurrent_bias])}


def first_layer(weights):
    """Names of the weights in the first layer of a stack."""
    return {f"{name}_l0": value for name, value in weights.items()}


SIZES = {"input_size": "len(kernel)", "hidden_size": "len(recurrent_kernel)", "bias": "bias is not None"}
SEQUENCE = SIZES | {"batch_first": "True"}
WEIGHTS = "first_layer(weights_of(kernel, recurrent_kernel, bias))"
GRU_WEIGHTS = "first_layer(weights_of(kernel, recurrent_kernel, bias, recurrent_bias))"

module(
    "simple_rnn",
    "torch.nn.RNN",
    SEQUENCE | {"nonlinearity": "activation"},
    WEIGHTS,
    on="x, h[None]",
    gives="y, final",
    returns="y, final[0]",
    where=NAN_GRADIENT | NO_SIGMOID,
    fixed=FORWARD,
)
module(
    "lstm",
    "torch.nn.LSTM",
    SEQUENCE,
    WEIGHTS,
    on="x, (h[None], c[None])",
    gives="y, (h, c)",
    returns="y, h[0], c[0]",
    fixed=FORWARD | FUNCTIONS,
)
module(
    "gru",
    "torch.nn.GRU",
    SEQUENCE,
    GRU_WEIGHTS,
    on="x, h[None]",
    gives="y, final",
    returns="y, final[0]",
    fixed=FORWARD | PLACEMENT,
)


def lstm_of_steps(kernel, recurrent_kernel, bias):
    return torch.nn.LSTM(*sizes(kernel, recurrent_kernel), bias=bias is not None, batch_first=True)


@binds("lstm", "torch.nn.LSTM(step by step)", fixed=FORWARD | FUNCTIONS, build=lstm_of_steps)
def lstm_step_by_step(built, x, h, c, kernel, recurrent_kernel, bias):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias))
    outputs, carry = [], (h[None], c[None])
    for step in x.split(1, dim=1):
        y, carry = call_module(built, step, carry, **weights)
        outputs.append(y)
    return torch.cat(outputs, 1), carry[0][0], carry[1][0]


def gru_of_steps(kernel, recurrent_kernel, bias):
    return torch.nn.GRU(*sizes(kernel, recurrent_kernel), bias=bias is not None, batch_first=True)


@binds("gru", "torch.nn.GRU(step by step)", fixed=FORWARD | PLACEMENT, build=gru_of_steps)
def gru_step_by_step(built, x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias, recurrent_bias))
    outputs, carry = [], h[None]
    for step in x.split(1, dim=1):
        y, carry = call_module(built, step, carry, **weights)
        outputs.append(y)
    return torch.cat(outputs, 1), carry[0]


def rnn_cell(kernel, recurrent_kernel, bias, *, activation):
    return torch.nn.RNNCell(*sizes(kernel, recurrent_kernel), nonlinearity=activation, bias=bias is not None)


@binds("simple_rnn", "torch.nn.RNNCell", where=NAN_GRADIENT | NO_SIGMOID, fixed=FORWARD, build=rnn_cell)
def simple_rnn_cell(built, x, h, kernel, recurrent_kernel, bias):
    weights, states = weights_of(kernel, recurrent_kernel, bias), []
    for step in x.unbind(1):
        h = call_module(built, step, h, **weights)
        states.append(h)
    return torch.stack(states, 1), h


def lstm_cell(kernel, recurrent_kernel, bias):
    return torch.nn.LSTMCell(*sizes(kernel, recurrent_kernel), bias=bias is not None)


@binds("lstm", "torch.nn.LSTMCell", fixed=FORWARD | FUNCTIONS, build=lstm_cell)
def lstm_by_cell(built, x, h, c, kernel, recurrent_kernel, bias):
    weights, states = weights_of(kernel, recurrent_kernel, bias), []
    for step in x.unbind(1):
        h, c = call_module(built, step, (h, c), **weights)
        states.append(h)
    return torch.stack(states, 1), h, c


def gru_cell(kernel, recurrent_kernel, bias):
    return torch.nn.GRUCell(*sizes(kernel, recurrent_kernel), bias=bias is not None)


@binds("gru", "torch.nn.GRUCell", fixed=FORWARD | PLACEMENT, build=gru_cell)
def gru_by_cell(built, x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    weights, states = weights_of(kernel, recurrent_kernel, bias, recurrent_bias), []
    for step in x.unbind(1):
        h = call_module(built, step, h, **weights)
        states.append(h)
    return torch.stack(states, 1), h


def sizes(kernel, recurrent_kernel):
    """Features and units."""
    return len(kernel), len(recurrent_kernel)
