"""Two records compared, case by case and implementation by implementation: the document of a gate.

Only what both were asked is compared: the same case, with the same bits of input, on the same target. What
could not be compared is trouble, in a sentence of its own, and never counts as a change of a number.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from packaging.utils import canonicalize_name

from ...errors import Usage
from ..judging.findings import with_findings
from ..judging.meant import MEANT
from ..mapping.changes import Change as Meaning
from ..record import Record, Target, Verdict
from ..running.provenance import version
from .drift import alike, improvement, loosest, loss

__all__ = ["KINDS", "Change", "Gate", "Kind", "Side", "Tally", "compare", "read_gate"]

FORMAT = 1
"""Version of the document's format."""

Kind = Literal["regressed", "changed", "drifted", "missing", "new", "fixed", "same", "unsupported"]

KINDS: dict[Kind, str] = {
    "regressed": "was right, and is not now",
    "changed": "another wrong answer, or another deviation",
    "drifted": "still conforms, with more error than rounding explains",
    "missing": "ran or could be judged before, and cannot now",
    "new": "runs now, and did not before",
    "fixed": "was wrong, and is right now: the baseline is out of date",
    "same": "came out as before",
    "unsupported": "could be asked of neither: nothing was compared",
}
"""Every class of a comparison with its meaning, what matters most first."""


class Side(msgspec.Struct, frozen=True):
    """What a gate keeps of one of its two records; ``python`` is the interpreter, if it ran for the gate."""

    label: str
    assay: str
    started: str
    seconds: float
    tier: str
    complete: bool
    command: str
    machine: dict[str, str]
    targets: tuple[Target, ...]
    python: str = ""

    @classmethod
    def of(cls, record: Record, label: str) -> Side:
        """The facts of a record."""
        return cls(label, *(getattr(record, name) for name in cls.__struct_fields__[1:-1]))


class Change(msgspec.Struct, frozen=True):
    """One case on one implementation that did not come out as before.

    ``cause`` is what groups changes; ``message`` tells of this one; ``known`` names the deviation or waiver
    that says it is understood.
    """

    kind: Kind
    cause: str
    message: str
    before: Verdict | None
    after: Verdict | None
    known: str = ""

    @property
    def verdict(self) -> Verdict:
        """The later verdict, or the earlier one where there is no later."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def spec(self) -> str:
        """Name of the spec."""
        return self.verdict.spec

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings on file that account for what fails, or for what failed and does no more."""
        verdicts = [verdict for verdict in (self.after, self.before) if verdict is not None]
        return next((verdict.findings for verdict in verdicts if verdict.failing), ())

    @property
    def unheard(self) -> bool:
        """Whether the gate does not let it pass, and it is neither a finding on file nor the end of one."""
        return self.failing and (self.kind == "missing" or not self.findings)

    @property
    def failing(self) -> bool:
        """Whether the gate does not let it pass: what is new passes if it is right."""
        wrong = self.after is not None and self.after.failing
        return not self.known and (wrong if self.kind == "new" else True)


class Tally(msgspec.Struct, frozen=True):
    """How one implementation compares: number of cases of each class, and of answers that are equal.

    ``identical`` answers have the same bits, or none because both raised, with the same message.
    """

    spec: str
    implementation: str
    target: str
    kinds: dict[str, int]
    compared: int
    identical: int
    improved: int


