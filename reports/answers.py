"""Answers to practitioners' questions, as a record of a run gives them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2

from ..adapters.binding import Binding, bindings
from ..harness.mapping.looks import Look
from ..harness.record import Record, Target, Verdict
from ..specs import all_specs
from ..specs.language.case import parse
from ..specs.questions import CONFIRMED, Point, PracticalQuestion
from .atlas import default_of
from .overview import command, version_of
from .snippet import FRAMEWORK_MODULES, snippet

__all__ = ["Answers", "page"]

TEMPLATES = Path(__file__).parent / "templates"

ABSENT = "–"
"""Stands where a framework ships no such layer, and none was put together."""

NOT_ASKED = "not asked"
"""Stands where a framework's layers are not what a point is about."""

COMPOSED = "(composed)"
"""Stands behind what a composition answers."""


Subject = tuple[str, str]
"""A spec, and the public name of an implementation of it."""


@dataclass(frozen=True)
class Shown:
    """Evidence: the framework and implementation that were asked, the code that asks, and what it answers."""

    framework: str
    answer: str
    verdict: Verdict
    code: str

    @property
    def command(self) -> str:
        """The command that shows everything about it."""
        return command("explain", self.verdict)


@dataclass(frozen=True)
class Answers:
    """What a record says to some questions, and what APIs showed beside it."""

    record: Record
    practical_questions: tuple[PracticalQuestion, ...]
    looks: tuple[Look, ...] = ()

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The frameworks that could be asked."""
        return tuple(target for target in self.record.targets if target.available)

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], list[Verdict]]:
        found: dict[tuple[str, str], list[Verdict]] = {}
        for verdict in self.record.verdicts:
            found.setdefault((verdict.case, verdict.target), []).append(verdict)
        return found

    @cached_property
    def _compositions(self) -> frozenset[Subject]:
        """What is put together from a framework's primitives."""
        return frozenset((i.spec, i.api) for i in self.record.implementations if i.composition)

    def measured(self, point: Point, target: Target) -> dict[Subject, str]:
        """What each implementation answers; those without such a thing are left out.

        A composition says what primitives can do, so it counts only where a framework has nothing else.
        """
        found = self._measured(point, target)
        own = {subject: said for subject, said in found.items() if subject not in self._compositions}
        return own or {subject: f"{said} {COMPOSED}" for subject, said in found.items()}

    def _measured(self, point: Point, target: Target) -> dict[Subject, str]:
        confirmed: dict[Subject, list[str]] = {}
        amiss: dict[Subject, str] = {}
        for answer, cases in point.evidence:
            for subject, verdicts in self._by_subject(point, target, cases).items():
                asked = sum(case.startswith(f"{subject[0]}/") for case in cases)
                outcomes = [verdict.outcome for verdict in verdicts]
                if outcomes == ["conforms"] * asked:
                    said = confirmed.setdefault(subject, [])
                    said += [answer] if answer not in said else []
                elif set(outcomes) - {"conforms", "unsupported"}:
                    amiss.setdefault(subject, _said(verdicts))
        return amiss | {subject: " or ".join(found) for subject, found in confirmed.items()}

    def cell(self, point: Point, target: Target) -> str:
        """One framework's answer: a word where its implementations agree, else a line for each answer."""
        by_answer: dict[str, dict[str, None]] = {}
        for api, answer in self._answering(point, target):
            by_answer.setdefault(answer, {})[api] = None
        if not by_answer:
            return ABSENT if point.shows else self._nothing(point, target)
        if len(by_answer) == 1 and not (point.shows and len(next(iter(by_answer.values()))) > 1):
            return next(iter(by_answer))
        return "<br>".join(
            f"{answer}: {', '.join(f'`{api}`' for api in apis)}" for answer, apis in by_answer.items()
        )

    def _answering(self, point: Point, target: Target) -> Iterator[tuple[str, str]]:
        """What answers, and what it answers."""
        if not point.shows:
            yield from ((api, answer) for (_, api), answer in self.measured(point, target).items())
        wanted = {(kind, one) for kind, every in point.shows.items() for one in every}
        for look in self.looks:
            if look.target == target.name and (look.kind, look.asked) in wanted:
                said = look.said if isinstance(look.said, str) else default_of(look.said)
                yield _in_a_line(look.subject), said.replace("|", "\\|")

    def _nothing(self, point: Point, target: Target) -> str:
        """Why no implementation of a framework answers: none is there, none is meant, or all say no."""
        verdicts = [
            verdict
            for _, cases in point.evidence
            for case in cases
            for verdict in self._verdicts.get((case, target.name), [])
        ]
        meant = [v for v in verdicts if _is_meant(point, v)]
        if meant:
            return (
                f"no: {'; '.join(dict.fromkeys(v.message.partition(chr(10))[0] for v in meant if v.message))}"
            )
        shipped = any((v.spec, v.implementation) not in self._compositions for v in verdicts)
        return NOT_ASKED if shipped else ABSENT

    def shipped_by_none(self, point: Point) -> bool:
        """Whether all that answers is put together from primitives."""
        cells = [said for target in self.targets for said in self.measured(point, target).values()]
        return bool(cells) and all(said.endswith(COMPOSED) for said in cells)

    def shown(self, point: Point) -> Iterator[Shown]:
        """For each answer and framework, the first implementation that gives it."""
        for target in self.targets:
            measured = self.measured(point, target)
            for answer, cases in point.evidence:
                for verdict in self._verdicts.get((cases[0], target.name), []):
                    if answer in _answers(measured.get((verdict.spec, verdict.implementation), "")):
                        code = snippet(_binding(verdict), parse(verdict.case, all_specs()))
                        yield Shown(target.framework, answer, verdict, code)
                        break

    def _by_subject(self, point: Point, target: Target, cases: Sequence[str]) -> dict[Subject, list[Verdict]]:
        found: dict[Subject, list[Verdict]] = {}
        for case in cases:
            for verdict in self._verdicts.get((case, target.name), []):
                if _is_meant(point, verdict):
                    found.setdefault((verdict.spec, verdict.implementation), []).append(verdict)
        return found


