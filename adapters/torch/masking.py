"""Masks that a caller of PyTorch holds, for modules neither take nor lose them."""

from __future__ import annotations

from .framework import F, binds, torch
from .recurrent import first_layer, weights_of
from .recurrent_sequences import call_packed, gru_step, lstm_step, over_padding

LAYERS = ("dense", "conv1d", "dropout", "max_pool1d", "operator", "layer_norm", "embedding")


@binds(
    "masked_average",
    "torch.sum(y * mask)",
    where={f"layer in {LAYERS}": "is written for some layers"},
    fixed={"mask_after": ("kept", "the caller holds the mask, which no layer sees")},
    composition=True,
)
def masked_average(x, indices, mask, kernel, recurrent_kernel, *, layer):
    counts = mask[..., None]
    given = torch.where(mask, indices + 1, 0) if x is None else torch.where(counts, x, 0)
    y = _between(layer, given, kernel)
    return torch.sum(y * counts, dim=1) / torch.sum(counts, dim=1)


def _between(layer, x, kernel):
    """What the layer gives, on rows of a table for an embedding."""
    written = {
        "dense": lambda: F.linear(x, kernel.T),
        "conv1d": lambda: F.conv1d(x.movedim(-1, 1), kernel.T[..., None]).movedim(1, -1),
        "dropout": lambda: F.dropout(x, 0.5, training=False),
        "max_pool1d": lambda: F.max_pool1d(x.movedim(-1, 1), 1).movedim(1, -1),
        "operator": lambda: x + x,
        "layer_norm": lambda: F.layer_norm(x, x.shape[-1:]),
        "embedding": lambda: F.embedding(x, kernel),
    }
    return written[layer]()


def lstm(kernel, h):
    return torch.nn.LSTM(len(kernel), h.shape[-1], batch_first=True)


@binds(
    "lstm_beside_padding",
    "torch.nn.LSTM(pack_padded_sequence)",
    fixed={"masking": ("select", "a packed sequence has no padding")},
    build=lstm,
)
def lstm_beside_padding(built, x, h, c, kernel, recurrent_kernel, bias, lengths):
    weights = first_layer(weights_of(kernel, recurrent_kernel, bias))
    y, (h, c) = call_packed(built, x, (h[None], c[None]), lengths, weights)
    return y, h[0], c[0]


@binds("masked_stack", "torch.where", composition=True)
def masked_stack(
    x,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    upper_kernel,
    upper_recurrent_kernel,
    upper_bias,
    *,
    mask_value,
    masked_output,
    return_sequences,
):
    filled = torch.where(mask[..., None], x, mask_value)
    present, rest = (filled != mask_value).any(-1), x.new_zeros(len(x), len(recurrent_kernel))
    lower = lstm_step(kernel, recurrent_kernel, bias)
    upper = gru_step(upper_kernel, upper_recurrent_kernel, upper_bias)
    sequence, *_ = over_padding(lower, filled, (rest, rest), present, masked_output)
    y, *_ = over_padding(upper, sequence, (rest,), present, masked_output, return_sequences=return_sequences)
    return y
