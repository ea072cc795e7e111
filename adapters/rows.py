"""A call as a row: bindings that are one call, or construct and call, written as data.

A row says which API is called, what each of its own arguments is given, and how arrays go in and come out,
in Python expressions over the inputs and parameters of a spec::

    function("gelu", "torch.nn.functional.gelu", {"approximate": "'tanh' if approximate else 'none'"})
    module("dense", "torch.nn.Linear", {"in_features": "kernel.shape[0]", "out_features": "kernel.shape[1]",
                                        "bias": "bias is not None"}, {"weight": "kernel.T", "bias": "bias"})

It is rendered into the code that a user would write, ``torch.nn.functional.gelu(x, approximate=…)``, and that
runs, is printed, copied into scripts and looked at like any other binding. What needs statements, or more
calls than one, is written as a function.

A name in an expression is what the row's module defines above it, or is built into Python, and else an input
or a parameter of the spec.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..syntax import parse
from .binding import BUILT, Binding, conditions, register

__all__ = ["Row", "declared", "rows", "signature_of", "without"]

Expressions = Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One call of a public API.

    Args:
        calls: full dotted path of what is called.
        options: the API's own arguments, for a module those of its constructor, each with an expression.
        weights: the arrays that go in by name, as keywords of a function or in the place of a module's
            parameters and buffers: an expression for each name, or one that comes to such a dictionary.
        on: the arrays that go in by position.
        gives: names for what comes out.
        returns: the outputs of the spec in these names; empty where they are what comes out.
        defaults: options that older releases do not know, with their defaults, at which they are not passed.
        unused: inputs and parameters that nothing is done with: conditions leave them out, or the shapes of
            others say the same. What builds a module is none of them: a module is built once for many data.
        then: what a module is changed by before it is called, such as ``.eval()``.
        caller: name of the function that calls a module; empty where a function is called.
        maker: name of the function that makes a module ready for the arrays that go in by position.
    """

    calls: str
    options: Expressions = field(default_factory=dict)
    weights: Expressions | str = field(default_factory=dict)
    on: str = "x"
    gives: str = "y"
    returns: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    then: str = ""
    caller: str = ""
    maker: str = ""

    @property
    def build(self) -> str:
        """The statement that constructs the module; empty for a function."""
        if not self.caller:
            return ""
        made = self._calling(self.calls, self._options()) + self.then
        return f"return {self._calling(self.maker, [made, self.on]) if self.maker else made}"

    @property
    def call(self) -> str:
        """The statements that make the call."""
        if not self.caller:
            call = self._calling(self.calls, [self.on, *self._weights(), *self._options()])
        elif self.weights or self.maker:
            call = self._calling(self.caller, [BUILT, self.on, *self._weights()])
        else:
            call = self._calling(BUILT, [self.on])
        return f"{self.gives} = {call}\nreturn {self.returns}" if self.returns else f"return {call}"

    @staticmethod
    def _calling(name: str, arguments: Iterable[str]) -> str:
        return f"{name}({', '.join(arguments)})"

    def _weights(self) -> Iterator[str]:
        if isinstance(self.weights, str):
            yield f"**{self.weights}"
        else:
            yield from (_keyword(*item) for item in self.weights.items())

    def _options(self) -> Iterator[str]:
        for name, value in self.options.items():
            if name in self.defaults:
                yield f"**({{}} if ({value}) == {self.defaults[name]!r} else {{{name!r}: {value}}})"
            else:
                yield _keyword(name, value)


def _keyword(name: str, value: str) -> str:
    """An argument of a call; names of parameters inside a module have dots."""
    return f"{name}={value}" if name.isidentifier() else f"**{{{name!r}: {value}}}"


def rows(
    framework: str,
    call_module: Callable[..., Any] | None = None,
    make_module: Callable[..., Any] | None = None,
    **modules: Any,
) -> tuple[Callable[..., None], Callable[..., None]]:
    """The words ``function`` and ``module``, each of which binds one row of a framework.

    Both take the spec, the API and the fields of a `Row`, ``options`` and ``weights`` by position, and what
    every binding takes: ``where``, ``fixed`` and ``composition``. Of an API whose name says more than what is
    called, such as ``torch.nn.LSTM(num_layers)``, that is what stands before the bracket, or ``calls``.

    Args:
        framework: one of ``binding.KNOWN``.
        call_module: calls a module, its first argument, on arrays by position, with weights by keyword (None:
            absent); None where the framework has none.
        make_module: makes a module, its first argument, ready for the arrays that go in by position, and
            returns it; None where nothing is to be done.
        modules: what the paths of APIs begin with, under the names that users give it: ``nnx`` for
            ``flax.nnx``.
    """
    words = {one.__name__: one for one in (call_module, make_module) if one}
    caller, maker = (one.__name__ if one else "" for one in (call_module, make_module))
    known = words | modules
    paths = {getattr(module, "__name__", name): name for name, module in modules.items()}

    def bind(
        space: dict[str, Any],
        spec: str,
        api: str,
        options: Expressions | None = None,
        weights: Expressions | str | None = None,
        *,
        where: Mapping[str, str] | None = None,
        fixed: Mapping[str, tuple[Any, str]] | None = None,
        composition: bool = False,
        calls: str = "",
        **form: Any,
    ) -> None:
        row = Row(calls or _written(api, paths), options or {}, weights or {}, **form)
        for name, value in known.items():
            space.setdefault(name, value)
        file = f"{space['__file__']}:{spec}:{api}"
        call, build = _functions({"call": (row.call, row.unused), "build": (row.build, ())}, space, file)
        once = sorted(set(inspect.signature(build).parameters if build else ()) & set(row.unused))
        if once:
            raise ValueError(
                f"{spec}, {api}: {', '.join(once)} builds the module, and its call has no use for it"
            )
        register(Binding(spec, api, framework, call, conditions(where, fixed), composition, build, row))

    def function(*of: Any, **form: Any) -> None:
        bind(sys._getframe(1).f_globals, *of, **form)

    def module(*of: Any, **form: Any) -> None:
        bind(sys._getframe(1).f_globals, *of, **form, caller=caller, maker=maker)

    return function, module


