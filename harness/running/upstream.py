"""What an issue about a finding rests on: its example, asked of the framework and of the others, now."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import Usage
from ..judging.findings import Example, Finding
from ..plan import plan
from ..record import Record, Target, Verdict
from .processes import WorkerSettings, checked_framework
from .run import Run, RunSettings

__all__ = ["Evidence", "Printed", "evidence", "printed"]

PACKAGES = ("torch", "tensorflow", "keras", "jax", "flax", "optax")
"""Whose versions an issue names, where a script imports them."""

VERSIONS = (
    "import platform, sys; from importlib.metadata import version; "
    "names = [f'{name} {version(name)}' for name in sys.argv[1:]]; "
    "print(', '.join([*names, f'Python {platform.python_version()}']))"
)

RAISED = re.compile(r"^[\w.]*(?:Error|Exception)\b.*", re.MULTILINE)
"""The line of a traceback that names the exception."""

LIMIT = 300
"""Seconds that a script may take."""


@dataclass(frozen=True)
class Evidence:
    """A finding, the verdict that shows it with its target, and what the others answered in that case."""

    finding: Finding
    verdict: Verdict
    target: Target
    others: tuple[Verdict, ...]


def evidence(one: Finding, frameworks: Iterable[str], python: str, folder: Path) -> Evidence:
    """Ask the examples of a finding, the first that shows it; then the other frameworks in that case.

    Args:
        one: the finding.
        frameworks: the others; the finding's own is asked in any case.
        python: the interpreter whose frameworks are asked.
        folder: where the runs keep what they learn.

    Raises:
        Usage: it has no example, or none shows it with the versions at hand.
    """
    if not one.examples:
        raise Usage(f"{one.id} has no example that a run could show; see `assay findings {one.id}`")
    for number, example in enumerate(one.examples):
        record = _asked(example, [_own(example, python)], folder / f"own-{number}")
        shown = _shown(one, example, record)
        if shown is not None:
            others = [name for name in frameworks if name != example.framework]
            beside = _others(example, others, python, folder / "others") if others else ()
            alike = (verdict for verdict in record.verdicts if verdict is not shown)
            return Evidence(one, shown, record.targets[0], (*alike, *beside))
    tried = ", ".join(example.framework for example in one.examples)
    elsewhere = "" if one.steady else ", or shows on other machines alone"
    raise Usage(
        f"no example of {one.id} shows it with the versions at hand ({tried}): it may be mended{elsewhere}"
    )


@dataclass(frozen=True)
class Printed:
    """A finding that its script shows, what that printed, and with which versions."""

    finding: Finding
    output: str
    versions: str


def printed(one: Finding, python: str) -> Printed:
    """Run the script of a finding.

    Args:
        one: a finding with a script.
        python: the interpreter whose frameworks are asked.

    Raises:
        Usage: a framework is not installed there, or the script does not show it.
    """
    ran = _ran(python, one.script)
    raised = RAISED.findall(ran.stderr) if "Traceback" in ran.stderr else []
    if any("ModuleNotFoundError" in line for line in raised):
        raise Usage(f"the script of {one.id} does not run: {raised[-1]}")
    if ran.returncode == 0:
        raise Usage(f"the script of {one.id} does not show it with the versions at hand: it may be mended")
    ended = [f"ended by signal {-ran.returncode}"] if ran.returncode < 0 else []
    names = [name for name in PACKAGES if re.search(rf"^(?:import|from) {name}\b", one.script, re.MULTILINE)]
    output = "\n".join([ran.stdout.rstrip(), *raised[-1:], *ended]).strip()
    return Printed(one, output, _ran(python, VERSIONS, *names).stdout.strip())


def _ran(python: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-c", *words], capture_output=True, text=True, timeout=LIMIT, check=False)


def _shown(one: Finding, example: Example, record: Record) -> Verdict | None:
    """The verdict that shows the finding, on the example's own implementation."""
    answers = (v for v in record.verdicts if v.implementation == example.implementation)
    return next((v for v in answers if one.shown_by(v, record.targets[0])), None)


def _own(example: Example, python: str) -> WorkerSettings:
    return WorkerSettings(checked_framework(example.framework), "cpu", example.mode, python)


def _others(example: Example, names: Iterable[str], python: str, folder: Path) -> tuple[Verdict, ...]:
    workers = [WorkerSettings(checked_framework(name), python=python) for name in names]
    return _asked(example, workers, folder).verdicts


def _asked(example: Example, workers: list[WorkerSettings], folder: Path) -> Record:
    settings = RunSettings(questions=plan((), "", ids=[example.case]), workers=workers, folder=folder)
    return Run(settings).execute()
