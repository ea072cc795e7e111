"""What people ask to port: pairs of APIs, as data in ``recipes.toml``. What comes of them is measured."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

__all__ = ["AskedRecipe", "asked_recipes"]

FILE = Path(__file__).with_name("recipes.toml")


class AskedRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One API in the words of another.

    Args:
        title: what is asked.
        source: the API that is ported.
        target: the API that it is ported to.
        spec: the layer that is meant, where the two have several in common.
        options: own arguments of the first, or parameters of the layer, as ``name=value``.
        note: what a reader should know beside the figures.
    """

    title: str
    source: str
    target: str
    spec: str = ""
    options: tuple[str, ...] = ()
    note: str = ""

    @property
    def command(self) -> str:
        """The command that makes the recipe."""
        words = [self.source, self.target, *self.options, *([f"--spec {self.spec}"] if self.spec else [])]
        return "assay port " + " ".join(f"'{word}'" if "(" in word else word for word in words)

    @property
    def given(self) -> dict[str, str]:
        """Options by name."""
        return {name: value for name, _, value in (option.partition("=") for option in self.options)}


@functools.cache
def asked_recipes() -> tuple[AskedRecipe, ...]:
    """All of them, in order."""
    whole = msgspec.toml.decode(FILE.read_bytes(), type=dict[str, tuple[AskedRecipe, ...]])
    return whole["recipe"]
