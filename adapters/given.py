"""Which of their own arguments APIs are given: one that has the same value in every binding is not asked.

It is read off the bindings, of losses alone, in the worker process that has the signatures. What is built in
tells none, but begins its documentation with it.
"""

from __future__ import annotations

import ast
import fnmatch
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..syntax import parse
from .binding import Binding, bindings
from .recording import declared_by, found

__all__ = ["FAMILIES", "ungiven"]

FAMILIES = "losses_*"
"""The families whose APIs are held to this."""

Written = Mapping[str, str]
"""Arguments, each with what is given for it: an expression of Python."""


def ungiven(framework: str) -> tuple[str, ...]:
    """The arguments, as ``api(argument)``, that all bindings of an API give one literal or its default."""
    calls = defaultdict[str, list[Written]](list)
    for binding in bindings([framework]).values():
        family = binding.function.__module__.rpartition(".")[2]
        if not binding.composition and fnmatch.fnmatchcase(family, FAMILIES):
            calls[binding.api.partition("(")[0]] += _calls(binding)
    return tuple(f"{api}({name})" for api in sorted(calls) for name in _alike(api, calls[api]))


def _alike(api: str, calls: list[Written]) -> Iterator[str]:
    """The arguments of an API that have one value in all of these calls."""
    for name, parameter in _arguments(api).items():
        told = "" if parameter.default is parameter.empty else repr(parameter.default)
        given = {call.get(name, told) for call in calls}
        if len(given) == 1 and _is_literal(*given):
            yield name


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return not text
    return True


def _arguments(api: str) -> dict[str, inspect.Parameter]:
    """The arguments of an API that have names, in order.

    Raises:
        ValueError: neither its signature nor its documentation tells them.
    """
    try:
        signature = declared_by(api)
    except ValueError:
        signature = _documented(api)
    gathered = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {n: p for n, p in signature.parameters.items() if p.kind not in gathered and n != "self"}


def _documented(api: str) -> inspect.Signature:
    first = (inspect.getdoc(found(api)[2]) or "").strip().partition("\n")[0].partition("->")[0]
    try:
        (function,) = parse(f"def {first.strip()}: ...").body
        assert isinstance(function, ast.FunctionDef)
    except (SyntaxError, AssertionError) as error:
        raise ValueError(f"{api} tells no arguments") from error
    told = function.args
    without = [inspect.Parameter.empty] * (len(told.args) - len(told.defaults))
    pairs = zip(told.args, [*without, *map(ast.literal_eval, told.defaults)], strict=True)
    form = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(one.arg, form, default=default) for one, default in pairs])


def _calls(binding: Binding) -> list[Written]:
    """What each call in a binding gives its API."""
    api = binding.api.partition("(")[0]
    if binding.row is None:
        parts = [binding.function, *([binding.build] if binding.build else [])]
        trees = [parse(textwrap.dedent(inspect.getsource(part))) for part in parts]
        nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
        last = api.rpartition(".")[2]
        return [_written(api, n) for n in nodes if ast.unparse(n.func).rpartition(".")[2] == last]
    weights = {} if isinstance(binding.row.weights, str) else binding.row.weights
    call = parse(f"f({binding.row.on})", mode="eval").body
    assert isinstance(call, ast.Call)
    return [{**binding.row.options, **weights, **({} if binding.row.caller else _written(api, call))}]


def _written(api: str, call: ast.Call) -> Written:
    """The arguments of a call, those by position under their names."""
    by_place = dict(zip(_arguments(api), map(ast.unparse, call.args), strict=False))
    by_name = {one.arg: ast.unparse(one.value) for one in call.keywords if one.arg}
    return by_place | by_name