class Gate(msgspec.Struct, frozen=True):
    """Two runs compared.

    ``troubles`` say what could not be compared, ``complaints`` which waivers are not true any more, ``notes``
    what else differs between the two runs; ``accept`` is the command that makes the candidate the baseline;
    ``findings`` are the titles of those on file that changes name; ``atlas`` is what changed beside numbers:
    defaults, arguments, weights, types, errors and names, where both atlases are known.
    """

    assay: str
    baseline: Side
    candidate: Side
    tallies: tuple[Tally, ...]
    changes: tuple[Change, ...]
    troubles: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    accept: str = ""
    format: int = FORMAT
    findings: dict[str, str] = {}
    atlas: tuple[Meaning, ...] = ()

    @property
    def failing(self) -> tuple[Change, ...]:
        """The changes that the gate does not let pass."""
        return tuple(change for change in self.changes if change.failing)

    @property
    def meanings(self) -> tuple[Meaning, ...]:
        """What changed beside the numbers, and no waiver accepts."""
        return tuple(one for one in self.atlas if not one.known)

    @property
    def totals(self) -> Counter[str]:
        """Number of cases of each class; those that neither side ran are a class of their own."""
        found: Counter[str] = Counter()
        for tally in self.tallies:
            found.update(tally.kinds)
        return found

    @property
    def status(self) -> int:
        """Exit status: 1 where something changed or a waiver is not true, 3 where not all could be asked."""
        return 1 if self.failing or self.complaints or self.meanings else 3 if self.troubles else 0

    @property
    def status_of_new(self) -> int:
        """The exit status, if findings on file may fail."""
        unheard = any(change.unheard for change in self.changes)
        return 1 if unheard or self.complaints or self.meanings else 3 if self.troubles else 0

    @property
    def versions(self) -> dict[str, tuple[str, str]]:
        """Packages whose version is another, in any target that both have: before and after."""
        return {name: pair for name, pair in self.packages.items() if pair[0] != pair[1]}

    @property
    def packages(self) -> dict[str, tuple[str, str]]:
        """Packages of the targets that both have: version before and after, empty where there is none."""
        newer = {target.name: target for target in self.candidate.targets}
        found: dict[str, tuple[str, str]] = {}
        for old in self.baseline.targets:
            new = newer.get(old.name)
            if new is not None and old.available and new.available:
                before, after = map(_canonical, (old.packages, new.packages))
                found |= {n: (before.get(n, ""), after.get(n, "")) for n in sorted({*before, *after})}
        return found


Key = tuple[str, str, str]
Usual = Mapping[tuple[str, ...], int]


def compare(baseline: Record, candidate: Record, labels: tuple[str, str] = ("baseline", "candidate")) -> Gate:
    """The two records, case by case; waivers are applied afterwards."""
    baseline, candidate = with_findings(baseline), with_findings(candidate)
    olds, news = _by_key(baseline), _by_key(candidate)
    asked = _Asked(baseline), _Asked(candidate)
    changes: list[Change] = []
    tallies: defaultdict[Key, _Tally] = defaultdict(_Tally)
    unasked: Counter[str] = Counter()
    usual = loosest(baseline.verdicts)
    for key in dict.fromkeys((*olds, *news)):
        old, new = olds.get(key), news.get(key)
        reason = _incomparable(key, old, new, *asked)
        if reason:
            unasked[reason] += 1
            continue
        change = _change(old, new, usual)
        case, implementation, target = key
        tallies[case.partition("/")[0], implementation, target].add(change, old, new)
        if change.kind not in ("same", "unsupported"):
            changes.append(change)
    order = list(KINDS)
    return Gate(
        assay=version(),
        baseline=Side.of(baseline, labels[0]),
        candidate=Side.of(candidate, labels[1]),
        tallies=tuple(tally.count(*key) for key, tally in tallies.items()),
        changes=tuple(sorted(changes, key=lambda change: order.index(change.kind))),
        troubles=(*_troubles(baseline, candidate, labels), *_counted(unasked)),
        notes=tuple(_notes(baseline, candidate)),
        findings={known.id: known.title for record in (baseline, candidate) for known in record.findings},
    )


def read_gate(path: Path) -> Gate:
    """The document in a file.

    Raises:
        ValueError: there is no such file, or it is no gate; says why.
    """
    if not path.is_file():
        raise Usage(f"there is no file {path}; `assay gate` writes a gate.json into its folder --out")
    try:
        gate = msgspec.json.decode(path.read_bytes(), type=Gate)
    except msgspec.DecodeError as error:
        raise Usage(f"{path} is no gate of assay's: {error}") from error
    if gate.format != FORMAT:
        raise Usage(f"{path} has format {gate.format}; this assay reads format {FORMAT}")
    return gate


# --- what can be compared ----------------------------------------------------------------------------------


def _by_key(record: Record) -> dict[Key, Verdict]:
    return {(v.case, v.implementation, v.target): v for v in record.verdicts}


class _Asked:
    """What a record was asked."""

    def __init__(self, record: Record) -> None:
        self.targets = {target.name for target in record.targets if target.available}
        self.cases = {verdict.case for verdict in record.verdicts}
        self.complete = record.complete


def _canonical(packages: Mapping[str, str]) -> dict[str, str]:
    """Packages by the name that all spellings of it share: ``tensorflow_cpu`` is ``tensorflow-cpu``."""
    return {canonicalize_name(name): version for name, version in packages.items()}


