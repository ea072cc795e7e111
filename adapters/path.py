"""A path: one of the ways in which a framework runs a call, as data."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Path"]


@dataclass(frozen=True)
class Path:
    """How a call is entered, and what shows for each configuration that it ran so.

    Args:
        name: as ``--path`` takes it and targets are called by.
        entered: how the call is made.
        shown: what proves that it was; empty for eager execution, where there is nothing to show.
        differentiates: whether gradients come of it; where not, only outputs are asked for and judged.
        dtypes: of the cases that it is asked; of all if empty.
        environ: variables of the environment that must stand before the framework is imported.
        special: whether it is asked of data that hold NaN or infinities, and of calls that must raise.
        apis: globs of the APIs for which it has a meaning; of all if empty.
        profiles: names of the rounding profiles that it asks for, beside those that are declared.
        under: the path of a framework's backend that it is entered by.
        since: the first version of a distribution that has it; empty if all that can be asked have it.
    """

    name: str
    entered: str
    shown: str = ""
    differentiates: bool = True
    dtypes: tuple[str, ...] = ()
    special: bool = True
    apis: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    under: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, str] = field(default_factory=dict)

    def means(self, api: str, dtype: str, special: bool = False) -> bool:
        """Whether it has a meaning for an API in a dtype, on data that may be ``special``."""
        known = not self.apis or any(fnmatch.fnmatchcase(api, pattern) for pattern in self.apis)
        return known and (not self.dtypes or dtype in self.dtypes) and (self.special or not special)
