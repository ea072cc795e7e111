"""Dropout layers of flax, and the composition that JAX's documentation gives in their place."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx

SELECTS = {"dropped == 'zero'": "selects what stands at dropped places"}
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}
BELOW_1 = {"0 <= rate < 1": "a composition checks no rate, and divides by 0 at rate 1"}


@binds("dropout", "flax.nnx.Dropout", where=SELECTS)
def dropout(x, *, rate, training, seed):
    return nnx.Dropout(rate, deterministic=not training, rngs=nnx.Rngs(seed))(x)


@binds("dropout", "flax.linen.Dropout", where=SELECTS)
def dropout_linen(x, *, rate, training, seed):
    layer = linen.Dropout(rate, deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


@binds(
    "dropout",
    "jax.random.bernoulli",
    where=SELECTS
    | {"training": "has no inference mode", "0 <= rate < 1": "checks no rate, and divides by 0 at rate 1"},
    composition=True,
)
def dropout_composed(x, *, rate, seed):
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)


# --- shared masks ---


@binds("dropout_noise_shape", "flax.nnx.Dropout", where=SELECTS)
def dropout_noise_shape(x, *, shared, rate, training, seed):
    layer = nnx.Dropout(rate, broadcast_dims=_axes(shared), deterministic=not training, rngs=nnx.Rngs(seed))
    return layer(x)


@binds("dropout_noise_shape", "flax.linen.Dropout", where=SELECTS)
def dropout_noise_shape_linen(x, *, shared, rate, training, seed):
    layer = linen.Dropout(rate, broadcast_dims=_axes(shared), deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


def _axes(shared):
    return tuple(number for number, axis in enumerate(("batch", "time", "features")) if axis in shared)


@binds("spatial_dropout", "flax.nnx.Dropout", where=SELECTS)
def spatial_dropout(x, *, rank, layout, rate, training, seed):
    axes = range(1, rank + 1) if layout == "channels_last" else range(2, rank + 2)
    layer = nnx.Dropout(rate, broadcast_dims=tuple(axes), deterministic=not training, rngs=nnx.Rngs(seed))
    return layer(x)


@binds("spatial_dropout", "flax.linen.Dropout", where=SELECTS)
def spatial_dropout_linen(x, *, rank, layout, rate, training, seed):
    axes = range(1, rank + 1) if layout == "channels_last" else range(2, rank + 2)
    layer = linen.Dropout(rate, broadcast_dims=tuple(axes), deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


@binds("dropout_by_feature", "jax.random.bernoulli", composition=True)
def dropout_by_feature(x, rates, *, seed):
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rates, dropping.shape)
    return jnp.concatenate([jnp.where(kept, dropping / (1 - rates), 0), others], 1)


# --- noise ---


@binds("gaussian_noise", "jax.random.normal", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x, *, stddev, training, seed):
    return x + stddev * jax.random.normal(jax.random.key(seed), x.shape, x.dtype) if training else x


@binds("gaussian_dropout", "jax.random.normal", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x, *, rate, training, seed):
    noise = jax.random.normal(jax.random.key(seed), x.shape, x.dtype)
    return x * (1 + (rate / (1 - rate)) ** 0.5 * noise) if training else x


@binds("alpha_dropout", "jax.random.bernoulli", where=SELECTS | BELOW_1, composition=True)
def alpha_dropout(x, *, shared, rate, training, seed):
    if not training:
        return x
    saturation = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    shape = (*x.shape[:2], 1) if shared == "maps" else x.shape
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rate, shape)
    return a * jnp.where(kept, x, saturation) - a * rate * saturation
