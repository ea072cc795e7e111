"""The cases of the smoke tier that are on file: ids, one a line, made by ``make smoke``.

They are chosen by what the judge catches in them, which takes too long to find out anew; a test holds the
file to what it promises.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from pathlib import Path

from .case import Case, parse
from .spec import Spec

__all__ = ["FILE", "chosen_for_smoke"]

FILE = Path(__file__).resolve().parents[1] / "smoke.txt"


def chosen_for_smoke(spec: Spec) -> list[Case]:
    """The cases on file that ``spec`` has, as it may have been changed since or by a user."""
    return [case for text in _ids().get(spec.name, ()) if (case := _parsed(text, spec)) is not None]


@functools.cache
def _ids() -> dict[str, list[str]]:
    """The ids on file, by spec."""
    found: dict[str, list[str]] = defaultdict(list)
    for text in FILE.read_text("utf-8").split():
        found[text.partition("/")[0]].append(text)
    return dict(found)


def _parsed(text: str, spec: Spec) -> Case | None:
    try:
        case = parse(text, {spec.name: spec})
    except ValueError:  # an option or a data set that the spec no longer has
        return None
    options = all(value in spec.parameter(name).values for name, value in case.parameters)
    return case if options and case.size in spec.sizes and spec.admits(case.names) else None
