"""A test oracle for neural-network layers and losses.

Independent NumPy references say what each layer and loss means; adapters put the same cases to TensorFlow,
Keras, PyTorch and JAX; assay reports every discrepancy, its size in units of explained rounding error, and
the code that reproduces it.

This module is the public face. Importing it imports no framework, and what is behind ``check`` only when it
is first used.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import KernelFails, Report, check, conforms, port

__all__ = ["KernelFails", "Report", "__version__", "check", "conforms", "port"]

try:
    __version__ = version("assay")
except PackageNotFoundError:
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import api

    return getattr(api, name)
