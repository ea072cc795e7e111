"""What is made of the losses of elements, which optax leaves to the user."""

from __future__ import annotations

from typing import Any

from .framework import jnp


def reduced(losses: Any, reduction: str) -> Any:
    """The losses, their mean or their sum."""
    if reduction == "none":
        return losses
    return jnp.mean(losses) if reduction == "mean" else jnp.sum(losses)


UNWEIGHTED = {"weighted": (False, "nothing is weighted")}
UNWEIGHTED_SAMPLES = {"samples_weighted": UNWEIGHTED["weighted"]}

WHERE = {"where": "mask"}
SELECTS_VALUES = {
    "masking == 'select_values' or data != 'padding_nan'": "where= leaves out values, not gradients"
}
UNMASKED = {"masked": (False, "takes no mask"), "masking": ("select", "and so none is left out")}

BY_COLUMNS = {
    "data == 'normal' and dtype == 'float32'": (
        "this asks for rows that are columns, and all else where they are rows"
    )
}
"""Of an API that is told another axis than the last."""
