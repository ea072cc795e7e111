"""The page of a check: one line per check, then what failed, looked at closely."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..harness.checking.checks import CHECKS, EARLIER, CheckResult, Finding, Line
from ..harness.checking.fooled import Fooled
from ..harness.judging.judge import Judgement
from .console import STYLES, Printable
from .overview import MARKS, number, plural

__all__ = ["finding_page", "findings_text", "html", "judgements_page", "page", "plain_text"]

WIDTH = 100


def page(checked: CheckResult) -> RenderableType:
    """Everything, for a terminal."""
    parts: list[RenderableType] = [_head(checked), *(_warning(text) for text in checked.warnings)]
    parts.append(_lines(checked))
    for finding in checked.findings:
        parts += [Text(""), finding_page(finding, checked.again)]
    if checked.passed and checked.unasked:
        rows = [tuple(text.split(": ", 1)) for text in checked.unasked]
        parts += [Text(""), _rows(Text("Not asked", "bold"), [(what, which) for what, which in rows])]
    for fooled in checked.fooled:
        parts += [Text(""), _fooled(fooled)]
    parts += [Text(""), _end(checked)]
    return Printable(Group(*parts))


def plain_text(checked: CheckResult) -> str:
    """The same without colour, for a log or an exception."""
    return _text(page(checked))


def _text(shown: RenderableType) -> str:
    console = Console(width=WIDTH, color_system=None, force_terminal=False, file=io.StringIO())
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def html(checked: CheckResult) -> str:
    """The same for a notebook."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True)
    console.print(page(checked))
    return console.export_html(
        inline_styles=True, code_format='<pre style="font-family:monospace;line-height:1.3">{code}</pre>'
    )


def findings_text(findings: Sequence[Finding], again: str) -> str:
    """Findings alone, without colour."""
    pages = [finding_page(finding, again) for finding in findings]
    return _text(Printable(Group(*pages)))


def finding_page(finding: Finding, again: str) -> RenderableType:
    """What failed first, what it looks like, what explains it, and how small it gets."""
    title = Text.assemble(
        (f"{MARKS[finding.outcome].glyph} {finding.check}", STYLES[finding.outcome]), "  ", finding.probe
    )
    rows = [("", finding.message)]
    if finding.same_as:
        rows.append(("same as", f"{finding.same_as}: it has the same smallest case"))
        return _rows(title, rows)
    rows.append(("first", finding.first))
    rows.append(("errors", finding.errors))
    if finding.check in ("gradients", "backward") and finding.right:
        rows.append(("right", ", ".join(finding.right)))
    rows += [("pattern", text) for text in finding.patterns]
    rows += [("cause", text) for text in finding.causes]
    if finding.smallest and finding.smallest != finding.probe:
        rows += [("smallest", finding.smallest), ("", finding.smallest_message)]
    rows += _again(finding, again)
    return _rows(title, rows)


def _again(finding: Finding, again: str) -> list[tuple[str, str]]:
    """How to ask the smallest case again, and what has to be asked before."""
    case = finding.smallest or finding.probe
    if finding.after in ("", case):
        return [("again", again.replace("{case}", case))]
    if " --case '{case}'" in again and finding.after != "everything":
        sequence = again.replace("--case '{case}'", f"--case '{finding.after}' --case '{case}'")
        return [("again", f"only after other calls: {sequence}")]
    return [("again", "only after other calls: ask everything, in a fresh process")]


def _rows(title: Text, rows: Iterable[tuple[str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        if text:
            grid.add_row(label, Text(text))
    return Group(title, Padding(grid, (0, 0, 0, 4)))


def _head(checked: CheckResult) -> Text:
    versions = ", ".join(f"{name} {version}" for name, version in checked.versions.items())
    where = "in a process of its own" if checked.isolated else "in this process"
    return Text.assemble(
        (checked.kernel, "bold"),
        f" as {checked.spec}, {', '.join(checked.dtypes)}: "
        f"{plural(checked.probes, 'case')} in {checked.seconds:.2g} s, ",
        f"{versions} on {checked.device}, {where}",
        f"; roundings as in {checked.profile}" if checked.profile else "",
    )


def _warning(text: str) -> RenderableType:
    """What a reader must know before the ticks."""
    return Padding(Text(f"! {text}", "yellow"), (0, 0, 0, 2))


def _lines(checked: CheckResult) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    skipped = [line.check for line in checked.lines if line.note == f"not asked: {EARLIER}"]
    for line in checked.lines:
        if line.check not in skipped:
            grid.add_row(*_line(line))
    parts: list[RenderableType] = [grid]
    if skipped:
        parts.append(Text(f"– not asked ({EARLIER}): {', '.join(skipped)}", "dim"))
    return Padding(Group(*parts), (0, 0, 0, 2))


def _line(line: Line) -> tuple[Text, ...]:
    asked = line.passed + line.failed
    if line.failed:
        mark, style, count = "✗", "bold red", f"{line.failed} of {asked} fail"
    elif asked:
        mark, style, count = "✓", "green", str(asked)
    else:
        mark, style, count = "–", "dim", ""
    return (
        Text(mark, style),
        Text(line.check, style),
        Text(count),
        Text(line.note or CHECKS[line.check], "dim"),
    )


def judgements_page(judgements: Mapping[str, Judgement]) -> RenderableType:
    """What came of vectors that were sent out: each failing case, what is unsupported, and how many pass."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    failing = {name: judgement for name, judgement in judgements.items() if judgement.failing}
    for name, judgement in failing.items():
        grid.add_row(Text(MARKS[judgement.outcome].glyph, STYLES[judgement.outcome]), Text(name))
        grid.add_row("", Text(judgement.message, "dim"))
    lacking = Counter(j.message for j in judgements.values() if j.outcome == "unsupported")
    for reason, count in lacking.items():
        mark = Text(MARKS["unsupported"].glyph, STYLES["unsupported"])
        grid.add_row(mark, Text(f"{plural(count, 'case')} unsupported: {reason}"))
    left = sum(lacking.values())
    asked = len(judgements) - left
    passing = Text(f"{asked - len(failing)} of {plural(asked, 'case')} conform")
    if left:
        passing.append(f"; {plural(left, 'more case')} unsupported, and not judged")
    return Printable(Group(grid, passing) if failing or lacking else Group(passing))


SHOWN = 12
"""Names of faults that are printed of each kind; the JSON has all."""


def _fooled(fooled: Fooled) -> RenderableType:
    """How much the green means: which faults these cases would have caught."""
    shown = len(fooled.caught) + len(fooled.missed)
    rows = [
        ("", f"of {shown} faults that make a difference in these cases, {len(fooled.caught)} would be caught")
    ]
    rows += [
        (label, _names(names)) for label, names in (("missed", fooled.missed), ("no effect", fooled.silent))
    ]
    if fooled.unasked:
        rows.append(("unasked", f"{plural(len(fooled.unasked), 'fault')} of gradients"))
    return _rows(Text.assemble((f"What would fool this check in {fooled.dtype}", "bold")), rows)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more


def _end(checked: CheckResult) -> Text:
    if checked.passed:
        return Text.assemble(
            ("conforms", STYLES["conforms"]),
            f": the largest error is {number(checked.margin)} of its tolerance",
        )
    failed = plural(len(checked.findings), "check")
    return Text.assemble(("does not conform", STYLES["differs"]), f": {failed} of {len(CHECKS)} failed")
