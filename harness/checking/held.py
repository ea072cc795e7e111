"""What a kernel is held to: the rounding profiles that explain its errors, and no overflow on the way.

A user may ask for more, one rounding of a half type, or admit more, an accumulator of less precision.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, DType
from ...numerics.profiles import Profile, profiles
from ..judging.expectation import Expectation, Expected, Function, Represent
from ..judging.judge import Answer, Judgement, compare, judge

__all__ = ["PROFILES", "Forward", "Held"]

Array = np.ndarray[Any, Any]

PROFILES: dict[str | None, tuple[str, ...]] = {
    None: (),
    "float32": (),
    "tf32": ("tf32",),
    "dtype": ("low-accumulator",),
}
"""Profiles that a declared accumulator admits beside those that are always declared."""

WITHIN_RANGE = "squares"
"""The data set on which an overflow on the way to a number that has none explains nothing."""


@dataclass(frozen=True)
class Held:
    """What errors are explained by."""

    accumulate: str | None = None
    fused: bool = False

    @property
    def admitted(self) -> tuple[str, ...]:
        """Profiles that are admitted beside those that are declared."""
        return PROFILES[self.accumulate]

    def declared(self, dtype: str) -> tuple[str, ...]:
        """The profiles that count as declared: the fused one of a half type where that is asked for."""
        names = [profile.name for profile in profiles(dtype) if profile.declared]
        return ("fused",) if self.fused and "fused" in names else tuple(names)

    def loosest(self, dtype: str) -> Profile:
        """The profile that lets most pass."""
        names = (*self.declared(dtype), *self.admitted)
        return [profile for profile in profiles(dtype) if profile.name in names][-1]

    def verdict(self, expectation: Expectation, answer: Answer, explain: bool = True) -> Judgement:
        """The judge's verdict; also on what only an overflow on the way would explain."""
        case = expectation.case
        declared = self.declared(case.dtype)
        found = judge(expectation, answer, self.admitted, explain=explain, declared=declared)
        if found.failing or case.data != WITHIN_RANGE:
            return found
        profile = next((p for p in profiles(case.dtype) if p.name == found.profile), None)
        return found if profile is None else _within_range(expectation, answer, profile) or found


def _within_range(expectation: Expectation, answer: Answer, profile: Profile) -> Judgement | None:
    """The failure, if there is one, of an answer whose intermediates are to stay within float32's range."""
    within = dataclasses.replace(profile, working=_ranged(profile.working))
    for wrong in compare(expectation.under(within), (*answer.outputs, *answer.gradients)):
        if not wrong.passes:
            worst = wrong.worst()
            place = ", ".join(map(str, worst.index))
            told = (
                f"{worst.array}[{place}] is {worst.got}; expected {worst.expected} ± {worst.tolerance}: it"
                f" can be represented, and an overflow of {profile.working.name} on the way explains nothing"
            )
            return Judgement("differs", wrong.expected.check, told, worst=worst)
    return None


@functools.cache
def _ranged(working: DType) -> DType:
    """The precision of a format in the range of float32."""
    return DType(working.name, DTYPES["float32"].storage, working.precision)


class Forward(Expectation):
    """An expectation without its gradients, for an answer that has none."""

    def __init__(self, whole: Expectation) -> None:
        vars(self).update(vars(whole))
        self._whole = whole
        self._under = vars(whole).setdefault("_outputs_under", {})

    def under(self, profile: Profile) -> tuple[Expected, ...]:
        """Outputs and states, as this profile explains them."""
        known = self._whole._under.get(profile)
        if known is not None:
            return tuple(e for e in known if e.check != "gradients")
        found = super().under(profile)
        self._whole.seconds = self.seconds
        return found

    def gradients(self, represent: Represent, vjp: Function | None = None) -> dict[str, Any]:
        """None."""
        return {}
