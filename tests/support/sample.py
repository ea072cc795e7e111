"""What the tests ask, so that they take no longer with more layers.

Frameworks are asked something of every implementation, and of the rest what a budget admits; `make report`
and `make modes` ask all of it. What is asked of specs one by one is asked of so many, drawn by name;
`pytest --every-spec` asks all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from assay.harness.plan import Question, reaching, refusal

__all__ = ["BUDGET", "drawn", "sample"]

BUDGET = 1620
"""Configurations, of each implementation, that are compiled and run."""

ANSWERS = 2000
"""Verdicts on what is run: further data for a configuration cost little, not nothing."""

EVERY = False
"""Whether `--every-spec` was given."""

Asked = tuple[str, object]
"""An implementation and a configuration."""


def sample(questions: Sequence[Question], budget: int = BUDGET) -> list[Question]:
    """Questions within the budget, in their order: those that reach every implementation, and a fixed draw.

    Raises:
        AssertionError: what reaches every implementation is beyond the budget.
    """
    chosen = {id(question): question for question in reaching(questions)}
    asked = {one for question in chosen.values() for one in _asked(question)}
    assert len(asked) <= budget, (
        f"each implementation once is {len(asked)} configurations, more than {budget}"
    )
    answers = sum(len(list(_asked(question))) for question in chosen.values())
    for question in sorted(questions, key=lambda question: _place(question.case.id)):
        own = set(_asked(question))
        if id(question) not in chosen and len(asked | own) <= budget and answers + len(own) <= ANSWERS:
            chosen[id(question)] = question
            asked, answers = asked | own, answers + len(own)
    return [question for question in questions if id(question) in chosen]


def _asked(question: Question) -> Iterator[Asked]:
    for binding in question.bindings:
        if refusal(binding, question.case) is None:
            yield binding.key, question.case.configuration


def drawn(specs: Iterable[str], count: int, always: Iterable[str] = ()) -> list[str]:
    """So many of the specs by a fixed draw, and those that are asked ``always``, in their order."""
    specs = list(specs)
    chosen = {*sorted(specs, key=_place)[: len(specs) if EVERY else count], *always}
    return [name for name in specs if name in chosen]


def _place(name: str) -> bytes:
    """A place in an order that no family, size or dtype is behind."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
