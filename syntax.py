"""Read Python source into a tree, one thread at a time.

Before Python 3.11.8 all threads share the count of a tree's depth, so that two that read at once may end with
"AST constructor recursion depth mismatch": https://github.com/python/cpython/issues/106905.
"""

from __future__ import annotations

import ast
import threading
from typing import Literal, overload

__all__ = ["parse"]

_ONE_AT_A_TIME = threading.Lock()


@overload
def parse(source: str, mode: Literal["exec"] = ..., name: str = ...) -> ast.Module: ...
@overload
def parse(source: str, mode: Literal["eval"], name: str = ...) -> ast.Expression: ...
def parse(source: str, mode: Literal["exec", "eval"] = "exec", name: str = "<source>") -> ast.mod:
    """The tree of a module's source or of an expression; errors show ``name`` as its file."""
    with _ONE_AT_A_TIME:
        return ast.parse(source, name, mode)
