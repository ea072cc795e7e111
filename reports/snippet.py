"""The code of a binding as one would write it for a single case: options put in, what follows worked out."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ..adapters import binding as adapters
from ..adapters.binding import BUILT, Binding
from ..harness.judging.stochastic import SEED
from ..harness.running.repro import definition
from ..specs.language.case import Case
from ..syntax import parse

__all__ = ["FRAMEWORK_MODULES", "snippet"]

FRAMEWORK_MODULES = (
    *("flax.linen", "flax.nnx", "jax", "jax.experimental.rnn", "keras", "numpy", "optax", "tensorflow"),
    *("torch", "torch.nn.utils.prune"),
)
"""What a reader imports before any of the code runs; whatever else it needs it imports itself."""

LAYER_OPTIONS = ("initial_state", "mask", "training", "use_causal_mask")
"""What calls of Keras layers are given by name besides their weights."""

LONGEST_LINE = 160
"""Characters up to which statements stand on one line, with semicolons."""


def snippet(binding: Binding, case: Case) -> str:
    """What a binding does for a case, in the framework's own names and with the case's values.

    Conditions that the case decides are decided, and what assay's own helpers give for options and shapes
    is written out. Helpers that act on arrays are defined before they are used, so that with the case's
    inputs and `FRAMEWORK_MODULES` the code runs as it stands.
    """
    body = _body(binding.function)
    if binding.build:
        body = _building(_body(binding.build), body)
    walked = [node for statement in body for node in ast.walk(statement)]
    stored = {n.id for n in walked if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {n.arg for n in walked if isinstance(n, ast.arg)}
    absent = {i.name: None for i in case.spec.inputs if i not in case.given}
    closed = dict(inspect.getclosurevars(binding.function).nonlocals)
    known = binding.function.__globals__ | closed
    given = {"seed": SEED, **case.arguments, **absent}
    given |= {name: value for name, value in closed.items() if _is_literal(value)}
    values = {name: value for name, value in given.items() if name not in stored}
    arrays = {i.name: _Shaped(case.names[i.name], case.dtype) for i in case.given if i.name not in stored}
    written = _Written(known, values, arrays, frozenset(_mappings(walked)))
    statements = written.block(body)
    if isinstance(statements[-1], ast.Return) and statements[-1].value:
        statements[-1] = ast.Expr(statements[-1].value)
    helpers = _Helpers()
    helpers.add_names(ast.Module(statements, []), known, set(binding.arguments))
    lines = "\n".join(ast.unparse(ast.fix_missing_locations(one)) for one in statements)
    if helpers.text:
        return f"{helpers.text}\n\n{lines}"
    line = "; ".join(lines.splitlines())
    simple = not any(isinstance(one, ast.For | ast.If | ast.FunctionDef | ast.ClassDef) for one in statements)
    return line if simple and len(line) <= LONGEST_LINE else lines


def _body(function: Callable[..., Any]) -> list[ast.stmt]:
    """Statements of a function."""
    _, tree = definition(function)
    body: list[ast.stmt] = next(node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return body


def _building(build: list[ast.stmt], call: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of both parts in one: what is built stands where it is called, if that is one place."""
    *before, last = build
    made = last.value if isinstance(last, ast.Return) else None
    places = [n for one in call for n in ast.walk(one) if isinstance(n, ast.Name) and n.id == BUILT]
    repeats = any(
        isinstance(n, ast.For | ast.comprehension | ast.FunctionDef) for one in call for n in ast.walk(one)
    )
    if made is None or len(places) != 1 or repeats:
        return [_assigning(one) for one in build] + call
    return before + [_Replaced(made).visit(one) for one in call]


def _assigning(statement: ast.stmt) -> ast.stmt:
    """The statement, which gives what it returned a name."""
    if isinstance(statement, ast.Return) and statement.value:
        return ast.Assign([ast.Name(BUILT, ast.Store())], statement.value, lineno=statement.lineno)
    return statement


class _Replaced(ast.NodeTransformer):
    """Writes an expression in the place of what is built."""

    def __init__(self, expression: ast.expr) -> None:
        self.expression = expression

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.expression if node.id == BUILT else node


