"""What the commands share: the types of options."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from ..specs.language.cases import TIERS

__all__ = ["ALL_FRAMEWORKS", "Device", "Interpreter", "Names", "Paths", "Tier"]

Tier = Literal["smoke", "standard", "full", "grid", "paths"]
Device = Literal["cpu", "cuda"]
Names = Annotated[tuple[str, ...], Parameter(negative="")]

Paths = Annotated[tuple[str, ...], Parameter(name=("--path", "--mode"), negative="")]


def _there(hint: object, python: Path | None) -> None:
    """Refuse an interpreter that is not there; whether it starts is found when it is asked."""
    if python is not None and not python.exists() and shutil.which(str(python)) is None:
        raise ValueError(f"there is no interpreter {python}; give the path of one, such as env/bin/python")


Interpreter = Annotated[Path, Parameter(validator=_there)]

ALL_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

assert (*TIERS, "paths") == get_args(Tier)
