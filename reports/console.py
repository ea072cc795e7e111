"""The terminal: progress while a run goes on, and what came of it at its end.

Both are plain text where there is no terminal, no colour or no Unicode.
"""

from __future__ import annotations

import math
import shlex
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from rich import box
from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group, RenderResult
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ..harness.record import Known, Record, Target, Verdict
from .overview import (
    MARKS,
    WORST_FIRST,
    Finding,
    Overview,
    command,
    duration,
    plural,
    version_of,
    worst_first,
)
from .paths import Ways, ways

__all__ = ["STYLES", "Bar", "Printable", "Progress", "Screen", "broken", "plain_text", "table"]

STYLES = {
    "crashed": "bold magenta",
    "hung": "bold magenta",
    "differs": "bold red",
    "rejects": "red",
    "accepts": "red",
    "inaccurate": "yellow",
    "deviates": "blue",
    "unresolved": "cyan",
    "unsupported": "dim",
    "conforms": "green",
}
"""Colour of every outcome."""

NAMES = 26
"""Columns that the names of specs are sure of; more only where there is room."""


class Screen(Console):
    """A console that raises where nobody reads it any more; rich would end the process, with status 1."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command. Raises BrokenPipeError."""
        self.quiet = True
        raise BrokenPipeError


def table(record: Record, findings: int = 40) -> Group:
    """What came of a run: specs × targets, then at most so many findings, then the totals."""
    overview = Overview(record)
    return Group(
        Printable(_Matrix(overview)),
        Printable(_Paths(overview)),
        Printable(_Findings(overview, findings)),
        Printable(_Totals(overview)),
    )


def plain_text(record: Record, width: int = 100) -> str:
    """The same without colour, for a file or a log."""
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(table(record))
    return capture.get()


class Printable:
    """What it holds, in characters that the terminal has (rich would raise), with no blanks at line ends."""

    ASCII = str.maketrans("×±–…∞√→✓✗≠†", "x~-.8v>vx#!")

    def __init__(self, content: ConsoleRenderable) -> None:
        self._content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in Segment.split_lines(console.render(self._content, options)):
            yield from map(self._encodable, _trimmed(line)) if options.ascii_only else _trimmed(line)
            yield Segment.line()

    def _encodable(self, segment: Segment) -> Segment:
        text = segment.text.translate(self.ASCII).encode("ascii", "replace").decode()
        return Segment(text, segment.style, segment.control)


def _trimmed(line: list[Segment]) -> list[Segment]:
    """The line without blanks at its end: behind a backslash, they would break a copied command."""
    while line and not line[-1].text.strip():
        line = line[:-1]
    return [*line[:-1], line[-1]._replace(text=line[-1].text.rstrip())] if line else []


class _Matrix:
    """Specs by family × targets; as many targets side by side as the terminal has room for."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        overview, ascii_only = self._overview, options.ascii_only
        shown = [target for target in overview.targets if target.available]
        names = min(NAMES, max((len(spec.name) for spec in overview.specs), default=4) + 2)
        for targets in _side_by_side(shown, overview, options.max_width - names, ascii_only):
            grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", safe_box=True)
            grid.add_column(Text("spec"))
            for target in targets:
                grid.add_column(_head(target), justify="right", no_wrap=True)
            for family, specs in overview.families.items():
                grid.add_row(_name(family, "bold dim"), *[""] * len(targets))
                for spec in specs:
                    cells = [_counts(overview.counts(spec.name, t.name), ascii_only) for t in targets]
                    grid.add_row(_name(f"  {spec.name}"), *cells)
            yield grid
        for target in overview.targets:
            if not target.available:
                yield Text.assemble((target.name, "bold"), " was not tested: ", target.reason)
            elif target.reason:
                yield Text.assemble((target.name, "bold"), " was tested in part: ", target.reason)


def _name(name: str, style: str = "") -> Text:
    return Text(name, style, no_wrap=True, overflow="ellipsis")


def _head(target: Target) -> Text:
    """Framework, backend, version, device and mode, one below the other so that columns stay narrow."""
    framework, bracket, backend = target.framework.partition("[")
    lines = (framework, bracket + backend, version_of(target), f"{target.device} {target.mode}".strip())
    return Text("\n".join(line for line in lines if line))


def _side_by_side(
    targets: Sequence[Target], overview: Overview, room: int, ascii_only: bool
) -> Iterator[list[Target]]:
    """The targets in as many groups as it takes for each to fit beside the names of the specs."""
    group: list[Target] = []
    used = 0
    for target in targets:
        cells = (_counts(overview.counts(spec.name, target.name), ascii_only) for spec in overview.specs)
        widest = max((cell.cell_len for cell in cells), default=0)
        needed = 3 + max(widest, *(len(line) for line in _head(target).plain.split("\n")))
        if group and used + needed > room:
            yield group
            group, used = [], 0
        group.append(target)
        used += needed
    if group:
        yield group


def _counts(counts: Counter[str], ascii_only: bool) -> Text:
    """``41 ✓ 2 ≠``: each outcome's count in its colour, the good ones first."""
    found = [Text(f"{counts[o]} {_mark(o, ascii_only)}", STYLES[o]) for o in worst_first(counts)]
    return Text(" ").join(reversed(found))


