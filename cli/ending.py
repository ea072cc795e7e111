"""How a command ends: its exit status, and what is said.

0 it ran to its end, 1 what it looks for was found, 2 what it was given is wrong, 3 it could not run, or not
do all of it. A defect of assay's own is 3, never 1, which a CI takes for a finding: it is told in a sentence,
with what was learned before it, and its traceback is kept in a file. Where nobody reads the output any more,
a command ends without a word, and with what shells say of it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ..errors import Usage
from ..harness.gating.environments import Unmade
from ..harness.running.processes import Unstarted
from ..harness.running.provenance import version

__all__ = ["DEBUG", "EXPECTED", "INTERRUPTED", "CannotRun", "Defect", "keeping", "status_of", "unread"]

DEBUG = "ASSAY_DEBUG"
"""Environment variable under which the traceback of whatever ends a command is printed."""

UNREAD = 128 + 13
"""Exit status where nobody reads the output: what shells give for SIGPIPE."""

INTERRUPTED = 128 + 2
"""Exit status where Ctrl-C ends a command that keeps nothing: what shells give for SIGINT."""


class CannotRun(Exception):
    """Nothing could be run; the exit status is 3."""


EXPECTED = (Usage, CannotRun, Unmade, Unstarted, OSError)
"""What ends a command without being a defect of assay's own."""


class Defect(Exception):
    """A defect of assay's own, the cause of this, ended a command; says what was learned before it."""


@contextlib.contextmanager
def keeping(*files: Path) -> Iterator[None]:
    """Tell which of the files hold what was learned, where a defect of ours ends what is done here."""
    try:
        yield
    except (*EXPECTED, Defect):
        raise
    except Exception as error:
        kept = [str(file) for file in files if file.exists()]
        said = f"What was learned is kept in {' and '.join(kept)}; --resume goes on from it." if kept else ""
        raise Defect(said) from error


def status_of(error: Exception, screen: Console) -> int:
    """Say what ended a command, and return its exit status."""
    if os.environ.get(DEBUG):
        told = "".join(traceback.format_exception(error))
        screen.print(told, markup=False, highlight=False, soft_wrap=True)
    if isinstance(error, EXPECTED):
        screen.print(f"[bold red]assay:[/] {escape(str(error))}")
        return 2 if isinstance(error, Usage) else 3
    cause = error.__cause__ if isinstance(error, Defect) and error.__cause__ else error
    told = traceback.format_exception_only(cause)[-1].strip()
    screen.print(f"[bold red]assay:[/] a defect of assay itself ended this: {escape(told)}", soft_wrap=True)
    for sentence in filter(None, (str(error) if cause is not error else "", _reported(cause))):
        screen.print(escape(sentence), soft_wrap=True)
    return 3


def unread() -> int:
    """Let go of an output that nobody reads, so that Python does not complain at its end; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return UNREAD


def _reported(error: BaseException) -> str:
    """Keep all that a report of a defect needs in a file; a sentence that says where."""
    facts = f"assay {version()}, Python {platform.python_version()}, {platform.platform()}"
    text = "\n".join((facts, shlex.join(sys.argv), "", *traceback.format_exception(error)))
    try:
        descriptor, name = tempfile.mkstemp(prefix="assay-defect-", suffix=".txt")
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return text
    return f"Please report it with {name}, which holds the traceback; {DEBUG}=1 prints it here too."
