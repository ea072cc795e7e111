"""Recurrent layers of PyTorch over packed sequences, in both directions, and masked in a loop."""

from __future__ import annotations

from .framework import binds, torch
from .modules import call_module, functional_call
from .recurrent import PLACEMENT, weights_of

FORWARD = {
    "direction == 'forward'": "torch runs backwards only as one half of a bidirectional layer",
    "reversal == 'whole'": "forward there is nothing to turn round",
}
LENGTHS = {"marked_by == 'lengths'": "a packed sequence has lengths, and no gaps"}
ZERO = {"masked_output == 'zero'": "pad_packed_sequence puts zeros (padding_value) past the end"}
HANDED = {"kept_by == 'caller'": "a module of torch keeps no carry: its caller hands it on"}
MASKED = {
    "masked_output != 'computed'": "the loop masks the carry",
    "direction == 'forward' or reversal == 'whole'": "the loop turns everything round",
}
RESET_AFTER = {"reset_after": PLACEMENT["reset_after"]}


@binds("masked_lstm", "torch.nn.LSTM(pack_padded_sequence)", where=FORWARD | LENGTHS | ZERO)
def masked_lstm_packed(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    module = torch.nn.LSTM(len(kernel), h.shape[-1], batch_first=True)
    weights = _weights("l0", kernel, recurrent_kernel, bias)
    y, (h, c) = _call(module, x, (h[None], c[None]), lengths, weights)
    return y if return_sequences else y[:, -1], h[0], c[0]


@binds("masked_gru", "torch.nn.GRU(pack_padded_sequence)", where=FORWARD | LENGTHS | ZERO | RESET_AFTER)
def masked_gru_packed(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, return_sequences
):
    module = torch.nn.GRU(len(kernel), h.shape[-1], batch_first=True)
    weights = _weights("l0", kernel, recurrent_kernel, bias, recurrent_bias)
    y, h = _call(module, x, h[None], lengths, weights)
    return y if return_sequences else y[:, -1], h[0]


@binds("masked_simple_rnn", "torch.nn.RNN(pack_padded_sequence)", where=FORWARD | LENGTHS | ZERO)
def masked_simple_rnn_packed(x, h, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    module = torch.nn.RNN(len(kernel), h.shape[-1], batch_first=True)
    y, h = _call(module, x, h[None], lengths, _weights("l0", kernel, recurrent_kernel, bias))
    return y if return_sequences else y[:, -1], h[0]


@binds("masked_lstm", "torch.where", where=MASKED, composition=True)
def masked_lstm(
    x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    def step(x, h, c):
        i, f, g, o = (x @ kernel + h @ recurrent_kernel + bias).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    mask = _mask(x, lengths) if mask is None else mask
    return _masked(step, x, (h, c), mask, masked_output, direction, return_sequences)


@binds("masked_gru", "torch.where", where=MASKED, composition=True)
def masked_gru(
    x,
    h,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    lengths,
    mask,
    *,
    reset_after,
    masked_output,
    direction,
    return_sequences,
):
    gates, candidate = recurrent_kernel.split([2 * h.shape[-1], h.shape[-1]], 1)

    def step(x, h):
        r, z, n = (x @ kernel + bias).chunk(3, -1)
        by_r, by_z = (h @ gates).chunk(2, -1)
        r, z = torch.sigmoid(r + by_r), torch.sigmoid(z + by_z)
        product = h @ candidate if reset_after else (r * h) @ candidate
        product = product if recurrent_bias is None else product + recurrent_bias
        n = torch.tanh(n + (r * product if reset_after else product))
        return (z * h + (1 - z) * n,)

    mask = _mask(x, lengths) if mask is None else mask
    return _masked(step, x, (h,), mask, masked_output, direction, return_sequences)


@binds("masked_simple_rnn", "torch.where", where=MASKED, composition=True)
def masked_simple_rnn(
    x, h, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    def step(x, h):
        return (torch.tanh(x @ kernel + h @ recurrent_kernel + bias),)

    mask = _mask(x, lengths) if mask is None else mask
    return _masked(step, x, (h,), mask, masked_output, direction, return_sequences)


def _mask(x, lengths):
    return torch.arange(x.shape[1], device=x.device) < lengths[:, None]


def _masked(step, x, carry, mask, masked_output, direction, return_sequences):
    """Outputs and final carry of a cell whose carry a masked step leaves as it is."""
    if direction != "forward":
        x, mask = x.flip(1), mask.flip(1)
    zero = torch.zeros_like(carry[0])
    y, outputs = zero, []
    for at, counts in zip(x.unbind(1), mask[..., None].unbind(1), strict=True):
        new = step(at, *carry)
        y = torch.where(counts, new[0], {"repeat": y, "state": carry[0], "zero": zero}[masked_output])
        carry = [torch.where(counts, after, before) for after, before in zip(new, carry, strict=True)]
        outputs.append(y)
    if not return_sequences:
        return y, *carry
    return torch.stack(outputs[::-1] if direction == "backward" else outputs, 1), *carry


JOINED = {"merge == 'concat'": "torch joins the two directions"}


@binds("bidirectional_lstm", "torch.nn.LSTM(bidirectional)", where=JOINED | ZERO)
def bidirectional_lstm(x, h, c, kernel, recurrent_kernel, bias, lengths, *, returns):
    module = torch.nn.LSTM(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)
    y, (h, c) = _call(module, x, (h, c), lengths, _both(kernel, recurrent_kernel, bias))
    return _returned(y, h, returns), h, c


@binds("bidirectional_gru", "torch.nn.GRU(bidirectional)", where=JOINED | ZERO | RESET_AFTER)
def bidirectional_gru(x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, *, returns):
    module = torch.nn.GRU(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)
    weights = (kernel, recurrent_kernel, bias, *([] if recurrent_bias is None else [recurrent_bias]))
    y, h = _call(module, x, h, lengths, _both(*weights))
    return _returned(y, h, returns), h


@binds("bidirectional_simple_rnn", "torch.nn.RNN(bidirectional)", where=JOINED | ZERO)
def bidirectional_simple_rnn(x, h, kernel, recurrent_kernel, bias, lengths, *, returns):
    module = torch.nn.RNN(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)
    y, h = _call(module, x, h, lengths, _both(kernel, recurrent_kernel, bias))
    return _returned(y, h, returns), h


def _both(*weights):
    forward, backward = zip(*weights, strict=True)
    return _weights("l0", *forward) | _weights("l0_reverse", *backward)


def _returned(y, h, returns):
    return {"sequence": y, "ends": torch.cat([h[0], h[1]], -1), "last_step": y[:, -1]}[returns]


def _call(module, x, carry, lengths, weights):
    """Outputs padded with zeros, and the carry, of sequences that are packed if they have lengths."""
    if lengths is None:
        return call_module(module, x, carry, **weights)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    y, carry = functional_call(module.to(x.device, x.dtype), weights, (packed, carry))
    return torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], carry


def _weights(suffix, kernel, recurrent_kernel, bias, recurrent_bias=None):
    """Weights of one layer, under the names that end in ``suffix``."""
    return {
        f"{name}_{suffix}": w
        for name, w in weights_of(kernel, recurrent_kernel, bias, recurrent_bias).items()
    }


@binds("stacked_lstm", "torch.nn.LSTM(num_layers)")
def stacked_lstm(x, h, c, kernel, upper_kernels, recurrent_kernel, bias):
    module = torch.nn.LSTM(len(kernel), h.shape[-1], num_layers=len(h), batch_first=True)
    weights = weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias)
    y, (h, c) = call_module(module, x, (h, c), **weights)
    return y, h, c


@binds("stacked_gru", "torch.nn.GRU(num_layers)", where=RESET_AFTER)
def stacked_gru(x, h, kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias):
    module = torch.nn.GRU(len(kernel), h.shape[-1], num_layers=len(h), batch_first=True)
    own = [] if recurrent_bias is None else [recurrent_bias]
    return call_module(module, x, h, **weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias, *own))


@binds("stacked_simple_rnn", "torch.nn.RNN(num_layers)")
def stacked_simple_rnn(x, h, kernel, upper_kernels, recurrent_kernel, bias):
    module = torch.nn.RNN(len(kernel), h.shape[-1], num_layers=len(h), batch_first=True)
    return call_module(module, x, h, **weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias))


