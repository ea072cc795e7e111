"""The command ``assay port``: how one API is made to do what another does, proved by running both."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import Usage
from ..harness.mapping.arguments import Desk
from ..harness.mapping.desks import desk_of, recipe_of
from ..harness.mapping.porting import Recipe, pair
from ..harness.mapping.porting import port as ported
from ..reports.console import Bar, Screen
from ..reports.port import recipe_page
from ..reports.port_script import port_script
from ..reports.recipes import recipes_page
from ..specs.recipes import AskedRecipe, asked_recipes
from .options import Interpreter

__all__ = ["port", "recipes"]


def port(
    source: Annotated[str, Parameter(name="FROM")],
    target: Annotated[str, Parameter(name="TO")],
    *options: str,
    spec: str = "",
    python: Interpreter = Path(sys.executable),
    script: Path | None = None,
) -> int:
    """Write one API's call as another's, and run both.

    Ends with 0 where the second does what the first does in every case, and with 1 where it does not.

    Parameters
    ----------
    source
        The API that is ported, such as keras.layers.BatchNormalization.
    target
        The API that it is ported to, such as torch.nn.BatchNorm2d.
    options
        Own arguments of the first, as epsilon=1e-5; the others have their defaults, which are measured.
    spec
        The layer that is meant, where the two have several in common.
    python
        The interpreter whose frameworks are asked.
    script
        A file for a script that builds both, runs them on the same random arrays and weights, and prints how
        far apart they are.
    """
    given = dict(_option(text) for text in options)
    recipe = recipe_of(source, target, given, spec, python)
    Screen().print(recipe_page(recipe))
    if script is not None:
        script.write_text(port_script(recipe), "utf-8")
    return int(not recipe.exact)


def recipes(*, python: Interpreter = Path(sys.executable), out: Path | None = None) -> None:
    """Run the recipes that people ask for, and write the page of them.

    Parameters
    ----------
    python
        The interpreter whose frameworks are asked.
    out
        A Markdown file; the page is printed where none is given.
    """
    found = list[tuple[AskedRecipe, Recipe]]()
    with ExitStack() as stack, Bar("recipes", len(asked_recipes())) as bar:
        desks = dict[str, Desk]()
        for asked in asked_recipes():
            two = pair(asked.source, asked.target, asked.spec)
            for name in (two.source.framework, two.target.framework):
                desks[name] = desks.get(name) or desk_of(name, python, stack)
            found.append(
                (asked, ported(two, asked.given, desks[two.source.framework], desks[two.target.framework]))
            )
            bar.advance()
        page = recipes_page(found, [desk.target for desk in desks.values()])
    if out is None:
        print(page)
    else:
        out.write_text(page, "utf-8")


def _option(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not value:
        raise Usage(f"write an argument as name=value; got {text!r}")
    return name, value
