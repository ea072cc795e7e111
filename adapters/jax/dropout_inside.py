"""Dropout inside the layers of JAX and flax: compositions of a recurrent one, and attention."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx
from .recurrent_sequences import lstm_cell

EQUAL_PARTS = {"values == depth": "heads are equal parts of the features that a projection gives"}
BY_DEFAULT = {
    "shared == 'batch+heads' or not training or rate == 0": "broadcast_dropout is True unless told otherwise"
}
TOLD = {"shared == 'none'": "broadcast_dropout is False"}
ONE_DEPTH = {"rate > 0 or values == depth": "without dropout values must be as deep as keys"}


@binds("lstm_dropout", "jax.random.bernoulli", composition=True)
def lstm_dropout(
    x, h, c, kernel, recurrent_kernel, bias, *, rate, recurrent_rate, over_time, over_gates, training, seed
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1, 4 if over_gates == "own" else 1)
    one, other = jax.random.split(jax.random.key(seed))
    masks = {
        "input": _mask(one, (*shape, x.shape[-1]), rate, training, x.dtype),
        "recurrent": _mask(other, (*shape, h.shape[-1]), recurrent_rate, training, x.dtype),
    }
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("gru_dropout", "jax.random.bernoulli", composition=True)
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
    seed,
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1, 3 if over_gates == "own" else 1)
    one, other = jax.random.split(jax.random.key(seed))
    of_inputs = _factors(one, (*shape, x.shape[-1]), rate, training, x)
    of_states = _factors(other, (*shape, h.shape[-1]), recurrent_rate, training, x)
    u_r, u_z, u_n = jnp.split(recurrent_kernel, 3, axis=1)

    def cell(h, given):
        step, of_input, of_state = given
        dropped = (step[:, None] * of_input).repeat(3 // of_input.shape[1], axis=1)
        sums = jnp.einsum("bgf,fgu->bgu", dropped, kernel.reshape(len(kernel), 3, -1)) + bias.reshape(3, -1)
        by_r, by_z, by_n = jnp.moveaxis((h[:, None] * of_state).repeat(3 // of_state.shape[1], axis=1), 1, 0)
        r, z = jax.nn.sigmoid(sums[:, 0] + by_r @ u_r), jax.nn.sigmoid(sums[:, 1] + by_z @ u_z)
        product = r * (by_n @ u_n + recurrent_bias) if reset_after else (r * by_n) @ u_n
        h = z * h + (1 - z) * jnp.tanh(sums[:, 2] + product)
        return h, h

    h, y = jax.lax.scan(cell, h, tuple(jnp.swapaxes(a, 0, 1) for a in (x, of_inputs, of_states)))
    return jnp.swapaxes(y, 0, 1), h


@binds("simple_rnn_dropout", "jax.random.bernoulli", composition=True)
def simple_rnn_dropout(
    x, h, kernel, recurrent_kernel, bias, *, rate, recurrent_rate, over_time, training, seed
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1)
    one, other = jax.random.split(jax.random.key(seed))
    dropped = x * _factors(one, (*shape, x.shape[-1]), rate, training, x)
    of_states = _factors(other, (*shape, h.shape[-1]), recurrent_rate, training, x)

    def cell(h, given):
        step, of_state = given
        h = jnp.tanh(step @ kernel + (h * of_state) @ recurrent_kernel + bias)
        return h, h

    h, y = jax.lax.scan(cell, h, (jnp.swapaxes(dropped, 0, 1), jnp.swapaxes(of_states, 0, 1)))
    return jnp.swapaxes(y, 0, 1), h


@binds("lstm_update_dropout", "jax.random.bernoulli", composition=True)
def lstm_update_dropout(
    x, h, c, kernel, recurrent_kernel, bias, *, rate, dropping, over_time, training, seed
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = {dropping: _mask(jax.random.key(seed), shape, rate, training, x.dtype)}
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("layer_norm_lstm_update_dropout", "jax.random.bernoulli", composition=True)
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
    seed,
):
    shape = (len(x), x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = _factors(jax.random.key(seed), shape, rate, training, x)

    def norm(x, scale, bias):
        return jax.nn.standardize(x, axis=-1, epsilon=epsilon) * scale + bias

    def cell(carry, given):
        (h, c), (step, mask) = carry, given
        gates = (jnp.split(a, 4, axis=-1) for a in (step @ kernel + h @ recurrent_kernel, scale, bias))
        i, f, g, o = (norm(*gate) for gate in zip(*gates, strict=True))
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * (jnp.tanh(g) * mask)
        seen = norm(c, cell_scale, cell_bias)
        h = jax.nn.sigmoid(o) * jnp.tanh(seen)
        return (h, c if carried == "cell" else seen), h

    (h, c), y = jax.lax.scan(cell, (h, c), (jnp.swapaxes(x, 0, 1), jnp.swapaxes(masks, 0, 1)))
    return jnp.swapaxes(y, 0, 1), h, c


@binds("lstm_dropout_wrapper", "jax.random.bernoulli", composition=True)
def lstm_dropout_wrapper(
    x, h, c, kernel, recurrent_kernel, bias, *, place, rate, over_time, over_batch, training, seed
):
    shape = (1 if over_batch == "shared" else len(x), x.shape[1] if over_time == "step" else 1)
    masked = (*shape, x.shape[-1] if place == "input" else h.shape[-1])
    keys = jax.random.split(jax.random.key(seed))
    each = zip(place.split("+"), keys, strict=False)
    masks = {one: _mask(key, masked, rate, training, x.dtype) for one, key in each}
    if training and place == "input":
        masks["input"] = masks["input"][:, :, None]
    masks["carried"] = masks.pop("cell", None)
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


def _mask(key, shape, rate, training, dtype):
    """What dropout makes of ones; nothing where there is no dropout."""
    return (
        jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / (1 - rate) if training and rate else None
    )


def _factors(key, shape, rate, training, x):
    """The mask for each step of x, ones where there is no dropout."""
    mask = _mask(key, shape, rate, training, x.dtype)
    return jnp.broadcast_to(jnp.ones((), x.dtype) if mask is None else mask, (*x.shape[:2], *shape[2:]))


def _lstm(x, h, c, kernel, recurrent_kernel, bias, masks):
    """Steps of an LSTM; in each place that has a mask, what stands there is multiplied by it."""

    def drop(place, t, value):
        mask = masks.get(place)
        return value if mask is None else value * mask[:, min(t, mask.shape[1] - 1)]

    by_gate = (-1, 4, h.shape[-1])
    kernel, recurrent_kernel = kernel.reshape(by_gate), recurrent_kernel.reshape(by_gate)
    gates, sequence = jnp.ones((4, 1), x.dtype), []
    for t in range(x.shape[1]):
        z = jnp.einsum("bgf,fgu->bgu", drop("input", t, x[:, t, None] * gates), kernel)
        z = z + jnp.einsum("bgv,vgu->bgu", drop("recurrent", t, h[:, None] * gates), recurrent_kernel)
        z = z + bias.reshape(by_gate[1:])
        i, f, g, o = (
            jax.nn.sigmoid(z[:, 0]),
            jax.nn.sigmoid(z[:, 1]),
            jnp.tanh(z[:, 2]),
            jax.nn.sigmoid(z[:, 3]),
        )
        c = drop("cell", t, f * c + i * drop("update", t, g))
        h = o * jnp.tanh(c)
        sequence.append(drop("output", t, h))
        h, c = drop("state", t, h), drop("carried", t, c)
    return jnp.stack(sequence, 1), h, c


# --- between layers ---


@binds("stacked_lstm_dropout", "flax.nnx.Dropout", composition=True)
def stacked_lstm_dropout(
    x, h, c, kernel, upper_kernels, recurrent_kernel, bias, *, rate, over_time, training, seed
):
    shared = () if over_time == "step" else (1,)
    between = nnx.Dropout(rate, broadcast_dims=shared, deterministic=not training, rngs=nnx.Rngs(seed))
    carries = []
    for n, of_layer in enumerate((kernel, *upper_kernels)):
        layer = nnx.RNN(lstm_cell(of_layer, recurrent_kernel[n], bias[n]))
        carry, x = layer(x if n == 0 else between(x), initial_carry=(c[n], h[n]), return_carry=True)
        carries.append(carry)
    final_c, final_h = zip(*carries, strict=True)
    return x, jnp.stack(final_h), jnp.stack(final_c)


# --- in attention ---


@binds("attention_dropout", "flax.nnx.dot_product_attention", where=ONE_DEPTH)
def attention_dropout(query, key, value, *, rate, shared, training, seed):
    return nnx.dot_product_attention(
        query, key, value, broadcast_dropout=shared == "batch+heads", dropout_rate=rate,
        dropout_rng=jax.random.key(seed), deterministic=not training,
    )  # fmt: skip


@binds("attention_dropout", "flax.linen.dot_product_attention")
def attention_dropout_linen(query, key, value, *, rate, shared, training, seed):
    return linen.dot_product_attention(
        query, key, value, broadcast_dropout=shared == "batch+heads", dropout_rate=rate,
        dropout_rng=jax.random.key(seed), deterministic=not training,
    )  # fmt: skip


@binds("attention_dropout", "flax.nnx.MultiHeadAttention", where=EQUAL_PARTS | BY_DEFAULT)
def attention_dropout_layer(query, key, value, *, rate, training, seed):
    heads, depth = query.shape[2:]
    layer = nnx.MultiHeadAttention(
        heads, heads * depth, use_bias=False, dropout_rate=rate, decode=False, rngs=nnx.Rngs(seed)
    )
    return _unprojected(layer, query, key, value, training)


@binds("attention_dropout", "flax.nnx.MultiHeadAttention(broadcast_dropout=False)", where=EQUAL_PARTS | TOLD)
def attention_dropout_layer_unshared(query, key, value, *, rate, training, seed):
    heads, depth = query.shape[2:]
    layer = nnx.MultiHeadAttention(
        heads, heads * depth, use_bias=False, dropout_rate=rate, broadcast_dropout=False, decode=False,
        rngs=nnx.Rngs(seed),
    )  # fmt: skip
    return _unprojected(layer, query, key, value, training)


def _unprojected(layer, query, key, value, training):
    """Call a layer whose projections change nothing: the heads are parts of the features."""
    identity = jnp.eye(layer.in_features, dtype=query.dtype)
    for projection in (layer.query, layer.key, layer.value):
        projection.kernel = nnx.Param(identity.reshape(-1, *query.shape[2:]))
    layer.out.kernel = nnx.Param(identity.reshape(*query.shape[2:], -1))
    joined = (x.reshape(*x.shape[:2], -1) for x in (query, key, value))
    return layer(*joined, deterministic=not training).reshape(query.shape)


@binds("attention_dropout", "flax.linen.MultiHeadDotProductAttention", where=EQUAL_PARTS | BY_DEFAULT)
def attention_dropout_layer_linen(query, key, value, *, rate, training, seed):
    layer = linen.MultiHeadDotProductAttention(query.shape[2], use_bias=False, dropout_rate=rate)
    identity = jnp.eye(query.shape[2] * query.shape[3], dtype=query.dtype)
    into_heads = {"kernel": identity.reshape(-1, *query.shape[2:])}
    weights = dict.fromkeys(("query", "key", "value"), into_heads)
    y = layer.apply(
        {"params": weights | {"out": {"kernel": identity.reshape(*query.shape[2:], -1)}}},
        *(x.reshape(*x.shape[:2], -1) for x in (query, key, value)),
        deterministic=not training,
        rngs={"dropout": jax.random.key(seed)},
    )
    return y.reshape(query.shape)
