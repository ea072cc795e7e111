"""The command ``assay``: one module for each group of commands."""

from .app import app, main

__all__ = ["app", "main"]
