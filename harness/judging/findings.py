"""Findings on file: what frameworks are known to get wrong, each with its verdicts, derivation and cause.

They lie in ``specs/findings``, a TOML file for each family. A finding never excuses anything, and a verdict
that it accounts for fails as before: it says that somebody has seen it, has derived the right value a second
way, and where to read on. What no finding accounts for is new.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from packaging.specifiers import SpecifierSet

from ...specs import all_specs
from ...specs.language.case import Case, parse
from ...specs.language.expression import ExpressionError, checked
from ..record import Known, Problem, Record, Target, Verdict
from .deviations import Globs, NoValue, checked_versions, fits, meant, unexplained
from .noticing import Noticing, noticing

__all__ = [
    "Example",
    "Family",
    "Finding",
    "Link",
    "Shows",
    "accounts",
    "attributed",
    "families",
    "findings",
    "read_family",
    "with_findings",
]

FOLDER = Path(__file__).resolve().parents[2] / "specs" / "findings"

Standing = Literal["defect", "limit", "convention"]


class Shows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some of the verdicts that show a finding.

    Args:
        spec: globs over names of specs.
        implementation: globs over public APIs.
        outcome: globs over outcomes.
        check: globs over the checks that fail.
        when: expression over the names of a case; ``broken`` is the rule that an invalid one breaks,
            and ``breach`` the change by which it does, such as ``C3.2``.
        framework: globs over frameworks; ``keras`` is Keras on TensorFlow, ``keras[jax]`` on another backend.
        mode: the mode in which alone it shows, such as ``xla``.
        message: text that the problem's message holds.
        profile: the rounding profile, not declared, that explains the result.
    """

    spec: Globs
    implementation: Globs = "*"
    outcome: Globs = "*"
    check: Globs = "*"
    when: str = "True"
    framework: Globs = "*"
    mode: str = ""
    message: str = ""
    profile: str = ""

    def __post_init__(self) -> None:
        try:
            checked(self.when)
        except ExpressionError as error:
            raise ValueError(f"in `when` of verdicts of {self.spec} {error}\n   ") from None

    def concerns(self, verdict: Verdict, target: Target) -> bool:
        """Whether this speaks of some cases of the verdict's implementation."""
        return (
            fits(verdict.spec, self.spec)
            and fits(verdict.implementation, self.implementation)
            and fits(target.framework, self.framework)
            and fits(target.mode, self.mode or "*")
        )

    def tells(self, problem: Problem, case: Case | None) -> bool:
        """Whether a problem of such a verdict is one that this speaks of."""
        return (
            fits(problem.outcome, self.outcome)
            and fits(problem.check or "raised", self.check)
            and self.message in problem.message
            and self.profile in ("", problem.explained_by)
            and (self.when == "True" or (case is not None and self._meant(case)))
        )

    def _meant(self, case: Case) -> bool:
        """Whether the condition holds; where a spec has not the names that it is about, it does not."""
        try:
            return meant("a finding", self.when, case)
        except NoValue:
            return False


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case that shows a finding, the implementation that it is put to, and in which framework and mode.

    ``got`` and ``expected`` are the numbers that decided, where there are such.
    """

    case: str
    implementation: str
    framework: str
    mode: str
    got: str = ""
    expected: str = ""

    @property
    def noticing(self) -> tuple[Noticing, ...]:
        """What frameworks' own tests would make of it, if they asked this case; nothing without numbers."""
        if not (self.got and self.expected):
            return ()
        return noticing(self.implementation, self.got, self.expected, self.case.split("/")[2])

    def asked(self, verdict: Verdict, target: Target) -> bool:
        """Whether a verdict on a target is the answer."""
        named = verdict.case, verdict.implementation, target.framework, target.mode
        return named == (self.case, self.implementation, self.framework, self.mode)


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a finding is reported or mended, and in which state that was when it was last read."""

    url: str
    state: Literal["", "open", "closed", "merged"] = ""


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a framework is known to get wrong, or, as a convention, to settle in its own way.

    Args:
        id: short and stable; what reports and commands call it.
        title: what happens, in a sentence without its full stop.
        standing: ``defect``, or a ``limit`` that its framework states or cannot well mend, or a
            ``convention``.
        about: specs, APIs and kinds of verdict, as a reader looks for them.
        what: what happens, with figures.
        right: the right value, derived without the framework.
        cause: the cause, *inferred* where it was not traced in the source.
        headline: why every user should know it, for the few that are such.
        links: where it is reported.
        versions: distributions with the ranges in which it holds, as ``{keras = "<=3.15.1"}``; of those that
            are not named, every one that was asked.
        verdicts: what shows it; none where it lies outside of what a run asks.
        examples: cases that show it, the smallest first.
        script: where no run shows it, a program that does, with the framework alone; it prints what comes
            and what is right, and ends with 0 where it is mended.
        steady: whether the examples show it on every machine, so that one that does not is news.

    Raises:
        ValueError: there is no text, a defect with verdicts has no example, or a range cannot be read.
    """

    id: str
    title: str
    standing: Standing
    about: str
    what: str
    right: str = ""
    cause: str = ""
    headline: str = ""
    links: tuple[Link, ...] = ()
    versions: dict[str, str] = {}
    verdicts: tuple[Shows, ...] = ()
    examples: tuple[Example, ...] = ()
    script: str = ""
    steady: bool = True

    def __post_init__(self) -> None:
        if not self.id or self.id != self.id.lower() or not self.id.replace("-", "").isalnum():
            raise ValueError(f"{self.id!r} is no name of a finding: lower case, words joined by hyphens")
        if not (self.title.strip() and self.what.strip()):
            raise ValueError(f"{self.id!r} needs a title, and text that says what happens")
        checked_versions(self.id, self.versions)

    def holds_on(self, target: Target) -> bool:
        """Whether it is known of the versions of a target."""
        return all(
            target.versions[package] in SpecifierSet(allowed, prereleases=True)
            for package, allowed in self.versions.items()
            if package in target.versions
        )

    def shown_by(self, verdict: Verdict, target: Target) -> bool:
        """Whether something that is wrong with a failing verdict is what this finding says."""
        if not (verdict.failing and self.holds_on(target)):
            return False
        told = [shows for shows in self.verdicts if shows.concerns(verdict, target)]
        case = _case(verdict.case)
        return any(shows.tells(problem, case) for problem in unexplained(verdict) for shows in told)


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of findings: the heading of its chapter, what is said before them, and the findings."""

    title: str
    place: int
    text: str = ""
    finding: tuple[Finding, ...] = ()


def read_family(path: Path) -> Family:
    """The findings of a file.

    Raises:
        ValueError: an entry is not of the form of `Finding`; names the file and the place.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Family)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error


