"""What a run will ask: which specs, which cases, which implementations, and why some are left out."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..adapters.binding import FRAMEWORKS, Binding, bindings, is_own
from ..errors import Usage
from ..specs import all_specs
from ..specs.language.case import Case, parse
from ..specs.language.cases import DTYPE_ORDER, cases
from ..specs.language.spec import Spec, evaluate

__all__ = [
    "Question",
    "checked_dtypes",
    "implementations",
    "plan",
    "reaching",
    "refusal",
    "reseeded",
    "select_specs",
    "selection",
]


@dataclass(frozen=True)
class Question:
    """A case, and every binding of its spec."""

    case: Case
    bindings: tuple[Binding, ...]


def select_specs(patterns: Sequence[str]) -> dict[str, Spec]:
    """The specs that names or globs select; all of them for no pattern.

    Raises:
        ValueError: a pattern selects nothing; suggests the nearest names.
    """
    known = all_specs()
    chosen: dict[str, Spec] = {}
    for pattern in patterns or ("*",):
        matches = [name for name in known if fnmatch.fnmatchcase(name, pattern)]
        if not matches:
            near = difflib.get_close_matches(pattern, known, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; see `assay list`"
            raise Usage(f"no spec is called {pattern!r}{hint}")
        chosen |= {name: known[name] for name in matches}
    return chosen


def checked_dtypes(names: Sequence[str]) -> Sequence[str]:
    """The names, if they are of dtypes under test.

    Raises:
        ValueError: one is not; says which there are.
    """
    unknown = [name for name in names if name not in DTYPE_ORDER]
    if unknown:
        raise Usage(f"no dtype is called {unknown[0]!r}; allowed are {', '.join(DTYPE_ORDER)}")
    return names


def implementations(spec: Spec, frameworks: Iterable[str] = FRAMEWORKS) -> tuple[Binding, ...]:
    """Every binding of ``spec``."""
    return tuple(b for b in bindings(frameworks, spec.family).values() if b.spec == spec.name)


def plan(
    specs: Iterable[Spec],
    tier: str,
    dtypes: Sequence[str] = (),
    ids: Sequence[str] = (),
    frameworks: Collection[str] = FRAMEWORKS,
) -> list[Question]:
    """Every case of the tier, or those with the ``ids`` given, with the bindings of its spec.

    The cases do not depend on which frameworks, specs and dtypes are asked, so that ids are the same in every
    run: dtypes select among them, or the tier's own do where none is named. Others than the usual
    ``frameworks`` are asked them too, and choose none.
    """
    if ids:
        chosen = [parse(text, all_specs()) for text in ids]
    elif tier == "paths":
        return _for_paths(plan(specs, "smoke", dtypes, frameworks=frameworks))
    else:
        chosen = [case for spec in specs for case in selection(spec, tier, dtypes)]
    return [Question(case, implementations(case.spec, frameworks)) for case in chosen]


def reseeded(questions: Iterable[Question], seeds: int) -> list[Question]:
    """The questions, each with so many draws of its numbers; what must raise is asked once.

    The draws of a question stand together, since a framework compiles once for all of them.
    """
    return [
        Question(dataclasses.replace(question.case, seed=question.case.seed + draw), question.bindings)
        for question in questions
        for draw in range(seeds if question.case.valid else 1)
    ]


def reaching(questions: Sequence[Question]) -> Iterator[Question]:
    """Few questions that between them ask every implementation that any of them asks: the greedy cover.

    Of two that reach as many, the one of ordinary data is asked.
    """
    for _, group in itertools.groupby(questions, lambda question: question.case.spec.name):
        of_spec = list(group)
        reached = [{b.key for b in q.bindings if refusal(b, q.case) is None} for q in of_spec]
        ordinary = [question.case.data == question.case.spec.data[0] for question in of_spec]
        left = set().union(*reached)
        while left:
            gains = [(len(left & keys), ordinary[place]) for place, keys in enumerate(reached)]
            place = gains.index(max(gains))
            left -= reached[place]
            yield of_spec[place]


def _for_paths(smoke: Sequence[Question]) -> list[Question]:
    """What reaches every implementation in each dtype, with all data of the same configurations.

    Compiling a configuration is what takes its time, and further data come nearly free.
    """
    in_dtype = {dtype: [q for q in smoke if q.case.valid and q.case.dtype == dtype] for dtype in DTYPE_ORDER}
    chosen = {
        (question.case.spec.name, question.case.configuration)
        for questions in in_dtype.values()
        for question in reaching(questions)
    }
    return [q for q in smoke if (q.case.spec.name, q.case.configuration) in chosen]


def refusal(binding: Binding, case: Case) -> str | None:
    """The reason why ``binding`` cannot be asked ``case``; None if it can."""
    for rule, reason in binding.where.items():
        if not evaluate(rule, case.names):
            return reason
    return None


def selection(spec: Spec, tier: str, dtypes: Sequence[str] = ()) -> list[Case]:
    """The cases of a tier for all implementations of ``spec``; a user's own add to them."""
    shipped, own = list[tuple[str, ...]](), list[tuple[str, ...]]()
    for binding in implementations(spec):
        (own if is_own(binding) else shipped).append(tuple(binding.where))
    return cases(spec, tier, shipped or [()], dtypes, own)
