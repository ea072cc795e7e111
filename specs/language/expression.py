"""The expressions in which specs, bindings, deviations and waivers state shapes, conditions and rules.

They are short Python expressions over names. Deviations and waivers lie in files that others edit, so an
expression is read before it is run: it holds comparisons, arithmetic, choices, tuples, subscripts and
comprehensions over the names that it is given, and calls nothing but the few functions named here. Attributes
and other calls are refused, with the place; so are powers, but for those of a small constant.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from ...syntax import parse

__all__ = ["FUNCTIONS", "ExpressionError", "checked", "evaluate", "mentioned"]

FUNCTIONS: dict[str, Any] = {"len": len, "min": min, "max": max, "all": all, "any": any}
"""What every expression may call."""

SYNTAX: tuple[type[ast.AST], ...] = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Store, ast.Tuple, ast.List, ast.Starred),
    *(ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.IfExp),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod),
    *(ast.Subscript, ast.Slice, ast.GeneratorExp, ast.ListComp, ast.comprehension, ast.Call),
)
"""Everything that an expression may be made of; of calls, those of functions by name alone."""


class ExpressionError(ValueError):
    """An expression cannot be read, or holds what none may; the message shows the place."""


def evaluate(expression: str, names: Mapping[str, Any], functions: tuple[str, ...] = ()) -> Any:
    """Value of an ``expression`` over ``names``.

    Args:
        expression: what is evaluated; it is checked once.
        names: axes, parameters and whatever else it may mention.
        functions: those of the names that it may call, beside `FUNCTIONS`.

    Raises:
        ExpressionError: it holds what no expression may.
    """
    code, nested = _compiled(expression, functions)
    known = {**FUNCTIONS, "__builtins__": {}}
    return eval(code, known | dict(names)) if nested else eval(code, known, names)


def checked(expression: str, functions: tuple[str, ...] = ()) -> str:
    """The expression, if it is one.

    Raises:
        ExpressionError: it cannot be read, or holds what no expression may.
    """
    _compiled(expression, functions)
    return expression


@functools.cache
def mentioned(expression: str) -> frozenset[str]:
    """Names that an ``expression`` mentions, those inside its comprehensions included."""
    found, codes = set[str](), [_compiled(expression, ())[0]]
    while codes:
        code = codes.pop()
        found.update(code.co_names)
        codes += (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(found)


@functools.cache
def _compiled(expression: str, functions: tuple[str, ...]) -> tuple[CodeType, bool]:
    """Code of an expression, and whether it holds comprehensions, which see global names only."""
    text = expression.strip()
    try:
        tree = parse(text, "eval", f"<{text}>")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        reason = error.args[0] if error.args else "it is too deep"
        raise ExpressionError(_told(text, line, column - 1, f"cannot be read: {reason}")) from None
    for node, complaint in _complaints(tree, {*FUNCTIONS, *functions}):
        raise ExpressionError(_told(text, node.lineno, node.col_offset, complaint))
    code = compile(tree, f"<{text}>", "eval")
    return code, any(isinstance(constant, CodeType) for constant in code.co_consts)


def _complaints(tree: ast.AST, functions: set[str]) -> Iterator[tuple[ast.expr, str]]:
    """What is no part of an expression, with what is said of it."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in functions:
                pass
            case ast.Call():
                allowed = ", ".join(sorted(functions))
                yield node, f"calls {ast.unparse(node.func)}, and may call {allowed} alone, without keywords"
            case ast.Attribute():
                yield node, f"takes the attribute {node.attr!r}, and may take none"
            case ast.Name() if node.id.startswith("_"):
                yield node, f"mentions {node.id!r}, and names begin with a letter"
            case ast.BinOp(op=ast.Pow(), right=ast.Constant() | ast.UnaryOp(operand=ast.Constant())):
                pass
            case ast.BinOp() | ast.UnaryOp() if not isinstance(node.op, SYNTAX):
                yield node, f"holds the operator {type(node.op).__name__}, which none may"
            case ast.expr() if not isinstance(node, SYNTAX):
                yield node, f"holds {type(node).__name__}, which none may"


def _told(text: str, line: int, column: int, complaint: str) -> str:
    """The sentence, with the expression on one line and a mark under the place."""
    before = sum(len(one) + 1 for one in text.split("\n")[: line - 1])
    shown = text.replace("\n", " ")
    return f"the expression {complaint}:\n    {shown}\n    {' ' * (before + column)}^"
