"""Waivers: changes that a team knows of and accepts, in a TOML file that people edit.

A waiver has the form of a deviation. It names the outcome that the candidate must have, which is checked,
and it never widens a tolerance. An entry that has expired, or whose outcome nobody shows any more, is a
complaint, because a record must be true; so is an entry that matches nothing where all was asked.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import tomlkit

from ...errors import Usage
from ...specs import all_specs
from ...specs.language.case import Case, parse
from ..judging.deviations import Deviation, NoValue, on_file, unexplained
from ..record import Problem, Record, Target, Verdict
from .compare import Change, Gate, replaced
from .meanings import AtlasWaiver

__all__ = ["apply", "read_atlas_waivers", "read_waivers", "waivers_of", "write_waiver"]

THOROUGH = ("standard", "full")
"""Tiers that meet every pair of options, so that what they do not meet is not there."""

RAISED = re.compile(r"(?:raised where a value is expected|its gradient raises): ([^\n]{1,120})")

HEAD = "# Changes that are known and accepted; `assay gate --waivers` checks them.\n"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    waiver: tuple[Deviation, ...] = ()
    atlas: tuple[AtlasWaiver, ...] = ()


def read_waivers(path: Path) -> tuple[Deviation, ...]:
    """The waivers of verdicts in a TOML file.

    Raises:
        ValueError: there is no such file, or an entry is not of the form of a waiver; says which.
    """
    entries = _read(path).waiver
    for entry in entries:
        if entry.parameters:
            raise Usage(
                f"{path}: {entry.name!r} names parameters; a waiver names the outcome that is expected"
            )
    return entries


def read_atlas_waivers(path: Path) -> tuple[AtlasWaiver, ...]:
    """The waivers of what changed beside the numbers; raises as `read_waivers` does."""
    return _read(path).atlas


def _read(path: Path) -> _File:
    if not path.is_file():
        raise Usage(f"there is no file of waivers at {path}; `assay waive` writes one")
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Usage(f"{path}: {error}") from error
    names = Counter([*(entry.name for entry in found.waiver), *(entry.name for entry in found.atlas)])
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise Usage(f"{path}: two waivers are called {twice[0]!r}; give each a name of its own")
    return found


def apply(gate: Gate, candidate: Record, waivers: Sequence[Deviation], today: datetime.date) -> Gate:
    """The gate, with the changes that waivers account for, and with what is not true of waivers.

    A deviation on file whose condition raises is trouble: what it says could not be compared.

    Raises:
        Usage: the condition of a waiver raises; says which, and in which case.
    """
    scope = _Scope((*gate.baseline.targets, *gate.candidate.targets))
    answers = _Answers(candidate)
    valid = [_Meant(entry, scope) for entry in waivers if not _expired(entry, today)]
    try:
        changes = [_known(change, valid) for change in gate.changes]
        complaints = [*_complaints("waiver", waivers, answers, today)]
    except NoValue as error:
        raise Usage(
            f"the waiver {error}; correct it, or say in its spec and case what it is about"
        ) from error
    troubles: list[str] = []
    for entry in on_file():
        try:
            complaints += _complaints("deviation", (entry,), answers, today)
        except NoValue as error:
            troubles.append(f"a defect of assay's own, in the deviation {error}")
    return replaced(gate, changes, complaints, troubles)


def _known(change: Change, waivers: Iterable[_Meant]) -> Change:
    """The change with the name of the waiver that expects it, if waivers expect all that is wrong."""
    if change.known:
        return change
    expected = _expected(change)
    entries = [meant.entry for meant in waivers if meant.covers(expected)]
    names = [
        next((entry.name for entry in entries if entry.excuses(problem, expected.profile)), "")
        for problem in unexplained(expected)
    ]
    return msgspec.structs.replace(change, known=names[0]) if all(names) else change


def _expected(change: Change) -> Verdict:
    """The verdict that a waiver of the change must name: what is gone is unsupported."""
    if change.after is not None:
        return change.after
    return msgspec.structs.replace(change.verdict, outcome="unsupported", message=change.message)


def _expired(entry: Deviation, today: datetime.date) -> bool:
    return entry.expires is not None and entry.expires <= today


def _complaints(
    noun: str, entries: Sequence[Deviation], answers: _Answers, today: datetime.date
) -> Iterator[str]:
    """What is not true any more of waivers or deviations, one sentence for each glob of an entry."""
    for entry in entries:
        if _expired(entry, today):
            yield (
                f"the {noun} {entry.name!r} expired on {entry.expires}: "
                "look at it again, then remove it or give it a later date"
            )
        else:
            told = (_complaint(noun, part, answers) for part in _parts(entry))
            yield from filter(None, told)


def _parts(entry: Deviation) -> Iterator[Deviation]:
    """The entry, once for each spec and implementation that it lists: each must be true."""
    specs, implementations = (
        (globs,) if isinstance(globs, str) else globs for globs in (entry.spec, entry.implementation)
    )
    for spec, implementation in itertools.product(specs, implementations):
        yield msgspec.structs.replace(entry, spec=spec, implementation=implementation)


def _complaint(noun: str, entry: Deviation, answers: _Answers) -> str:
    meant = _Meant(entry, answers.scope)
    concerned = answers.concerned_by(meant)
    covered = list(filter(meant.covers, concerned))
    what = f"the {noun} {entry.name!r} ({entry.spec} in {entry.implementation})"
    # A deviation on file says what happens under a condition that a small tier may never quite meet.
    if covered and (answers.thorough or noun == "waiver") and not any(map(entry.holds, covered)):
        example, expected = covered[0], entry.outcome or f"what {entry.parameters} explain"
        return (
            f"{what} no longer holds: it expects {expected}, which none of the {len(covered):,} cases that "
            f"it means shows; {example.case} on {example.implementation} is {example.outcome} now; remove it"
        )
    if concerned and answers.thorough and not covered:
        return (
            f"{what} matches nothing: {concerned[0].implementation} was asked {concerned[0].spec}, "
            "and no case of it is meant; correct its case, dtype or condition"
        )
    return ""


class _Scope:
    """The targets and cases that verdicts name; a case that today's specs do not know is None."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self.targets = {target.name: target for target in targets}
        self._cases: dict[str, Case | None] = {}

    def case(self, case_id: str) -> Case | None:
        """The case of an id."""
        if case_id not in self._cases:
            try:
                self._cases[case_id] = parse(case_id, all_specs())
            except ValueError:
                self._cases[case_id] = None
        return self._cases[case_id]


