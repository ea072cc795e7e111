"""Bindings that tests load are forgotten, or they would count in every later test of the process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from assay.adapters import binding

__all__ = ["own_bindings"]


@contextlib.contextmanager
def own_bindings() -> Iterator[None]:
    """Forget in the end what was loaded inside; a fixture of more than one test needs it for itself."""
    before = {framework: dict(binding.bindings([framework])) for framework in binding.FRAMEWORKS}
    loaded = set(binding._loaded)
    try:
        yield
    finally:
        binding._registered.update(before)
        binding._loaded &= loaded
