"""Recurrent layers of flax, and cells put together and scanned by JAX itself."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx

BIASED = {"use_bias": "the cell always has its biases"}
NAN_GRADIENT = {
    "nan_gradient == 'zero' or activation == 'tanh' or data not in ('nan', 'infinities')": "relu stops NaN"
}
STORED = {"forget_bias == 0": "flax adds nothing to the forget gate but the bias"}
FORWARD = {"direction == 'forward'": "jax.experimental.rnn runs backwards only in a bidirectional layer"}
FUNCTIONS = {
    "activation == 'tanh'": "jax.experimental.rnn squashes its cell by tanh",
    "recurrent_activation == 'sigmoid'": "the gates of jax.experimental.rnn are sigmoids",
}
PLACEMENT = {
    "reset_after": "flax applies the reset gate after the recurrent product",
    "update == 'keep'": "flax's update gate weighs the old state",
}
NO_CANDIDATE_BIAS = {"not candidate_bias": "flax.nnx.GRUCell has no bias inside the reset"}


@binds("simple_rnn", "flax.nnx.SimpleCell", where=BIASED | NAN_GRADIENT)
def simple_rnn_nnx(x, h, kernel, recurrent_kernel, bias, *, activation, direction):
    features, units = kernel.shape
    function = getattr(nnx, activation)
    cell = nnx.SimpleCell(features, units, activation_fn=function, dtype=x.dtype, rngs=nnx.Rngs(0))
    assign(cell.dense_i, kernel, bias)
    assign(cell.dense_h, recurrent_kernel)
    h, y = _over_time_nnx(cell, x, h, direction)
    return y, h


@binds("simple_rnn", "flax.linen.SimpleCell", where=BIASED | NAN_GRADIENT)
def simple_rnn_linen(x, h, kernel, recurrent_kernel, bias, *, activation, direction):
    cell = linen.SimpleCell(h.shape[-1], activation_fn=getattr(linen, activation))
    weights = simple_rnn_weights(kernel, recurrent_kernel, bias)
    h, y = _over_time_linen(cell, weights, x, h, direction)
    return y, h


@binds("simple_rnn", "jax.lax.scan", where=NAN_GRADIENT, composition=True)
def simple_rnn_scan(x, h, kernel, recurrent_kernel, bias, *, activation, direction):
    function = getattr(jax.nn, activation)

    def cell(h, step):
        h = function(affine(step, kernel, bias) + h @ recurrent_kernel)
        return h, h

    h, y = over_time(cell, h, x, direction)
    return y, h


@binds("lstm", "flax.nnx.LSTMCell", where=BIASED | STORED)
def lstm_nnx(x, h, c, kernel, recurrent_kernel, bias, *, activation, recurrent_activation, direction):
    functions = _functions(activation, recurrent_activation)
    cell = nnx.LSTMCell(x.shape[-1], h.shape[-1], **functions, rngs=nnx.Rngs(0))
    gates = zip((cell.ii, cell.if_, cell.ig, cell.io), (cell.hi, cell.hf, cell.hg, cell.ho), strict=True)
    for (dense_i, dense_h), w, u, b in zip(gates, *_by_gate(4, kernel, recurrent_kernel, bias), strict=True):
        assign(dense_i, w)
        assign(dense_h, u, b)
    (c, h), y = _over_time_nnx(cell, x, (c, h), direction)
    return y, h, c


@binds("lstm", "flax.nnx.OptimizedLSTMCell", where=BIASED | STORED)
def lstm_nnx_optimized(
    x, h, c, kernel, recurrent_kernel, bias, *, activation, recurrent_activation, direction
):
    functions = _functions(activation, recurrent_activation)
    cell = nnx.OptimizedLSTMCell(x.shape[-1], h.shape[-1], **functions, rngs=nnx.Rngs(0))
    assign(cell.dense_i, kernel)
    assign(cell.dense_h, recurrent_kernel, bias)
    (c, h), y = _over_time_nnx(cell, x, (c, h), direction)
    return y, h, c


@binds("lstm", "flax.linen.LSTMCell", where=BIASED | STORED)
def lstm_linen(x, h, c, kernel, recurrent_kernel, bias, *, activation, recurrent_activation, direction):
    cell = linen.LSTMCell(h.shape[-1], **_functions(activation, recurrent_activation))
    weights = lstm_weights(kernel, recurrent_kernel, bias)
    (c, h), y = _over_time_linen(cell, weights, x, (c, h), direction)
    return y, h, c


@binds("lstm", "flax.linen.OptimizedLSTMCell", where=BIASED | STORED)
def lstm_linen_optimized(
    x, h, c, kernel, recurrent_kernel, bias, *, activation, recurrent_activation, direction
):
    cell = linen.OptimizedLSTMCell(h.shape[-1], **_functions(activation, recurrent_activation))
    weights = lstm_weights(kernel, recurrent_kernel, bias)
    (c, h), y = _over_time_linen(cell, weights, x, (c, h), direction)
    return y, h, c


@binds("lstm", "jax.experimental.rnn.lstm_ref", where=BIASED | STORED | FORWARD | FUNCTIONS)
def lstm_experimental(x, h, c, kernel, recurrent_kernel, bias):
    from jax.experimental import rnn

    y, h, c = rnn.lstm_ref(
        x, h[None], c[None], {0: kernel.T}, {0: recurrent_kernel.T}, {0: bias}, {0: jnp.zeros_like(bias)},
        jnp.full(len(x), x.shape[1], jnp.int32), x.shape[-1], h.shape[-1], 1, 0.0, False,
    )  # fmt: skip
    return y, h[0], c[0]


@binds("lstm", "jax.lax.scan", composition=True)
def lstm_scan(
    x, h, c, kernel, recurrent_kernel, bias, *, forget_bias, activation, recurrent_activation, direction
):
    squash, gate = getattr(jax.nn, activation), getattr(jax.nn, recurrent_activation)

    def cell(carry, step):
        h, c = carry
        i, f, g, o = jnp.split(affine(step, kernel, bias) + h @ recurrent_kernel, 4, axis=-1)
        c = gate(f + forget_bias) * c + gate(i) * squash(g)
        h = gate(o) * squash(c)
        return (h, c), h

    (h, c), y = over_time(cell, (h, c), x, direction)
    return y, h, c


@binds("gru", "flax.nnx.GRUCell", where=BIASED | PLACEMENT | NO_CANDIDATE_BIAS)
def gru_nnx(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, *, activation, recurrent_activation, direction
):
    functions = _functions(activation, recurrent_activation)
    cell = nnx.GRUCell(x.shape[-1], h.shape[-1], **functions, rngs=nnx.Rngs(0))
    assign(cell.dense_i, kernel, bias)
    assign(cell.dense_h, recurrent_kernel, recurrent_bias)
    h, y = _over_time_nnx(cell, x, h, direction)
    return y, h


@binds("gru", "flax.linen.GRUCell", where=BIASED | PLACEMENT)
def gru_linen(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, *, activation, recurrent_activation, direction
):
    weights = gru_weights(kernel, recurrent_kernel, bias, recurrent_bias)
    cell = linen.GRUCell(h.shape[-1], **_functions(activation, recurrent_activation))
    h, y = _over_time_linen(cell, weights, x, h, direction)
    return y, h


@binds("gru", "jax.lax.scan", composition=True)
def gru_scan(
    x,
    h,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    *,
    reset_after,
    update,
    activation,
    recurrent_activation,
    direction,
):
    weights = (kernel, recurrent_kernel, bias, recurrent_bias)
    functions = getattr(jax.nn, activation), getattr(jax.nn, recurrent_activation)

    def cell(h, step):
        h = gru_step(step, h, *weights, reset_after, update, functions)
        return h, h

    h, y = over_time(cell, h, x, direction)
    return y, h


def gru_step(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, reset_after, update="keep", functions=None
):
    """The next state of a gated recurrent unit."""
    squash, gate = functions or (jnp.tanh, jax.nn.sigmoid)
    gates, candidate = jnp.split(recurrent_kernel, [2 * h.shape[-1]], axis=1)
    r, z, n = jnp.split(affine(x, kernel, bias), 3, axis=-1)
    by_r, by_z = jnp.split(h @ gates, 2, axis=-1)
    r, z = gate(r + by_r), gate(z + by_z)
    n = squash(n + (r * affine(h, candidate, recurrent_bias) if reset_after else (r * h) @ candidate))
    return z * h + (1 - z) * n if update == "keep" else (1 - z) * h + z * n


def affine(x, kernel, bias):
    """``x W + b``, without b where it is None."""
    return x @ kernel if bias is None else x @ kernel + bias


def over_time(cell, carry, x, direction="forward"):
    """Last carry and all outputs of a cell, scanned along the second axis."""
    carry, y = jax.lax.scan(cell, carry, jnp.swapaxes(x, 0, 1), reverse=direction != "forward")
    return carry, jnp.swapaxes(y[::-1] if direction == "backward_reversed" else y, 0, 1)


def _over_time_nnx(cell, x, carry, direction):
    layer = nnx.RNN(cell, reverse=direction != "forward", keep_order=direction == "backward")
    return layer(x, initial_carry=carry, return_carry=True)


def _over_time_linen(cell, weights, x, carry, direction):
    layer = linen.RNN(cell, reverse=direction != "forward", keep_order=direction == "backward")
    return layer.apply({"params": {"cell": weights}}, x, initial_carry=carry, return_carry=True)


def _functions(activation, recurrent_activation):
    return {"activation_fn": getattr(jax.nn, activation), "gate_fn": getattr(jax.nn, recurrent_activation)}


def _by_gate(gates, *weights):
    return tuple(jnp.split(weight, gates, axis=-1) for weight in weights)


def lstm_weights(kernel, recurrent_kernel, bias):
    """Weights of an LSTM cell by their names in flax.linen."""
    w, u, b = _by_gate(4, kernel, recurrent_kernel, bias)
    inputs = {f"i{gate}": {"kernel": w[n]} for n, gate in enumerate("ifgo")}
    return inputs | {f"h{gate}": {"kernel": u[n], "bias": b[n]} for n, gate in enumerate("ifgo")}


def gru_weights(kernel, recurrent_kernel, bias, recurrent_bias):
    """Weights of a GRU cell by their names in flax.linen."""
    (wr, wz, wn), (ur, uz, un), (br, bz, bn) = _by_gate(3, kernel, recurrent_kernel, bias)
    return {
        "ir": {"kernel": wr, "bias": br}, "iz": {"kernel": wz, "bias": bz}, "in": {"kernel": wn, "bias": bn},
        "hr": {"kernel": ur}, "hz": {"kernel": uz},
        "hn": {"kernel": un, "bias": jnp.zeros_like(bn) if recurrent_bias is None else recurrent_bias},
    }  # fmt: skip


def simple_rnn_weights(kernel, recurrent_kernel, bias):
    """Weights of a simple cell by their names in flax.linen."""
    return {"i": {"kernel": kernel, "bias": bias}, "h": {"kernel": recurrent_kernel}}


def assign(dense, kernel, bias=None):
    """Give a dense layer of flax.nnx its weights."""
    dense.kernel = nnx.Param(kernel)
    if bias is not None:
        dense.bias = nnx.Param(bias)
