"""What is asked: the contract of every layer and loss, and the cases that put it to the test.

A spec is a module-level value in one of the family modules here; being there is all it takes to exist.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from .language.spec import Spec

__all__ = ["all_specs"]


@functools.cache
def all_specs() -> dict[str, Spec]:
    """Every spec by name, family by family."""
    found: dict[str, Spec] = {}
    families = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    for module in families:
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, Spec) and found.setdefault(value.name, value) is not value:
                raise ValueError(f"two specs are called {value.name!r}")
    return found
