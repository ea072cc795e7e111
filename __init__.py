"""A test oracle for neural-network layers and losses.

Independent NumPy references say what each layer and loss means; adapters put the same cases to TensorFlow,
Keras, PyTorch and JAX; assay reports every discrepancy, its size in units of explained rounding error, and
the code that reproduces it.

This module is the public face. Importing it imports no framework.
"""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("assay")
except PackageNotFoundError:
    __version__ = "0+unknown"
