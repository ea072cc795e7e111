"""The command ``assay``: runs, reports, audits and checks of kernels; the gate is in ``cli_gate``.

Exit status: 0 ran to its end, 1 something that ``--fail-on`` names was found, 2 wrong usage, 3 could not
run at all. What went wrong is said in a sentence that says what to do.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import cyclopts
import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from .adapters.binding import bindings, load_bindings
from .cli_gate import gate, waive
from .harness import record as records
from .harness.audit import run_audit
from .harness.environments import Unmade
from .harness.explain import Explanation
from .harness.explain import explain as look
from .harness.facts import version
from .harness.plan import checked_dtypes, implementations, plan, select_specs
from .harness.processes import Unstarted, WorkerSettings, checked_framework
from .harness.run import Run, RunSettings
from .reports import write_all
from .reports.audit import audit_details, audit_summary
from .reports.console import Bar, Progress, table
from .reports.pages import explanation_page, spec_page, spec_table
from .specs.case import decode
from .specs.cases import DTYPE_ORDER, TIERS
from .specs.spec import Spec, Value

__all__ = ["app", "main"]

app = cyclopts.App(
    name="assay",
    help="The test oracle for neural-network layers and losses.",
    version=version,
    help_format="plaintext",
)

Tier = Literal["smoke", "standard", "full", "grid"]
Device = Literal["cpu", "cuda"]
Names = tuple[str, ...]

DEFAULT_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

assert tuple(TIERS) == get_args(Tier)


class Usage(Exception):
    """The command line asks for something that does not exist."""


class CannotRun(Exception):
    """Nothing could be run."""


@app.command
def run(
    *specs: str,
    framework: Annotated[Names, Parameter(negative="")] = DEFAULT_FRAMEWORKS,
    device: Device = "cpu",
    dtype: Annotated[Names, Parameter(negative="")] = DTYPE_ORDER,
    tier: Tier = "standard",
    case: Annotated[Names, Parameter(negative="")] = (),
    mode: str = "",
    bindings_from: Annotated[tuple[Path, ...], Parameter(name="--bindings", negative="")] = (),
    python: Path = Path(sys.executable),
    out: Path = Path("report"),
    resume: Annotated[bool, Parameter(negative="")] = False,
    fail_on: str = "",
    time_limit: float = 120.0,
) -> int:
    """Put cases to frameworks; write run.json, junit.xml, summary.md and index.html.

    Parameters
    ----------
    specs
        Names or globs of specs, such as gelu or 'conv*'; all if none is given.
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch] or jax; may be given many times.
    device
        Where torch and jax run.
    dtype
        float32, float64, bfloat16, float16; may be given many times.
    tier
        smoke meets every option once, standard every pair of options, full every triple and the grid:
        every combination of small sizes, strides, dilations and paddings of convolutions and poolings.
    case
        A case id, instead of a tier; may be given many times.
    mode
        How functions are run instead of the framework's default: eager, jit, graph, xla or compiled.
    bindings_from
        A Python file of further bindings; may be given many times.
    python
        The interpreter whose frameworks are asked.
    out
        Folder of the results.
    resume
        Go on where an interrupted run in the same folder stopped.
    fail_on
        Outcomes, joined by commas, that make the exit status 1; 'findings' means every failing one.
    time_limit
        Seconds after which a call counts as hung.
    """
    failing = _outcomes(fail_on)
    for path in bindings_from:
        load_bindings(path)
    chosen = select_specs(specs)
    settings = RunSettings(
        questions=plan(chosen.values(), tier, checked_dtypes(dtype), case),
        workers=[_worker(name, device, mode, python, bindings_from, time_limit) for name in framework],
        folder=out,
        tier="chosen cases" if case else tier,
        command=shlex.join(["assay", *sys.argv[1:]]),
        resume=resume,
    )
    console = Console()
    with Progress(console) as progress:
        task = Run(settings, progress.advance)
        for name, total in task.counts().items():
            progress.start(name, total)
        try:
            record = task.execute()
        except KeyboardInterrupt:
            write_all(records.read(out / "run.json"), out)
            raise CannotRun(
                f"Interrupted. {out}/run.json holds what was learned; add --resume to go on."
            ) from None
    if not any(target.available for target in record.targets):
        raise CannotRun("No framework could be asked. " + " ".join(t.reason for t in record.targets))
    console.print(table(record))
    for path in write_all(record, out):
        console.print(f"[dim]wrote[/dim] {escape(str(path))}")
    return int(any(verdict.outcome in failing for verdict in record.verdicts))


@app.command(name="list")
def list_specs(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List the specs and the implementations of each.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    chosen = select_specs(())
    apis = {name: [b.api for b in implementations(spec)] for name, spec in chosen.items()}
    if as_json:
        facts = [{"name": n, "family": s.family, "implementations": apis[n]} for n, s in chosen.items()]
        print(json.dumps(facts, indent=2))
    else:
        Console().print(spec_table([(s.family, n, s.summary, apis[n]) for n, s in chosen.items()]))


@app.command
def show(spec: str) -> None:
    """Show what a spec says: formula, parameters, facets, shapes, sources, implementations.

    Parameters
    ----------
    spec
        Name of the spec.
    """
    for chosen in select_specs((spec,)).values():
        Console().print(spec_page(chosen, implementations(chosen)))


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

    mode: str = ""
    """How to run it, if not in the framework's default way."""

    bindings_from: Annotated[tuple[Path, ...], Parameter(name="--bindings", negative="")] = ()
    """A Python file of further bindings; may be given many times."""

    python: Path = Path(sys.executable)
    """The interpreter whose framework is asked."""

    def look(self, case: str) -> Explanation:
        """Run the case there."""
        for path in self.bindings_from:
            load_bindings(path)
        owners = {binding.api: binding.framework for binding in bindings().values()}
        if self.implementation not in owners:
            raise Usage(f"no implementation is called {self.implementation!r}; see `assay show SPEC`")
        name = self.framework or owners[self.implementation]
        worker = _worker(name, self.device, self.mode, self.python, self.bindings_from, 120.0)
        return look(case, self.implementation, worker)


