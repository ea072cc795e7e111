"""What is computed apart from the data: tables of angles or of decays, in single precision at least.

A layer whose data are of a half type computes such tables in float32, and rounds once what it has found. The
error of a table is that of its own precision: a position of 257, which bfloat16 does not hold, is no position
of 256.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ._moments import Moments, bound_of, representable, rounded, variance_of
from .carried import Carried, carry, carry_moments
from .dtypes import DTYPES, DType, nearest
from .profiles import Profile
from .simulated import Simulated, simulate

__all__ = ["computed_apart"]


def computed_apart(beside: Any, function: Callable[..., tuple[Any, ...]], *given: Any) -> tuple[Any, ...]:
    """The results of ``function(*given)``, of plain numbers, as they are found ``beside`` an array of data.

    Args:
        beside: the data. Where they carry errors, or are simulated, so are the results.
        function: returns several arrays.
        given: arrays of whole numbers that float32 holds, or other plain arrays where that is no matter.
    """
    if isinstance(beside, Carried):
        wide = dataclasses.replace(beside.profile, working=_wide(beside.profile.working))
        results = function(*(carry(np.asarray(array, np.float64), wide) for array in given))
        return tuple(_stored(result, beside.profile) for result in results)
    if isinstance(beside, Simulated):
        held = beside.arithmetic
        arithmetic = dataclasses.replace(held, working=_wide(held.working))
        results = function(
            *(simulate(np.asarray(array, np.float64), arithmetic, beside.stream) for array in given)
        )
        return tuple(
            Simulated(nearest(result.value, held.working), held, beside.stream) for result in results
        )
    return function(*(np.asarray(array, np.float64) for array in given))


def _wide(working: DType) -> DType:
    single = DTYPES["float32"]
    return single if working.u > single.u else working


def _stored(result: Carried, profile: Profile) -> Carried:
    """The result in the format that the data are worked with, which holds it with one rounding."""
    found = Moments(result.value, result.bound, result.variance)
    if result.profile.working is profile.working:
        return carry_moments(found, profile)
    kept = (bound_of(found) == 0) & representable(found.value, profile.u)
    return carry_moments(
        rounded(profile, found.value, bound_of(found), variance_of(found), exact=kept), profile
    )
