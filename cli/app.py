"""The command ``assay``: runs, reports and audits; gate and kernels have modules of their own.

Exit status: 0 ran to its end, 1 something that ``--fail-on`` names was found, 2 wrong usage, 3 could not
run, or a defect of assay's own. What went wrong is said in a sentence that says what to do; see `ending`.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cyclopts
import msgspec
from cyclopts import Parameter
from rich.markdown import Markdown
from rich.markup import escape

from ..adapters.binding import KNOWN, bindings, load_bindings
from ..errors import Usage
from ..harness import record as records
from ..harness.auditing.audit import run_audit
from ..harness.plan import checked_dtypes, implementations, plan, reseeded, select_specs
from ..harness.running.explain import Explanation
from ..harness.running.explain import explain as look
from ..harness.running.hosts import checked_host
from ..harness.running.processes import WorkerSettings, checked_framework, paths_of
from ..harness.running.provenance import version
from ..harness.running.run import Run, RunSettings
from ..harness.shards import Shard, estimate
from ..harness.shards import shard as take
from ..reports import write_all
from ..reports.audit import audit_details, audit_summary
from ..reports.console import Bar, Progress, Screen
from ..reports.overview import plural
from ..reports.pages import explanation_page, spec_page, spec_table
from ..specs.language.cases import DTYPE_ORDER
from .atlas import atlas
from .bisect import bisect
from .coverage import coverage
from .ending import DEBUG, INTERRUPTED, CannotRun, Defect, keeping, status_of, unread
from .findings import findings, upstream
from .gate import gate, waive
from .kernel import check, export, judge
from .losses import losses
from .options import ALL_FRAMEWORKS, Device, Interpreter, Names, Paths, Tier
from .paths import paths
from .port import port, recipes
from .records import history, merge, query, report, reported

__all__ = ["app", "main"]

NEW = "new"
"""What ``--fail-on`` calls a verdict that fails and that no finding on file accounts for."""

app = cyclopts.App(
    name="assay",
    help=(
        "The test oracle for neural-network layers and losses.\n\n"
        "Exit status: 0 ran to its end, 1 what was looked for was found, 2 wrong usage, 3 could not run, or "
        f"a defect of assay's own; {DEBUG}=1 prints the traceback of whatever ends a command."
    ),
    version=version,
    help_format="plaintext",
    console=Screen(),
    suppress_keyboard_interrupt=False,
)
app.register_install_completion_command()


@app.command
def run(
    *specs: str,
    framework: Names = ALL_FRAMEWORKS,
    device: Device = "cpu",
    dtype: Names = (),
    tier: Tier = "standard",
    case: Names = (),
    seeds: int = 1,
    path: Paths = (),
    shard: str = "",
    bindings_from: Annotated[tuple[Path, ...], Parameter(name="--bindings", negative="")] = (),
    python: Interpreter | None = None,
    worker: Names = (),
    out: Path = Path("report"),
    resume: Annotated[bool, Parameter(negative="")] = False,
    compact: Annotated[bool, Parameter(negative="")] = False,
    fail_on: str = "",
    time_limit: float = 120.0,
) -> int:
    """Put cases to frameworks; write run.json, junit.xml, summary.md and index.html.

    Parameters
    ----------
    specs
        Names or globs of specs, such as gelu or 'conv*'; all if none is given.
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch], jax, or onnx, which is asked
        forward, and where it is named alone; may be given many times.
    device
        Where torch and jax run.
    dtype
        float32, float64, bfloat16, float16; may be given many times. If none is given: float32 and
        bfloat16 in smoke, float32 in grid, otherwise all.
    tier
        smoke meets every option once, standard every pair of options, full every triple and the grid:
        every combination of small sizes, strides, dilations and paddings of convolutions and poolings, every
        number of a half type (many of each binade of a wider one) of functions of one element, and empty
        batches. paths asks each implementation as little as it takes, so that all paths can be asked.
    case
        A case id, instead of a tier; may be given many times.
    seeds
        How many times to draw the numbers of every case.
    path
        How calls are run instead of the framework's default: compiled, xla, no_grad …, or all; may be given
        many times. `assay paths` lists them. Every configuration proves that it ran so; what a path refuses
        is a verdict with the reason.
    shard
        Ask one part of so many that take about as long, such as 3/8; assay merge joins their records.
    bindings_from
        A Python file of further bindings; may be given many times.
    python
        The interpreter whose frameworks are asked; this one if none is given.
    worker
        A host that is asked in the place of this one, by execnet's name of a gateway:
        "ssh=user@host//python=env/bin/python". May be given many times: they share the work.
    out
        Folder of the results.
    resume
        Go on where an interrupted run in the same folder stopped.
    compact
        Keep the record as run.jsonl.gz, a fifth of the size, in place of run.json.
    fail_on
        Outcomes, joined by commas, that make the exit status 1; 'findings' means every failing one,
        'new' those that are no finding on file.
    time_limit
        Seconds after which a call counts as hung.
    """
    failing = _outcomes(fail_on)
    for own in bindings_from:
        load_bindings(own)
    if seeds < 1:
        raise Usage("--seeds must be at least 1")
    if worker and python:
        raise Usage("--worker names its interpreter itself, as in ssh=user@host//python=env/bin/python")
    part, chosen, files = Shard.parse(shard or "1/1"), select_specs(specs), tuple(map(str, bindings_from))
    workers = [
        WorkerSettings(name, device, mode, str(python or sys.executable), files, time_limit=time_limit)
        for name, mode in paths_of(framework, path)
    ]
    families = {worker.family for worker in workers}
    asked = dict.fromkeys((*ALL_FRAMEWORKS, *sorted(families)))
    questions = reseeded(plan(chosen.values(), tier, checked_dtypes(dtype), case, asked), seeds)
    settings = RunSettings(
        questions=take(questions, part, families),
        workers=workers,
        folder=out,
        tier="chosen cases" if case else tier,
        command=shlex.join(["assay", *sys.argv[1:]]),
        resume=resume,
        file=records.COMPACT if compact else "run.json",
        hosts=tuple(map(checked_host, worker)),
    )
    console, file = Screen(), out / settings.file
    if not resume:
        _foretell(estimate(settings.questions, families), console)
    with keeping(file, out / "verdicts.jsonl"):
        try:
            record = _asked(settings, console)
        except KeyboardInterrupt:
            raise CannotRun(_interrupted(file)) from None
        reported(record, out, console)
    return int(any(v.outcome in failing or (NEW in failing and v.new) for v in record.verdicts))


@app.command(name="list")
def list_specs(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List the specs and the implementations of each.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    chosen = select_specs(())
    apis = {name: [b.api for b in implementations(spec, KNOWN)] for name, spec in chosen.items()}
    if as_json:
        facts = [{"name": n, "family": s.family, "implementations": apis[n]} for n, s in chosen.items()]
        print(json.dumps(facts, indent=2))
    else:
        Screen().print(spec_table([(s.family, n, s.summary, apis[n]) for n, s in chosen.items()]))


@app.command
def show(spec: str) -> None:
    """Show what a spec says: formula, parameters, facets, shapes, sources, implementations.

    Parameters
    ----------
    spec
        Name of the spec.
    """
    for chosen in select_specs((spec,)).values():
        Screen().print(spec_page(chosen, implementations(chosen, KNOWN)))


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """The implementation that one case is put to, and where it runs."""

    implementation: str
    """Public API, as reports print it."""

    device: Device = "cpu"
    """Where to run."""

    framework: str = ""
    """Framework, if another than the implementation's default, such as keras[jax]."""

    mode: Annotated[str, Parameter(name=("--path", "--mode"))] = ""
    """How to run it, if not in the framework's default way; `assay paths` lists the ways."""

    bindings_from: Annotated[tuple[Path, ...], Parameter(name="--bindings", negative="")] = ()
    """A Python file of further bindings; may be given many times."""

    python: Interpreter = Path(sys.executable)
    """The interpreter whose framework is asked."""

    def look(self, case: str) -> Explanation:
        """Run the case there."""
        for file in self.bindings_from:
            load_bindings(file)
        owners = {binding.api: binding.framework for binding in bindings().values()}
        if self.implementation not in owners:
            near = difflib.get_close_matches(self.implementation, owners, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "see `assay show SPEC`"
            raise Usage(f"no implementation is called {self.implementation!r}; {hint}")
        name = self.framework or owners[self.implementation]
        ((_, mode),) = paths_of([name], [self.mode] if self.mode else [])
        files = tuple(map(str, self.bindings_from))
        worker = WorkerSettings(name, self.device, mode, str(self.python), files)
        return look(case, self.implementation, worker)


@app.command
def explain(case: str, *, where: Where) -> None:
    """Run one case on one implementation: what was given, got and expected, and what would explain it.

    Parameters
    ----------
    case
        Case id, as reports print it.
    """
    Screen().print(explanation_page(where.look(case)))


@app.command
def repro(case: str, *, where: Where) -> None:
    """Print a standalone script that shows the result with the framework alone.

    Parameters
    ----------
    case
        Case id, as reports print it.
    """
    print(where.look(case).script)


@app.command
def audit(
    *specs: str,
    dtype: Names = DTYPE_ORDER,
    tier: Tier = "standard",
    seeds: int = 1,
    share: int = 1,
    jobs: int | None = None,
    details: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Put known faults and correct controls through the judge; exit with 1 if it errs.

    Parameters
    ----------
    specs
        Names or globs of specs, such as gelu or 'conv*'; all if none is given.
    dtype
        float32, float64, bfloat16, float16; may be given many times.
    tier
        The cases that they are put through, as for a run.
    seeds
        How many times to draw the numbers of every case.
    share
        Put each control that is no layer's own to one of so many cases, others for each control, and one of
        so many faults that follow from the specs: less time, and less is asked.
    jobs
        Processes; as many as there are cores if not given.
    details
        Print every fault and control with the case that decided.
    as_json
        Print JSON instead of tables.
    """
    chosen = tuple(select_specs(specs))
    checked_dtypes(dtype)
    if min(seeds, share) < 1 or (jobs is not None and jobs < 1):
        raise Usage("--seeds, --share and --jobs must be at least 1")
    parts = len(chosen) * len(dtype) * seeds
    defects: dict[str, Exception] = {}
    with Bar("audit", parts) as bar:
        found = run_audit(
            chosen,
            dtype,
            tier,
            range(seeds),
            jobs,
            on_done=lambda entries: bar.advance(),
            share=share,
            on_defect=lambda spec, form, error: defects.update({f"{spec} in {form}": error}),
        )
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        console = Screen()
        if details:
            console.print(audit_details(found.entries))
        console.print(audit_summary(found))
    if defects:
        told = f"It was the audit of {', '.join(defects)}; what came of the others is told above."
        raise Defect(told) from next(iter(defects.values()))
    if not found.complete:
        raise CannotRun("The audit ended early: it was interrupted, or one of its processes was killed.")
    return int(bool(found.failing))


@app.command
def answers(
    *numbers: int,
    framework: Names = ALL_FRAMEWORKS,
    python: Interpreter = Path(sys.executable),
    out: Path | None = None,
) -> None:
    """Answer what practitioners ask, by measuring the frameworks that are installed.

    Parameters
    ----------
    numbers
        Numbers of questions; all if none is given.
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch] or jax; may be given many times.
    python
        The interpreter whose frameworks are asked.
    out
        A Markdown file to write instead of printing.
    """
    from ..harness.mapping.looks import looks
    from ..reports.answers import Answers, page
    from ..specs.questions import practical_questions

    chosen = tuple(
        question for question in practical_questions() if question.number in numbers or not numbers
    )
    if unknown := set(numbers) - {question.number for question in chosen}:
        raise Usage(
            f"there is no question {min(unknown)}; they are numbered 1 to {len(practical_questions())}"
        )
    ids = sorted({one for question in chosen for one in question.cases})
    with tempfile.TemporaryDirectory() as folder:
        workers = [WorkerSettings(checked_framework(name), python=str(python)) for name in framework]
        settings = RunSettings(questions=plan((), "", ids=ids), workers=workers, folder=Path(folder))
        try:
            record = _asked(settings, Screen(stderr=True))
            looked = looks([point for question in chosen for point in question.points], workers)
        except KeyboardInterrupt:
            raise CannotRun("Interrupted.") from None
    text = page(Answers(record, chosen, tuple(looked)))
    if out:
        out.write_text(text, "utf-8")
    else:
        Screen().print(Markdown(text))


app.command(atlas)
app.command(bisect)
app.command(check)
app.command(coverage)
app.command(export)
app.command(findings)
app.command(judge)
app.command(losses)
app.command(gate)
app.command(paths)
app.command(port)
app.command(recipes)
app.command(upstream)
app.command(history)
app.command(merge)
app.command(query)
app.command(report)
app.command(waive)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        return _status(arguments, Screen(stderr=True))
    except BrokenPipeError:
        return unread()


def _status(arguments: Sequence[str] | None, errors: Screen) -> int:
    """Run the command line; say what ended it early, and return its exit status."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except cyclopts.UnusedCliTokensError as error:
        chain, unused = " ".join(("assay", *(error.command_chain or ()))), " ".join(error.unused_tokens or ())
        errors.print(
            f"[bold red]assay:[/] `{chain}` has no place for {escape(repr(unused))}.\nSee `{chain} --help`."
        )
        return 2
    except cyclopts.CycloptsError as error:
        errors.print(f"[bold red]assay:[/] {escape(str(error))}\nSee `assay --help`.")
        return 2
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:  # of a command that keeps nothing by the way
        errors.print("[bold red]assay:[/] Interrupted.")
        return INTERRUPTED
    except Exception as error:
        return status_of(error, errors)
    return status if isinstance(status, int) else 0


def _outcomes(text: str) -> frozenset[str]:
    """The outcomes that ``--fail-on`` names."""
    named = frozenset(filter(None, (part.strip() for part in text.split(","))))
    unknown = named - set(records.OUTCOMES) - {"findings", NEW}
    if unknown:
        allowed = ", ".join((*records.OUTCOMES, "findings", NEW))
        raise Usage(f"--fail-on: no outcome is called {sorted(unknown)[0]!r}; allowed are {allowed}")
    return (named - {"findings"}) | frozenset(records.FAILING if "findings" in named else ())


LONG = 120.0
"""Seconds from which on the length of a run is told before it begins."""


def _foretell(work: float, console: Screen) -> None:
    """Say how long a run will take, if that is long; the bars tell it better once answers come."""
    cores = os.cpu_count() or 1
    if work / cores >= LONG:
        minutes, on = plural(math.ceil(work / cores / 60), "minute"), plural(cores, "core")
        console.print(f"[dim]This takes about {minutes} on {on}; Ctrl-C keeps what came of it.[/dim]")


def _interrupted(file: Path) -> str:
    """Write the reports of what an interrupted run learned; says what is kept, and how to go on."""
    record = records.read(file)
    write_all(record, file.parent)
    return (
        f"Interrupted. {file} and the reports beside it hold what was learned: "
        f"{plural(len(record.verdicts), 'verdict')}. The same command with --resume asks the rest."
    )


def _asked(settings: RunSettings, console: Screen) -> records.Record:
    """The record of a run, with bars while it goes on."""
    with Progress(console) as progress:
        task = Run(settings, progress.advance)
        for name, total in task.counts().items():
            progress.start(name, total)
        record = task.execute()
    for reason in dict.fromkeys(task.lost):
        console.print(f"[dim]{escape(reason)}[/dim]", soft_wrap=True)
    if not any(target.available for target in record.targets):
        reasons = dict.fromkeys(target.reason for target in record.targets)
        raise CannotRun("No framework could be asked. " + " ".join(reasons))
    return record


if __name__ == "__main__":
    sys.exit(main())