def _in_a_line(code: str) -> str:
    """Code that stands in a cell: its last line, where the others make ready."""
    return code.strip().splitlines()[-1].replace("|", "\\|")


def _is_meant(point: Point, verdict: Verdict) -> bool:
    return any(fnmatch.fnmatchcase(verdict.implementation, glob) for glob in point.only)


def _answers(said: str) -> list[str]:
    return said.removesuffix(f" {COMPOSED}").split(" or ")


def _said(verdicts: Iterable[Verdict]) -> str:
    """What the first that is no answer did instead, in a few words."""
    odd = next(v for v in verdicts if v.outcome not in ("conforms", "unsupported"))
    if odd.deviation:
        return f"differs: {odd.message.rpartition(' (http')[0] or odd.message}"
    words = {"rejects": "raises", "accepts": "gives a value"}
    return words.get(odd.outcome, f"{odd.outcome} ({odd.check})")


def _binding(verdict: Verdict) -> Binding:
    return bindings()[f"{verdict.spec}:{verdict.implementation}"]


def page(answers: Answers) -> str:
    """The answers as Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    versions = ", ".join(_version(target) for target in answers.targets)
    return environment.get_template("answers.md.jinja").render(
        answers=answers,
        versions=versions,
        confirmed=CONFIRMED,
        absent=ABSENT,
        composed=COMPOSED,
        modules=FRAMEWORK_MODULES,
    )


def _version(target: Target) -> str:
    """``jax 0.10.2 (flax 0.12.8, optax 0.2.8)``."""
    others = {n: v for n, v in target.versions.items() if n in ("flax", "optax")}
    shown = ", ".join(f"{name} {version}" for name, version in others.items())
    return f"{target.framework} {version_of(target)}" + (f" ({shown})" if shown else "")
