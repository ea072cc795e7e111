"""The atlases of a gate's two sides: what changed of defaults, signatures, weights, types, errors, names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ...errors import Usage
from ..mapping.atlas import Atlas, atlas
from ..mapping.changes import Change, changes, read
from ..plan import select_specs
from ..running.processes import WorkerSettings
from .gate import SIDES, GateScope, Side
from .meanings import Subjects

__all__ = ["atlas_changes", "beside"]

Watch = Callable[[str], None]
"""Told the name of a side whose atlas is begun."""


def beside(record: Path) -> Path:
    """Where the atlas of a record lies: ``run.atlas.json`` for ``run.json``."""
    return record.with_suffix(".atlas.json")


def atlas_changes(
    sides: tuple[Side, Side], scope: GateScope, frameworks: Sequence[str], folder: Path, watch: Watch
) -> tuple[tuple[Change, ...], Subjects, tuple[str, ...]]:
    """What changed from one atlas to the other, what was measured, and what could not be asked.

    A side that is a record has its atlas beside it; that of any other is measured, and left in its folder.

    Raises:
        Usage: a record has no atlas beside it.
    """
    missing = [
        str(beside(side.record)) for side in sides if side.record and not beside(side.record).is_file()
    ]
    if missing:
        raise Usage(f"there is no atlas {missing[0]}; a gate with --atlas leaves one beside each run.json")
    found = list[Atlas]()
    for name, side in zip(SIDES, sides, strict=True):
        if side.record:
            found.append(read(beside(side.record)))
            continue
        watch(name)
        workers = [WorkerSettings(one, scope.device, python=side.interpreter()) for one in frameworks]
        found.append(atlas(list(select_specs(scope.specs).values()), workers))
        (folder / name).mkdir(parents=True, exist_ok=True)
        beside(folder / name / "run.json").write_bytes(msgspec.json.encode(found[-1]))
    troubles = [
        f"the atlas of {target.name}: {target.reason}"
        for one in found
        for target in one.targets
        if not target.available
    ]
    subjects = frozenset((sheet.spec, sheet.api) for one in found for sheet in one.sheets)
    return tuple(changes(*found)), subjects, tuple(dict.fromkeys(troubles))
