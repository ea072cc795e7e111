"""A binding whose API is told nothing of its mode, or of what it draws from.

The words that say so are put aside. They are arguments of a function, of a constructor or of the call of a
layer; PyTorch's modules are told by ``train`` and ``eval``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from .binding import Binding
from .recording import Watcher, declared_by, found, put_aside, watched

__all__ = ["in_mode", "modes", "without_source"]

TRAINING = {
    "training": True,
    "is_training": True,
    "train": True,
    "deterministic": False,
    "use_running_average": False,
}
"""Words by which APIs are told their mode, with what means training."""

SOURCES = ("seed", "rngs", "rng", "dropout_rng", "generator")
"""Words by which APIs are told what they draw from."""


def modes(binding: Binding) -> tuple[str, ...]:
    """The words by which an API may be told its mode; none where it takes none of them."""
    return _words(binding, TRAINING)


def in_mode(binding: Binding, training: bool | None, said: set[str]) -> Binding:
    """The binding whose API is told that it is training, or is not; None: it is told nothing.

    Args:
        binding: the binding.
        training: what the API is told.
        said: the words by which the binding itself tells it are added to these. What says none is told where
            it is made.
    """

    def change(bound: inspect.BoundArguments) -> None:
        for home, own in _homes(bound):
            for word, means in TRAINING.items():
                told = home.pop(word, None) is not None
                said.update([word] * told)
                if training is not None and (told or (not said and word in own)):
                    home[word] = means if training else not means

    return _under(binding, change, training)


def without_source(binding: Binding) -> Binding:
    """The binding whose API is not told what it draws from."""

    def change(bound: inspect.BoundArguments) -> None:
        for home, _ in _homes(bound):
            for word in SOURCES:
                home.pop(word, None)

    return _under(binding, change)


def _words(binding: Binding, words: Iterable[str]) -> tuple[str, ...]:
    *_, called = found(binding.api)
    told = {*_arguments(lambda: declared_by(binding.api))}
    if inspect.isclass(called):
        for method in ("__call__", "call", "forward"):
            told |= _arguments(lambda name=method: inspect.signature(getattr(called, name)))  # type: ignore[misc]
        if _is_module(called):
            told |= {"train"}
    return tuple(word for word in words if word in told)


def _arguments(signature: Callable[[], inspect.Signature]) -> set[str]:
    try:
        return {*signature().parameters}
    except (ValueError, TypeError, AttributeError):
        return set()


def _is_module(called: Any) -> bool:
    """Whether it is a class of PyTorch's modules."""
    return inspect.isclass(called) and hasattr(called, "named_buffers") and hasattr(called, "train")


def _homes(bound: inspect.BoundArguments) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """The arguments of a call with all that it takes by name, then those that its signature gathers."""
    every = bound.signature.parameters
    gathered = [name for name, p in every.items() if p.kind is p.VAR_KEYWORD]
    yield bound.arguments, {*every} - {*gathered}
    for name in gathered:
        yield bound.arguments.get(name, {}), set()


def _under(
    binding: Binding, change: Watcher, training: bool | Literal["as it is"] | None = "as it is"
) -> Binding:
    """The binding whose API is given what ``change`` makes of its arguments, when it is made and called."""
    *_, called = found(binding.api)
    api = binding.api.partition("(")[0]

    @contextlib.contextmanager
    def changed() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(watched(api, change))
            if inspect.isclass(called) and not _is_module(called):
                method = "apply" if hasattr(called, "apply") else "__call__"
                stack.enter_context(watched(f"{api}.{method}", change))
            elif inspect.isclass(called) and training != "as it is":
                stack.enter_context(_of_module(called, training))
            if hasattr(called, "stateless_call"):
                stack.enter_context(put_aside(called, "stateless_call", _called))
            yield

    def under(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*given: Any, **named: Any) -> Any:
            with changed():
                return function(*given, **named)

        return run

    build = under(binding.build) if binding.build else None
    return replace(binding, function=under(binding.function), build=build)


@contextlib.contextmanager
def _of_module(called: Any, training: bool | None) -> Iterator[None]:
    """While this is in force, a module of PyTorch's is told this alone, just before it is called."""
    call, train = called.__call__, called.train

    @functools.wraps(call)
    def between(self: Any, *given: Any, **named: Any) -> Any:
        if training is not None:
            train(self, training)
        return call(self, *given, **named)

    with put_aside(called, "train", lambda self, mode=True: self), put_aside(called, "__call__", between):
        yield


def _called(layer: Any, trainable: Any, others: Any, *inputs: Any, **options: Any) -> tuple[Any, list[Any]]:
    """What ``stateless_call`` of a layer of Keras gives, by the call of users, which settles the mode."""
    kept = layer.non_trainable_variables
    values = [*zip(layer.trainable_variables, trainable, strict=True), *zip(kept, others, strict=True)]
    with importlib.import_module("keras").StatelessScope(state_mapping=values) as scope:
        return layer(*inputs, **options), [scope.get_current_value(variable) for variable in kept]
