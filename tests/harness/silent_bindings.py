"""APIs whose signatures say little: what they do when nothing is said has to be measured."""

from __future__ import annotations

import sys
from typing import Any

from assay.adapters.rows import rows
from assay.adapters.torch.framework import F

silent: Any = sys.modules[__name__]
function, _ = rows("torch", silent=silent)


def none_is_two(x: Any, slope: Any = None) -> Any:
    return F.leaky_relu(x, 2.0 if slope is None else slope)


def unheard_of(x: Any, slope: Any = None) -> Any:
    return F.leaky_relu(x, 0.123 if slope is None else slope)


def rare(x: Any, slope: Any = 0.25) -> Any:
    return F.leaky_relu(x, slope)


class Unsaid(float):
    """A number that is not what it looks like."""


UNSAID = Unsaid(0.01)


def liar(x: Any, slope: Any = UNSAID) -> Any:
    return F.leaky_relu(x, -0.5 if slope is UNSAID else slope)


def asks(x: Any, slope: Any) -> Any:
    return F.leaky_relu(x, slope)


def refuses(x: Any, slope: Any = None) -> Any:
    if slope is None:
        raise OSError("the disk is full")
    return F.leaky_relu(x, slope)


LEFT = {"zero_gradient == 'left'": "takes the slope at 0"}
for name in ("none_is_two", "unheard_of", "rare", "liar", "asks", "refuses"):
    function("leaky_relu", f"silent.{name}", {"slope": "slope"}, where=LEFT)
