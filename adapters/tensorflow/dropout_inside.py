"""Dropout inside recurrent layers and attention of TensorFlow."""

from __future__ import annotations

from .framework import binds, tf

TRAINING = {"training": (True, "has no inference mode")}
WRAPPER = {
    "place != 'state'": "drops both states of a cell that hands them on in a list, as those of Keras 3 do",
    "(over_time == 'step') == (over_batch == 'own')": "variational_recurrent shares masks over the batch too",
}


@binds("lstm_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
def lstm_dropout(
    x, h, c, kernel, recurrent_kernel, bias, *, rate, recurrent_rate, over_time, over_gates, seed
):
    shape = (x.shape[0], x.shape[1] if over_time == "step" else 1, 4 if over_gates == "own" else 1)
    masks = {
        "input": _mask((*shape, x.shape[-1]), rate, x.dtype, seed),
        "recurrent": _mask((*shape, h.shape[-1]), recurrent_rate, x.dtype, seed + 1),
    }
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("gru_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
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
    seed,
):
    shape = (x.shape[0], x.shape[1] if over_time == "step" else 1, 3 if over_gates == "own" else 1)
    of_inputs = _mask((*shape, x.shape[-1]), rate, x.dtype, seed)
    of_states = _mask((*shape, h.shape[-1]), recurrent_rate, x.dtype, seed + 1)
    of_inputs = tf.broadcast_to(of_inputs, (*x.shape[:2], 3, x.shape[-1]))
    of_states = tf.broadcast_to(of_states, (*x.shape[:2], 3, h.shape[-1]))
    u_r, u_z, u_n = tf.split(recurrent_kernel, 3, axis=1)
    states = []
    for t, step in enumerate(tf.unstack(x, axis=1)):
        dropped = tf.unstack(step[:, None] * of_inputs[:, t], axis=1)
        weights = zip(dropped, tf.split(kernel, 3, axis=1), tf.split(bias, 3), strict=True)
        to_r, to_z, to_n = (tf.matmul(part, w) + b for part, w, b in weights)
        by_r, by_z, by_n = tf.unstack(h[:, None] * of_states[:, t], axis=1)
        r, z = tf.sigmoid(to_r + tf.matmul(by_r, u_r)), tf.sigmoid(to_z + tf.matmul(by_z, u_z))
        product = r * (tf.matmul(by_n, u_n) + recurrent_bias) if reset_after else tf.matmul(r * by_n, u_n)
        h = z * h + (1 - z) * tf.tanh(to_n + product)
        states.append(h)
    return tf.stack(states, 1), h


@binds("simple_rnn_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
def simple_rnn_dropout(x, h, kernel, recurrent_kernel, bias, *, rate, recurrent_rate, over_time, seed):
    shape = (x.shape[0], x.shape[1] if over_time == "step" else 1)
    x = x * _mask((*shape, x.shape[-1]), rate, x.dtype, seed)
    mask = _mask((*shape, h.shape[-1]), recurrent_rate, x.dtype, seed + 1)
    states = []
    for t, step in enumerate(tf.unstack(x, axis=1)):
        dropped = h * mask[:, min(t, mask.shape[1] - 1)]
        h = tf.tanh(tf.matmul(step, kernel) + tf.matmul(dropped, recurrent_kernel) + bias)
        states.append(h)
    return tf.stack(states, 1), h


@binds("lstm_update_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
def lstm_update_dropout(x, h, c, kernel, recurrent_kernel, bias, *, rate, dropping, over_time, seed):
    shape = (x.shape[0], x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = {dropping: _mask(shape, rate, x.dtype, seed)}
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("layer_norm_lstm_update_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
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
    seed,
):
    masks = _mask((x.shape[0], x.shape[1] if over_time == "step" else 1, h.shape[-1]), rate, x.dtype, seed)

    def norm(x, scale, bias):
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)

    sequence = []
    for t, step in enumerate(tf.unstack(x, axis=1)):
        products = tf.matmul(step, kernel) + tf.matmul(h, recurrent_kernel)
        gates = (tf.split(a, 4, axis=-1) for a in (products, scale, bias))
        i, f, g, o = (norm(*gate) for gate in zip(*gates, strict=True))
        update = tf.tanh(g) * masks[:, min(t, masks.shape[1] - 1)]
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * update
        seen = norm(c, cell_scale, cell_bias)
        h, c = tf.sigmoid(o) * tf.tanh(seen), c if carried == "cell" else seen
        sequence.append(h)
    return tf.stack(sequence, 1), h, c


@binds("lstm_dropout_wrapper", "tf.nn.dropout", fixed=TRAINING, composition=True)
def lstm_dropout_wrapper(
    x, h, c, kernel, recurrent_kernel, bias, *, place, rate, over_time, over_batch, seed
):
    shape = (1 if over_batch == "shared" else x.shape[0], x.shape[1] if over_time == "step" else 1)
    masked = (*shape, x.shape[-1] if place == "input" else h.shape[-1])
    masks = {one: _mask(masked, rate, x.dtype, seed + n) for n, one in enumerate(place.split("+"))}
    if place == "input":
        masks["input"] = masks["input"][:, :, None]
    masks["carried"] = masks.pop("cell", None)
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


def _mask(shape, rate, dtype, seed):
    """A mask from a seed of its own: in a graph two operations with one seed draw the same numbers."""
    return tf.nn.dropout(tf.ones(shape, dtype), rate=rate, seed=seed)


def _lstm(x, h, c, kernel, recurrent_kernel, bias, masks):
    """Steps of an LSTM; in each place that has a mask, what stands there is multiplied by it."""

    def drop(place, t, value):
        mask = masks.get(place)
        return value if mask is None else value * mask[:, min(t, mask.shape[1] - 1)]

    by_gate = (-1, 4, h.shape[-1])
    kernel, recurrent_kernel = tf.reshape(kernel, by_gate), tf.reshape(recurrent_kernel, by_gate)
    gates, sequence = tf.ones((4, 1), x.dtype), []
    for t in range(x.shape[1]):
        z = tf.einsum("bgf,fgu->bgu", drop("input", t, x[:, t, None] * gates), kernel)
        z = z + tf.einsum("bgv,vgu->bgu", drop("recurrent", t, h[:, None] * gates), recurrent_kernel)
        z = z + tf.reshape(bias, by_gate[1:])
        i, f, g, o = tf.sigmoid(z[:, 0]), tf.sigmoid(z[:, 1]), tf.tanh(z[:, 2]), tf.sigmoid(z[:, 3])
        c = drop("cell", t, f * c + i * drop("update", t, g))
        h = o * tf.tanh(c)
        sequence.append(drop("output", t, h))
        h, c = drop("state", t, h), drop("carried", t, c)
    return tf.stack(sequence, 1), h, c


def wrapped_cell(x, h, *, place, rate, over_time, seed):
    """A cell in the wrapper, which draws what stays the same over time when it is made.

    It is seeded by the global seed alone: with a seed of its own, every step that is unrolled in a graph
    draws the same mask.
    """
    tf.random.set_seed(seed)
    inner = tf.keras.layers.LSTMCell(h.shape[-1], recurrent_initializer="zeros", dtype=x.dtype.name)
    name = {"input": "input_keep_prob", "output": "output_keep_prob", "state+cell": "state_keep_prob"}[place]
    cell = tf.nn.RNNCellDropoutWrapper(
        inner,
        variational_recurrent=over_time == "sequence",
        input_size=x[0, 0].shape,
        dtype=x.dtype,
        **{name: 1 - rate},
    )
    cell.build(x[:, 0].shape)
    return cell


@binds(
    "lstm_dropout_wrapper",
    "tf.nn.RNNCellDropoutWrapper",
    where=WRAPPER,
    fixed=TRAINING,
    build=wrapped_cell,
)
def lstm_wrapped(built, x, h, c, kernel, recurrent_kernel, bias):
    weights = zip(built.cell.trainable_variables, (kernel, recurrent_kernel, bias), strict=True)
    sequence = []
    with tf.keras.StatelessScope(state_mapping=list(weights)):
        for step in tf.unstack(x, axis=1):
            y, (h, c) = built(step, [h, c])
            sequence.append(y)
    return tf.stack(sequence, 1), h, c


# --- between layers ---


@binds("stacked_lstm_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
def stacked_lstm_dropout(x, h, c, kernel, upper_kernels, recurrent_kernel, bias, *, rate, over_time, seed):
    states = []
    for n, of_layer in enumerate((kernel, *tf.unstack(upper_kernels))):
        if n > 0:
            shape = (x.shape[0], x.shape[1] if over_time == "step" else 1, x.shape[-1])
            x = tf.nn.dropout(x, rate=rate, noise_shape=shape, seed=seed)
        x, *state = _lstm(x, h[n], c[n], of_layer, recurrent_kernel[n], bias[n], {})
        states.append(state)
    final_h, final_c = zip(*states, strict=True)
    return x, tf.stack(final_h), tf.stack(final_c)


# --- in attention ---


@binds("attention_dropout", "tf.nn.dropout", fixed=TRAINING, composition=True)
def attention_dropout(query, key, value, *, rate, shared, seed):
    weights = tf.nn.softmax(tf.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key))
    shape = (1, 1, *weights.shape[2:]) if shared == "batch+heads" else weights.shape
    weights = tf.nn.dropout(weights, rate=rate, noise_shape=shape, seed=seed)
    return tf.einsum("bhqk,bkhv->bqhv", weights, value)
