"""Masks that a caller of PyTorch holds, for modules neither take nor lose them."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import functional_call

LAYERS = ("dense", "conv1d", "dropout", "max_pool1d", "operator", "layer_norm", "embedding")


@binds(
    "masked_average",
    "torch.sum(y * mask)",
    where={
        f"layer in {LAYERS}": "is written for some layers",
        "mask_after == 'kept'": "the caller holds the mask, which no layer sees",
    },
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


@binds(
    "lstm_beside_padding",
    "torch.nn.LSTM(pack_padded_sequence)",
    where={"masking == 'select'": "a packed sequence has no padding"},
)
def lstm_beside_padding(x, h, c, kernel, recurrent_kernel, bias, lengths):
    rnn = torch.nn.utils.rnn
    layer = torch.nn.LSTM(len(kernel), h.shape[-1], batch_first=True).to(x.device, x.dtype)
    weights = {
        "weight_ih_l0": kernel.T,
        "weight_hh_l0": recurrent_kernel.T,
        "bias_ih_l0": bias,
        "bias_hh_l0": torch.zeros_like(bias),
    }
    packed = rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    y, (h, c) = functional_call(layer, weights, (packed, (h[None], c[None])))
    return rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], h[0], c[0]
