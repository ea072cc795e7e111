"""Masks that a caller of JAX holds, for flax's layers neither take nor lose them."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen
from .recurrent import lstm_weights

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
