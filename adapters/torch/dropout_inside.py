"""Dropout inside recurrent layers and attention of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, functional_call, module
from .recurrent_stacked import STACK
from .recurrent_stacked import weights_of_layers as weights_of_layers  # rows name it

NONE_SHARED = {"shared": ("none", "draws a mask for each sample and head")}
ONE_DEPTH = {"values == depth": "heads are equal parts of the features that a projection gives"}


@binds("lstm_dropout", "torch.nn.functional.dropout", composition=True)
def lstm_dropout(
    x, h, c, kernel, recurrent_kernel, bias, *, rate, recurrent_rate, over_time, over_gates, training
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1, 4 if over_gates == "own" else 1)
    masks = {
        "input": F.dropout(x.new_ones(*shape, x.shape[-1]), p=rate, training=training),
        "recurrent": F.dropout(x.new_ones(*shape, h.shape[-1]), p=recurrent_rate, training=training),
    }
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("gru_dropout", "torch.nn.functional.dropout", composition=True)
def gru_dropout(
    x,
    h,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    *,
    rate,
    recurrent_rate,
    reset_after,
    over_time,
    over_gates,
    training,
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1, 3 if over_gates == "own" else 1)
    of_inputs = F.dropout(x.new_ones(*shape, x.shape[-1]), p=rate, training=training)
    of_states = F.dropout(x.new_ones(*shape, h.shape[-1]), p=recurrent_rate, training=training)
    of_inputs, of_states = (mask.expand(-1, x.shape[1], 3, -1) for mask in (of_inputs, of_states))
    u_r, u_z, u_n = recurrent_kernel.chunk(3, 1)
    states = []
    for t, step in enumerate(x.unbind(1)):
        dropped = (step[:, None] * of_inputs[:, t]).unbind(1)
        weights = zip(dropped, kernel.chunk(3, 1), bias.chunk(3), strict=True)
        to_r, to_z, to_n = (part @ w + b for part, w, b in weights)
        by_r, by_z, by_n = (h[:, None] * of_states[:, t]).unbind(1)
        r, z = torch.sigmoid(to_r + by_r @ u_r), torch.sigmoid(to_z + by_z @ u_z)
        product = r * (by_n @ u_n + recurrent_bias) if reset_after else (r * by_n) @ u_n
        h = z * h + (1 - z) * torch.tanh(to_n + product)
        states.append(h)
    return torch.stack(states, 1), h


@binds("simple_rnn_dropout", "torch.nn.functional.dropout", composition=True)
def simple_rnn_dropout(x, h, kernel, recurrent_kernel, bias, *, rate, recurrent_rate, over_time, training):
    shape = (len(x), x.shape[1] if over_time == "step" else 1)
    x = x * F.dropout(x.new_ones(*shape, x.shape[-1]), p=rate, training=training)
    masks = F.dropout(x.new_ones(*shape, h.shape[-1]), p=recurrent_rate, training=training)
    states = []
    for step, mask in zip(x.unbind(1), masks.expand(-1, x.shape[1], -1).unbind(1), strict=True):
        h = torch.tanh(step @ kernel + (h * mask) @ recurrent_kernel + bias)
        states.append(h)
    return torch.stack(states, 1), h


@binds("lstm_update_dropout", "torch.nn.functional.dropout", composition=True)
def lstm_update_dropout(x, h, c, kernel, recurrent_kernel, bias, *, rate, dropping, over_time, training):
    ones = x.new_ones(len(x), x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = {dropping: F.dropout(ones, p=rate, training=training)}
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("layer_norm_lstm_update_dropout", "torch.nn.functional.dropout", composition=True)
def layer_norm_lstm_update_dropout(
    x,
    h,
    c,
    kernel,
    recurrent_kernel,
    bias,
    scale,
    cell_scale,
    cell_bias,
    *,
    rate,
    over_time,
    carried,
    epsilon,
    training,
):
    ones = x.new_ones(len(x), x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = F.dropout(ones, p=rate, training=training).expand(-1, x.shape[1], -1)

    def norm(x, scale, bias):
        return F.layer_norm(x, x.shape[-1:], scale, bias, epsilon)

    sequence = []
    for step, mask in zip(x.unbind(1), masks.unbind(1), strict=True):
        gates = (a.chunk(4, -1) for a in (step @ kernel + h @ recurrent_kernel, scale, bias))
        i, f, g, o = (norm(*gate) for gate in zip(*gates, strict=True))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * (torch.tanh(g) * mask)
        seen = norm(c, cell_scale, cell_bias)
        h, c = torch.sigmoid(o) * torch.tanh(seen), c if carried == "cell" else seen
        sequence.append(h)
    return torch.stack(sequence, 1), h, c


@binds("lstm_dropout_wrapper", "torch.nn.functional.dropout", composition=True)
def lstm_dropout_wrapper(
    x, h, c, kernel, recurrent_kernel, bias, *, place, rate, over_time, over_batch, training
):
    shape = (1 if over_batch == "shared" else len(x), x.shape[1] if over_time == "step" else 1)
    ones = x.new_ones(*shape, x.shape[-1] if place == "input" else h.shape[-1])
    masks = {one: F.dropout(ones, p=rate, training=training) for one in place.split("+")}
    if place == "input":
        masks["input"] = masks["input"][:, :, None]
    masks["carried"] = masks.pop("cell", None)
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


def _lstm(x, h, c, kernel, recurrent_kernel, bias, masks):
    """Steps of an LSTM; in each place that has a mask, what stands there is multiplied by it."""

    def drop(place, t, value):
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


# --- between layers ---


module(
    "stacked_lstm_dropout",
    "torch.nn.LSTM(dropout)",
    STACK | {"dropout": "rate"},
    "weights_of_layers(kernel, upper_kernels, recurrent_kernel, bias)",
    then=".train(training)",
    on="x, (h, c)",
    gives="y, (h, c)",
    returns="y, h, c",
    fixed={"over_time": ("step", "draws for each step")},
)


@binds("stacked_lstm_dropout", "torch.nn.functional.dropout", composition=True)
def stacked_lstm_dropout_composed(
    x, h, c, kernel, upper_kernels, recurrent_kernel, bias, *, rate, over_time, training
):
    states = []
    for n, of_layer in enumerate((kernel, *upper_kernels)):
        if n > 0:
            ones = x.new_ones(len(x), x.shape[1] if over_time == "step" else 1, x.shape[-1])
            x = x * F.dropout(ones, p=rate, training=training)
        x, *state = _lstm(x, h[n], c[n], of_layer, recurrent_kernel[n], bias[n], {})
        states.append(state)
    final_h, final_c = zip(*states, strict=True)
    return x, torch.stack(final_h), torch.stack(final_c)


# --- in attention ---


function(
    "attention_dropout",
    "torch.nn.functional.scaled_dot_product_attention",
    {"dropout_p": "rate if training else 0.0"},
    on="query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)",
    returns="y.transpose(1, 2)",
    fixed=NONE_SHARED,
)


def multi_head(query, *, rate, training):
    heads, depth = query.shape[2:]
    layer = torch.nn.MultiheadAttention(heads * depth, heads, rate, bias=False, batch_first=True)
    return layer.train(training)


@binds(
    "attention_dropout", "torch.nn.MultiheadAttention", where=ONE_DEPTH, fixed=NONE_SHARED, build=multi_head
)
def attention_dropout_weights(built, query, key, value):
    return _unprojected(built, query, key, value, need_weights=True)


@binds(
    "attention_dropout",
    "torch.nn.MultiheadAttention(need_weights=False)",
    where=ONE_DEPTH,
    fixed=NONE_SHARED,
    build=multi_head,
)
def attention_dropout_alone(built, query, key, value):
    return _unprojected(built, query, key, value, need_weights=False)


def _unprojected(module, query, key, value, *, need_weights):
    """Call a layer whose projections change nothing: the heads are parts of the features."""
    identity = torch.eye(module.embed_dim).to(query)
    weights = {"in_proj_weight": identity.repeat(3, 1), "out_proj.weight": identity}
    joined = (*(x.flatten(2) for x in (query, key, value)), None, need_weights)
    y, _ = functional_call(module, weights, joined)
    return y.reshape(query.shape)


@binds("attention_dropout", "torch.nn.functional.dropout", composition=True)
def attention_dropout_composed(query, key, value, *, rate, shared, training):
    weights = F.softmax(torch.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key), dim=-1)
    shape = (1, 1, *weights.shape[2:]) if shared == "batch+heads" else weights.shape
    weights = weights * F.dropout(weights.new_ones(shape), p=rate, training=training)
    return torch.einsum("bhqk,bkhv->bqhv", weights, value)