def _mark(outcome: str, ascii_only: bool) -> str:
    return MARKS[outcome].ascii if ascii_only else MARKS[outcome].glyph


class _Paths:
    """The matrix turned: = where a layer agrees on every path, and loud each path that parts."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        frameworks = tuple(ways(self._overview))
        if not frameworks:
            return
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", safe_box=True)
        grid.add_column(Text("by path"))
        for one in frameworks:
            grid.add_column(Text(f"{one.name}\n{plural(len(one.paths), 'path')}"))
        for spec in self._overview.specs:
            if any(spec.name in one.asked for one in frameworks):
                grid.add_row(_name(spec.name), *(_agreement(one, spec.name, options) for one in frameworks))
        yield grid


def _agreement(one: Ways, spec: str, options: ConsoleOptions) -> Text:
    """Which paths part, with how many verdicts; one quiet mark where none does."""
    if spec not in one.asked:
        return Text("")
    parting = one.parting.get(spec, {})
    told = [
        Text.assemble((f"{path} ", "bold"), _counts(parting[path].counts, options.ascii_only))
        for path in parting
    ]
    return Text("\n").join(told) if told else Text("=", "dim")


class _Findings:
    """What a gate does not let pass, what is new first: what, where, how much, and how to look closer."""

    def __init__(self, overview: Overview, limit: int) -> None:
        self._overview, self._limit = overview, limit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        findings = [finding for finding in self._overview.findings if not finding.known]
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for finding in findings[: self._limit]:
            mark = Text(_mark(finding.outcome, options.ascii_only), STYLES[finding.outcome])
            grid.add_row(mark, _headline(finding, options.ascii_only))
            grid.add_row("", _closer(finding, options.max_width - 4))
        if findings:
            yield Text.assemble("\n", (f"{plural(len(findings), 'finding')} not on file", "bold"))
            yield grid
        if len(findings) > self._limit:
            yield Text(f"and {plural(len(findings) - self._limit, 'more finding')}", "dim")
        yield from _known(self._overview.shown, self._limit)


def _known(shown: Sequence[Known], limit: int) -> Iterator[ConsoleRenderable]:
    """Each finding on file that accounts for verdicts, with their number; no more than the limit."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for known in shown[:limit]:
        named = Text.assemble((known.id, "blue"), f": {known.title}")
        grid.add_row(Text(f"{known.shown:,}", "dim"), named)
    if shown:
        head = f"{plural(len(shown), 'finding')} on file"
        yield Text.assemble("\n", (head, "bold"), ", which `assay findings ID` shows, with their verdicts")
        yield grid
    if len(shown) > limit:
        yield Text(f"and {plural(len(shown) - limit, 'more finding')} on file", "dim")


def _headline(finding: Finding, ascii_only: bool) -> Text:
    check = f" ({finding.check})" if finding.check else ""
    facts = [plural(len(finding.verdicts), "case"), finding.measure]
    if len(finding.targets) > 1:
        facts.append(plural(len(finding.targets), "target"))
    if finding.explained_by:
        facts.append(f"{finding.explained_by} would explain it")
    said = ", ".join(fact for fact in facts if fact)
    if not finding.measure:
        said += f": {_first_line(finding.worst.message)}"
    if ascii_only:
        said = said.replace("∞", "infinitely ")
    return Text.assemble(
        (finding.outcome, STYLES[finding.outcome]),
        f"{check} ",
        (finding.spec, "bold"),
        f" in {finding.implementation}: {said}",
    )


def _first_line(message: str) -> str:
    line = message.strip().partition("\n")[0]
    return line if len(line) <= 120 else line[:117] + "..."


