"""Products of groups of rows in JAX."""

from __future__ import annotations

from .modules import function

function("grouped_matmul", "jax.lax.ragged_dot", on="x, kernel, sizes")
