"""Answers to practitioners' questions, as a record of a run gives them."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2

from ..adapters.binding import Binding, bindings
from ..harness.record import Record, Target, Verdict
from ..harness.repro import definition
from ..harness.stochastic import SEED
from ..specs import all_specs
from ..specs.case import Case, parse
from ..specs.questions import CONFIRMED, Inquiry, Point
from .overview import command, version_of

__all__ = ["Answers", "call", "page"]

TEMPLATES = Path(__file__).parent / "templates"

ABSENT = "–"
"""Stands where a framework has no such thing."""

LONGEST_LINE = 240
"""Characters of a call that is still read as one line."""


@dataclass(frozen=True)
class Shown:
    """Evidence: a case, the framework and implementation that were asked, and the line that asks it."""

    framework: str
    verdict: Verdict
    line: str

    @property
    def command(self) -> str:
        """The command that shows everything about it."""
        return command("explain", self.verdict)


@dataclass(frozen=True)
class Answers:
    """What a record says to some questions."""

    record: Record
    inquiries: tuple[Inquiry, ...]

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

    def measured(self, point: Point, target: Target) -> dict[str, str]:
        """What each implementation answers, by its public name; those without such a thing are left out."""
        answers: dict[str, list[str]] = {}
        amiss: dict[str, str] = {}
        for answer, cases in point.evidence.items():
            for api, verdicts in self._by_implementation(point, target, cases).items():
                if len(verdicts) == len(cases) and all(v.outcome == "conforms" for v in verdicts):
                    answers.setdefault(api, []).append(answer)
                elif any(v.outcome != "unsupported" for v in verdicts):
                    worst = next((v for v in verdicts if v.outcome not in ("conforms", "unsupported")), None)
                    if worst:
                        amiss.setdefault(api, _said(worst))
        return {api: " or ".join(found) for api, found in answers.items()} | {
            api: said for api, said in amiss.items() if api not in answers
        }

    def cell(self, point: Point, target: Target) -> str:
        """One framework's answer: a word where its implementations agree, else a line for each answer."""
        by_answer: dict[str, list[str]] = {}
        for api, answer in self.measured(point, target).items():
            by_answer.setdefault(answer, []).append(api)
        if not by_answer:
            return ABSENT
        if len(by_answer) == 1:
            return next(iter(by_answer))
        return "<br>".join(
            f"{answer}: {', '.join(f'`{api}`' for api in apis)}" for answer, apis in by_answer.items()
        )

    def shown(self, point: Point) -> Iterator[Shown]:
        """For each answer and framework, the first implementation that gives it."""
        for target in self.targets:
            measured = self.measured(point, target)
            for answer, cases in point.evidence.items():
                for verdict in self._verdicts.get((cases[0], target.name), []):
                    if answer in measured.get(verdict.implementation, "").split(" or "):
                        line = call(_binding(verdict), parse(verdict.case, all_specs()))
                        yield Shown(target.framework, verdict, line)
                        break

    def _by_implementation(
        self, point: Point, target: Target, cases: Sequence[str]
    ) -> dict[str, list[Verdict]]:
        found: dict[str, list[Verdict]] = {}
        for case in cases:
            for verdict in self._verdicts.get((case, target.name), []):
                if any(fnmatch.fnmatchcase(verdict.implementation, glob) for glob in point.only):
                    found.setdefault(verdict.implementation, []).append(verdict)
        return found


def _said(verdict: Verdict) -> str:
    """What came instead, in a few words."""
    if verdict.outcome == "rejects":
        return "raises"
    if verdict.outcome == "accepts":
        return "gives a value"
    return f"{verdict.outcome} ({verdict.check or verdict.deviation})"


def _binding(verdict: Verdict) -> Binding:
    return bindings()[f"{verdict.spec}:{verdict.implementation}"]


def call(binding: Binding, case: Case) -> str:
    """The call that a binding makes for a case, in the framework's own names and with the case's values.

    It is the whole function where that is short, and what it returns where it is long.
    """
    _, tree = definition(binding.function)
    function = tree.body[0] if isinstance(tree, ast.Module) else tree
    written = _Written(binding.function.__globals__, case)
    statements = [ast.unparse(written.visit(one)) for one in _flat(getattr(function, "body", []))]
    line = "; ".join(" ".join(one.split()) for one in statements).replace("return ", "")
    return line if len(line) <= LONGEST_LINE else " ".join(statements[-1].split()).replace("return ", "")


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, without the contexts that some stand in."""
    for statement in body:
        if isinstance(statement, ast.With):
            yield from _flat(statement.body)
        else:
            yield statement


class _Written(ast.NodeTransformer):
    """Writes modules by their own names, and parameters of a case by their values."""

    def __init__(self, modules: dict[str, object], case: Case) -> None:
        self.modules, self.values = modules, case.arguments | {"seed": SEED}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.values:
            return ast.Name(repr(self.values[node.id]))
        module = self.modules.get(node.id)
        return ast.Name(str(getattr(module, "__name__", node.id)) if _is_module(module) else node.id)


def _is_module(value: object) -> bool:
    return not callable(value) and hasattr(value, "__name__")


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
        answers=answers, versions=versions, confirmed=CONFIRMED, absent=ABSENT
    )


def _version(target: Target) -> str:
    """``jax 0.10.2 (flax 0.12.8, optax 0.2.8)``."""
    others = {n: v for n, v in target.versions.items() if n in ("flax", "optax")}
    shown = ", ".join(f"{name} {version}" for name, version in others.items())
    return f"{target.framework} {version_of(target)}" + (f" ({shown})" if shown else "")
