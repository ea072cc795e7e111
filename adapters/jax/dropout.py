"""Dropout layers of flax, and the composition that JAX's documentation gives in their place."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx

SELECTS = {"dropped == 'zero'": "selects what stands at dropped places"}
ONE_DEPTH = {"rate > 0 or values == depth": "without dropout values must be as deep as keys"}
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}
BELOW_1 = {"0 <= rate < 1": "a composition checks no rate, and divides by 0 at rate 1"}


@binds("dropout", "flax.nnx.Dropout", where=SELECTS)
def dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    return nnx.Dropout(rate, deterministic=not training, rngs=nnx.Rngs(seed))(x)


@binds("dropout", "flax.linen.Dropout", where=SELECTS)
def dropout_linen(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    layer = linen.Dropout(rate, deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


@binds(
    "dropout",
    "jax.random.bernoulli",
    where=SELECTS
    | {"training": "has no inference mode", "0 <= rate < 1": "checks no rate, and divides by 0 at rate 1"},
    composition=True,
)
def dropout_composed(x: Any, *, rate: float, seed: int) -> Any:
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)


# --- shared masks ---


@binds("dropout_noise_shape", "flax.nnx.Dropout", where=SELECTS)
def dropout_noise_shape(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    layer = nnx.Dropout(rate, broadcast_dims=_axes(shared), deterministic=not training, rngs=nnx.Rngs(seed))
    return layer(x)


@binds("dropout_noise_shape", "flax.linen.Dropout", where=SELECTS)
def dropout_noise_shape_linen(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    layer = linen.Dropout(rate, broadcast_dims=_axes(shared), deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


def _axes(shared: str) -> tuple[int, ...]:
    return tuple(number for number, axis in enumerate(("batch", "time", "features")) if axis in shared)


@binds("spatial_dropout", "flax.nnx.Dropout", where=SELECTS)
def spatial_dropout(x: Any, *, rank: int, layout: str, rate: float, training: bool, seed: int) -> Any:
    axes = range(1, rank + 1) if layout == "channels_last" else range(2, rank + 2)
    layer = nnx.Dropout(rate, broadcast_dims=tuple(axes), deterministic=not training, rngs=nnx.Rngs(seed))
    return layer(x)


@binds("spatial_dropout", "flax.linen.Dropout", where=SELECTS)
def spatial_dropout_linen(x: Any, *, rank: int, layout: str, rate: float, training: bool, seed: int) -> Any:
    axes = range(1, rank + 1) if layout == "channels_last" else range(2, rank + 2)
    layer = linen.Dropout(rate, broadcast_dims=tuple(axes), deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


@binds("dropout_by_feature", "jax.random.bernoulli", composition=True)
def dropout_by_feature(x: Any, rates: Any, *, seed: int) -> Any:
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rates, dropping.shape)
    return jnp.concatenate([jnp.where(kept, dropping / (1 - rates), 0), others], 1)


# --- noise ---


@binds("gaussian_noise", "jax.random.normal", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x: Any, *, stddev: float, training: bool, seed: int) -> Any:
    return x + stddev * jax.random.normal(jax.random.key(seed), x.shape, x.dtype) if training else x


@binds("gaussian_dropout", "jax.random.normal", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    noise = jax.random.normal(jax.random.key(seed), x.shape, x.dtype)
    return x * (1 + (rate / (1 - rate)) ** 0.5 * noise) if training else x


@binds("alpha_dropout", "jax.random.bernoulli", where=SELECTS | BELOW_1, composition=True)
def alpha_dropout(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    if not training:
        return x
    saturation = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    shape = (*x.shape[:2], 1) if shared == "maps" else x.shape
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rate, shape)
    return a * jnp.where(kept, x, saturation) - a * rate * saturation


# --- inside recurrent layers ---


@binds("lstm_dropout", "jax.random.bernoulli", composition=True)
def lstm_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, over_time: str, over_gates: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    shape = (len(x), x.shape[1] if over_time == "step" else 1, 4 if over_gates == "own" else 1)
    one, other = jax.random.split(jax.random.key(seed))
    masks = {
        "input": _mask(one, (*shape, x.shape[-1]), rate, training, x.dtype),
        "recurrent": _mask(other, (*shape, h.shape[-1]), recurrent_rate, training, x.dtype),
    }
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("lstm_update_dropout", "jax.random.bernoulli", composition=True)
def lstm_update_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, dropping: str, over_time: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    shape = (len(x), x.shape[1] if over_time == "step" else 1, h.shape[-1])
    masks = {dropping: _mask(jax.random.key(seed), shape, rate, training, x.dtype)}
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


@binds("lstm_dropout_wrapper", "jax.random.bernoulli", composition=True)
def lstm_dropout_wrapper(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, place: str, rate: float, over_time: str, over_batch: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    shape = (1 if over_batch == "shared" else len(x), x.shape[1] if over_time == "step" else 1)
    masked = (*shape, x.shape[-1] if place == "input" else h.shape[-1])
    keys = jax.random.split(jax.random.key(seed))
    each = zip(place.split("+"), keys, strict=False)
    masks = {one: _mask(key, masked, rate, training, x.dtype) for one, key in each}
    if training and place == "input":
        masks["input"] = masks["input"][:, :, None]
    masks["carried"] = masks.pop("cell", None)
    return _lstm(x, h, c, kernel, recurrent_kernel, bias, masks)


def _mask(key: Any, shape: tuple[int, ...], rate: float, training: bool, dtype: Any) -> Any:
    """What dropout makes of ones; nothing where there is no dropout."""
    return (
        jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / (1 - rate) if training and rate else None
    )


def _lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, masks: dict[str, Any]
) -> Any:
    """Steps of an LSTM; in each place that has a mask, what stands there is multiplied by it."""

    def drop(place: str, t: int, value: Any) -> Any:
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


# --- in attention ---


@binds("attention_dropout", "flax.nnx.dot_product_attention", where=ONE_DEPTH)
def attention_dropout(
    query: Any, key: Any, value: Any, *, rate: float, shared: str, training: bool, seed: int
) -> Any:
    return nnx.dot_product_attention(
        query, key, value, broadcast_dropout=shared == "batch+heads", dropout_rate=rate,
        dropout_rng=jax.random.key(seed), deterministic=not training,
    )  # fmt: skip


@binds("attention_dropout", "flax.linen.dot_product_attention")
def attention_dropout_linen(
    query: Any, key: Any, value: Any, *, rate: float, shared: str, training: bool, seed: int
) -> Any:
    return linen.dot_product_attention(
        query, key, value, broadcast_dropout=shared == "batch+heads", dropout_rate=rate,
        dropout_rng=jax.random.key(seed), deterministic=not training,
    )  # fmt: skip
