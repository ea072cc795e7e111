"""LSTMs of PyTorch over packed sequences, in both directions, and masked in a loop."""

from __future__ import annotations

from typing import Any

from .framework import binds, torch
from .modules import call_module, functional_call

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


@binds("masked_lstm", "torch.nn.LSTM(pack_padded_sequence)", where=FORWARD | LENGTHS | ZERO)
def masked_lstm_packed(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, return_sequences: bool,
) -> Any:  # fmt: skip
    module = torch.nn.LSTM(len(kernel), h.shape[-1], batch_first=True)
    weights = _weights(kernel, recurrent_kernel, bias, "l0")
    y, (h, c) = _call(module, x, (h[None], c[None]), lengths, weights)
    return y if return_sequences else y[:, -1], h[0], c[0]


@binds("masked_lstm", "torch.where", where=MASKED, composition=True)
def masked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    if mask is None:
        mask = torch.arange(x.shape[1]) < lengths[:, None]
    if direction != "forward":
        x, mask = x.flip(1), mask.flip(1)
    y, outputs = torch.zeros_like(h), []
    for step, counts in zip(x.unbind(1), mask[..., None].unbind(1), strict=True):
        i, f, g, o = (step @ kernel + h @ recurrent_kernel + bias).chunk(4, -1)
        new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        new_h = torch.sigmoid(o) * torch.tanh(new_c)
        y = torch.where(counts, new_h, {"repeat": y, "state": h, "zero": torch.zeros_like(h)}[masked_output])
        h, c = torch.where(counts, new_h, h), torch.where(counts, new_c, c)
        outputs.append(y)
    if not return_sequences:
        return y, h, c
    return torch.stack(outputs[::-1] if direction == "backward" else outputs, 1), h, c


@binds(
    "bidirectional_lstm",
    "torch.nn.LSTM(bidirectional)",
    where={"merge == 'concat'": "torch joins the two directions", **ZERO},
)
def bidirectional_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, *, returns: str
) -> Any:
    module = torch.nn.LSTM(kernel.shape[1], h.shape[-1], batch_first=True, bidirectional=True)
    weights = _weights(kernel[0], recurrent_kernel[0], bias[0], "l0") | _weights(
        kernel[1], recurrent_kernel[1], bias[1], "l0_reverse"
    )
    y, (h, c) = _call(module, x, (h, c), lengths, weights)
    return {"sequence": y, "ends": torch.cat([h[0], h[1]], -1), "last_step": y[:, -1]}[returns], h, c


def _call(module: Any, x: Any, carry: Any, lengths: Any, weights: Any) -> Any:
    """Outputs padded with zeros, and the carry, of sequences that are packed if they have lengths."""
    if lengths is None:
        return call_module(module, x, carry, **weights)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    y, carry = functional_call(module.to(x.device, x.dtype), weights, (packed, carry))
    return torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], carry


def _weights(kernel: Any, recurrent_kernel: Any, bias: Any, suffix: str) -> dict[str, Any]:
    """Weights of one layer, under the names that end in ``suffix``; the second bias is zero."""
    weights = {
        "weight_ih": kernel.T, "weight_hh": recurrent_kernel.T, "bias_ih": bias, "bias_hh": 0 * bias,
    }  # fmt: skip
    return {f"{name}_{suffix}": value for name, value in weights.items()}


@binds("stacked_lstm", "torch.nn.LSTM(num_layers)")
def stacked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    module = torch.nn.LSTM(len(kernel), h.shape[-1], num_layers=len(h), batch_first=True)
    layers = zip((kernel, *upper_kernels), recurrent_kernel, bias, strict=True)
    weights = {k: v for n, layer in enumerate(layers) for k, v in _weights(*layer, f"l{n}").items()}
    y, (h, c) = call_module(module, x, (h, c), **weights)
    return y, h, c


@binds("stateful_lstm", "torch.nn.LSTM", where=HANDED)
def stateful_lstm(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    module = torch.nn.LSTM(len(kernel), len(recurrent_kernel), batch_first=True)
    module, weights = module.to(x.device, x.dtype), _weights(kernel, recurrent_kernel, bias, "l0")
    y, carry = functional_call(module, weights, (x,))
    if between == "predict":
        functional_call(module, weights, (other,))
    y_later, (h, c) = functional_call(module, weights, (later,) if between == "reset" else (later, carry))
    return y, y_later, h[0], c[0]
