"""The command ``assay port``: how one API is made to do what another does, proved by running both."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import Usage
from ..harness.mapping.arguments import Desk
from ..harness.mapping.porting import Recipe, pair
from ..harness.mapping.porting import port as ported
from ..harness.running.processes import Worker, WorkerSettings
from ..harness.running.provenance import target_facts
from ..reports.console import Screen
from ..reports.port import recipe_page

__all__ = ["port"]


def port(
    source: Annotated[str, Parameter(name="FROM")],
    target: Annotated[str, Parameter(name="TO")],
    *options: str,
    spec: str = "",
    python: Path = Path(sys.executable),
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
    """
    given = dict(_option(text) for text in options)
    two = pair(source, target, spec)
    with ExitStack() as stack:
        names = dict.fromkeys((two.source.framework, two.target.framework))
        desks = {name: _desk(name, python, stack) for name in names}
        recipe: Recipe = ported(two, given, desks[two.source.framework], desks[two.target.framework])
    Screen().print(recipe_page(recipe))
    return int(not recipe.exact)


def _option(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not value:
        raise Usage(f"write an argument as name=value; got {text!r}")
    return name, value


def _desk(framework: str, python: Path, stack: ExitStack) -> Desk:
    settings = WorkerSettings(framework, python=str(python))
    worker = Worker(settings)
    stack.callback(worker.stop)
    return Desk(worker, target_facts(settings, worker.start()))
