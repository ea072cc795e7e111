"""Pages of the command line: the list of specs, a spec, and one case looked at closely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..adapters.binding import Binding
from ..adapters.documentation import pages
from ..harness.running.explain import Explanation
from ..numerics.dtypes import widen
from ..specs.language.case import encode
from ..specs.language.spec import Parameter, Spec
from .overview import number

__all__ = ["explanation_page", "spec_page", "spec_table"]


def spec_table(rows: Iterable[tuple[str, str, str, Sequence[str]]]) -> RenderableType:
    """Table of (family, name, summary, implementations)."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("spec", "what it is", "implementations"):
        table.add_column(heading, justify="right" if heading == "implementations" else "left")
    family = ""
    for group, name, summary, apis in rows:
        if group != family:
            table.add_row(Text(group.replace("_", " "), style="bold dim"), "", "")
            family = group
        table.add_row(f"  {name}", summary, str(len(apis)))
    return table


def spec_page(spec: Spec, bindings: Sequence[Binding]) -> RenderableType:
    """Everything that a spec says, and who implements it."""
    parts: list[RenderableType] = [Panel(Text(spec.formula), title=spec.name, title_align="left")]
    parts.append(
        _table(
            "inputs", ((i.name, f"({i.axes})", _input_note(i.kind, i.when, i.meaning)) for i in spec.inputs)
        )
    )
    if spec.parameters:
        rows = (
            (p.name, ", ".join(map(encode, p.values)), f"{p.meaning}{_facet_note(p)}")
            for p in spec.parameters
        )
        parts.append(_table("parameters (default first)", rows))
    if spec.constraints:
        parts.append(_table("constraints", ((c.label, c.rule, c.meaning) for c in spec.constraints)))
    parts.append(
        _table(
            "cases",
            (
                ("sizes", " x ".join(spec.axis_names), f"{len(spec.sizes)} of them"),
                ("data", ", ".join(spec.data), ""),
            ),
        )
    )
    parts.append(
        _table("implementations", ((b.framework, b.api, "; ".join(b.where.values())) for b in bindings))
    )
    if sources := (*((s.title, s.link) for s in spec.sources), *pages(bindings)):
        parts.append(_table("sources", sources))
    return Group(*parts)


def _facet_note(parameter: Parameter) -> str:
    """That a parameter is a facet, and which of its values is meant, if one is."""
    if not parameter.facet:
        return ""
    return " [facet]" if parameter.right is None else f" [facet; {encode(parameter.right)} is meant]"


def _input_note(kind: str, when: str, meaning: str) -> str:
    condition = "" if when == "True" else f", if {when}"
    return f"{meaning or kind}{condition}"


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> RenderableType:
    table = Table(
        title=Text(title, style="bold"), title_justify="left", box=None, show_header=False, pad_edge=False
    )
    for position, row in enumerate(rows):
        if position == 0:
            for column in range(len(row)):
                table.add_column(no_wrap=column == 0, style="cyan" if column == 0 else "")
        table.add_row(*map(Text, row))
    return table


def explanation_page(explanation: Explanation) -> RenderableType:
    """What was given, got and expected, with margins and the rounding profiles."""
    verdict, case = explanation.verdict, explanation.request.expectation.case
    target = explanation.request.target
    versions = ", ".join(f"{n} {v}" for n, v in target.versions.items())
    head = Text.assemble(
        (verdict.outcome, "bold"), f"  {verdict.implementation} on {target.name} ({versions})\n", case.id
    )
    parts: list[RenderableType] = [Panel(head, title="verdict", title_align="left")]
    if verdict.told:
        parts.append(Text(verdict.told + "\n"))
    for one in explanation.findings:
        parts.append(Text(f"known as {one.id}: {one.title}\n", "blue"))
    parts.append(_table("given", _given(explanation)))
    if verdict.margins:
        parts.append(_arrays(explanation))
    parts.append(_table("rounding profiles", _profiles(explanation)))
    return Group(*parts)


def _given(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    case = explanation.request.expectation.case
    for name, value in case.arguments.items():
        yield name, encode(value)
    with np.printoptions(threshold=6, edgeitems=2, precision=6):
        for given in case.sent:
            array = explanation.request.expectation.inputs[given.name]
            yield (
                given.name,
                f"{array.dtype}{list(array.shape)} {_text(array)}",
            )


def _text(array: np.ndarray[Any, Any]) -> str:
    return np.array2string(array if array.dtype.kind in "biu" else widen(array))


def _arrays(explanation: Explanation) -> RenderableType:
    table = Table(
        box=None,
        header_style="bold",
        pad_edge=False,
        title=Text("errors", style="bold"),
        title_justify="left",
    )
    for heading in ("array", "worst error / tolerance", "rms error / standard deviation", "unresolved"):
        table.add_column(heading, justify="left" if heading == "array" else "right")
    for margin in explanation.verdict.margins:
        style = "red" if margin.worst > 1 else ""
        table.add_row(
            margin.array, number(margin.worst), number(margin.rms), str(margin.unresolved), style=style
        )
    return table


def _profiles(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    verdict = explanation.verdict
    for name, summary, declared in explanation.profiles:
        mark = (
            "explains it"
            if name == verdict.profile
            else "would explain it"
            if name == verdict.explained_by
            else ""
        )
        yield name, summary + ("" if declared else " (not declared)"), mark
