"""Modules that are imported when they are first used."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
from typing import Any

__all__ = ["Absent", "Lazy", "Unimportable", "import_stand_ins", "imported"]


class Absent(ImportError):
    """There is no such module here: its distribution is not installed, or has no such part."""


class Unimportable(ImportError):
    """A module is there and does not import; the message says which, in what version, and why."""


class Lazy:
    """Stand-in for the module ``name``: imports it at the first look at an attribute.

    Unlike ``importlib.util.LazyLoader`` it does not ask whether the module exists before it is needed.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(imported(self.__name__), attribute)

    def __repr__(self) -> str:
        return f"<lazy module {self.__name__}>"


def imported(name: str) -> Any:
    """The module called ``name``; it is tried once, for a second try may find what the first left behind.

    Raises:
        Absent: it is not installed, or its distribution has no such module.
        Unimportable: it is there, but the import fails.
    """
    package = name.partition(".")[0]
    found = _tried(package)
    if package != name and not isinstance(found, ImportError):
        found = _tried(name)
    if isinstance(found, ImportError):
        raise found.with_traceback(None)
    return found


@functools.cache
def _tried(name: str) -> Any:
    """The module, or what to raise where there is none."""
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except Exception as error:  # an import runs the code of others, which may raise anything
        try:
            called = f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            called = ""
        missing = error.name if isinstance(error, ModuleNotFoundError) else ""
        if missing == package and not called:
            return Absent(f"{package} is not installed")
        if missing == name != package:
            return Absent(f"{called or package} has no module {name}")
        told = " ".join(str(error).split())[:500]
        return Unimportable(f"{called or package} does not import: {type(error).__name__}: {told}")


def import_stand_ins(namespace: dict[str, Any]) -> None:
    """Put what stand-ins in ``namespace`` stand for in their place: a compiler cannot trace an import.

    One whose module does not import stays, and raises where it is used.
    """
    for name, value in namespace.items():
        if isinstance(value, Lazy):
            with contextlib.suppress(ImportError):
                namespace[name] = imported(value.__name__)
