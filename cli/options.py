"""What the commands share: the types of options, and errors with their exit status."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from ..specs.language.cases import TIERS

__all__ = ["ALL_FRAMEWORKS", "CannotRun", "Device", "Names", "Tier", "Usage"]

Tier = Literal["smoke", "standard", "full", "grid"]
Device = Literal["cpu", "cuda"]
Names = Annotated[tuple[str, ...], Parameter(negative="")]

ALL_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

assert tuple(TIERS) == get_args(Tier)


class Usage(Exception):
    """The command line asks for something that does not exist; the exit status is 2."""


class CannotRun(Exception):
    """Nothing could be run; the exit status is 3."""
