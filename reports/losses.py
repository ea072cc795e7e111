"""The page of the losses: what each framework offers for each, and what it gives where nothing counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2

from ..adapters.binding import Binding
from ..harness.mapping.losses import SITUATIONS, Losses, elements
from ..harness.plan import implementations
from ..specs.language.spec import Spec
from .overview import version_of

__all__ = ["Column", "Compared", "losses_page"]

TEMPLATES = Path(__file__).parent / "templates"

NOT_MEASURED = "–"
"""Stands where an implementation cannot be asked the question."""


@dataclass(frozen=True)
class Column:
    """One element of a loss: what each implementation says of it."""

    name: str
    meaning: str
    cells: dict[str, str]

    @property
    def differs(self) -> bool:
        """Whether two that say something say different things."""
        return len(set(self.cells.values()) - {NOT_MEASURED}) > 1

    @property
    def common(self) -> str:
        """What most of them say."""
        said = Counter(cell for cell in self.cells.values() if cell != NOT_MEASURED)
        return said.most_common(1)[0][0] if said else NOT_MEASURED

    def cell(self, api: str) -> str:
        """What one says; bold where it is not what most say."""
        found = self.cells[api]
        return found if found in (self.common, NOT_MEASURED) else f"**{found}**"


@dataclass(frozen=True)
class Compared:
    """A loss, and its implementations side by side."""

    spec: Spec
    losses: Losses

    @cached_property
    def bindings(self) -> tuple[Binding, ...]:
        """Its implementations, of all frameworks."""
        return implementations(self.spec)

    @cached_property
    def columns(self) -> list[Column]:
        """Every element: what can be asked, and then what comes where nothing counts."""
        return [*self._options(), *self._nothing()]

    @property
    def loud(self) -> list[Column]:
        """Elements in which implementations differ."""
        return [column for column in self.columns if column.differs]

    @property
    def quiet(self) -> list[Column]:
        """Elements in which they agree."""
        return [column for column in self.columns if not column.differs]

    def taken(self, binding: Binding) -> str:
        """How arrays go in, which says how labels are coded and on which axis the classes are."""
        return f"`{binding.row.on}`" if binding.row else "composed" if binding.composition else "a function"

    def _options(self) -> list[Column]:
        offered = {binding.api: elements(binding, self.spec) for binding in self.bindings}
        names = dict.fromkeys(name for values in offered.values() for name in values)
        return [
            Column(
                name,
                self.spec.parameter(name).meaning,
                {api: _listed(values[name]) for api, values in offered.items()},
            )
            for name in names
        ]

    def _nothing(self) -> list[Column]:
        known = [one for one in self.losses.nothing if one.spec == self.spec.name]
        found = []
        for situation in SITUATIONS:
            said: dict[str, list[str]] = {}
            for one in known:
                if one.situation == situation:
                    words = said.setdefault(one.api, [])
                    words += [one.said] if one.said not in words else []
            if said:
                cells = {b.api: " or ".join(said.get(b.api, [NOT_MEASURED])) for b in self.bindings}
                found.append(Column(situation, "what a mean is where nothing counts", cells))
        return found


def _listed(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values) or NOT_MEASURED


def losses_page(losses: Losses, specs: Sequence[Spec]) -> str:
    """The page, in Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    versions = ", ".join(f"{t.framework} {version_of(t)}" for t in losses.targets if t.available)
    compared = [Compared(spec, losses) for spec in specs]
    return environment.get_template("losses.md.jinja").render(compared=compared, versions=versions)
