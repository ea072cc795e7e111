"""Masks that a caller of JAX holds, for flax's layers neither take nor lose them."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen
from .recurrent import affine, gru_step, lstm_weights
from .recurrent_sequences import over_padding

LAYERS = ("dense", "conv1d", "max_pool1d", "operator", "concatenate", "layer_norm", "embedding")


@binds(
    "masked_average",
    "jax.numpy.mean(where=mask)",
    where={
        f"layer in {LAYERS}": "is written for some layers",
        "mask_after == 'kept'": "the caller holds the mask, which no layer sees",
    },
    composition=True,
)
def masked_average(x, indices, mask, kernel, recurrent_kernel, *, layer):
    counts = mask[..., jnp.newaxis]
    given = jnp.where(mask, indices + 1, 0) if x is None else jnp.where(counts, x, 0)
    return jnp.mean(_between(layer, given, kernel), axis=1, where=counts)


def _between(layer, x, kernel):
    """What the layer gives, on rows of a table for an embedding."""
    written = {
        "dense": lambda: x @ kernel,
        "conv1d": lambda: jax.lax.conv_general_dilated(
            x, kernel[jnp.newaxis], (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")
        ),
        "max_pool1d": lambda: linen.max_pool(x, (1,)),
        "operator": lambda: x + x,
        "concatenate": lambda: jnp.concatenate([x, x], axis=-1),
        "layer_norm": lambda: jax.nn.standardize(x, axis=-1, epsilon=1e-5),
        "embedding": lambda: jnp.take(kernel, x, axis=0),
    }
    return written[layer]()


@binds(
    "lstm_beside_padding",
    "jax.numpy.where(flax.linen.RNN)",
    where={
        "masking == 'select_values' or data != 'padding_nan'": "goes through the padding, and picks later",
    },
    composition=True,
)
def lstm_beside_padding(x, h, c, kernel, recurrent_kernel, bias, lengths):
    layer = linen.RNN(linen.OptimizedLSTMCell(h.shape[-1]))
    weights = {"params": {"cell": lstm_weights(kernel, recurrent_kernel, bias)}}
    (c, h), y = layer.apply(weights, x, initial_carry=(c, h), seq_lengths=lengths, return_carry=True)
    return jnp.where(within(x, lengths), y, 0), h, c


@binds(
    "lstm_beside_padding",
    "flax.linen.RNN(jax.numpy.where)",
    where={"masking == 'select'": "is given zeros for the padding"},
    composition=True,
)
def lstm_beside_zeros(x, h, c, kernel, recurrent_kernel, bias, lengths):
    x = jnp.where(within(x, lengths), x, 0)
    return lstm_beside_padding(x, h, c, kernel, recurrent_kernel, bias, lengths)


def within(x, lengths):
    """Which steps count, ``(batch, time, 1)``."""
    return (jnp.arange(x.shape[1]) < lengths[:, None])[..., None]


@binds("masked_stack", "jax.lax.scan(jnp.where)", composition=True)
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
    def lower(x, h, c):
        i, f, g, o = jnp.split(affine(x, kernel, bias) + h @ recurrent_kernel, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    def upper(x, h):
        return (gru_step(x, h, upper_kernel, upper_recurrent_kernel, upper_bias, None, True),)

    filled = jnp.where(mask[..., None], x, jnp.asarray(mask_value, x.dtype))
    present = jnp.any(filled != mask_value, axis=-1)
    rest = jnp.zeros((len(x), len(recurrent_kernel)), x.dtype)
    sequence, *_ = over_padding(lower, filled, (rest, rest), None, present, masked_output)
    marks = {"lengths": None, "mask": present, "masked_output": masked_output}
    return over_padding(upper, sequence, (rest,), **marks, return_sequences=return_sequences)[0]