class _Answers:
    """What a candidate answered, by implementation: an entry speaks of few of them."""

    def __init__(self, candidate: Record) -> None:
        self.scope = _Scope(candidate.targets)
        self.thorough = candidate.tier in THOROUGH and candidate.complete
        self._verdicts: defaultdict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
        for verdict in candidate.verdicts:
            self._verdicts[verdict.spec, verdict.implementation, verdict.target].append(verdict)

    def concerned_by(self, meant: _Meant) -> list[Verdict]:
        """The verdicts of the implementations that an entry speaks of."""
        return [v for verdicts in self._verdicts.values() if meant.concerns(verdicts[0]) for v in verdicts]


class _Meant:
    """Which verdicts an entry speaks of."""

    def __init__(self, entry: Deviation, scope: _Scope) -> None:
        self.entry, self._scope = entry, scope
        self._concerned: dict[tuple[str, str, str], bool] = {}

    def concerns(self, verdict: Verdict) -> bool:
        """Whether the entry speaks of some cases on the verdict's implementation."""
        key = verdict.spec, verdict.implementation, verdict.target
        if key not in self._concerned:
            target = self._scope.targets.get(verdict.target)
            self._concerned[key] = target is not None and self.entry.concerns(*key[:2], target)
        return self._concerned[key]

    def covers(self, verdict: Verdict) -> bool:
        """Whether the entry speaks of the verdict's case and implementation."""
        case = self._scope.case(verdict.case) if self.concerns(verdict) else None
        if case is None or (verdict.outcome == "unsupported" and self.entry.outcome != "unsupported"):
            return False
        return self.entry.covers(case)


