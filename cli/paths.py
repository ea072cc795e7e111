"""The command ``assay paths``: the ways in which calls can be run, and what shows that they were."""

from __future__ import annotations

from rich.table import Table

from ..adapters.framework import framework as adapter
from ..harness.running.processes import checked_framework
from ..reports.console import Screen
from .options import ALL_FRAMEWORKS, Names

__all__ = ["paths"]


def paths(*, framework: Names = ALL_FRAMEWORKS) -> None:
    """List the paths of the frameworks: how a call is entered, and what shows of each that it ran so.

    Parameters
    ----------
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch] or jax; may be given many times.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("framework", "path", "how it is entered", "what shows it", "asked"):
        table.add_column(heading, no_wrap=heading in ("framework", "path"))
    for name in framework:
        for path in adapter(checked_framework(name), "cpu").paths:
            asked = "values and gradients" if path.differentiates else "values"
            dtypes = f" in {', '.join(path.dtypes)}" if path.dtypes else ""
            since = "".join(f"; since {name} {first}" for name, first in path.since.items())
            table.add_row(name, path.name, path.entered, path.shown, f"{asked}{dtypes}{since}")
    Screen().print(table)
