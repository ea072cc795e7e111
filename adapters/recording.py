"""What a binding gives the API that it is of: the call is watched, and may be changed.

Bindings that are functions say nothing of an API's own arguments as data. Here the API is put aside while
the binding runs, and what stands in its place notes what it is given. That is enough to learn which argument
moves with which parameter, and to leave an argument out.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .binding import Binding
from .rows import signature_of

__all__ = ["Watcher", "changed", "declared_by", "found", "put_aside", "recorded", "watched"]

HOMES = {"tf": "tensorflow"}
"""Modules by the names under which users know them."""

Watcher = Callable[[inspect.BoundArguments], None]


class _Seen(BaseException):
    """Ends a call whose arguments have been noted; no framework catches it."""

    def __init__(self, arguments: dict[str, str]) -> None:
        super().__init__()
        self.arguments = arguments


def found(api: str) -> tuple[Any, str, Any]:
    """Where an API is kept, its name there, and the API itself; brackets say which form of it is meant.

    Raises:
        AttributeError: there is none of this name.
    """
    first, *rest = api.partition("(")[0].split(".")
    owner: Any = importlib.import_module(HOMES.get(first, first))
    *path, last = rest
    for name in path:
        if not hasattr(owner, name):
            with contextlib.suppress(ImportError, AttributeError):
                importlib.import_module(f"{owner.__name__}.{name}")
        owner = getattr(owner, name)
    return owner, last, getattr(owner, last)


def declared_by(api: str) -> inspect.Signature:
    """The signature of an API.

    Raises:
        ValueError: it tells none, or there is no such API.
    """
    try:
        *_, called = found(api)
        return signature_of(called)
    except (TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"{api} tells no signature") from error


@contextlib.contextmanager
def watched(api: str, watcher: Watcher) -> Iterator[None]:
    """While this is in force, ``watcher`` sees what an API is given, and may change it.

    Raises:
        ValueError: the API is none that can be put aside.
    """
    try:
        owner, name, called = found(api)
    except (AttributeError, ImportError) as error:
        raise ValueError(f"{api} cannot be watched") from error
    if inspect.isclass(called):
        owner, name, called = called, "__init__", called.__init__
    signature = _told(called)

    @functools.wraps(called)
    def between(*given: Any, **named: Any) -> Any:
        bound = signature.bind_partial(*given, **named)
        watcher(bound)
        args, kwargs = _again(bound, len(given))
        return called(*args, **kwargs)

    between.__signature__ = signature  # type: ignore[attr-defined]  # some ask a constructor what it takes
    try:
        with put_aside(owner, name, between):
            yield
    except _Fixed as error:
        raise ValueError(f"{api} cannot be put aside") from error


class _Fixed(Exception):
    """An owner that lets none of its names be set."""


@contextlib.contextmanager
def put_aside(owner: Any, name: str, instead: Any) -> Iterator[None]:
    """While this is in force, what an owner has by a name is something else."""
    own, before = name in vars(owner), vars(owner).get(name)
    try:
        setattr(owner, name, instead)
    except (TypeError, AttributeError) as error:
        raise _Fixed from error
    try:
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _again(bound: inspect.BoundArguments, given: int) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, so many by position as were ``given`` so, as far as none before is left out.

    What was given by name stays so: signatures that are put together may hide that it goes by name alone.
    """
    args, kwargs = list[Any](), dict[str, Any]()
    for place, (name, parameter) in enumerate(bound.signature.parameters.items()):
        if name not in bound.arguments:
            given = min(given, place)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            args += bound.arguments[name]
        elif parameter.kind is parameter.VAR_KEYWORD:
            kwargs |= bound.arguments[name]
        elif parameter.kind is parameter.POSITIONAL_ONLY or (
            parameter.kind is parameter.POSITIONAL_OR_KEYWORD and place < given
        ):
            args.append(bound.arguments[name])
        else:
            kwargs[name] = bound.arguments[name]
    return args, kwargs


def _told(called: Any) -> inspect.Signature:
    """The signature of what is called; what is built in and tells none takes anything."""
    try:
        return inspect.signature(called)
    except (TypeError, ValueError):
        kinds = {"given": inspect.Parameter.VAR_POSITIONAL, "named": inspect.Parameter.VAR_KEYWORD}
        return inspect.Signature([inspect.Parameter(name, kind) for name, kind in kinds.items()])


def recorded(binding: Binding, given: Mapping[str, Any]) -> dict[str, str]:
    """What the API of a binding is given for these inputs and parameters, as Python writes it.

    What is no literal is told by its name, an array by ``array``. Nothing runs but the binding's own code up
    to the call of the API.

    Raises:
        ValueError: the binding does not call what it is named after, or that cannot be watched.
    """

    def note(bound: inspect.BoundArguments) -> None:
        raise _Seen(_written(bound))

    parts = [(binding.build, binding.built_from)] if binding.build else []
    parts.append((binding.function, binding.called_with))
    reason = ""
    with watched(binding.api, note):
        for part, names in parts:
            try:
                part(**{name: given[name] for name in names})
            except _Seen as seen:
                return seen.arguments
            except Exception as error:  # it may want what was not built, or what another part returns
                reason = f": {type(error).__name__}: {error}"
    raise ValueError(f"{binding.key} does not call {binding.api}{reason}")


def _written(bound: inspect.BoundArguments) -> dict[str, str]:
    """Arguments as Python writes them, with those that a signature gathers under their own names."""
    told = dict[str, str]()
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            told |= {key: literal(one) for key, one in value.items()}
        elif kind is not inspect.Parameter.VAR_POSITIONAL and name != "self":
            told[name] = literal(value)
    return told


def literal(value: Any) -> str:
    """How Python writes a value, or the name of what no literal stands for."""
    if isinstance(value, float):
        value = float(f"{value:.12g}")  # 1 - 0.9 is meant as 0.1
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        shaped = hasattr(value, "shape") and hasattr(value, "dtype")
        return "array" if shaped else getattr(value, "__name__", type(value).__name__)
    return text


def changed(binding: Binding, option: str, text: str = "") -> Binding:
    """The binding whose API is not given one of its arguments, or is given the literal ``text`` for it."""

    def change(bound: inspect.BoundArguments) -> None:
        home = bound.arguments
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD and option in home.get(name, {}):
                home = home[name]
        home.pop(option, None)
        if text:
            home[option] = eval(text)

    def under_change(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*given: Any, **named: Any) -> Any:
            with watched(binding.api, change):
                return function(*given, **named)

        return run

    build = under_change(binding.build) if binding.build else None
    return replace(binding, function=under_change(binding.function), build=build)
