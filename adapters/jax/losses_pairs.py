"""Losses of all pairs of a batch of embeddings, of optax."""

from __future__ import annotations

from .modules import function

function("ntxent", "optax.losses.ntxent", on="embeddings, labels, temperature")
