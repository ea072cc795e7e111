"""The command ``assay atlas``: what the own arguments of each API mean, and what they are by default."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from ..harness.mapping.atlas import Atlas, joined, specs_of, subjects
from ..harness.mapping.atlas import atlas as measured
from ..harness.mapping.changes import changes, read
from ..harness.plan import select_specs
from ..harness.running.processes import WorkerSettings, checked_framework
from ..reports.atlas import atlas_tables, counted, family_page, index_page, layers_in, with_layers
from ..reports.atlas_html import write_atlas
from ..reports.console import Bar, Screen
from .ending import CannotRun
from .options import ALL_FRAMEWORKS, Interpreter, Names

__all__ = ["atlas"]


def atlas(
    *specs: str,
    framework: Names = ALL_FRAMEWORKS,
    python: Interpreter = Path(sys.executable),
    out: Path | None = None,
    as_html: Annotated[bool, Parameter(name="--html", negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    measured_in: Annotated[tuple[Path, ...], Parameter(name="--from", negative="")] = (),
    against: Path | None = None,
) -> int:
    """Measure what the arguments of layers are when they are not given, and what APIs show beside numbers.

    Ends with 1 where something is not as in the atlas that it is held ``against``.

    Parameters
    ----------
    specs
        Names or globs of specs, such as gelu or 'conv*'; all if none is given.
    framework
        torch, tensorflow, keras (on TensorFlow), keras[jax], keras[torch], jax, or onnx, which is asked
        forward, and where it is named alone; may be given many times.
    python
        The interpreter whose frameworks are asked.
    out
        A folder: writes a Markdown page for each family, an index and atlas.json instead of printing. Where
        specs are named, the rest of pages that are there stays as it is.
    as_html
        Write HTML pages into the folder instead, one for each layer, and an index. Where the folder above is
        the site of a report, pages lead to the site's.
    as_json
        Print JSON instead of tables.
    measured_in
        An atlas.json that was written before, whose figures are taken instead of measuring; may be given many
        times, for different frameworks.
    against
        An atlas.json of another version: what is not as it was there is printed, each by its name.
    """
    chosen = list(select_specs(specs).values())
    if measured_in:
        found = joined([read(path) for path in measured_in])
    else:
        workers = [WorkerSettings(checked_framework(name), python=str(python)) for name in framework]
        total = sum(len(subjects(chosen, settings.family)) for settings in workers)
        with Bar("atlas", total) as bar:
            found = measured(chosen, workers, lambda target: bar.advance())
    if not any(target.available for target in found.targets):
        raise CannotRun("No framework could be asked. " + " ".join(t.reason for t in found.targets))
    if against is not None:
        return _compared(read(against), found)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    elif as_html:
        write_atlas(found, specs_of(found), out or Path("atlas"))
    elif out is None:
        Screen().print(atlas_tables(found, chosen))
    else:
        _write(found, out, partly=bool(specs))
    return 0


def _compared(before: Atlas, after: Atlas) -> int:
    """Print what changed, a line each."""
    found = changes(before, after)
    for change in found:
        print(change)
    print(f"{len(found)} changes" if found else "nothing has changed that both have measured")
    return int(bool(found))


def _write(found: Atlas, out: Path, *, partly: bool) -> None:
    """The record, a page for each family, and the index; of pages that are there, only some layers' parts."""
    specs = specs_of(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "atlas.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    for family in dict.fromkeys(spec.family for spec in specs):
        file, page = out / f"{family}.md", family_page(found, family, specs)
        file.write_text(
            with_layers(file.read_text("utf-8"), page) if partly and file.is_file() else page, "utf-8"
        )
    index = out / "README.md"
    if not (partly and index.is_file()):
        index.write_text(index_page(found, specs), "utf-8")
    else:
        paged = [
            spec for spec in select_specs(()).values() if spec.name in layers_in(out / f"{spec.family}.md")
        ]
        index.write_text(index_page(found, paged, index.read_text("utf-8")), "utf-8")
    Screen().print(counted(found))
