"""Dropout of TensorFlow, which has no argument for inference."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

SELECTS = {"dropped == 'zero'": "selects what stands at dropped places"}
WHERE = {"training": "has no inference mode", "rate != 1": "takes rates below 1"} | SELECTS
TRAINING = {"training": "has no inference mode"}
WRAPPER = {
    "place != 'state'": "drops both states of a cell that hands them on in a list, as those of Keras 3 do",
    "(over_time == 'step') == (over_batch == 'own')": "variational_recurrent shares masks over the batch too",
}
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}
BELOW_1 = {"0 <= rate < 1": "a composition checks no rate, and divides by 0 at rate 1"}


@binds("dropout", "tf.nn.dropout", where=WHERE)
def dropout(x: Any, *, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    return tf.nn.dropout(x, rate=rate, seed=seed)


@binds("dropout", "tf.nn.experimental.stateless_dropout", where=WHERE)
def dropout_stateless(x: Any, *, rate: float, seed: int) -> Any:
    return tf.nn.experimental.stateless_dropout(x, rate=rate, seed=[seed, 0])


# --- shared masks ---


@binds("dropout_noise_shape", "tf.nn.dropout", where=WHERE)
def dropout_noise_shape(x: Any, *, shared: str, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    shape = _noise_shape(x, shared)
    return tf.nn.dropout(x, rate=rate, noise_shape=shape, seed=seed)


@binds("dropout_noise_shape", "tf.nn.experimental.stateless_dropout", where=WHERE)
def dropout_noise_shape_stateless(x: Any, *, shared: str, rate: float, seed: int) -> Any:
    shape = _noise_shape(x, shared)
    return tf.nn.experimental.stateless_dropout(x, rate=rate, noise_shape=shape, seed=[seed, 0])


def _noise_shape(x: Any, shared: str) -> list[int]:
    axes = ("batch", "time", "features")
    return [1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True)]


@binds("spatial_dropout", "tf.nn.dropout", where=WHERE)
def spatial_dropout(x: Any, *, rank: int, layout: str, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    batch, last = x.shape[0], layout == "channels_last"
    shape = [batch, *[1] * rank, x.shape[-1]] if last else [batch, x.shape[1], *[1] * rank]
    return tf.nn.dropout(x, rate=rate, noise_shape=shape, seed=seed)


@binds("dropout_by_feature", "tf.random.uniform", composition=True)
def dropout_by_feature(x: Any, rates: Any, *, seed: int) -> Any:
    tf.random.set_seed(seed)
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = tf.random.uniform(dropping.shape, seed=seed, dtype=x.dtype) >= rates
    return tf.concat([tf.where(kept, dropping / (1 - rates), tf.zeros_like(dropping)), others], 1)


# --- noise ---


@binds("gaussian_noise", "tf.random.normal", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x: Any, *, stddev: float, training: bool, seed: int) -> Any:
    tf.random.set_seed(seed)
    return x + tf.random.normal(x.shape, 0.0, stddev, x.dtype, seed) if training else x


@binds("gaussian_dropout", "tf.random.normal", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    tf.random.set_seed(seed)
    deviation = (rate / (1 - rate)) ** 0.5
    return x * tf.random.normal(x.shape, 1.0, deviation, x.dtype, seed) if training else x


@binds("alpha_dropout", "tf.random.uniform", where=SELECTS | BELOW_1, composition=True)
def alpha_dropout(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    if not training:
        return x
    tf.random.set_seed(seed)
    saturation = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    shape = [*x.shape[:2], 1] if shared == "maps" else x.shape
    kept = tf.random.uniform(shape, seed=seed, dtype=x.dtype) >= rate
    return a * tf.where(kept, x, tf.constant(saturation, x.dtype)) - a * rate * saturation


# --- inside recurrent layers ---


@binds("lstm_dropout", "tf.nn.dropout", where=TRAINING, composition=True)
def lstm_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, over_time: str, over_gates: str, seed: int,
) -> Any:  # fmt: skip
    tf.random.set_seed(seed)
    shape = (x.shape[0], x.shape[1] if over_time == "step" else 1, 4 if over_gates == "own" else 1)
    masks = {
        "input": _mask((*shape, x.shape[-1]), rate, x.dtype, seed),
        "recurrent": _mask((*shape, h.shape[-1]), recurrent_rate, x.dtype, seed),
    }
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("lstm_update_dropout", "tf.nn.dropout", where=TRAINING, composition=True)
def lstm_update_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, dropping: str, over_time: str, seed: int,
) -> Any:  # fmt: skip
    tf.random.set_seed(seed)
    shape = (x.shape[0], x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = {dropping: _mask(shape, rate, x.dtype, seed)}
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("lstm_dropout_wrapper", "tf.nn.dropout", where=TRAINING, composition=True)
def lstm_dropout_wrapper(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, place: str, rate: float, over_time: str, over_batch: str, seed: int,
) -> Any:  # fmt: skip
    tf.random.set_seed(seed)
    shape = (1 if over_batch == "shared" else x.shape[0], x.shape[1] if over_time == "step" else 1)
    masked = (*shape, x.shape[-1] if place == "input" else h.shape[-1])
    masks = {one: _mask(masked, rate, x.dtype, seed) for one in place.split("+")}
    if place == "input":
        masks["input"] = masks["input"][:, :, None]
    masks["carried"] = masks.pop("cell", None)
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


def _mask(shape: tuple[int, ...], rate: float, dtype: Any, seed: int) -> Any:
    return tf.nn.dropout(tf.ones(shape, dtype), rate=rate, seed=seed)


def _lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, masks: dict[str, Any]
) -> Any:
    """Steps of an LSTM; in each place that has a mask, what stands there is multiplied by it."""

    def drop(place: str, t: int, value: Any) -> Any:
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


@binds("lstm_dropout_wrapper", "tf.nn.RNNCellDropoutWrapper", where=TRAINING | WRAPPER)
def lstm_wrapped(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, place: str, rate: float, over_time: str, seed: int,
) -> Any:  # fmt: skip
    tf.random.set_seed(seed)
    inner = tf.keras.layers.LSTMCell(h.shape[-1], recurrent_initializer="zeros", dtype=x.dtype.name)
    name = {"input": "input_keep_prob", "output": "output_keep_prob", "state+cell": "state_keep_prob"}[place]
    cell = tf.nn.RNNCellDropoutWrapper(
        inner, seed=seed, variational_recurrent=over_time == "sequence", input_size=x[0, 0].shape,
        dtype=x.dtype, **{name: 1 - rate},
    )  # fmt: skip
    cell.build(x[:, 0].shape)
    weights = zip(inner.trainable_variables, (kernel, recurrent_kernel, bias), strict=True)
    sequence = []
    with tf.keras.StatelessScope(state_mapping=list(weights)):
        for step in tf.unstack(x, axis=1):
            y, (h, c) = cell(step, [h, c])
            sequence.append(y)
    return tf.stack(sequence, 1), h, c


# --- in attention ---


@binds("attention_dropout", "tf.nn.dropout", where=TRAINING, composition=True)
def attention_dropout(query: Any, key: Any, value: Any, *, rate: float, shared: str, seed: int) -> Any:
    tf.random.set_seed(seed)
    weights = tf.nn.softmax(tf.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key))
    shape = (1, 1, *weights.shape[2:]) if shared == "batch+heads" else weights.shape
    weights = tf.nn.dropout(weights, rate=rate, noise_shape=shape, seed=seed)
    return tf.einsum("bhqk,bkhv->bqhv", weights, value)
