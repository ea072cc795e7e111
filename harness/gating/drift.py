"""Whether one conforming answer is less accurate than another by more than rounding explains.

Both answers lie within their tolerances, so nothing is wrong; the question is whether accuracy was lost. The
judge measures an array by its mean squared error in carried standard deviations, over ``n`` elements. Two
correct answers that differ in nothing but the order of their roundings are both samples of errors whose
variance is at most the carried one. Accuracy was lost where both of these fail:

- ``n rms²`` stays below the quantile of chi-square with ``n`` degrees of freedom: the newer error is what a
  correct rounding may show. Roundings are bounded, and their squares' tails lighter than a normal error's.
- ``rms² / rms_before²`` stays below the quantile of F with ``n`` and ``n`` degrees of freedom: the newer
  error is no larger than the older one, but for chance.

Both are taken at the judge's own significance for a single check. Bits that are equal have not drifted, and
on data whose roundings repeat, where errors are no independent samples, only a change of profile counts.

A looser rounding profile is a loss by itself, if the implementation needed none so loose before with the same
options and dtype: an answer of few elements may fit a tighter profile by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from scipy import special

from ...numerics.data import DATA_SETS
from ...numerics.profiles import profiles
from ...numerics.tolerance import CHECKS_PER_RUN, FALSE_ALARMS_PER_RUN
from ..record import Margin, Verdict

__all__ = ["alike", "improvement", "loosest", "loss"]

ALPHA = FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN


Option = tuple[str, ...]


def loosest(verdicts: Iterable[Verdict]) -> dict[Option, int]:
    """The place of the loosest profile that each implementation needed, by its options and dtype."""
    found: dict[Option, int] = {}
    for verdict in verdicts:
        option = _option(verdict)
        found[option] = max(found.get(option, -1), _rank(verdict))
    return found


def loss(before: Verdict, after: Verdict, usual: Mapping[Option, int] = MappingProxyType({})) -> str:
    """What accuracy was lost between two verdicts that conform, in words; empty if none was.

    Args:
        before: the earlier verdict.
        after: the later verdict, on the same case and implementation.
        usual: what the implementation needed before, from `loosest`.
    """
    older, newer = _rank(before), _rank(after)
    if newer > max(older, usual.get(_option(before), -1)):
        return f"rounds as {after.profile}, no longer as {before.profile}"
    if newer != older or not _independent(after.case):
        return ""
    worse = [pair for pair in _pairs(before, after) if _worse(*pair)]
    if not worse:
        return ""
    least, most = max(worse, key=lambda pair: pair[1].rms)
    return (
        f"the error of {most.array} grew from {least.rms:.3g} to {most.rms:.3g} standard deviations, "
        "which is more than rounding explains"
    )


def improvement(before: Verdict, after: Verdict) -> bool:
    """Whether the later verdict is the more accurate one, by the same measure."""
    return bool(loss(after, before))


def alike(before: Margin, after: Margin, inaccurate: bool) -> bool:
    """Whether two errors of one array may be the same wrong answer, rounded differently.

    If so, the two errors differ by roundings of at most twice the carried variance together, and so, by the
    triangle inequality, do their root mean squares. Where an answer is merely ``inaccurate``, its error is
    itself made of roundings, of whatever size, and two samples of it are compared by their ratio.
    """
    if before.size != after.size:
        return 0 in (before.size, after.size)
    if before.size == 0:
        return True
    least, most = sorted((before.rms, after.rms))
    noise = (2 * _largest_mean_square(after.size)) ** 0.5
    return most - least <= noise or (inaccurate and most <= least * _largest_ratio(after.size) ** 0.5)


def _worse(before: Margin, after: Margin) -> bool:
    size = min(before.size, after.size)
    if size == 0 or after.rms <= before.rms:
        return False
    explained = after.rms**2 <= _largest_mean_square(size)
    return not explained and after.rms**2 > before.rms**2 * _largest_ratio(size)


def _largest_mean_square(size: int) -> float:
    """Mean of the squares of so many independent errors of variance 1, exceeded once in 1/`ALPHA`."""
    return float(special.chdtri(size, ALPHA)) / size


def _largest_ratio(size: int) -> float:
    """Ratio of two such means, exceeded once in 1/`ALPHA`: F is symmetric under exchange of its parts."""
    return 1 / float(special.fdtri(size, size, ALPHA))


def _pairs(before: Verdict, after: Verdict) -> Iterator[tuple[Margin, Margin]]:
    """The margins of each array that both have."""
    older = {margin.array: margin for margin in before.margins}
    return ((older[margin.array], margin) for margin in after.margins if margin.array in older)


def _option(verdict: Verdict) -> Option:
    return verdict.implementation, verdict.target, *verdict.case.split("/")[:3]


def _rank(verdict: Verdict) -> int:
    """Place of the verdict's profile among those of its dtype, tightest first; -1 if it names none."""
    parts = verdict.case.split("/")
    try:
        names = [profile.name for profile in profiles(parts[2])]
    except (ValueError, IndexError, KeyError):
        return -1
    return names.index(verdict.profile) if verdict.profile in names else -1


def _independent(case: str) -> bool:
    parts = case.split("/")
    known = DATA_SETS.get(parts[3]) if len(parts) == 5 else None
    return known is not None and known.independent