def _incomparable(key: Key, old: Verdict | None, new: Verdict | None, before: _Asked, after: _Asked) -> str:
    """Why a case on an implementation is no question to both; empty if it is, or if one side has lost it."""
    case, _, target = key
    if old is not None and new is not None:
        return OTHER_INPUTS if "" != old.inputs != new.inputs != "" else ""
    if new is None:
        missing, side, name = after, old, "candidate"
    else:
        missing, side, name = before, new, "baseline"
    if target not in missing.targets or side is None:
        return TOLD
    if not missing.complete:
        return f"not asked of the {name}, whose run is incomplete"
    if case not in missing.cases:
        return f"not asked of the {name}; run both with the same specs, tier and dtypes"
    return ""


OTHER_INPUTS = "given other inputs than in the baseline; run the baseline again with this assay"
TOLD = "on a target that one of the two lacks"
"""Not counted as trouble: the sentence about the target says it."""


def _counted(unasked: Counter[str]) -> Iterator[str]:
    for reason, count in unasked.items():
        if reason != TOLD:
            yield f"{count:,} {'case was' if count == 1 else 'cases were'} {reason}"


def _troubles(baseline: Record, candidate: Record, labels: tuple[str, str]) -> Iterator[str]:
    for record, label, name in zip((baseline, candidate), labels, ("baseline", "candidate"), strict=True):
        if not record.complete:
            yield f"the run of the {name} ({label}) is incomplete: it ended before every case was asked"
    olds, news = ({t.name: t for t in record.targets} for record in (baseline, candidate))
    for name in dict.fromkeys((*olds, *news)):
        sides = [(olds.get(name), "baseline"), (news.get(name), "candidate")]
        if any(target is not None and target.available for target, _ in sides):
            for target, side in sides:
                if target is None:
                    yield f"{name} was not asked in the {side}"
                elif not target.available:
                    yield f"{name} could not be asked in the {side}: {target.reason}"
                elif target.reason:
                    yield f"{name} could be asked in part in the {side}: {target.reason}"
    if not baseline.verdicts or not candidate.verdicts:
        yield f"the {'candidate' if baseline.verdicts else 'baseline'} holds no verdict"


def _notes(baseline: Record, candidate: Record) -> Iterator[str]:
    """What else differs, and may explain answers that are not equal in every bit."""
    if baseline.assay != candidate.assay:
        yield f"assay was {baseline.assay} and is {candidate.assay}"
    for name in ("processor", "features", "cpus"):
        old, new = baseline.machine.get(name, ""), candidate.machine.get(name, "")
        if old != new:
            yield f"the machine's {name}: {old or 'unknown'}, now {new or 'unknown'}"
    for known in candidate.findings:
        if known.stale:
            yield f"the finding {known.id} is stale: no example of it shows it any more ({known.title})"
    olds = {target.name: target for target in baseline.targets}
    for target in candidate.targets:
        before = olds.get(target.name)
        if before is not None and before.available and target.available:
            yield from _facts(before, target)


def _facts(before: Target, after: Target) -> Iterator[str]:
    old = {"python": before.python, "mode": before.mode} | before.flags
    new = {"python": after.python, "mode": after.mode} | after.flags
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield f"{after.name} {name}: {old.get(name, 'unknown')}, now {new.get(name, 'unknown')}"


# --- what became of a case ---------------------------------------------------------------------------------


