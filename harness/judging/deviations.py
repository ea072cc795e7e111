"""Deviations on file: differences that are understood, each with its reason, link and expected outcome.

A deviation never widens a tolerance, and excuses one thing. It names either other parameter values, under
which the reference must explain the result, or the check that fails, with its very outcome and message;
everything else of the answer must still conform, or be what another entry says. A waiver is a deviation
in a file of the user's, which names an outcome and says for how long.
"""

from __future__ import annotations

import datetime
import fnmatch
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ...specs.language.case import BREAKS, Case
from ...specs.language.expression import ExpressionError, checked, evaluate
from ..record import Outcome, Problem, Target, Verdict
from .expectation import Expectation
from .judge import Answer, Judgement, judge

__all__ = ["Deviation", "NoValue", "deviating", "fits", "on_file", "unexplained"]

FILE = Path(__file__).resolve().parents[2] / "specs" / "deviations.toml"

Globs = str | tuple[str, ...]


class NoValue(Exception):
    """A condition raises in a case; says which entry, condition and case."""


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One understood difference.

    Args:
        name: what reports call it.
        reason: why it is so, in a sentence.
        link: the framework's documentation, issue or source.
        spec: globs over names of specs.
        implementation: globs over public APIs.
        case: globs over case ids.
        framework: globs over frameworks; ``keras`` is Keras on any backend, ``keras[jax]`` on one.
        device: ``cpu``, ``cuda`` or a glob.
        mode: globs over modes, such as ``xla``; of every mode where it is not given.
        dtype: globs over dtypes.
        when: expression over the names of a case.
        versions: distributions with their version ranges, as ``{jax = ">=0.4"}``.
        parameters: values under which the reference says what the implementation does.
        outcome: the outcome that is expected instead.
        check: globs over the checks that may then fail.
        message: text that the message must then contain.
        profile: rounding profile that the verdict must then name.
        expires: the first day on which it no longer holds.

    Raises:
        ValueError: there is no reason, or not exactly one of ``parameters`` and ``outcome``, or a version
            range or the condition ``when`` cannot be read.
    """

    name: str
    reason: str
    link: str
    spec: Globs = "*"
    implementation: Globs = "*"
    case: Globs = "*"
    framework: Globs = "*"
    device: Globs = "*"
    mode: Globs = "*"
    dtype: Globs = "*"
    when: str = "True"
    versions: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    outcome: Outcome | None = None
    check: Globs = "*"
    message: str = ""
    profile: str = ""
    expires: datetime.date | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.name!r} gives no reason; say in a sentence why it is so")
        if bool(self.parameters) == bool(self.outcome):
            raise ValueError(f"{self.name!r} must name either the outcome that is expected or parameters")
        checked_versions(self.name, self.versions)
        try:
            checked(self.when)
        except ExpressionError as error:
            raise ValueError(f"in `when` of {self.name!r} {error}\n   ") from None

    def concerns(self, spec: str, api: str, target: Target) -> bool:
        """Whether this deviation speaks of some cases of a spec on this implementation."""
        return (
            fits(spec, self.spec)
            and fits(api, self.implementation)
            and fits(target.device, self.device)
            and fits(target.mode, self.mode)
            and any(fits(name, self.framework) for name in (target.framework, _family(target.framework)))
            and all(
                n in target.versions and target.versions[n] in SpecifierSet(r, prereleases=True)
                for n, r in self.versions.items()
            )
        )

    def covers(self, case: Case) -> bool:
        """Whether this deviation speaks of the case, where it concerns the implementation.

        Raises:
            NoValue: the condition has no value in this case.
        """
        return fits(case.id, self.case) and fits(case.dtype, self.dtype) and meant(self.name, self.when, case)

    def excuses(self, problem: Problem, profile: str | None = None) -> bool:
        """Whether a problem, in a verdict that names this rounding profile, is what this deviation means."""
        return (
            problem.outcome == self.outcome
            and fits(problem.check, self.check)
            and self.message in problem.message
            and self.profile in ("", profile)
        )

    def holds(self, verdict: Verdict) -> bool:
        """Whether a verdict shows what this deviation says, or was found to do so when it was judged."""
        told = any(problem.deviation == self.name for problem in verdict.problems)
        return told or any(self.excuses(problem, verdict.profile) for problem in unexplained(verdict))


def unexplained(verdict: Verdict) -> tuple[Problem, ...]:
    """What an entry must account for: each problem that is no deviation, or else the verdict as it stands."""
    problems = tuple(problem for problem in verdict.problems if problem.outcome != "deviates")
    return problems or (Problem(verdict.outcome, verdict.check, verdict.message),)


def meant(name: str, when: str, case: Case) -> bool:
    """Whether the condition of the entry of a name holds in a case.

    ``broken`` is the label of the constraint that an invalid case breaks, and ``breach`` the change by which
    it does.

    Raises:
        NoValue: the condition has no value in this case.
    """
    constraint = case.breaks
    broken, breach = (constraint.label, case.data.removeprefix(BREAKS)) if constraint else ("", "")
    try:
        return bool(evaluate(when, case.names | {"broken": broken, "breach": breach}))
    except Exception as error:
        raise NoValue(
            f"{name!r}: the condition {when!r} raises {type(error).__name__}: {error}, in the case {case.id}"
        ) from error


def checked_versions(name: str, versions: Mapping[str, str]) -> None:
    """Raises ValueError where the entry of a name has a version range that cannot be read."""
    for package, allowed in versions.items():
        try:
            SpecifierSet(allowed)
        except InvalidSpecifier:
            raise ValueError(f"{name!r}: {allowed!r} is no version range of {package}") from None


def _family(framework: str) -> str:
    return framework.partition("[")[0]


def fits(text: str, patterns: Globs) -> bool:
    """Whether a text is, or matches, one of the globs; ``keras[jax]`` is taken as it stands."""
    named = (patterns,) if isinstance(patterns, str) else patterns
    return any(text == pattern or fnmatch.fnmatchcase(text, pattern) for pattern in named)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    deviation: tuple[Deviation, ...] = ()


@functools.cache
def on_file(path: Path = FILE) -> tuple[Deviation, ...]:
    """The deviations in a TOML file.

    Raises:
        ValueError: an entry is not of the form of `Deviation`.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).deviation
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name}: {error}") from error


