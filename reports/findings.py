"""Findings on file: the page of all of them, and what the terminal shows of one or of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import jinja2
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from ..harness.judging.findings import Family, Finding, Shows
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
    environment.globals |= {"said": said, "ranges": ranges, "unnoticed": unnoticed}
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


def unnoticed(one: Finding) -> str:
    """Which rules of frameworks' own tests would let the finding pass, if they asked its examples."""
    sized = [example for example in one.examples if example.got and example.expected]
    rules = dict.fromkeys(rule for example in sized for rule in example.unnoticed)
    if not rules:
        return ""
    example = next(example for example in sized if example.unnoticed)
    return (
        f"{example.got} for {example.expected} (`{example.case}` in {example.implementation}) "
        f"is within the default tolerance of {' and '.join(rules)}."
    )


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
        "Would tests notice?": [unnoticed(one)] if unnoticed(one) else [],
        "Known of": [ranges(one)] if one.versions else [],
        "Accounts for": [said(shows) for shows in one.verdicts],
        "Shown by": [_asking(one, place) for place in range(len(one.examples))],
    }
    for heading, lines in lists.items():
        if lines:
            parts += [Text(f"\n{heading}", "bold"), *(Text(f"  {line}") for line in lines)]
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
