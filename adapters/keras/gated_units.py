"""Gated units of Keras."""

from __future__ import annotations

from .layers import function

GLU = {
    "activation": ("sigmoid", "is the unit of the logistic"),
    "gate": ("second", "gates by the second half"),
    "layout": ("concatenated", "takes halves that lie one after the other"),
}

function("gated_linear_unit", "keras.ops.glu", {"axis": "-1"}, fixed=GLU)
