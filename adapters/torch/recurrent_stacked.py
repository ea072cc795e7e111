"""Recurrent layers one upon the other, and from call to call, of PyTorch."""

from __future__ import annotations

from .framework import binds, torch
from .modules import functional_call, module
from .recurrent import RESET_AFTER, first_layer, weights_of
from .recurrent_sequences import GAPLESS, ZERO, call_packed, gru, lstm, named_weights, simple_rnn

HANDED = {"kept_by": ("caller", "a module of torch keeps no carry: its caller hands it on")}


def weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias=None):
    others = [w for w in (recurrent_kernel, bias, recurrent_bias) if w is not None]
    layers = enumerate(zip((kernel, *upper_kernels), *others, strict=True))
    return {name: weight for n, layer in layers for name, weight in named_weights(f"l{n}", *layer).items()}


WHOLE = ZERO | GAPLESS | {"padded": (False, "what is not packed has no padding")}
STACK = {
    "input_size": "len(kernel)",
    "hidden_size": "h.shape[-1]",
    "num_layers": "len(h)",
    "batch_first": "True",
}
LAYERS = "weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias)"
GRU_LAYERS = "weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias)"

MARKS = {"unused": ("lengths", "mask"), "fixed": WHOLE}

module(
    "stacked_lstm",
    "torch.nn.LSTM(num_layers)",
    STACK,
    LAYERS,
    on="x, (h, c)",
    gives="y, (h, c)",
    returns="y, h, c",
    **MARKS,
)
module(
    "stacked_gru",
    "torch.nn.GRU(num_layers)",
    STACK,
    GRU_LAYERS,
    on="x, h",
    **MARKS | {"fixed": WHOLE | RESET_AFTER},
)
module("stacked_simple_rnn", "torch.nn.RNN(num_layers)", STACK, LAYERS, on="x, h", **MARKS)


def lstm_layers(kernel, h):
    return torch.nn.LSTM(len(kernel), h.shape[-1], len(h), batch_first=True)


def gru_layers(kernel, h):
    return torch.nn.GRU(len(kernel), h.shape[-1], len(h), batch_first=True)


def simple_rnn_layers(kernel, h):
    return torch.nn.RNN(len(kernel), h.shape[-1], len(h), batch_first=True)


@binds("stacked_lstm", "torch.nn.LSTM(pack_padded_sequence)", fixed=ZERO | GAPLESS, build=lstm_layers)
def stacked_lstm_packed(built, x, h, c, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    weights = weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias)
    y, (h, c) = call_packed(built, x, (h, c), lengths, weights)
    return y, h, c


@binds(
    "stacked_gru",
    "torch.nn.GRU(pack_padded_sequence)",
    fixed=ZERO | GAPLESS | RESET_AFTER,
    build=gru_layers,
)
def stacked_gru_packed(
    built, x, h, kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, lengths, mask
):
    weights = weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias)
    return call_packed(built, x, h, lengths, weights)


@binds(
    "stacked_simple_rnn",
    "torch.nn.RNN(pack_padded_sequence)",
    fixed=ZERO | GAPLESS,
    build=simple_rnn_layers,
)
def stacked_simple_rnn_packed(built, x, h, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    weights = weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias)
    return call_packed(built, x, h, lengths, weights)


@binds("stateful_lstm", "torch.nn.LSTM", fixed=HANDED, build=lstm)
def stateful_lstm(built, x, other, later, kernel, recurrent_kernel, bias, *, between):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias))
    y, y_later, (h, c) = _calls(built, weights, x, other, later, between)
    return y, y_later, h[0], c[0]


@binds("stateful_gru", "torch.nn.GRU", fixed=HANDED | RESET_AFTER, build=gru)
def stateful_gru(built, x, other, later, kernel, recurrent_kernel, bias, recurrent_bias, *, between):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias, recurrent_bias))
    y, y_later, h = _calls(built, weights, x, other, later, between)
    return y, y_later, h[0]


@binds("stateful_simple_rnn", "torch.nn.RNN", fixed=HANDED, build=simple_rnn)
def stateful_simple_rnn(built, x, other, later, kernel, recurrent_kernel, bias, *, between):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias))
    y, y_later, h = _calls(built, weights, x, other, later, between)
    return y, y_later, h[0]


def _calls(module, weights, x, other, later, between):
    """Two calls, and what comes between them."""
    y, carry = functional_call(module, weights, (x,))
    if between == "predict":
        functional_call(module, weights, (other,))
    return y, *functional_call(module, weights, (later,) if between == "reset" else (later, carry))