def _closer(finding: Finding, room: int) -> Text:
    return Text(broken(command("explain", finding.worst), finding.worst.case, room), "dim")


def broken(line: str, case: str, room: int) -> str:
    """A command about a case, broken where it is too long so that a shell takes all of its lines."""
    for before in (" --", f" {shlex.quote(case)} "):
        if max(map(len, line.split("\n"))) > room:
            line = line.replace(before, f" \\\n {before}")
    return line


class _Totals:
    """One line that counts everything."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        overview = self._overview
        yield Text("")
        if not overview.record.complete:
            yield Text("The run is incomplete: it ended before every case was asked.", "bold red")
        counts = [
            Text(
                f"{_mark(outcome, options.ascii_only)} {overview.totals[outcome]:,} {outcome}",
                STYLES[outcome],
            )
            for outcome in reversed(WORST_FIRST)
            if overview.totals[outcome]
        ]
        asked = f"{plural(overview.cases, 'case')}, {plural(len(overview.record.verdicts), 'verdict')}"
        totals = Text(", ").join(counts) if counts else Text("nothing was asked")
        yield Text.assemble(totals, f"; {asked} in {duration(overview.record.seconds)}")
        for news in overview.news:
            yield Text(news, "yellow" if "is stale" in news else "green")
        if overview.failing:
            fail = "fails" if overview.failing == 1 else "fail"
            style = "bold red" if overview.new else "bold"
            yield Text(f"{plural(overview.failing, 'verdict')} {fail}: {overview.split}.", style)


class Bar:
    """One bar for one long task, on stderr; nothing where that is no terminal. A context manager."""

    def __init__(self, name: str, total: int) -> None:
        console = Screen(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._bars.add_task(name, total=total)

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def advance(self) -> None:
        """One part is done."""
        self._bars.advance(self._task)


class Progress:
    """Progress of a run: ``start`` each target, ``advance`` with each verdict, ``finish`` at the end.

    On a terminal a bar per target and one for all, with the number of failing verdicts; elsewhere a line
    every ``interval`` seconds, and one for each target when it is done. A context manager; thread-safe.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        interval: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Screen(stderr=True)
        self._interval, self._clock = interval, clock
        self._lock = threading.Lock()
        self._totals: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failing: Counter[str] = Counter()
        self._tasks: dict[str, TaskID] = {}
        self._bars = self._make_bars() if self._console.is_terminal else None
        self._said = self._begun = self._clock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def start(self, target: str, total: int) -> None:
        """A target begins, of which so many verdicts are expected."""
        with self._lock:
            self._totals[target] += total
            if self._bars is None:
                self._console.print(f"{target}: {plural(total, 'case')}", highlight=False, markup=False)
                return
            if not self._tasks:
                self._tasks[""] = self._bars.add_task("all", total=0, failing="")
                self._bars.start()
            if target not in self._tasks:
                self._tasks[target] = self._bars.add_task(target, total=0, failing="")
            self._update(target)

    def advance(self, verdict: Verdict) -> None:
        """A verdict was given; the harness's ``on_verdict``."""
        with self._lock:
            target = verdict.target
            self._done[target] += 1
            self._failing[target] += verdict.failing
            if self._bars is not None:
                self._update(target)
            elif self._done[target] == self._totals[target]:
                self._say(target, "done")
            elif self._clock() - self._said >= self._interval:
                self._say(target, self._left(target))

    def finish(self) -> None:
        """The run is over, or was cut off; may be called again."""
        with self._lock:
            if self._bars is not None:
                self._bars.stop()

    def _make_bars(self) -> Bars:
        return Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failing]}", style="red", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )

    def _update(self, target: str) -> None:
        assert self._bars is not None
        for name in ("", target):
            if name in self._tasks:
                total, done, failing = (
                    (count.total() if name == "" else count[name])
                    for count in (self._totals, self._done, self._failing)
                )
                said = f"{failing:,} failing" if failing else ""
                self._bars.update(self._tasks[name], total=total, completed=done, failing=said)

    def _left(self, target: str) -> str:
        """How long a target will still take at its pace so far."""
        done = self._done[target]
        left = (self._clock() - self._begun) * (self._totals[target] - done) / done
        return f"about {duration(math.ceil(left))} left"

    def _say(self, target: str, how: str) -> None:
        self._said = self._clock()
        line = (
            f"{target}: {self._done[target]:,} of {self._totals[target]:,}, {self._failing[target]:,} failing"
        )
        self._console.print(f"{line}, {how}", highlight=False, markup=False)
