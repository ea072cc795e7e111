"""Modules that are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["Lazy"]


class Lazy:
    """Stand-in for the module ``name``: imports it at the first look at an attribute.

    Unlike ``importlib.util.LazyLoader`` it does not ask whether the module exists before it is needed.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name__), attribute)

    def __repr__(self) -> str:
        return f"<lazy module {self.__name__}>"