@app.command
def explain(case: str, *, where: Where) -> None:
    """Run one case on one implementation: what was given, got and expected, and what would explain it.

    Parameters
    ----------
    case
        Case id, as reports print it.
    """
    Console().print(explanation_page(where.look(case)))


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
    dtype: Annotated[Names, Parameter(negative="")] = DTYPE_ORDER,
    tier: Tier = "standard",
    seeds: int = 1,
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
    jobs
        Processes; as many as there are cores if not given.
    details
        Print every fault and control with the case that decided.
    as_json
        Print JSON instead of tables.
    """
    chosen = tuple(select_specs(specs))
    checked_dtypes(dtype)
    if seeds < 1 or (jobs is not None and jobs < 1):
        raise Usage("--seeds and --jobs must be at least 1")
    parts = len(chosen) * len(dtype) * seeds
    with Bar("audit", parts) as bar:
        found = run_audit(chosen, dtype, tier, range(seeds), jobs, lambda entries: bar.advance())
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        console = Console()
        if details:
            console.print(audit_details(found.entries))
        console.print(audit_summary(found))
    if not found.complete:
        raise CannotRun("Interrupted.")
    return int(bool(found.failing))


@app.command
def report(file: Path, *, out: Path | None = None) -> None:
    """Render the reports of a record again, from the record alone.

    Parameters
    ----------
    file
        A run.json.
    out
        Folder of the reports; by default the record's own.
    """
    record = records.read(file)
    console = Console()
    console.print(table(record))
    for path in write_all(record, out or file.parent):
        console.print(f"[dim]wrote[/dim] {escape(str(path))}")


@app.command
def check(
    kernel: str,
    *parameters: str,
    spec: str,
    like: str = "",
    device: Device = "cpu",
    dtype: Annotated[Names, Parameter(negative="")] = ("float32",),
    sizes: Literal["smoke", "sweep"] = "smoke",
    size: Annotated[Names, Parameter(negative="")] = (),
    tile: Annotated[tuple[int, ...], Parameter(negative="")] = (),
    gradients: Literal["auto", "yes", "no"] = "auto",
    vjp: str = "",
    accumulate: Literal["float32", "tf32", "dtype"] | None = None,
    repeats: int = 3,
    deterministic: Annotated[bool, Parameter(negative="")] = False,
    case: Annotated[Names, Parameter(negative="")] = (),
    in_process: Annotated[bool, Parameter(negative="")] = False,
    time_limit: float = 30.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Check a kernel: assay check FILE.py:FUNCTION --spec softmax axis=-1. The exit status is 1 if it fails.

    Parameters
    ----------
    kernel
        Where the function is: FILE.py:FUNCTION.
    parameters
        Parameters of the spec that are held at a value, such as axis=-1.
    spec
        Name of the spec that says what it should compute.
    like
        Array type that it wants: numpy, torch, jax, cupy or a module with from_dlpack; by default what its
        annotations say.
    device
        Where its arrays lie.
    dtype
        float32, float64, bfloat16, float16; may be given many times.
    sizes
        smoke is quick, sweep thorough.
    size
        A size of your own, such as 3x1000, instead; may be given many times.
    tile
        Length of the kernel's own blocks: sizes around it are asked too; may be given many times.
    gradients
        Whether gradients are asked for; auto takes them where the kernel has them.
    vjp
        Function of the same file that gives the gradients.
    accumulate
        Accumulator that the kernel means to have.
    repeats
        How many calls on the same inputs are compared bit by bit.
    deterministic
        Count other bits in a repeated call as a failure.
    case
        A single case, as a report prints it; may be given many times.
    in_process
        Run the kernel in this process, where a debugger can follow it; a crash or a hang is then yours.
    time_limit
        Seconds after which a call counts as hung.
    as_json
        Print the report as JSON.
    """
    from . import api

    file, colon, function = kernel.rpartition(":")
    if not colon:
        raise Usage(f"the kernel is {kernel!r}; it must be FILE.py:FUNCTION")
    chosen = select_specs((spec,))
    if len(chosen) != 1:
        raise Usage(f"--spec {spec!r} names {len(chosen)} specs; a kernel is checked against one")
    report = api.check_file(
        Path(file),
        function,
        vjp,
        in_process=in_process,
        spec=spec,
        like=like or None,
        device=device,
        dtypes=dtype,
        sizes=[_size(text) for text in size] or sizes,
        tiles=tile,
        gradients={"auto": None, "yes": True, "no": False}[gradients],
        accumulate=accumulate,
        repeats=repeats,
        deterministic=deterministic,
        time_limit=time_limit,
        cases=case,
        **dict(_parameter(chosen[spec], text) for text in parameters),
    )
    if as_json:
        print(report.to_json())
    else:
        Console().print(report)
    return int(not report.passed)


