"""Deviations on file: differences that are understood, each with its reason, link and expected outcome.

A deviation never widens a tolerance. It names either other parameter values, under which the reference
must explain the result in full, or the very outcome and message that are expected.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.specifiers import SpecifierSet

from ..specs.spec import evaluate
from .expectation import Expectation
from .judge import Answer, Judgement, judge
from .record import Outcome

__all__ = ["Deviation", "deviating", "on_file"]

FILE = Path(__file__).resolve().parent.parent / "specs" / "deviations.toml"


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One understood difference.

    Args:
        name: what reports call it.
        spec: name of the spec.
        implementation: glob over the public API.
        reason: why it is so, in a sentence.
        link: the framework's documentation, issue or source.
        when: expression over the names of a case.
        versions: distributions with their version ranges, as ``{jax = ">=0.4"}``.
        parameters: values under which the reference says what the implementation does.
        outcome: the failing outcome that is expected instead.
        message: text that the verdict's message must then contain.
    """

    name: str
    spec: str
    implementation: str
    reason: str
    link: str
    when: str = "True"
    versions: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    outcome: Outcome | None = None
    message: str = ""

    def matches(self, expectation: Expectation, api: str, versions: Mapping[str, str]) -> bool:
        """Whether this deviation speaks of the case on this implementation."""
        case = expectation.case
        return (
            self.spec == case.spec.name
            and fnmatch.fnmatchcase(api, self.implementation)
            and all(
                n in versions and versions[n] in SpecifierSet(r, prereleases=True)
                for n, r in self.versions.items()
            )
            and bool(evaluate(self.when, case.names | {"broken": case.breaks.label if case.breaks else ""}))
        )

    def explains(self, expectation: Expectation, answer: Answer, judgement: Judgement) -> bool:
        """Whether the result is what this deviation says it is."""
        if self.parameters:
            return not judge(Expectation(expectation.case, self.parameters), answer).failing
        return judgement.outcome == self.outcome and self.message in judgement.message


class _File(msgspec.Struct, forbid_unknown_fields=True):
    deviation: tuple[Deviation, ...] = ()


@functools.cache
def on_file(path: Path = FILE) -> tuple[Deviation, ...]:
    """The deviations in a TOML file.

    Raises:
        ValueError: an entry is not of the form of `Deviation`.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_File).deviation
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name}: {error}") from error


def deviating(
    expectation: Expectation, api: str, versions: Mapping[str, str], answer: Answer, judgement: Judgement
) -> Judgement | None:
    """The judgement as a deviation on file, or None if no entry explains it."""
    for deviation in on_file():
        if deviation.matches(expectation, api, versions) and deviation.explains(
            expectation, answer, judgement
        ):
            return dataclasses.replace(
                judgement,
                outcome="deviates",
                deviation=deviation.name,
                message=f"{deviation.reason} ({deviation.link})",
            )
    return None