class _Helpers:
    """Definitions of what code names that is assay's own: functions, constants and what they import."""

    def __init__(self) -> None:
        self._imports: set[str] = set()
        self._texts: dict[str, str] = {}

    @property
    def text(self) -> str:
        """Everything that must stand before the code; empty if nothing must."""
        return "\n\n".join(filter(None, ("\n".join(sorted(self._imports)), *self._texts.values())))

    def add_names(self, tree: ast.AST, known: Mapping[str, Any], local: set[str]) -> None:
        """Define what a tree names, where ``known`` has it and the tree and ``local`` have not."""
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        local = local | {node.id for node in names if isinstance(node.ctx, ast.Store)}
        local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        for name in sorted({node.id for node in names} - local):
            if name in known and name not in self._texts:
                self._define(name, known[name])

    def _define(self, name: str, value: Any) -> None:
        if _is_module(value):
            if value.__name__.partition(".")[0] not in _ROOTS:
                self._imports.add(f"import {value.__name__}")
        elif inspect.isfunction(function := inspect.unwrap(value)) and _is_of_adapters(function):
            _, tree = definition(function)
            self._texts[name] = ""
            self.add_names(tree, function.__globals__, set())
            del self._texts[name]  # to stand behind what it calls
            self._texts[name] = ast.unparse(_FullNames(function.__globals__).visit(tree))
        elif hasattr(value, "__module__") and hasattr(value, "__name__"):
            self._imports.add(f"from {value.__module__} import {value.__name__}")
        elif name not in vars(builtins):
            self._texts[name] = f"{name} = {value!r}"


_ROOTS = {name.partition(".")[0] for name in FRAMEWORK_MODULES}


class _FullNames(ast.NodeTransformer):
    """Puts the full names of modules in the place of short ones."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """The node, or the full name of the module that it is."""
        meant: Any = self._known.get(node.id)
        return ast.Name(meant.__name__, node.ctx) if _is_module(meant) else node


@dataclass(frozen=True)
class _Shaped:
    """Stands for an array where only its shape and type are asked for."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]


class _Unknown(Exception):
    """An expression has no value before the code runs."""


class _Written(ast.NodeTransformer):
    """Writes modules by their own names, options by their values, and what is known of both."""

    def __init__(
        self,
        names: Mapping[str, Any],
        values: Mapping[str, Any],
        arrays: Mapping[str, _Shaped],
        mappings: frozenset[str] = frozenset(),
    ) -> None:
        self.names, self.values, self.arrays, self.mappings = names, values, arrays, mappings
        self._keeping: set[int] = set()

    def block(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        """The statements that run, without the contexts that some stand in."""
        found: list[ast.stmt] = []
        for statement in body:
            match statement:
                case ast.With():
                    found += self.block(statement.body)
                case ast.If() if (test := self._constant(statement.test)) is not None:
                    found += self.block(statement.body if test.value else statement.orelse)
                case ast.Pass():
                    pass
                case _:
                    found.append(self.visit(statement))
            if found and isinstance(found[-1], ast.Return | ast.Raise):
                break
        return found

    def visit(self, node: ast.AST) -> Any:
        """The node, or its value where that is known."""
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant | ast.Name):
            try:
                return _literal(self._value(node))
            except _Unknown:
                pass
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Options become values, modules their full names."""
        if node.id in self.values and isinstance(node.ctx, ast.Load):
            return _literal(self.values[node.id])
        meant: Any = self.names.get(node.id)
        return ast.Name(meant.__name__ if _is_module(meant) else node.id, node.ctx)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """The side that is taken."""
        test = self._constant(node.test)
        if test is None:
            return self.generic_visit(node)
        return self.visit(node.body if test.value else node.orelse)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """The entry of a table that is chosen."""
        if isinstance(node.value, ast.Dict) and (chosen := self._constant(node.slice)) is not None:
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if key is not None and (known := self._constant(key)) and known.value == chosen.value:
                    return self.visit(value)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        """A layer that gives what it keeps beside its outputs is called by the helper that takes it out."""
        if any(name.id in self.mappings for name in ast.walk(node.targets[0]) if isinstance(name, ast.Name)):
            self._keeping.add(id(node.value))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        """Options from a dictionary become keywords; a layer without weights is called."""
        match node:
            case ast.Call(func=ast.Name(id="call_layer")) if id(node) in self._keeping:
                pass
            case ast.Call(func=ast.Name(id="call_layer"), args=[layer, *inputs]) if not _names_arrays(node):
                options = [option for option in node.keywords if option.arg in LAYER_OPTIONS]
                return self.generic_visit(ast.Call(_constructed(layer), inputs, options))
            case ast.Call(func=ast.Name(id="call_module"), args=[module, *inputs]) if not _names_arrays(node):
                return self.generic_visit(ast.Call(module, inputs, []))
            case ast.Call(func=ast.Name(id="dtype_of"), args=[ast.Name(id=name)]) if name in self.arrays:
                return ast.Constant(self.arrays[name].dtype)
        self.generic_visit(node)
        node.keywords = [one for keyword in node.keywords for one in _spread(keyword)]
        return node

    def _constant(self, node: ast.expr) -> ast.Constant | None:
        """A holder of the node's value, if it is known."""
        try:
            return ast.Constant(self._value(node))
        except _Unknown:
            return None

    def _value(self, node: ast.expr) -> Any:
        """What an expression over options comes to; comparisons and our helpers may see shapes as well."""
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        ours = {name for name in used if _is_ours(self.names.get(name))}
        sees_shapes = isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.Call) and ours)
        sees_shapes = sees_shapes or _is_of_shape(node)
        arrays = self.arrays if sees_shapes else {}
        if not used <= ours | set(self.values) | set(arrays) | set(_BUILT_IN):
            raise _Unknown
        known = {**{name: self.names[name] for name in ours}, **arrays, **self.values}
        try:
            code = compile(ast.fix_missing_locations(ast.Expression(node)), "<snippet>", "eval")
            value = eval(code, {"__builtins__": _BUILT_IN}, known)
            if ast.literal_eval(repr(value)) == value:
                return value
        except Exception as error:  # an array was needed, or what came out is no literal
            raise _Unknown from error
        raise _Unknown


