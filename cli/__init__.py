"""The command ``assay``: one module for each group of commands."""

from .app import main

__all__ = ["main"]
