"""How a Keras layer is called with weights from outside, so that gradients reach them."""

from __future__ import annotations

import contextlib
from typing import Any

from .framework import keras


def call_layer(layer: Any, *inputs: Any, weights: dict[str, Any] | None = None, **options: Any) -> Any:
    """Call ``layer`` on ``inputs`` with its variables replaced by ``weights``, by name (None: absent).

    Returns the outputs; where the layer has non-trainable variables, a pair of the outputs and a
    dictionary of their new values.
    """
    with concrete():
        layer.build(*(tuple(x.shape) for x in inputs))
    given = {name: value for name, value in (weights or {}).items() if value is not None}
    trainable = [given[variable.name] for variable in layer.trainable_variables]
    others = [given.get(variable.name, variable.value) for variable in layer.non_trainable_variables]
    outputs, updated = layer.stateless_call(trainable, others, *inputs, **options)
    states = {
        v.name: new for v, new in zip(layer.non_trainable_variables, updated, strict=True) if v.name in given
    }
    return (outputs, states) if states else outputs


def concrete() -> Any:
    """Context in which variables may be created although the caller is being traced."""
    if keras.config.backend() == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.init_scope()
    return contextlib.nullcontext()


def dtype_of(x: Any) -> str:
    """Name of the dtype of an array of any backend, for a layer's ``dtype`` argument."""
    return str(keras.backend.standardize_dtype(x.dtype))
