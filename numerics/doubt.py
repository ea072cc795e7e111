"""What a definition leaves open: elements of which right implementations may make anything.

A reference says so where the order of right steps decides, and not one of their results is the limit. What is
asked in a case must not be of that kind only: an array of which nothing is known is never judged.
"""

from typing import Any

import numpy as np

from ._moments import Moments, bound_of, variance_of
from .carried import Carried, carry_moments


def in_doubt(x: Any, where: Any) -> Any:
    """The same numbers, of which nothing is known at some places; plain arrays carry no doubt and stay.

    Args:
        x: an array of any kind.
        where: the places, of the shape of ``x``.
    """
    if not isinstance(x, Carried):
        return x
    held = Moments(x.value, x.bound, x.variance)
    bound, variance = (np.where(where, np.inf, error) for error in (bound_of(held), variance_of(held)))
    return carry_moments(Moments(x.value, bound, variance), x.profile)