def weights_of_layers(kernel, upper_kernels, *others):
    layers = enumerate(zip((kernel, *upper_kernels), *others, strict=True))
    return {name: weight for n, layer in layers for name, weight in _weights(f"l{n}", *layer).items()}


@binds("stateful_lstm", "torch.nn.LSTM", where=HANDED)
def stateful_lstm(x, other, later, kernel, recurrent_kernel, bias, *, between):
    module = torch.nn.LSTM(len(kernel), len(recurrent_kernel), batch_first=True)
    weights = _weights("l0", kernel, recurrent_kernel, bias)
    y, y_later, (h, c) = _calls(module, weights, x, other, later, between)
    return y, y_later, h[0], c[0]


@binds("stateful_gru", "torch.nn.GRU", where=HANDED | RESET_AFTER)
def stateful_gru(x, other, later, kernel, recurrent_kernel, bias, recurrent_bias, *, between):
    module = torch.nn.GRU(len(kernel), len(recurrent_kernel), batch_first=True)
    weights = _weights("l0", kernel, recurrent_kernel, bias, recurrent_bias)
    y, y_later, h = _calls(module, weights, x, other, later, between)
    return y, y_later, h[0]


@binds("stateful_simple_rnn", "torch.nn.RNN", where=HANDED)
def stateful_simple_rnn(x, other, later, kernel, recurrent_kernel, bias, *, between):
    module = torch.nn.RNN(len(kernel), len(recurrent_kernel), batch_first=True)
    weights = _weights("l0", kernel, recurrent_kernel, bias)
    y, y_later, h = _calls(module, weights, x, other, later, between)
    return y, y_later, h[0]


def _calls(module, weights, x, other, later, between):
    """Two calls, and what comes between them."""
    module = module.to(x.device, x.dtype)
    y, carry = functional_call(module, weights, (x,))
    if between == "predict":
        functional_call(module, weights, (other,))
    return y, *functional_call(module, weights, (later,) if between == "reset" else (later, carry))
