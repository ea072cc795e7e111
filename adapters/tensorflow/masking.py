"""Masks that a caller of TensorFlow holds, for ``tf.nn`` neither takes nor loses them."""

from __future__ import annotations

from .framework import binds, tf
from .recurrent_sequences import gru_step_with, lstm_step, over_padding

LAYERS = ("dense", "conv1d", "operator", "concatenate", "embedding")


@binds(
    "masked_average",
    "tf.reduce_sum(y * mask)",
    where={f"layer in {LAYERS}": "is written for some layers"},
    fixed={"mask_after": ("kept", "the caller holds the mask, which no layer sees")},
    composition=True,
)
def masked_average(x, indices, mask, kernel, recurrent_kernel, *, layer):
    given = (
        tf.where(mask, indices + 1, 0) if x is None else tf.where(mask[..., tf.newaxis], x, tf.zeros_like(x))
    )
    y = _between(layer, given, kernel)
    counts = tf.cast(mask, y.dtype)[..., tf.newaxis]
    return tf.reduce_sum(y * counts, axis=1) / tf.reduce_sum(counts, axis=1)


def _between(layer, x, kernel):
    """What the layer gives, on rows of a table for an embedding."""
    written = {
        "dense": lambda: tf.matmul(x, kernel),
        "conv1d": lambda: tf.nn.conv1d(x, kernel[tf.newaxis], 1, "VALID"),
        "operator": lambda: x + x,
        "concatenate": lambda: tf.concat([x, x], axis=-1),
        "embedding": lambda: tf.nn.embedding_lookup(kernel, x),
    }
    return written[layer]()


@binds(
    "lstm_beside_padding",
    "tf.where",
    where={"masking == 'select_values' or data != 'padding_nan'": "selects a carry, and differentiates both"},
    composition=True,
)
def lstm_beside_padding(x, h, c, kernel, recurrent_kernel, bias, lengths):
    outputs, mask = [], tf.sequence_mask(lengths, x.shape[1])
    for step, counts in zip(tf.unstack(x, axis=1), tf.unstack(mask[..., tf.newaxis], axis=1), strict=True):
        z = tf.matmul(step, kernel) + tf.matmul(h, recurrent_kernel) + bias
        i, f, g, o = tf.split(z, 4, axis=-1)
        new_c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        new_h = tf.sigmoid(o) * tf.tanh(new_c)
        h, c = tf.where(counts, new_h, h), tf.where(counts, new_c, c)
        outputs.append(tf.where(counts, new_h, tf.zeros_like(h)))
    return tf.stack(outputs, axis=1), h, c


@binds("masked_stack", "tf.scan(tf.where)", composition=True)
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
    filled = tf.where(mask[..., tf.newaxis], x, tf.cast(mask_value, x.dtype))
    present = tf.reduce_any(filled != tf.cast(mask_value, x.dtype), axis=-1)
    rest = tf.zeros((len(x), len(recurrent_kernel)), x.dtype)
    lower = lstm_step(kernel, recurrent_kernel, bias)
    upper = gru_step_with(upper_kernel, upper_recurrent_kernel, upper_bias, None, True)
    sequence, *_ = over_padding(lower, filled, (rest, rest), None, present, masked_output)
    marks = {"lengths": None, "mask": present, "masked_output": masked_output}
    return over_padding(upper, sequence, (rest,), **marks, return_sequences=return_sequences)[0]
