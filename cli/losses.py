"""The command ``assay losses``: losses side by side, and what they give where nothing counts."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.markdown import Markdown

from ..harness.mapping.losses import is_loss
from ..harness.mapping.losses import losses as measured
from ..harness.plan import implementations, select_specs
from ..harness.running.processes import WorkerSettings, checked_framework
from ..reports.console import Bar, Screen
from ..reports.losses import losses_page
from .ending import CannotRun
from .options import ALL_FRAMEWORKS, Interpreter, Names

__all__ = ["losses"]


def losses(
    *specs: str,
    framework: Names = ALL_FRAMEWORKS,
    python: Interpreter = Path(sys.executable),
    out: Path | None = None,
) -> None:
    """Compare what frameworks offer for each loss, and measure what they give where nothing counts.

    Parameters
    ----------
    specs
        Names or globs of losses, such as huber or 'kl*'; all if none is given.
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch] or jax; may be given many times.
    python
        The interpreter whose frameworks are asked.
    out
        A file: writes the page in Markdown instead of printing it.
    """
    chosen = [spec for spec in select_specs(specs).values() if is_loss(spec)]
    workers = [WorkerSettings(checked_framework(name), python=str(python)) for name in framework]
    total = sum(len(implementations(spec, [s.family])) for spec in chosen for s in workers)
    with Bar("losses", total) as bar:
        found = measured(chosen, workers, lambda target: bar.advance())
    if not any(target.available for target in found.targets):
        raise CannotRun("No framework could be asked. " + " ".join(t.reason for t in found.targets))
    text = losses_page(found, chosen)
    if out:
        out.write_text(text, "utf-8")
    else:
        Screen().print(Markdown(text))
