"""The command ``assay coverage``: how much of the frameworks' layer and loss modules is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.markup import escape

from ..harness.running.coverage import Coverage
from ..harness.running.coverage import coverage as covered
from ..harness.running.processes import Unstarted, WorkerSettings, checked_framework
from ..reports.console import Screen
from ..reports.coverage import coverage_table
from .ending import CannotRun
from .options import ALL_FRAMEWORKS, Interpreter, Names

__all__ = ["coverage"]


def coverage(
    *,
    framework: Names = ALL_FRAMEWORKS,
    python: Interpreter = Path(sys.executable),
    details: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    fail_on: Literal["uncovered"] | None = None,
) -> int:
    """Count the public names of layers and losses that are bound, left out with a reason, and uncovered.

    Parameters
    ----------
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch] or jax; may be given many times.
    python
        The interpreter whose frameworks are asked.
    details
        Print every name that is uncovered, and why others are left out.
    as_json
        Print JSON instead of a table.
    fail_on
        uncovered makes the exit status 1 where a name is.
    """
    chosen = [WorkerSettings(checked_framework(name), python=str(python)) for name in framework]
    screen = Screen(stderr=as_json)
    found = list[Coverage]()
    for settings in chosen:
        try:
            found.append(covered(settings))
        except Unstarted as error:
            screen.print(escape(str(error)))
    if not found:
        raise CannotRun("No framework could be asked.")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        screen.print(coverage_table(found, details=details))
    return int(fail_on is not None and any(one.of(fail_on) for one in found))