def without(binding: Binding, option: str, literal: str = "") -> Binding:
    """The binding of a row that leaves one of the API's own arguments out: what does the API do by itself?

    Where there is a ``literal``, as Python writes it, the argument is given that instead.
    """
    assert binding.row is not None
    options = {k: v for k, v in binding.row.options.items() if k != option}
    row = replace(binding.row, options=options | ({option: literal} if literal else {}))
    space = binding.function.__globals__
    file = f"{space['__file__']}:{binding.key} without {option}{literal}"

    def rendered(unused: Iterable[str]) -> list[Any]:
        return _functions({"call": (row.call, unused), "build": (row.build, ())}, space, file)

    call, build = rendered(row.unused)
    known = inspect.signature(call).parameters
    lost = [name for name in binding.called_with if name not in known]
    if lost:  # the argument alone was given an input, which the call is handed all the same
        call, build = rendered((*row.unused, *lost))
    return replace(binding, function=call, build=build, row=row)


def declared(binding: Binding, option: str) -> str:
    """The default that the signature of what a row calls declares for an argument, as Python writes it.

    Empty where the signature tells no literal: many functions are built in, or take what they are given.
    """
    assert binding.row is not None
    try:
        called = eval(binding.row.calls, binding.function.__globals__)
        text = repr(signature_of(called).parameters[option].default)
        ast.literal_eval(text)
    except (ValueError, TypeError, KeyError, SyntaxError):
        return ""
    return text


def signature_of(called: Any) -> inspect.Signature:
    """The signature of a function, or of the constructor of a class, which a metaclass may hide.

    Raises:
        ValueError: it is built in and tells none.
    """
    told = inspect.signature(called)
    if inspect.isclass(called) and not any(p.kind in NAMED for p in told.parameters.values()):
        _, *own = inspect.signature(called.__init__).parameters.values()
        return inspect.Signature(own)
    return told


NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _written(api: str, paths: Mapping[str, str]) -> str:
    """What an API calls, under the name that users give its module, by the ``paths`` of modules."""
    called = api.partition("(")[0]
    home = max((path for path in paths if called.startswith(f"{path}.")), key=len, default="")
    return f"{paths[home]}{called.removeprefix(home)}" if home else called


def _functions(
    bodies: Mapping[str, tuple[str, Iterable[str]]], space: dict[str, Any], file: str
) -> list[Any]:
    """The functions with these bodies, as if a file of this name held them; None for an empty body.

    Beside each body stand arguments that it does nothing with.

    They belong to the module whose namespace is ``space``. ``linecache`` is given the text of the file, so
    that tracebacks, ``inspect`` and all who ask for a source find it.
    """
    text = "\n\n".join(_definition(name, *body, space) for name, body in bodies.items() if body[0])
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    made: dict[str, Any] = {}
    exec(compile(text, file, "exec"), space, made)
    return [made.get(name) for name in bodies]


def _definition(name: str, body: str, unused: Iterable[str], space: Mapping[str, Any]) -> str:
    """A function with this body; what the body takes from outside are its arguments, before ``unused``."""
    arguments = ", ".join((*_taken(body, {*space, *vars(builtins)}), *unused))
    return f"def {name}({arguments}):\n{textwrap.indent(body, '    ')}\n"


def _taken(body: str, known: set[str]) -> Iterator[str]:
    """Names, in the order of their places, that assignments and a return read and that are not known."""
    for statement in parse(body).body:
        assert isinstance(statement, ast.Assign | ast.Return)
        assert statement.value is not None
        bound = {n.arg for n in ast.walk(statement.value) if isinstance(n, ast.arg)}
        names = [n for n in ast.walk(statement.value) if isinstance(n, ast.Name)]
        bound |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
        for name in sorted(names, key=lambda n: n.col_offset):
            if name.id not in known | bound:
                known.add(name.id)
                yield name.id
        known |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
