"""Recurrent layers of PyTorch over packed sequences, in both directions, and masked in a loop."""

from __future__ import annotations

from .framework import binds, torch
from .modules import call_module, functional_call
from .recurrent import RESET_AFTER, first_layer, weights_of

FORWARD = {
    "direction": ("forward", "torch runs backwards only as one half of a bidirectional layer"),
    "reversal": ("whole", "forward there is nothing to turn round"),
}
ZERO = {"masked_output": ("zero", "pad_packed_sequence puts zeros (padding_value) past the end")}
GAPLESS = {"marked_by": ("lengths", "a packed sequence has lengths, and no gaps")}
FILLED = {"shortest": (1, "pack_padded_sequence refuses a sequence of no steps")}
PACKED = FORWARD | ZERO | GAPLESS | FILLED
MASKED = {
    "masked_output != 'computed'": "the loop masks the carry",
    "direction == 'forward' or reversal == 'whole'": "the loop turns everything round",
}


# --- masked ---


def lstm(kernel, recurrent_kernel):
    return torch.nn.LSTM(len(kernel), len(recurrent_kernel), batch_first=True)


def gru(kernel, recurrent_kernel):
    return torch.nn.GRU(len(kernel), len(recurrent_kernel), batch_first=True)


def simple_rnn(kernel, recurrent_kernel):
    return torch.nn.RNN(len(kernel), len(recurrent_kernel), batch_first=True)


@binds("masked_lstm", "torch.nn.LSTM(pack_padded_sequence)", fixed=PACKED, build=lstm)
def masked_lstm_packed(built, x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias))
    y, (h, c) = call_packed(built, x, (h[None], c[None]), lengths, weights)
    return y if return_sequences else y[:, -1], h[0], c[0]


@binds("masked_gru", "torch.nn.GRU(pack_padded_sequence)", fixed=PACKED | RESET_AFTER, build=gru)
def masked_gru_packed(
    built, x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, return_sequences
):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias, recurrent_bias))
    y, h = call_packed(built, x, h[None], lengths, weights)
    return y if return_sequences else y[:, -1], h[0]


@binds("masked_simple_rnn", "torch.nn.RNN(pack_padded_sequence)", fixed=PACKED, build=simple_rnn)
def masked_simple_rnn_packed(built, x, h, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias))
    y, h = call_packed(built, x, h[None], lengths, weights)
    return y if return_sequences else y[:, -1], h[0]


@binds("masked_lstm", "torch.where", where=MASKED, composition=True)
def masked_lstm(
    x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    step = lstm_step(kernel, recurrent_kernel, bias)
    mask = _mask(x, lengths) if mask is None else mask
    return over_padding(step, x, (h, c), mask, masked_output, direction, return_sequences)


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
    step = gru_step(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    mask = _mask(x, lengths) if mask is None else mask
    return over_padding(step, x, (h,), mask, masked_output, direction, return_sequences)


@binds("masked_simple_rnn", "torch.where", where=MASKED, composition=True)
def masked_simple_rnn(
    x, h, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    def step(x, h):
        return (torch.tanh(x @ kernel + h @ recurrent_kernel + bias),)

    mask = _mask(x, lengths) if mask is None else mask
    return over_padding(step, x, (h,), mask, masked_output, direction, return_sequences)


def lstm_step(kernel, recurrent_kernel, bias):
    """One step of an LSTM."""

    def step(x, h, c):
        i, f, g, o = (x @ kernel + h @ recurrent_kernel + bias).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    return step


def gru_step(kernel, recurrent_kernel, bias, recurrent_bias=None, reset_after=True):
    """One step of a gated recurrent unit."""
    units = len(recurrent_kernel)
    gates, candidate = recurrent_kernel.split([2 * units, units], 1)

    def step(x, h):
        r, z, n = (x @ kernel + bias).chunk(3, -1)
        by_r, by_z = (h @ gates).chunk(2, -1)
        r, z = torch.sigmoid(r + by_r), torch.sigmoid(z + by_z)
        product = h @ candidate if reset_after else (r * h) @ candidate
        product = product if recurrent_bias is None else product + recurrent_bias
        n = torch.tanh(n + (r * product if reset_after else product))
        return (z * h + (1 - z) * n,)

    return step


def _mask(x, lengths):
    return torch.arange(x.shape[1], device=x.device) < lengths[:, None]


def over_padding(step, x, carry, mask, masked_output, direction="forward", return_sequences=True):
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


# --- in both directions ---

JOINED = ZERO | GAPLESS | {"merge": ("concat", "torch joins the two directions")}


def both_lstm(kernel, h):
    return torch.nn.LSTM(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)


def both_gru(kernel, h):
    return torch.nn.GRU(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)


def both_simple_rnn(kernel, h):
    return torch.nn.RNN(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)


@binds("bidirectional_lstm", "torch.nn.LSTM(bidirectional)", fixed=JOINED, build=both_lstm)
def bidirectional_lstm(built, x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, returns):
    y, (h, c) = call_packed(built, x, (h, c), lengths, _both(kernel, recurrent_kernel, bias))
    return _returned(y, h, returns), h, c


@binds("bidirectional_gru", "torch.nn.GRU(bidirectional)", fixed=JOINED | RESET_AFTER, build=both_gru)
def bidirectional_gru(built, x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, returns):
    weights = (kernel, recurrent_kernel, bias, *([] if recurrent_bias is None else [recurrent_bias]))
    y, h = call_packed(built, x, h, lengths, _both(*weights))
    return _returned(y, h, returns), h


@binds("bidirectional_simple_rnn", "torch.nn.RNN(bidirectional)", fixed=JOINED, build=both_simple_rnn)
def bidirectional_simple_rnn(built, x, h, kernel, recurrent_kernel, bias, lengths, mask, *, returns):
    y, h = call_packed(built, x, h, lengths, _both(kernel, recurrent_kernel, bias))
    return _returned(y, h, returns), h


def _both(*weights):
    forward, backward = zip(*weights, strict=True)
    return named_weights("l0", *forward) | named_weights("l0_reverse", *backward)


def _returned(y, h, returns):
    return {"sequence": y, "ends": torch.cat([h[0], h[1]], -1), "last_step": y[:, -1]}[returns]


def call_packed(module, x, carry, lengths, weights):
    """Outputs padded with zeros, and the carry, of sequences that are packed if they have lengths."""
    if lengths is None:
        return call_module(module, x, carry, **weights)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    y, carry = functional_call(module, weights, (packed, carry))
    return torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], carry


def named_weights(suffix, kernel, recurrent_kernel, bias, recurrent_bias=None):
    """Weights of one layer, under the names that end in ``suffix``."""
    return {
        f"{name}_{suffix}": w
        for name, w in weights_of(kernel, recurrent_kernel, bias, recurrent_bias).items()
    }
