"""The commands ``assay findings`` and ``assay upstream``: what is known to be wrong, and an issue of it."""

from __future__ import annotations

import difflib
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from ..errors import Usage
from ..harness.judging.findings import Finding, families
from ..harness.judging.findings import findings as on_file
from ..harness.running.upstream import evidence, printed
from ..reports.console import Screen
from ..reports.findings import finding_page, finding_table, findings_page
from ..reports.upstream import issue, issue_of_script
from .options import Interpreter, Names

__all__ = ["findings", "named", "upstream"]

OTHERS = ("torch", "tensorflow", "jax")
"""Whose answers an issue tells beside those of the framework that it is about."""


def findings(
    name: Annotated[str, Parameter(name="ID")] = "",
    *,
    out: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """List the findings on file, or show one: what happens, what is right, the cause, and what shows it.

    Parameters
    ----------
    name
        Name of a finding, as reports print it; all are listed if none is given.
    out
        A Markdown file: writes the page of all findings instead of printing.
    as_json
        Print JSON instead.
    """
    chosen = [named(name)] if name else [*on_file().values()]
    if as_json:
        print(json.dumps(msgspec.to_builtins(chosen), indent=2, ensure_ascii=False))
    elif out:
        out.write_text(findings_page(families().values()), "utf-8")
    else:
        Screen().print(finding_page(chosen[0]) if name else finding_table(chosen))


def upstream(
    name: Annotated[str, Parameter(name="ID")],
    *,
    framework: Names = OTHERS,
    python: Interpreter = Path(sys.executable),
    out: Path | None = None,
) -> None:
    """Write an issue about a finding, ready to file: the framework is asked again, and its answer is told.

    Parameters
    ----------
    name
        Name of a finding, as reports print it.
    framework
        Whose answers are told beside those of the finding's own framework; may be given many times.
    python
        The interpreter whose frameworks are asked.
    out
        A Markdown file to write instead of printing.
    """
    one = named(name)
    if one.script:
        text = issue_of_script(printed(one, str(python)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            text = issue(evidence(one, framework, str(python), Path(folder)))
    if out:
        out.write_text(text, "utf-8")
    else:
        print(text, end="")


def named(name: str) -> Finding:
    """The finding of a name.

    Raises:
        Usage: there is none; suggests the nearest names.
    """
    known = on_file()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; see `assay findings`"
        raise Usage(f"no finding is called {name!r}{hint}")
    return known[name]
