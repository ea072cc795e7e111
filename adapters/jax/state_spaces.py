"""State spaces in JAX, by a scan over the steps, and by one that joins what neighbours do to the states."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .linear_attention import scanned, states
from .sequence_mixers import a_row_each, live_steps, one_after_the_other


def step_sizes(delta, bias, sizes, softplus=True):
    """How long each step is; a step behind the end of its row is none."""
    total = delta if bias is None else delta + bias
    spans = jax.nn.softplus(total) if softplus else total
    return spans if sizes is None else jnp.where(live_steps(delta, sizes)[0][..., None], spans, 0)


def opened(y, x, d, z):
    """What the states gave out and what passed them by, gated."""
    y = y if d is None else y + d * x
    return y if z is None else y * jax.nn.silu(z)


@binds("selective_scan", "jax.lax.scan", composition=True)
def selective_scan(x, delta, a, b, c, d, z, bias, state, sizes, *, softplus):
    x, delta, b, c, z = a_row_each(sizes, x, delta, b, c, z)

    def step(held, given):
        size, taken, into, out = given
        held = jnp.exp(size[..., None] * a) * held + taken[..., None] * into[:, None]
        return held, jnp.einsum("bcn,bn->bc", held, out)

    spans = step_sizes(delta, bias, sizes, softplus)
    before = jnp.zeros((len(x), *a.shape), x.dtype) if state is None else state
    y, state = scanned(step, before, spans, spans * x, b, c)
    return one_after_the_other(opened(y, x, d, z), sizes), state


@binds("selective_scan", "jax.lax.associative_scan", composition=True)
def selective_scan_joined(x, delta, a, b, c, d, z, bias, state, sizes, *, softplus):
    x, delta, b, c, z = a_row_each(sizes, x, delta, b, c, z)
    spans = step_sizes(delta, bias, sizes, softplus)
    held = states(jnp.exp(spans[..., None] * a), (spans * x)[..., None] * b[:, :, None], state)
    y = opened(jnp.einsum("btcn,btn->btc", held, c), x, d, z)
    return one_after_the_other(y, sizes), held[:, -1]


@binds("state_space_duality", "jax.lax.scan", composition=True)
def state_space_duality(x, delta, a, b, c, d, bias, state, sizes):
    x, delta, b, c = a_row_each(sizes, x, delta, b, c)

    def step(held, given):
        kept, taken, into, out = given
        held = kept[..., None, None] * held + jnp.einsum("bhp,bhn->bhpn", taken, into)
        return held, jnp.einsum("bhpn,bhn->bhp", held, out)

    spans = step_sizes(delta, bias, sizes)
    b, c = (jnp.repeat(array, x.shape[2] // array.shape[2], 2) for array in (b, c))
    before = jnp.zeros((len(x), *x.shape[2:], b.shape[-1]), x.dtype) if state is None else state
    y, state = scanned(step, before, jnp.exp(spans * a), spans[..., None] * x, b, c)
    return one_after_the_other(y if d is None else y + d[:, None] * x, sizes), state