@app.command
def export(
    *specs: str,
    format: Literal["npz", "safetensors", "onnx"] = "npz",
    out: Path = Path("vectors"),
    tier: Tier = "smoke",
    dtype: Annotated[Names, Parameter(negative="")] = ("float32",),
) -> None:
    """Write cases as files: golden vectors with a manifest, or ONNX node tests.

    Parameters
    ----------
    specs
        Names or globs of specs; all if none is given.
    format
        npz or safetensors, with tolerances and gradients; onnx where an operator is the same thing.
    out
        Folder of the files.
    tier
        smoke meets every option once, standard every pair of options, full every triple.
    dtype
        float32, float64, bfloat16, float16; may be given many times.
    """
    from .harness import export as vectors
    from .harness.onnx_nodes import export_onnx

    cases = vectors.selected(select_specs(specs).values(), tier, dtype)
    try:
        if format == "onnx":
            written = len(export_onnx(cases, out))
        else:
            written = len(vectors.export(cases, out, format).cases)
    except ImportError as error:
        raise CannotRun(f"{format} cannot be written: {error}. Try `pip install assay[export]`.") from error
    Console().print(f"wrote {written} cases into {escape(str(out))}")


@app.command
def judge(folder: Path, *, accumulate: Literal["float32", "tf32", "dtype"] | None = None) -> int:
    """Judge what came back for exported vectors: FOLDER/returned. The exit status is 1 if a case fails.

    Parameters
    ----------
    folder
        The folder that `assay export` wrote, with the files that came back in its folder returned.
    accumulate
        Accumulator that the implementation means to have.
    """
    from .harness.export import judge_folder
    from .harness.look import PROFILES
    from .reports.check_page import judgements_page

    found = judge_folder(folder, PROFILES[accumulate])
    Console().print(judgements_page(found))
    return int(any(judgement.failing for judgement in found.values()))


app.command(gate)
app.command(waive)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    errors = Console(stderr=True)
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        errors.print(f"[bold red]assay:[/] {escape(str(error))}\nSee `assay --help`.")
        return 2
    except (Usage, ValueError, FileNotFoundError) as error:
        errors.print(f"[bold red]assay:[/] {escape(str(error))}")
        return 2
    except (CannotRun, Unmade, Unstarted, OSError) as error:
        errors.print(f"[bold red]assay:[/] {escape(str(error))}")
        return 3
    return status if isinstance(status, int) else 0


def _outcomes(text: str) -> frozenset[str]:
    """The outcomes that ``--fail-on`` names."""
    named = frozenset(filter(None, (part.strip() for part in text.split(","))))
    unknown = named - set(records.OUTCOMES) - {"findings"}
    if unknown:
        allowed = ", ".join((*records.OUTCOMES, "findings"))
        raise Usage(f"--fail-on: no outcome is called {sorted(unknown)[0]!r}; allowed are {allowed}")
    return (named - {"findings"}) | frozenset(records.FAILING if "findings" in named else ())


def _size(text: str) -> tuple[int, ...]:
    """The lengths that ``3x17`` stands for."""
    lengths = text.split("x")
    if not all(length.isdigit() for length in lengths):
        raise Usage(f"--size {text!r} must be lengths joined by 'x', such as 3x17")
    return tuple(map(int, lengths))


def _parameter(spec: Spec, text: str) -> tuple[str, Value]:
    """Name and value of a parameter that ``axis=-1`` stands for."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Usage(f"{text!r} is not of the form parameter=value")
    return name, decode(value, spec.parameter(name).values)


def _worker(
    name: str, device: str, mode: str, python: Path, files: Sequence[Path], time_limit: float
) -> WorkerSettings:
    chosen, further = checked_framework(name), tuple(map(str, files))
    return WorkerSettings(chosen, device, mode, str(python), further, time_limit=time_limit)


if __name__ == "__main__":
    sys.exit(main())
