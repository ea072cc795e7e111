"""What practitioners ask about layers and losses, and the cases whose verdicts answer it.

The questions are data, in ``questions.toml``: each has points, and each point has cases. What the answer *is*
stands nowhere here: it is measured. Of a point that says something, an implementation confirms it where it
conforms to its cases; of a point that asks which of several things is so, the answer is the one whose case
the implementation conforms to. What no case can ask, such as a default, a name or a layout, is looked at: the
answer is what an API then shows.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

import msgspec

from . import all_specs
from .language.case import Case, parse

__all__ = ["CONFIRMED", "Formerly", "Looks", "Otherwise", "Point", "PracticalQuestion", "practical_questions"]

FILE = Path(__file__).with_name("questions.toml")

CONFIRMED = "✓"
"""The answer of a point that says something."""


Looks = Literal["default", "weights", "call", "having", "code"]
"""What is looked at, and how a point names it; spec, API and argument may be globs.

``default``: what an argument is where it is not given, as ``avg_pool2d:torch.nn.AvgPool2d stride``.
``weights``: what a layer that is built shows, as ``conv2d:keras.layers.Conv2D``. ``call``: what comes of an
input or argument of another kind, as the atlas calls it, ``relu:torch.nn.functional.relu x: int32``.
``having``: public names of a framework that take an argument, as ``*dropout*``. ``code``: what a line of
Python comes to, as its users write it; names that are gone, and arguments, are asked so.
"""


class Formerly(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was so in an older version and is not today, with the version that it was measured in."""

    version: str
    says: str


class Otherwise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A documentation's or a well-known answer that measurement does not bear out, or hedges."""

    says: str
    link: str


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is measured.

    ``cases`` are the ids of the cases that show what the point says; ``answers`` has them for each of several
    answers. ``instead`` has further sets of cases that show what ``cases`` do, of implementations that a
    facet of no matter here keeps from those. ``only`` are globs of the implementations that are meant.
    ``shows`` names what is looked at instead of cases, by its kind.
    ``law`` is a test that proves, of the references, that the point follows from the cases.
    """

    says: str
    cases: tuple[str, ...] = ()
    instead: tuple[tuple[str, ...], ...] = ()
    answers: dict[str, tuple[str, ...]] = {}
    only: tuple[str, ...] = ("*",)
    law: str = ""
    shows: dict[Looks, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        if sum(map(bool, (self.cases, self.answers, self.shows))) != 1:
            raise ValueError(f"the point {self.says!r} needs one of cases, answers and what it shows")
        if self.instead and not self.cases:
            raise ValueError(f"the point {self.says!r} has nothing that `instead` could stand for")

    @property
    def evidence(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each set of cases, behind the answer that it stands for."""
        if self.answers:
            return tuple(self.answers.items())
        if self.shows:
            return ()
        return tuple((CONFIRMED, cases) for cases in (self.cases, *self.instead))


class PracticalQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A question with the points that answer it."""

    number: int
    section: str
    text: str
    points: tuple[Point, ...] = ()
    otherwise: tuple[Otherwise, ...] = ()
    formerly: tuple[Formerly, ...] = ()

    @functools.cached_property
    def cases(self) -> dict[str, Case]:
        """Every case that is evidence here, by id.

        Raises:
            ValueError: an id names nothing, or a case that its spec rules out.
        """
        ids = [one for point in self.points for _, these in point.evidence for one in these]
        found = {one: parse(one, all_specs()) for one in ids}
        for one, case in found.items():
            if case.id != one:
                raise ValueError(f"question {self.number}: write {case.id!r} for {one!r}")
            if case.valid and not case.spec.admits(case.names):
                raise ValueError(f"question {self.number}: {one!r} is ruled out by its spec")
        return found


@functools.cache
def practical_questions() -> tuple[PracticalQuestion, ...]:
    """Every question, by number.

    Raises:
        ValueError: the file is no TOML of that form; says where.
    """
    found = msgspec.toml.decode(FILE.read_bytes(), type=dict[str, tuple[PracticalQuestion, ...]])["question"]
    return tuple(sorted(found, key=lambda question: question.number))
