"""The atlas on the terminal and on pages: what arguments of APIs mean, and what they are by default."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..adapters.binding import KNOWN, Binding
from ..harness.mapping.arguments import Argument, Standing, pins
from ..harness.mapping.atlas import Atlas
from ..harness.mapping.sheets import Sheet
from ..harness.plan import implementations
from ..specs.language.case import encode
from ..specs.language.spec import Spec, Value
from .axes import arrays_of, letters
from .overview import version_of
from .sheets import alone, called, grouped, types

__all__ = [
    "Layer",
    "atlas_tables",
    "counted",
    "family_page",
    "index_page",
    "layers_in",
    "versions",
    "with_layers",
]

TEMPLATES = Path(__file__).with_name("templates")


def default_of(argument: Argument) -> str:
    """What was found of an argument that is not given, in a word or two."""
    values = " or ".join(", ".join(f"{n}={encode(v)}" for n, v in one.items()) for one in argument.values[:3])
    match argument.standing:
        case "default":
            return argument.default or values
        case "declared":
            return f"{argument.default}, by its signature"
        case "required":
            return "must be given"
        case "agrees":
            return f"{values} would explain it"
        case "unlisted":
            told = f"{argument.declared}, which is" if argument.declared else ""
            return f"{told} none of the values that were tried".strip()
        case "raises":
            return "raises"
        case "unasked":
            return "not asked"


OPEN: dict[Standing, str] = {
    "agrees": "with values that nothing tells apart",
    "raises": "without which the call raises",
    "unasked": "that no case asks",
}
"""What is said of arguments whose default is not known."""


def counted(atlas: Atlas) -> str:
    """What was measured of how many APIs, what is absent, and what was not measured and why."""
    of = Counter(argument.standing for argument in atlas.arguments)
    seen = [one for s in atlas.sheets for one in s.seen]
    blank = sum(not (one.gives or one.raises) for one in seen)
    unseen = sum(bool(s.unseen) for s in atlas.sheets)
    weights = sum(len(s.weights) for s in atlas.sheets)
    settled = of["default"] + of["declared"] + of["required"] + of["unlisted"]
    measured = settled + len(seen) - blank + weights
    left = of.total() - settled + blank + unseen
    why = [f"{of[standing]} arguments {word}" for standing, word in OPEN.items() if of[standing]]
    why += [f"{unseen} APIs that no smoke case asks, or that end the process"] * bool(unseen)
    why += [f"{blank} calls that return no array"] * bool(blank)
    return (
        f"{measured:,} cells are measured of {len({(s.spec, s.api) for s in atlas.sheets}):,} APIs: "
        f"{of['default']:,} defaults that nothing else explains, {of['declared']:,} that are declared and do "
        f"what is declared, {of['required']:,} arguments without which the API does not go, "
        f"{of['unlisted']:,} whose default is none of the values that the spec lists; {weights:,} weights; "
        f"{len(seen) - blank:,} calls with other types, wrong arguments and wrong inputs. {left:,} "
        f"({left / max(measured + left, 1):.1%}) are not measured: {', '.join(why) or 'none'}. Absent: "
        f"{len(atlas.functions):,} implementations are put together from primitives, and have no arguments "
        "of their own."
    )


def atlas_tables(atlas: Atlas, specs: Sequence[Spec]) -> RenderableType:
    """A table for each spec, API by API, and what it all comes to."""
    return Group(*(part for spec in specs for part in _table(atlas, spec)), counted(atlas))


def _table(atlas: Atlas, spec: Spec) -> Iterator[RenderableType]:
    mine = [argument for argument in atlas.arguments if argument.spec == spec.name]
    if not mine:
        return
    yield Text.assemble((spec.name, "bold"), f"  {spec.summary}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("API", "argument", "is given", "by default"):
        table.add_column(heading, overflow="fold")
    before = ""
    for argument in mine:
        shown = "" if argument.api == before else argument.api
        table.add_row(*map(Text, (shown, argument.name, argument.expression, default_of(argument))))
        before = argument.api
    yield table
    yield ""


# --- pages ---


@dataclass(frozen=True)
class Layer:
    """A spec on its page."""

    spec: Spec
    atlas: Atlas

    @cached_property
    def bindings(self) -> tuple[Binding, ...]:
        """Implementations of the frameworks that were asked."""
        families = {target.framework.partition("[")[0] for target in self.atlas.targets}
        return implementations(self.spec, [name for name in KNOWN if name in families])

    @cached_property
    def bound(self) -> dict[str, str]:
        """Its implementations by framework; what is put together from primitives is marked."""
        found: dict[str, list[str]] = {}
        for b in self.bindings:
            found.setdefault(b.framework, []).append(f"`{b.api}`" + (" (composed)" if b.composition else ""))
        return {framework: ", ".join(apis) for framework, apis in found.items()}

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """Own arguments of its APIs."""
        return tuple(a for a in self.atlas.arguments if a.spec == self.spec.name)

    def default(self, argument: Argument) -> str:
        """What an argument is by default."""
        found = default_of(argument)
        return f"`{found}`" if argument.standing == "default" and argument.default else found

    @cached_property
    def facets(self) -> list[tuple[str, str, list[tuple[Binding, Value, str]]]]:
        """Choices in which implementations differ: name, meaning, and the value that each takes, with why."""
        found = []
        for parameter in self.spec.parameters:
            taken = [(b, *known) for b in self.bindings if (known := pins(b).get(parameter.name))]
            if taken:
                found.append((parameter.name, parameter.meaning, taken))
        return found

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """What its APIs show beside their numbers."""
        return tuple(s for s in self.atlas.sheets if s.spec == self.spec.name)

    @cached_property
    def calls(self) -> tuple[str, ...]:
        """Its APIs with their arguments in order."""
        return tuple(dict.fromkeys(called(s) for s in self.sheets if s.signature))

    @cached_property
    def weights(self) -> list[tuple[str, ...]]:
        """Weights as layers show them when they are built."""

        def row(sheet: Sheet) -> list[tuple[str, ...]]:
            return [
                (
                    f"`{one.name}`",
                    f"{one.axes} {one.dtype}",
                    "" if one.trained else "no",
                    one.initializer,
                    one.law,
                )
                for one in sheet.weights
            ]

        return grouped(self.sheets, row)

    @cached_property
    def types(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """What comes of arrays of other types."""
        return types(self.sheets)

    @cached_property
    def unsaid(self) -> list[tuple[str, ...]]:
        """In which mode its APIs are, and what they draw from, where nothing is said."""
        return [*alone(self.sheets, "mode"), *alone(self.sheets, "source")]

    @cached_property
    def wrong(self) -> list[tuple[str, ...]]:
        """What comes of wrong arguments, then of wrong inputs."""
        return [*alone(self.sheets, "argument"), *alone(self.sheets, "input")]

    @cached_property
    def changes(self) -> list[tuple[str, str]]:
        """What a call overwrites, of the APIs by which something is."""
        told = [
            (s.api, one.gives)
            for s in self.sheets
            for one in s.seen
            if one.kind == "state" and one.gives not in ("", "nothing has changed")
        ]
        return list(dict.fromkeys(told))

    @cached_property
    def arrays(self) -> list[tuple[Binding, str, str, str, str]]:
        """What each implementation that is a row takes by position, by name, its axes, and what it gives."""
        found = []
        for binding in self.bindings:
            if (row := binding.row) is not None:
                named = row.weights.items() if not isinstance(row.weights, str) else [("**", row.weights)]
                weights = ", ".join(f"`{name}` = `{value}`" for name, value in named)
                axes = ", ".join(f"`{a.name}` {letters(a)}" for a in arrays_of(binding, self.spec))
                found.append((binding, row.on, weights, axes, row.returns or row.gives))
        return found


def family_page(atlas: Atlas, family: str, specs: Sequence[Spec]) -> str:
    """The page of a family, in Markdown."""
    layers = [Layer(spec, atlas) for spec in specs if spec.family == family]
    return (
        _environment()
        .get_template("atlas.md.jinja")
        .render(family=family, layers=layers, versions=versions(atlas))
    )


def layers_in(file: Path) -> dict[str, str]:
    """The parts of a page of a family, by the names of the layers; none where there is no page."""
    if not file.is_file():
        return {}
    _, *parts = PART.split(file.read_text("utf-8"))
    return {part.partition("\n")[0]: part for part in parts}


def with_layers(page: str, other: str) -> str:
    """A page of a family with the parts of the layers of another one in their places, or at its end."""
    head, *parts = PART.split(page)
    _, *new = PART.split(other)
    found = {part.partition("\n")[0]: part.rstrip("\n") for part in (*parts, *new)}
    return "\n\n## ".join((head.rstrip("\n"), *found.values())) + "\n\n"


PART = re.compile(r"^## ", re.MULTILINE)
"""Where the part of a layer begins on a page."""


def index_page(atlas: Atlas, specs: Sequence[Spec], before: str = "") -> str:
    """What leads to the pages of families; what stood ``before`` says what the whole atlas comes to."""
    known = COUNTED.search(before)
    families = dict.fromkeys(spec.family for spec in specs)
    listed = {family: [spec for spec in specs if spec.family == family] for family in families}
    return (
        _environment()
        .get_template("atlas_index.md.jinja")
        .render(
            families=listed,
            counted=known[0] if known else counted(atlas),
            versions=versions(atlas),
        )
    )


COUNTED = re.compile(r"(?<=\. )[\d,]+ cells are measured of .*")
"""What an index says that the atlas comes to."""


def versions(atlas: Atlas) -> str:
    """The frameworks that were asked, with their versions."""
    known = [target for target in atlas.targets if target.available]
    return ", ".join(f"{target.framework} {version_of(target)}" for target in known)


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
