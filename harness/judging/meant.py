"""The right side of a facet: an answer that is not what its binding says, but what the spec means.

Where one value of a facet says what goes wrong, and an implementation is bound to it, a mended release fails
under it. Such an answer deviates, under a name that the gate knows: a move to it is no regression, and a move
away from it is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...specs.language.case import Case, encode
from ..record import Problem
from .expectation import Expectation
from .judge import Answer, Judgement, judge

__all__ = ["MEANT", "meant"]

MEANT = "as meant: "
"""What the names of such deviations begin with; then come the facets and their right sides."""


def meant(expectation: Expectation, answer: Answer, judgement: Judgement) -> Judgement | None:
    """The judgement of an answer that conforms once facets have their right side; None if it does not."""
    case = expectation.case
    recovered = any(i.kind == "recovered" for i in case.given)
    if not judgement.failing or not case.valid or recovered:
        return None
    for sides in _right_sides(case):
        if not judge(Expectation(case, sides), answer, explain=False).failing:
            named = ", ".join(f"{name}={encode(value)}" for name, value in sides.items())
            said = f"does as {named} says, which is meant; its binding says otherwise"
            problem = Problem("deviates", judgement.check, said, deviation=f"{MEANT}{named}")
            return judgement.with_problems([problem])
    return None


def _right_sides(case: Case) -> Iterator[dict[str, Any]]:
    """The facets that a case has at another value than their right one, each by itself, then all together."""
    given = dict(case.parameters)
    wrong = {p.name: p.right for p in case.spec.parameters if p.right not in (None, given[p.name])}
    yield from ({name: value} for name, value in wrong.items())
    if len(wrong) > 1:
        yield wrong
