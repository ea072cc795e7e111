"""Waivers: changes that a team knows of and accepts, in a TOML file that people edit.

A waiver has the form of a deviation. It names the outcome that the candidate must have, which is checked,
and it never widens a tolerance. An entry that has expired, or whose outcome nobody shows any more, is a
complaint, because a record must be true; so is an entry that matches nothing where all was asked.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import tomlkit

from ..specs import all_specs
from ..specs.case import Case, parse
from .compare import Change, Gate, replaced
from .deviations import Deviation, on_file
from .record import Record, Target, Verdict

__all__ = ["apply", "read_waivers", "waiver", "write_waiver"]

THOROUGH = ("standard", "full")
"""Tiers that meet every pair of options, so that what they do not meet is not there."""

RAISED = re.compile(r"(?:raised where a value is expected|its gradient raises): ([^\n]{1,120})")

HEAD = "# Changes that are known and accepted; `assay gate --waivers` checks them.\n"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    waiver: tuple[Deviation, ...] = ()


def read_waivers(path: Path) -> tuple[Deviation, ...]:
    """The waivers in a TOML file.

    Raises:
        ValueError: there is no such file, or an entry is not of the form of a waiver; says which.
    """
    if not path.is_file():
        raise ValueError(f"there is no file of waivers at {path}; `assay waive` writes one")
    try:
        entries = msgspec.toml.decode(path.read_bytes(), type=_File).waiver
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    for entry in entries:
        if entry.parameters:
            raise ValueError(
                f"{path}: {entry.name!r} names parameters; a waiver names the outcome that is expected"
            )
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: two waivers are called {twice[0]!r}; give each a name of its own")
    return entries


def apply(gate: Gate, candidate: Record, waivers: Sequence[Deviation], today: datetime.date) -> Gate:
    """The gate, with the changes that waivers account for, and with what is not true of waivers."""
    valid = [entry for entry in waivers if not _expired(entry, today)]
    scope = _Scope((*gate.baseline.targets, *gate.candidate.targets))
    changes = [_known(change, valid, scope) for change in gate.changes]
    complaints = _complaints("waiver", waivers, candidate, today)
    return replaced(gate, changes, (*complaints, *_complaints("deviation", on_file(), candidate, today)))


def _known(change: Change, waivers: Iterable[Deviation], scope: _Scope) -> Change:
    """The change with the name of the waiver that expects it."""
    if change.known:
        return change
    for entry in waivers:
        if scope.covers(entry, change.verdict) and entry.holds(_expected(change)):
            return msgspec.structs.replace(change, known=entry.name)
    return change


def _expected(change: Change) -> Verdict:
    """The verdict that a waiver of the change must name: what is gone is unsupported."""
    if change.after is not None:
        return change.after
    return msgspec.structs.replace(change.verdict, outcome="unsupported", message=change.message)


def _expired(entry: Deviation, today: datetime.date) -> bool:
    return entry.expires is not None and entry.expires <= today


def _complaints(
    noun: str, entries: Sequence[Deviation], candidate: Record, today: datetime.date
) -> Iterator[str]:
    """What is not true any more of waivers or deviations, one sentence for each entry."""
    scope = _Scope(candidate.targets)
    thorough = candidate.tier in THOROUGH and candidate.complete
    for entry in entries:
        if _expired(entry, today):
            yield (
                f"the {noun} {entry.name!r} expired on {entry.expires}: "
                "look at it again, then remove it or give it a later date"
            )
            continue
        concerned = [v for v in candidate.verdicts if scope.concerns(entry, v)]
        covered = [v for v in concerned if scope.covers(entry, v)]
        # A deviation on file says what happens under a condition that a small tier may never quite meet.
        strict = thorough or noun == "waiver"
        if covered and strict and not any(map(entry.holds, covered)):
            example, expected = covered[0], entry.outcome or entry.parameters
            yield (
                f"the {noun} {entry.name!r} no longer holds: it expects {expected}, which none of "
                f"{len(covered):,} cases that it means shows; {example.case} on {example.implementation} "
                f"is {example.outcome} now; remove it"
            )
        elif concerned and thorough and not covered:
            yield (
                f"the {noun} {entry.name!r} matches nothing: {concerned[0].implementation} was asked "
                f"{concerned[0].spec}, and no case of it is meant; correct its case, dtype or condition"
            )


class _Scope:
    """Which verdicts an entry speaks of; cases that this version of the specs does not know are left out."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._targets = {target.name: target for target in targets}
        self._cases: dict[str, Case | None] = {}
        self._concerned: dict[tuple[int, str, str, str], bool] = {}

    def concerns(self, entry: Deviation, verdict: Verdict) -> bool:
        """Whether an entry speaks of some cases on the verdict's implementation."""
        key = id(entry), verdict.spec, verdict.implementation, verdict.target
        if key not in self._concerned:
            target = self._targets.get(verdict.target)
            self._concerned[key] = target is not None and entry.concerns(*key[1:3], target)
        return self._concerned[key]

    def covers(self, entry: Deviation, verdict: Verdict) -> bool:
        """Whether an entry speaks of a verdict's case and implementation."""
        case = self._case(verdict.case) if self.concerns(entry, verdict) else None
        if case is None or (verdict.outcome == "unsupported" and entry.outcome != "unsupported"):
            return False
        return entry.covers(case)

    def _case(self, case_id: str) -> Case | None:
        if case_id not in self._cases:
            try:
                self._cases[case_id] = parse(case_id, all_specs())
            except ValueError:
                self._cases[case_id] = None
        return self._cases[case_id]


