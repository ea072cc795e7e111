"""Dropout layers of PyTorch."""

from __future__ import annotations

from typing import Any

from .framework import F, binds, torch

PRODUCT = {
    "dropped == 'product' or data != 'infinities' or not training or rate == 0": "torch multiplies by 0",
    "data != 'nan' or not training or rate == 0": "torch's NaN at dropped places hides the mask",
}
NONE_SHARED = {"shared == 'none'": "draws a mask for each sample and head"}
FIRST = {"layout == 'channels_first'": "torch's channels come before the axes in space"}
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}


@binds("dropout", "torch.nn.functional.dropout", where=PRODUCT)
def dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    return F.dropout(x, p=rate, training=training)


@binds("dropout", "torch.nn.Dropout", where=PRODUCT)
def dropout_module(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    return torch.nn.Dropout(p=rate).train(training)(x)


# --- shared masks ---


@binds("dropout_noise_shape", "torch.nn.functional.dropout", where=PRODUCT, composition=True)
def dropout_noise_shape(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    shape = _noise_shape(x, shared)
    return x * F.dropout(x.new_ones(shape), p=rate, training=training)


def _noise_shape(x: Any, shared: str) -> list[int]:
    axes = ("batch", "time", "features")
    return [1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True)]


@binds("spatial_dropout", "torch.nn.functional.dropout1d", where=PRODUCT | FIRST)
def spatial_dropout(x: Any, *, rank: int, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    function = {1: F.dropout1d, 2: F.dropout2d, 3: F.dropout3d}[rank]
    return function(x, p=rate, training=training)


@binds("spatial_dropout", "torch.nn.Dropout1d", where=PRODUCT | FIRST)
def spatial_dropout_module(x: Any, *, rank: int, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    module = {1: torch.nn.Dropout1d, 2: torch.nn.Dropout2d, 3: torch.nn.Dropout3d}[rank]
    return module(p=rate).train(training)(x)


@binds("dropout_by_feature", "torch.bernoulli", composition=True)
def dropout_by_feature(x: Any, rates: Any, *, seed: int) -> Any:
    torch.manual_seed(seed)
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = torch.bernoulli((1 - rates).expand_as(dropping))
    return torch.cat([dropping * kept / (1 - rates), others], 1)


# --- noise ---


@binds("gaussian_noise", "torch.randn_like", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x: Any, *, stddev: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    return x + stddev * torch.randn_like(x) if training else x


@binds("gaussian_dropout", "torch.randn_like", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    return x * (1 + (rate / (1 - rate)) ** 0.5 * torch.randn_like(x)) if training else x


@binds("alpha_dropout", "torch.nn.functional.alpha_dropout", where=PRODUCT)
def alpha_dropout(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    function = F.feature_alpha_dropout if shared == "maps" else F.alpha_dropout
    return function(x, p=rate, training=training)


@binds("alpha_dropout", "torch.nn.AlphaDropout", where=PRODUCT)
def alpha_dropout_module(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    module = torch.nn.FeatureAlphaDropout if shared == "maps" else torch.nn.AlphaDropout
    return module(p=rate).train(training)(x)


# --- inside recurrent layers ---


@binds("lstm_dropout", "torch.nn.functional.dropout", composition=True)
def lstm_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, over_time: str, over_gates: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    torch.manual_seed(seed)
    shape = (len(x), x.shape[1] if over_time == "step" else 1, 4 if over_gates == "own" else 1)
    masks = {
        "input": F.dropout(x.new_ones(*shape, x.shape[-1]), p=rate, training=training),
        "recurrent": F.dropout(x.new_ones(*shape, h.shape[-1]), p=recurrent_rate, training=training),
    }
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("lstm_update_dropout", "torch.nn.functional.dropout", composition=True)
def lstm_update_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, dropping: str, over_time: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    torch.manual_seed(seed)
    ones = x.new_ones(len(x), x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = {dropping: F.dropout(ones, p=rate, training=training)}
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("lstm_dropout_wrapper", "torch.nn.functional.dropout", composition=True)
def lstm_dropout_wrapper(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, place: str, rate: float, over_time: str, over_batch: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    torch.manual_seed(seed)
    shape = (1 if over_batch == "shared" else len(x), x.shape[1] if over_time == "step" else 1)
    ones = x.new_ones(*shape, x.shape[-1] if place == "input" else h.shape[-1])
    masks = {one: F.dropout(ones, p=rate, training=training) for one in place.split("+")}
    if place == "input":
        masks["input"] = masks["input"][:, :, None]
    masks["carried"] = masks.pop("cell", None)
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


def _lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, masks: dict[str, Any]
) -> Any:
    """Steps of an LSTM; in each place that has a mask, what stands there is multiplied by it."""

    def drop(place: str, t: int, value: Any) -> Any:
        mask = masks.get(place)
        return value if mask is None else value * mask[:, min(t, mask.shape[1] - 1)]

    by_gate = (-1, 4, h.shape[-1])
    kernel, recurrent_kernel = kernel.reshape(by_gate), recurrent_kernel.reshape(by_gate)
    gates, sequence = x.new_ones(4, 1), []
    for t in range(x.shape[1]):
        z = torch.einsum("bgf,fgu->bgu", drop("input", t, x[:, t, None] * gates), kernel)
        z = z + torch.einsum("bgv,vgu->bgu", drop("recurrent", t, h[:, None] * gates), recurrent_kernel)
        z = z + bias.reshape(by_gate[1:])
        i, f, g, o = (
            torch.sigmoid(z[:, 0]),
            torch.sigmoid(z[:, 1]),
            torch.tanh(z[:, 2]),
            torch.sigmoid(z[:, 3]),
        )
        c = drop("cell", t, f * c + i * drop("update", t, g))
        h = o * torch.tanh(c)
        sequence.append(drop("output", t, h))
        h, c = drop("state", t, h), drop("carried", t, c)
    return torch.stack(sequence, 1), h, c


# --- in attention ---


@binds("attention_dropout", "torch.nn.functional.scaled_dot_product_attention", where=NONE_SHARED)
def attention_dropout(query: Any, key: Any, value: Any, *, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    by_head = (x.transpose(1, 2) for x in (query, key, value))
    return F.scaled_dot_product_attention(*by_head, dropout_p=rate if training else 0.0).transpose(1, 2)


@binds("attention_dropout", "torch.nn.functional.dropout", composition=True)
def attention_dropout_composed(
    query: Any, key: Any, value: Any, *, rate: float, shared: str, training: bool, seed: int
) -> Any:
    torch.manual_seed(seed)
    weights = F.softmax(torch.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key), dim=-1)
    shape = (1, 1, *weights.shape[2:]) if shared == "batch+heads" else weights.shape
    weights = weights * F.dropout(weights.new_ones(shape), p=rate, training=training)
    return torch.einsum("bhqk,bkhv->bqhv", weights, value)