# --- writing -----------------------------------------------------------------------------------------------


def waivers_of(
    changes: Sequence[Change],
    targets: Iterable[Target],
    reason: str,
    link: str,
    expires: datetime.date | None,
) -> list[dict[str, object]]:
    """The entries that account for changes that are alike, one for each problem, as narrow as can be."""
    verdicts = [change.verdict for change in changes]
    expected = _expected(changes[0])
    named = {target.name: target for target in targets}
    found = [named[verdict.target] for verdict in verdicts if verdict.target in named]
    shared: dict[str, object] = {
        "name": _name(changes[0]),
        "reason": reason,
        "link": link,
        "implementation": expected.implementation,
        "case": _common([verdict.case for verdict in verdicts]),
        "framework": _common(dict.fromkeys(target.framework for target in found)),
        "device": _common(dict.fromkeys(target.device for target in found)),
    }
    last: dict[str, object] = {
        "profile": expected.profile or "",
        "versions": _versions(found),
        "expires": expires,
    }
    entries = [shared | _wrong(problem) | last for problem in unexplained(expected)]
    kept = ("reason", "link")
    return [{name: value for name, value in entry.items() if value or name in kept} for entry in entries]


def _wrong(problem: Problem) -> dict[str, object]:
    return {"outcome": problem.outcome, "check": problem.check, "message": _quote(problem)}


def write_waiver(path: Path, entry: dict[str, object], kind: str = "waiver") -> str:
    """Add an entry at the end of a file, which keeps its comments and order, and is made if it is missing.

    One of what changed beside the numbers is of the ``kind`` atlas.

    Returns:
        The entry's name, which is none that the file had.

    Raises:
        ValueError: the file is no TOML.
    """
    try:
        document = tomlkit.parse(path.read_text("utf-8") if path.exists() else HEAD)
    except (tomlkit.exceptions.TOMLKitError, UnicodeDecodeError) as error:
        raise Usage(f"{path} is no TOML: {error}") from error
    tables = document.setdefault(kind, tomlkit.aot())
    taken = {table["name"] for name in ("waiver", "atlas") for table in document.get(name, ())}
    table = tomlkit.table()
    for name, value in entry.items():
        table.add(name, _inline(value) if isinstance(value, dict) else value)
    table["name"] = _unique(str(entry["name"]), taken)
    tables.append(table)
    draft = path.with_name(f"{path.name}.tmp")
    draft.write_text(tomlkit.dumps(document), "utf-8")
    draft.replace(path)
    return str(table["name"])


def _inline(values: dict[str, str]) -> tomlkit.items.InlineTable:
    table = tomlkit.inline_table()
    table.update(values)
    return table


def _unique(name: str, taken: set[str]) -> str:
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def _name(change: Change) -> str:
    last = change.verdict.implementation.rpartition(".")[2]
    return re.sub(r"[^a-z0-9]+", "-", f"{last} {change.spec} {change.kind}".lower()).strip("-")


def _common(texts: Iterable[str]) -> str:
    """A glob for texts: the parts between slashes that all share, and ``*`` for the others."""
    rows = [text.split("/") for text in dict.fromkeys(texts)]
    if not rows or len({len(row) for row in rows}) > 1:
        return "*"
    return "/".join(part[0] if len(set(part)) == 1 else "*" for part in zip(*rows, strict=True))


def _quote(problem: Problem) -> str:
    """The part of a message that does not depend on the case: the text of an exception."""
    found = RAISED.search(problem.message)
    return found[1].partition(" (at `")[0] if found else ""


def _versions(targets: Sequence[Target]) -> dict[str, str]:
    """The versions at hand, from which on a change is known."""
    versions = targets[0].versions if targets else {}
    alike = all(target.versions == versions for target in targets)
    return {name: f">={value.partition('+')[0]}" for name, value in versions.items()} if alike else {}
