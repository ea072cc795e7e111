"""JAX: ``jax.nn``, ``jax.lax``, and the libraries flax and optax on top of it."""
