"""What the commands share: the types of options."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from ..specs.language.cases import TIERS

__all__ = ["ALL_FRAMEWORKS", "Device", "Names", "Paths", "Tier"]

Tier = Literal["smoke", "standard", "full", "grid", "paths"]
Device = Literal["cpu", "cuda"]
Names = Annotated[tuple[str, ...], Parameter(negative="")]

Paths = Annotated[tuple[str, ...], Parameter(name=("--path", "--mode"), negative="")]

ALL_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

assert (*TIERS, "paths") == get_args(Tier)