@functools.cache
def families(folder: Path = FOLDER) -> dict[str, Family]:
    """Every family of findings by the name of its file, in the order of the page.

    Raises:
        ValueError: a file cannot be read, or two findings have one name.
    """
    found = {path.stem: read_family(path) for path in folder.glob("*.toml")}
    names = Counter(one.id for family in found.values() for one in family.finding)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"two findings are called {twice[0]!r}; give each a name of its own")
    return dict(sorted(found.items(), key=lambda item: item[1].place))


@functools.cache
def findings() -> dict[str, Finding]:
    """Every finding by its name, in the order of the page."""
    return {one.id: one for family in families().values() for one in family.finding}


# --- which verdicts are known ------------------------------------------------------------------------------


@functools.cache
def _entries() -> tuple[tuple[Shows, Finding], ...]:
    """What findings say of verdicts, the narrower first: with a mode or condition, and last of every spec."""
    pairs = ((shows, one) for one in findings().values() for shows in one.verdicts)
    return tuple(sorted(pairs, key=lambda pair: _breadth(pair[0])))


def _breadth(shows: Shows) -> tuple[bool, bool, bool]:
    return shows.spec == "*", not shows.mode, shows.when == "True"


def accounts(verdict: Verdict, target: Target, *, by_mode: bool = False) -> tuple[str, ...]:
    """The findings that account for all that is wrong with a failing verdict; none where something is new.

    Args:
        verdict: any verdict; what does not fail needs no account.
        target: what it was given on.
        by_mode: whether only what names a mode counts.
    """
    return _told(verdict, _concerned(verdict, target), by_mode=by_mode) if verdict.failing else ()


Entries = Sequence[tuple[Shows, Finding]]


def _concerned(verdict: Verdict, target: Target) -> Entries:
    """What findings say of the verdict's implementation on a target."""
    return [(s, o) for s, o in _entries() if s.concerns(verdict, target) and o.holds_on(target)]


def _told(verdict: Verdict, entries: Entries, *, by_mode: bool = False) -> tuple[str, ...]:
    case = _case(verdict.case)
    told = [
        next((o.id for s, o in entries if (s.mode or not by_mode) and s.tells(problem, case)), "")
        for problem in unexplained(verdict)
    ]
    return tuple(dict.fromkeys(told)) if all(told) else ()


@functools.lru_cache(maxsize=1 << 16)
def _case(case_id: str) -> Case | None:
    """The case of an id; None where specs have changed since."""
    try:
        return parse(case_id, all_specs())
    except ValueError:
        return None


def attributed(record: Record) -> Record:
    """The record with the findings that account for its verdicts, and with what became of these findings."""
    targets = {target.name: target for target in record.targets}
    entries: dict[tuple[str, str, str], Entries] = {}
    for verdict in (v for v in record.verdicts if v.failing and v.target in targets):
        key = verdict.spec, verdict.implementation, verdict.target
        if key not in entries:
            entries[key] = _concerned(verdict, targets[verdict.target])
    verdicts = tuple(
        msgspec.structs.replace(v, findings=_told(v, entries[v.spec, v.implementation, v.target]))
        if v.failing and v.target in targets
        else v
        for v in record.verdicts
    )
    shown = Counter(name for verdict in verdicts for name in verdict.findings)
    answers: defaultdict[tuple[str, str], list[tuple[Verdict, Target]]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.target in targets and verdict.outcome != "unsupported":
            answers[verdict.case, verdict.implementation].append((verdict, targets[verdict.target]))
    known = (_known(one, shown[one.id], answers) for one in findings().values())
    return msgspec.structs.replace(record, verdicts=verdicts, findings=tuple(filter(None, known)))


def with_findings(record: Record) -> Record:
    """The record, attributed where that was not done when it was written."""
    told = record.findings or any(verdict.findings for verdict in record.verdicts)
    return record if told else attributed(record)


Answers = Mapping[tuple[str, str], Sequence[tuple[Verdict, Target]]]
"""Verdicts with their targets, by case and implementation."""


def _known(one: Finding, shown: int, answers: Answers) -> Known | None:
    """What a run says of a finding, which accounts for so many verdicts; None where it says nothing."""
    asked = [
        (verdict, target)
        for example in one.examples
        for verdict, target in answers.get((example.case, example.implementation), ())
        if one.steady and example.asked(verdict, target) and one.holds_on(target)
    ]
    good = [(v.case, v.implementation, v.target) for v, _ in asked if v.outcome == "conforms"]
    stale = bool(asked) and not any(one.shown_by(*answer) for answer in asked)
    if not (shown or good or stale):
        return None
    link = next((link.url for link in one.links), "")
    return Known(one.id, one.title, one.standing, link, shown, tuple(good), stale)
