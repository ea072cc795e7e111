"""How a Keras layer is called with weights from outside, which take gradients, and the rows of Keras."""

from __future__ import annotations

from typing import Any

from ..rows import rows
from .framework import keras


def build_layer(layer: Any, *inputs: Any, **options: Any) -> Any:
    """The layer, with variables for inputs of these shapes; an input may be a list of arrays."""
    layer.build(*([tuple(x.shape) for x in i] if isinstance(i, list) else tuple(i.shape) for i in inputs))
    return layer


def call_layer(layer: Any, *inputs: Any, **given: Any) -> Any:
    """Call ``layer`` on ``inputs`` without changing it.

    What is given by the name of a variable takes its place, and all else is an option (None: absent). Returns
    the outputs; where variables that are not trained are given, a pair of the outputs and a dictionary of
    their new values.
    """
    given = {name: value for name, value in given.items() if value is not None}
    kept = [variable.name for variable in layer.non_trainable_variables if variable.name in given]
    trainable = [given.pop(variable.name) for variable in layer.trainable_variables]
    others = [given.pop(variable.name, variable.value) for variable in layer.non_trainable_variables]
    outputs, updated = layer.stateless_call(trainable, others, *inputs, **given)
    states = dict(zip((v.name for v in layer.non_trainable_variables), updated, strict=True))
    return (outputs, {name: states[name] for name in kept}) if kept else outputs


def dtype_of(x: Any) -> str | None:
    """Name of the dtype of an array of any backend, for a layer's ``dtype``, or of a mixed global policy.

    None where the global policy is that of layers for which no dtype is said.
    """
    policy = keras.config.dtype_policy()
    if hasattr(policy, "unsaid"):
        return None
    mixed = str(policy.name).startswith("mixed_")
    return str(policy.name if mixed else keras.backend.standardize_dtype(x.dtype))


DTYPE = {"dtype": "dtype_of(x)"}

function, layer = rows("keras", call_layer, build_layer, keras=keras, dtype_of=dtype_of)
_, instance = rows("keras", call_layer, keras=keras, dtype_of=dtype_of)
"""Losses and constraints, which have no variables: they are made, and called on arrays."""
