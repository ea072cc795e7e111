"""Public names that nothing is bound to: ``excluded.toml`` has those left out, ``planned.txt`` those to come.

Both are read where coverage is told, and by no worker, which need not have a reader of TOML.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Exclusion", "exclusions", "planned"]


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names that nothing is asked of, and why."""

    reason: str
    names: tuple[str, ...]
    """Globs."""


@functools.cache
def exclusions(table: str = "excluded") -> tuple[Exclusion, ...]:
    """What is left out on purpose: names, or in the table ``ungiven`` arguments as ``api(argument)``."""
    text = Path(__file__).with_name("excluded.toml").read_text("utf-8")
    found: Mapping[str, tuple[Exclusion, ...]] = msgspec.toml.decode(
        text, type=dict[str, tuple[Exclusion, ...]]
    )
    return found[table]


@functools.cache
def planned() -> frozenset[str]:
    """The names that are to be bound."""
    return frozenset(Path(__file__).with_name("planned.txt").read_text("utf-8").split())