class _Tally:
    """Counts while a comparison goes on."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.compared = self.identical = self.improved = 0

    def add(self, change: Change, old: Verdict | None, new: Verdict | None) -> None:
        self.kinds[change.kind] += 1
        if old is not None and new is not None and _ran(old) and _ran(new):
            self.compared += 1
            self.identical += _identical(old, new)
            if change.kind == "same" and old.outcome == new.outcome == "conforms":
                self.improved += improvement(old, new)

    def count(self, spec: str, implementation: str, target: str) -> Tally:
        numbers = self.compared, self.identical, self.improved
        return Tally(spec, implementation, target, dict(self.kinds), *numbers)


def _identical(old: Verdict, new: Verdict) -> bool:
    """Whether two answers are equal: in every bit, or, where none came back, in how they were raised."""
    if old.digest or new.digest:
        return old.digest == new.digest
    return (old.outcome, old.check, old.message) == (new.outcome, new.check, new.message)


def _ran(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.outcome != "unsupported"


def _change(old: Verdict | None, new: Verdict | None, usual: Usual) -> Change:
    """The class of a case on an implementation, with its cause."""
    if not _ran(old) and not _ran(new):
        return Change("unsupported", "", "", old, new)
    if old is None or not _ran(old):
        assert new is not None
        return Change("new", _outcome(new), new.message, old, new, new.deviation or "")
    if new is None or not _ran(new):
        reason = new.message if new is not None else "the implementation is not there any more"
        return Change("missing", reason.partition("\n")[0].partition(" (at `")[0], reason, old, new)
    kind, cause, message = _judged(old, new, usual)
    return Change(kind, cause, message, old, new, (kind == "changed" and new.deviation) or "")


def _judged(old: Verdict, new: Verdict, usual: Usual) -> tuple[Kind, str, str]:
    """Class, cause and message of a case that ran on both sides."""
    if _meant(old) and not _meant(new):
        return "regressed", f"no longer {old.deviation}", new.message or old.message
    if _meant(new) and not _meant(old):
        return "fixed", f"now {new.deviation}", new.message
    if new.deviation != old.deviation and not (new.failing and new.deviation is None):
        if new.deviation is None:
            return "fixed", f"does not deviate as {old.deviation} says", old.message
        return "changed", f"{_outcome(old)}, now as {new.deviation} says", new.message
    if "unresolved" in (new.outcome, old.outcome) and new.outcome != old.outcome and not new.failing:
        if new.outcome == "unresolved":
            return "missing", "cannot be judged any more", new.message
        return "new", _outcome(new), new.message
    if new.failing and not old.failing:
        same = "; the bits are those of the baseline" if old.digest == new.digest != "" else ""
        return "regressed", _outcome(new) + same, new.message
    if old.failing and not new.failing:
        return "fixed", f"was {_outcome(old)}", old.message
    if new.failing and _otherwise(old, new):
        was, now = _outcome(old), _outcome(new)
        return "changed", f"{was}, now {now}" if was != now else f"another {now}", new.message
    right = new.outcome == old.outcome == "conforms"
    lost = loss(old, new, usual) if right and old.digest != new.digest else ""
    if lost:
        return "drifted", lost if lost.startswith("rounds") else "more error than rounding explains", lost
    return "same", "", ""


def _meant(verdict: Verdict) -> bool:
    """Whether an answer is on the right side of a facet that its binding has on another."""
    return (verdict.deviation or "").startswith(MEANT)


def _outcome(verdict: Verdict) -> str:
    """An outcome with what it rests on: ``differs (values)``, ``inaccurate (values, as tf32)``."""
    if verdict.deviation:
        return f"{verdict.outcome} ({verdict.deviation})"
    words = [verdict.check] if verdict.check not in ("", "raised") else []
    words += [f"as {verdict.explained_by}"] if verdict.explained_by else []
    words += [_raised(verdict.message)] if verdict.outcome == "rejects" else []
    return f"{verdict.outcome} ({', '.join(words)})" if any(words) else verdict.outcome


RAISED = re.compile(r"(?:raised where a value is expected|its gradient raises): ([\w.]+)")


def _raised(message: str) -> str:
    """Type of the exception that a message quotes."""
    found = RAISED.search(message)
    return found[1] if found else ""


def _kinds(verdict: Verdict) -> set[tuple[str, str, str | None]]:
    """What a verdict says is wrong, each with its check, but for how much."""
    return {(problem.outcome, problem.check, problem.deviation) for problem in verdict.problems}


def _otherwise(old: Verdict, new: Verdict) -> bool:
    """Whether two failing verdicts are of different wrong answers, and not of one rounded differently."""
    if (_outcome(old), _raised(old.message)) != (_outcome(new), _raised(new.message)):
        return True
    if _kinds(old) != _kinds(new):
        return True
    if old.digest == new.digest:
        return False
    if not (old.margins and new.margins):
        return old.outcome not in ("rejects", "crashed", "hung") and old.message != new.message
    if old.worst and new.worst and "special values" in (old.check, new.check):
        # Which elements are infinite or NaN does not depend on roundings.
        return (old.worst.array, old.worst.wrong) != (new.worst.array, new.worst.wrong)
    pairs: Sequence[tuple[str, ...]] = [tuple(m.array for m in v.margins) for v in (old, new)]
    inaccurate = new.outcome == "inaccurate"
    return pairs[0] != pairs[1] or not all(
        alike(before, after, inaccurate) for before, after in zip(old.margins, new.margins, strict=True)
    )


def replaced(
    gate: Gate, changes: Iterable[Change], complaints: Iterable[str], troubles: Iterable[str] = ()
) -> Gate:
    """The gate with waivers applied, and with what more could not be compared."""
    return msgspec.structs.replace(
        gate, changes=tuple(changes), complaints=tuple(complaints), troubles=(*gate.troubles, *troubles)
    )
