"""State spaces in JAX, by a scan over the steps, and by one that joins what neighbours do to the states."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .linear_attention import scanned, states


def step_sizes(delta, bias, softplus):
    total = delta if bias is None else delta + bias
    return jax.nn.softplus(total) if softplus else total


def opened(y, x, d, z):
    """What the states gave out and what passed them by, gated."""
    y = y if d is None else y + d * x
    return y if z is None else y * jax.nn.silu(z)


@binds("selective_scan", "jax.lax.scan", composition=True)
def selective_scan(x, delta, a, b, c, d, z, bias, state, *, softplus):
    def step(held, given):
        size, taken, into, out = given
        held = jnp.exp(size[..., None] * a) * held + taken[..., None] * into[:, None]
        return held, jnp.einsum("bcn,bn->bc", held, out)

    sizes = step_sizes(delta, bias, softplus)
    before = jnp.zeros((len(x), *a.shape), x.dtype) if state is None else state
    y, state = scanned(step, before, sizes, sizes * x, b, c)
    return opened(y, x, d, z), state


@binds("selective_scan", "jax.lax.associative_scan", composition=True)
def selective_scan_joined(x, delta, a, b, c, d, z, bias, state, *, softplus):
    sizes = step_sizes(delta, bias, softplus)
    held = states(jnp.exp(sizes[..., None] * a), (sizes * x)[..., None] * b[:, :, None], state)
    return opened(jnp.einsum("btcn,btn->btc", held, c), x, d, z), held[:, -1]


@binds("state_space_duality", "jax.lax.scan", composition=True)
def state_space_duality(x, delta, a, b, c, d, bias, state):
    def step(held, given):
        kept, taken, into, out = given
        held = kept[..., None, None] * held + jnp.einsum("bhp,bhn->bhpn", taken, into)
        return held, jnp.einsum("bhpn,bhn->bhp", held, out)

    sizes = step_sizes(delta, bias, True)
    b, c = (jnp.repeat(array, x.shape[2] // array.shape[2], 2) for array in (b, c))
    before = jnp.zeros((len(x), *x.shape[2:], b.shape[-1]), x.dtype) if state is None else state
    y, state = scanned(step, before, jnp.exp(sizes * a), sizes[..., None] * x, b, c)
    return (y if d is None else y + d[:, None] * x), state