# --- writing -----------------------------------------------------------------------------------------------


def waiver(
    changes: Sequence[Change],
    targets: Iterable[Target],
    reason: str,
    link: str,
    expires: datetime.date | None,
) -> dict[str, object]:
    """The entry that accounts for changes that are alike, as narrow as one entry can be."""
    verdicts = [change.verdict for change in changes]
    expected = _expected(changes[0])
    named = {target.name: target for target in targets}
    found = [named[verdict.target] for verdict in verdicts if verdict.target in named]
    entry: dict[str, object] = {
        "name": _name(changes[0]),
        "reason": reason,
        "link": link,
        "implementation": expected.implementation,
        "case": _common([verdict.case for verdict in verdicts]),
        "framework": _common(dict.fromkeys(target.framework for target in found)),
        "device": _common(dict.fromkeys(target.device for target in found)),
        "outcome": expected.outcome,
        "message": _quote(expected),
        "profile": expected.profile or "",
        "versions": _versions(found),
        "expires": expires,
    }
    return {name: value for name, value in entry.items() if value or name in ("reason", "link")}


def write_waiver(path: Path, entry: dict[str, object]) -> str:
    """Add an entry at the end of a file, which keeps its comments and order, and is made if it is missing.

    Returns:
        The entry's name, which is none that the file had.

    Raises:
        ValueError: the file is no TOML.
    """
    try:
        document = tomlkit.parse(path.read_text("utf-8") if path.exists() else HEAD)
    except tomlkit.exceptions.TOMLKitError as error:
        raise ValueError(f"{path} is no TOML: {error}") from error
    tables = document.setdefault("waiver", tomlkit.aot())
    taken = {table["name"] for table in tables}
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


def _quote(verdict: Verdict) -> str:
    """The part of a message that does not depend on the case: the text of an exception."""
    found = RAISED.search(verdict.message)
    return found[1].partition(" (at `")[0] if found else ""


def _versions(targets: Sequence[Target]) -> dict[str, str]:
    """The versions at hand, from which on a change is known."""
    versions = targets[0].versions if targets else {}
    alike = all(target.versions == versions for target in targets)
    return {name: f">={value.partition('+')[0]}" for name, value in versions.items()} if alike else {}