def deviating(
    expectation: Expectation, api: str, target: Target, answer: Answer, judgement: Judgement
) -> Judgement:
    """The judgement with every problem that an entry on file accounts for told as a deviation.

    Where entries account for all of them the outcome is ``deviates``; otherwise what is left stands first.
    """
    case = expectation.case
    entries = [d for d in on_file() if d.concerns(case.spec.name, api, target) and d.covers(case)]
    accounts = [[_told(problem, entries) for problem in judgement.problems]]
    for changed in (entry for entry in entries if entry.parameters):
        left = judge(Expectation(case, changed.parameters), answer, explain=False).problems
        excused = _as_deviation(judgement.problems[0], changed)
        accounts.append([excused, *(_told(problem, entries) for problem in left)])
    best = min(accounts, key=lambda told: len([p for p in told if p.outcome != "deviates"]))
    return judgement.with_problems(sorted(best, key=lambda problem: problem.outcome == "deviates"))


def _told(problem: Problem, entries: Iterable[Deviation]) -> Problem:
    """The problem, as a deviation if an entry excuses it."""
    excuse = next((entry for entry in entries if entry.excuses(problem)), None)
    return _as_deviation(problem, excuse) if excuse else problem


def _as_deviation(problem: Problem, entry: Deviation) -> Problem:
    reason = f"{entry.reason} ({entry.link})"
    return msgspec.structs.replace(problem, outcome="deviates", message=reason, deviation=entry.name)