def _mappings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names of what is looked up by a text: the states of a layer, by the names of its variables."""
    for node in nodes:
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str())):
                yield name


def _names_arrays(node: ast.Call) -> bool:
    """Whether a call changes arrays that it is given: they get names on their way in, or are statistics."""
    given = {keyword.arg for keyword in node.keywords}
    return "moving_mean" in given or any(isinstance(one, ast.NamedExpr) for one in ast.walk(node))


def _constructed(layer: ast.expr) -> ast.expr:
    """A layer as its constructor gives it: Keras creates variables where it is called first."""
    match layer:
        case ast.Call(func=ast.Name(id="build_layer"), args=[made, *_]):
            return made
    return layer


def _is_of_shape(node: ast.expr) -> bool:
    """Whether an expression picks lengths from a shape."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="shape")) | ast.Call(func=ast.Name(id="len")):
            return True
        case ast.BinOp(left=left, right=right):
            return _is_of_shape(left) or _is_of_shape(right)
    return False


_BUILT_IN = {name: getattr(builtins, name) for name in ("bool", "int", "len", "list", "max", "min", "tuple")}


def _is_ours(value: Any) -> bool:
    """Whether a value is a function of the adapters that needs no framework."""
    if not inspect.isfunction(value) or not _is_of_adapters(value):
        return False
    used = [value.__globals__.get(name) for name in _names(value.__code__) if name != value.__name__]
    return all(_is_ours(one) if inspect.isfunction(one) else not _is_module(one) for one in used)


def _is_of_adapters(value: Any) -> bool:
    return bool(value.__module__.startswith(adapters.__package__ or ""))


def _names(code: CodeType) -> Iterator[str]:
    """Names that a function uses, in its comprehensions as well."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_module(value: Any) -> bool:
    """Whether a value is a module, or stands for one that is imported when it is used."""
    return not callable(value) and hasattr(value, "__name__")


def _spread(keyword: ast.keyword) -> list[ast.keyword]:
    """The keywords that ``**{"name": value}`` stands for."""
    if keyword.arg is None and isinstance(keyword.value, ast.Dict):
        names = [key.value for key in keyword.value.keys if isinstance(key, ast.Constant)]
        if len(names) == len(keyword.value.keys) and all(str(name).isidentifier() for name in names):
            return [ast.keyword(str(name), of) for name, of in zip(names, keyword.value.values, strict=True)]
    return [keyword]


def _is_literal(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | tuple | None)


def _literal(value: Any) -> ast.expr:
    return parse(repr(value), "eval").body
