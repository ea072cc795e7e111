"""The page of recipes: what people ask to port, how it is done, and what came of running both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from ..harness.mapping.porting import Recipe
from ..harness.record import Target
from ..specs.recipes import AskedRecipe
from .overview import version_of
from .port import codes, meanings, proved

__all__ = ["recipes_page"]

TEMPLATES = Path(__file__).with_name("templates")


def recipes_page(recipes: Sequence[tuple[AskedRecipe, Recipe]], targets: Sequence[Target]) -> str:
    """All recipes, in Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    versions = ", ".join(f"{target.framework} {version_of(target)}" for target in targets)
    return environment.get_template("recipes.md.jinja").render(
        recipes=recipes, versions=versions, told=_told, codes=codes, proved=proved
    )


def _told(recipe: Recipe) -> list[tuple[str, str, str]]:
    return [tuple(word.replace("|", "\\|") for word in row) for row in meanings(recipe)]  # type: ignore[misc]
