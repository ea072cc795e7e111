"""Recurrent layers of PyTorch: weights are ``(gates · units, features)``, in our order, biases in pairs.

The second bias is zero, except for the recurrent bias of a GRU's candidate.
"""

from __future__ import annotations

from .framework import binds, torch
from .modules import call_module

FORWARD = {"direction == 'forward'": "torch runs backwards only as one half of a bidirectional layer"}
NAN_GRADIENT = {
    "nan_gradient == 'pass' or activation == 'tanh' or data not in ('nan', 'infinities')": "relu passes NaN"
}
STORED = {"forget_bias == 0": "torch adds nothing to the forget gate but the biases"}
FUNCTIONS = {
    "activation == 'tanh'": "torch's cell is squashed by tanh",
    "recurrent_activation == 'sigmoid'": "torch's gates are sigmoids",
}
PLACEMENT = {
    "reset_after": "torch applies the reset gate after the recurrent product",
    "update == 'keep'": "torch's update gate weighs the old state",
}


@binds("simple_rnn", "torch.nn.RNN", where=FORWARD | NAN_GRADIENT)
def simple_rnn(x, h, kernel, recurrent_kernel, bias, *, activation):
    module = torch.nn.RNN(
        *_sizes(kernel, recurrent_kernel), nonlinearity=activation, bias=bias is not None, batch_first=True
    )
    y, final = call_module(module, x, h[None], **_layer(weights_of(kernel, recurrent_kernel, bias)))
    return y, final[0]


@binds("simple_rnn", "torch.nn.RNNCell", where=FORWARD | NAN_GRADIENT)
def simple_rnn_cell(x, h, kernel, recurrent_kernel, bias, *, activation):
    cell = torch.nn.RNNCell(*_sizes(kernel, recurrent_kernel), nonlinearity=activation, bias=bias is not None)
    weights, states = weights_of(kernel, recurrent_kernel, bias), []
    for step in x.unbind(1):
        h = call_module(cell, step, h, **weights)
        states.append(h)
    return torch.stack(states, 1), h


@binds("lstm", "torch.nn.LSTM", where=FORWARD | STORED | FUNCTIONS)
def lstm(x, h, c, kernel, recurrent_kernel, bias):
    module = torch.nn.LSTM(*_sizes(kernel, recurrent_kernel), bias=bias is not None, batch_first=True)
    carry = (h[None], c[None])
    y, (h, c) = call_module(module, x, carry, **_layer(weights_of(kernel, recurrent_kernel, bias)))
    return y, h[0], c[0]


@binds("lstm", "torch.nn.LSTMCell", where=FORWARD | STORED | FUNCTIONS)
def lstm_cell(x, h, c, kernel, recurrent_kernel, bias):
    cell = torch.nn.LSTMCell(*_sizes(kernel, recurrent_kernel), bias=bias is not None)
    weights, states = weights_of(kernel, recurrent_kernel, bias), []
    for step in x.unbind(1):
        h, c = call_module(cell, step, (h, c), **weights)
        states.append(h)
    return torch.stack(states, 1), h, c


@binds("gru", "torch.nn.GRU", where=FORWARD | PLACEMENT)
def gru(x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    module = torch.nn.GRU(*_sizes(kernel, recurrent_kernel), bias=bias is not None, batch_first=True)
    weights = _layer(weights_of(kernel, recurrent_kernel, bias, recurrent_bias))
    y, final = call_module(module, x, h[None], **weights)
    return y, final[0]


@binds("gru", "torch.nn.GRUCell", where=FORWARD | PLACEMENT)
def gru_cell(x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    cell = torch.nn.GRUCell(*_sizes(kernel, recurrent_kernel), bias=bias is not None)
    weights, states = weights_of(kernel, recurrent_kernel, bias, recurrent_bias), []
    for step in x.unbind(1):
        h = call_module(cell, step, h, **weights)
        states.append(h)
    return torch.stack(states, 1), h


def _sizes(kernel, recurrent_kernel):
    """Features and units."""
    return len(kernel), len(recurrent_kernel)


def weights_of(kernel, recurrent_kernel, bias, recurrent_bias=None):
    """Weights by their names in torch; the second bias is zero but for the candidate's part."""
    weights = {"weight_ih": kernel.T, "weight_hh": recurrent_kernel.T}
    if bias is None:
        return weights
    if recurrent_bias is None:
        return weights | {"bias_ih": bias, "bias_hh": torch.zeros_like(bias)}
    gates = torch.zeros_like(bias)[: -len(recurrent_bias)]
    return weights | {"bias_ih": bias, "bias_hh": torch.cat([gates, recurrent_bias])}


def _layer(weights):
    """Names of the weights in the first layer of a stack."""
    return {f"{name}_l0": value for name, value in weights.items()}
