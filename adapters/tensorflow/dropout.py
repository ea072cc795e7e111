"""Dropout of TensorFlow, which has no argument for inference."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

WHERE = {
    "training": "has no inference mode",
    "rate != 1": "takes rates below 1",
    "dropped == 'zero'": "selects 0 at dropped places",
}


@binds("dropout", "tf.nn.dropout", where=WHERE)
def dropout(x: Any, *, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    return tf.nn.dropout(x, rate=rate, seed=seed)


@binds("dropout", "tf.nn.experimental.stateless_dropout", where=WHERE)
def dropout_stateless(x: Any, *, rate: float, seed: int) -> Any:
    return tf.nn.experimental.stateless_dropout(x, rate=rate, seed=[seed, 0])
