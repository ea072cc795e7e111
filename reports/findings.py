"""Findings on file: the page of all of them, and what the terminal shows of one or of many."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..harness.judging.findings import Example, Family, Finding, Shows
from ..harness.judging.noticing import Noticing
from ..harness.record import Verdict
from .overview import command

__all__ = ["finding_page", "finding_table", "findings_page"]

TEMPLATES = Path(__file__).parent / "templates"


def findings_page(families: Iterable[Family]) -> str:
    """Every finding, family by family, as Markdown."""
    chapters = tuple(families)
    found = [one for family in chapters for one in family.finding]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"said": said, "ranges": ranges, "noticed": noticed}
    text = environment.get_template("findings.md.jinja").render(
        families=chapters,
        counts=Counter(one.standing for one in found),
        headlines=[one for one in found if one.headline],
    )
    return f"{text.rstrip()}\n"


def said(shows: Shows) -> str:
    """Some of the verdicts of a finding, in a line: outcome and check, specs, APIs, and where."""
    outcome = _listed(shows.outcome) if shows.outcome != "*" else "whatever fails"
    check = f" ({_listed(shows.check)})" if shows.check not in ("*", "raised") else ""
    specs = _coded(shows.spec) if shows.spec != "*" else "every spec"
    apis = f" in {_coded(shows.implementation)}" if shows.implementation != "*" else ""
    conditions = [f"`{shows.when}`"] if shows.when != "True" else []
    conditions += [f"the message says `{shows.message}`"] if shows.message else []
    conditions += [f"`{shows.profile}` explains it"] if shows.profile else []
    where = f", where {' and '.join(conditions)}" if conditions else ""
    framework = f", on {_coded(shows.framework)}" if shows.framework != "*" else ""
    mode = f", in the mode `{shows.mode}` alone" if shows.mode else ""
    return f"{outcome}{check}: {specs}{apis}{framework}{mode}{where}"


def ranges(one: Finding) -> str:
    """The versions in which a finding holds: ``keras <=3.15.1``."""
    return ", ".join(f"{package} {allowed}" for package, allowed in one.versions.items())


def noticed(one: Finding) -> str:
    """Whether frameworks' own tests would notice it, if they asked its first example in each framework."""
    if not one.examples:
        return ""
    by_rule = {told[0].rule: example for example in reversed(one.examples) if (told := example.noticing)}
    if not by_rule:
        return "It has no size: a test that asks this notices, whatever its tolerance."
    examples = sorted(by_rule.values(), key=one.examples.index)
    return " ".join(
        _noticed(example, example.noticing[: 1 if n else None]) for n, example in enumerate(examples)
    )


def _noticed(example: Example, told: Sequence[Noticing]) -> str:
    """What one example is beside the tolerances of some rules, as a sentence."""
    asked, error = f"`{example.case}` in `{example.implementation}`", told[0].error
    if not math.isfinite(error):
        return f"{asked} gives {example.got} for {example.expected}, which any test that asks it notices."
    rules = ", ".join(
        f"{each.rule}'s {'would' if each.noticed else 'would not'} (tolerance {each.tolerance:.2g}"
        f"{f'; {each.remark}' if each.remark else ''})"
        for each in told
    )
    return f"{asked} has the error {error:.2g}: {rules}."


def finding_table(found: Iterable[Finding]) -> Table:
    """Findings in a table: name, standing and title."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("finding", "standing", "what happens"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(Text(one.id, "bold"), one.standing, Text(one.title))
    return table


def finding_page(one: Finding) -> RenderableType:
    """Everything that is known of a finding."""
    parts: list[RenderableType] = [
        Text.assemble((one.title, "bold"), f"\n{one.id} · {one.standing}\n{one.about}\n"),
        Markdown(one.what),
    ]
    for heading, text in (("Right", one.right), ("Cause", one.cause)):
        if text:
            parts += [Text(f"\n{heading}", "bold"), Markdown(text)]
    reported = [f"{link.url} {f'({link.state})' if link.state else ''}".rstrip() for link in one.links]
    lists = {
        "Reported": reported,
        "Would tests notice?": [noticed(one)] if noticed(one) else [],
        "Known of": [ranges(one)] if one.versions else [],
        "Accounts for": [said(shows) for shows in one.verdicts],
        "Shown by": [_asking(one, place) for place in range(len(one.examples))],
    }
    for heading, lines in lists.items():
        if lines:
            parts += [Text(f"\n{heading}", "bold"), *(Text(f"  {line}") for line in lines)]
    if one.script:
        parts += [Text("\nScript", "bold"), Syntax(one.script.strip(), "python", background_color="default")]
    return Group(*parts)


def _asking(one: Finding, place: int) -> str:
    """The command that shows an example."""
    example = one.examples[place]
    target = f"{example.framework}/cpu/{example.mode}"
    return command("explain", Verdict(example.case, example.implementation, target, "differs"))


def _listed(globs: str | tuple[str, ...]) -> str:
    return globs if isinstance(globs, str) else ", ".join(globs)


def _coded(globs: str | tuple[str, ...]) -> str:
    named = (globs,) if isinstance(globs, str) else globs
    return ", ".join(f"`{one}`" for one in named)
