"""Compositions of reference functions, whose gradients follow from the gradients of their parts.

    def separable_conv(x, kernel, pointwise, bias=None, *, strides=1):
        hidden = part(depthwise_conv, x, kernel, None, strides=strides)
        return part(dense, hidden, pointwise, bias)

    separable_conv_vjp = chained(separable_conv)

A part is a function with its vector-Jacobian product beside it, which may be such a composition itself.
What is computed outside of parts is a constant.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import Array

__all__ = [
    "add",
    "add_vjp",
    "chained",
    "gradients_of",
    "part",
    "reshape",
    "reshape_vjp",
    "unstack",
    "unstack_vjp",
]

Function = Callable[..., Any]


@dataclass(frozen=True)
class _Step:
    function: Function
    arrays: Sequence[Array | None]
    options: dict[str, Any]
    outputs: tuple[Array, ...]


_tape: ContextVar[list[_Step] | None] = ContextVar("_tape", default=None)


def part(function: Function, *arrays: Array | None, **options: Any) -> Any:
    """What ``function(*arrays, **options)`` returns; noted for the gradient of the composition it is part of.

    Args:
        function: a reference function; ``<name>_vjp`` beside it takes the arrays, a cotangent, or a tuple of
            one for each output, and those of the options that it knows.
        arrays: all that the vjp takes, None for what is absent.
        options: keywords of the function.
    """
    steps, token = _tape.get(), _tape.set(None)
    try:
        result = function(*arrays, **options)
    finally:
        _tape.reset(token)
    if steps is not None:
        outputs = result if isinstance(result, tuple) else (result,)
        steps.append(_Step(function, arrays, options, outputs))
    return result


def chained(composition: Function, wrt: int | None = None) -> Function:
    """The vector-Jacobian product of a composition of parts, by the chain rule backwards.

    Args:
        composition: a function of arrays, by position, and of keywords.
        wrt: with respect to how many of its arrays, from the first on; None for all of them.
    """

    def vjp(*given: Any, **options: Any) -> tuple[Array | None, ...]:
        *arrays, cotangents = given
        return gradients_of(functools.partial(composition, **options), arrays, cotangents, wrt)

    vjp.__signature__ = _signature(composition)  # type: ignore[attr-defined]
    vjp.__name__ = vjp.__qualname__ = f"{composition.__name__}_vjp"
    vjp.__module__ = composition.__module__
    vjp.__doc__ = f"Gradient of `{composition.__name__}`: that of its parts, chained."
    return vjp


def gradients_of(
    composition: Function, arrays: Sequence[Array | None], cotangents: Any, wrt: int | None = None
) -> tuple[Array | None, ...]:
    """Gradients of ``composition(*arrays)``, of parts, with respect to the first ``wrt`` arrays."""
    token = _tape.set([])
    try:
        outputs = composition(*arrays)
        steps = _tape.get() or []
    finally:
        _tape.reset(token)
    gradients: dict[int, Array] = {}
    _give(gradients, outputs, cotangents)
    for step in reversed(steps):
        taken = [gradients.pop(id(output), None) for output in step.outputs]
        if any(g is not None for g in taken):
            _give(gradients, step.arrays, _vjp_of(step, taken))
    zeros = (None if array is None else np.zeros_like(array) for array in arrays[:wrt])
    return tuple(gradients.get(id(array), zero) for array, zero in zip(arrays, zeros, strict=False))


def _signature(composition: Function) -> inspect.Signature:
    """That of a composition, with the cotangent behind the arrays, none of which may be left out."""
    parameters = list(inspect.signature(composition).parameters.values())
    arrays = [p.replace(default=p.empty) for p in parameters if p.kind is not p.KEYWORD_ONLY]
    cotangent = inspect.Parameter("cotangent", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature([*arrays, cotangent, *parameters[len(arrays) :]])


def _give(gradients: dict[int, Array], arrays: Any, shares: Any) -> None:
    """Add to the gradient of each array its share."""
    if not isinstance(arrays, (tuple, list)):
        arrays, shares = (arrays,), (shares,)
    for array, share in zip(arrays, shares, strict=True):
        if array is not None and share is not None:
            known = gradients.get(id(array))
            gradients[id(array)] = share if known is None else known + share


def _vjp_of(step: _Step, taken: Sequence[Array | None]) -> tuple[Array | None, ...]:
    """What the vjp of a part gives its arrays; the cotangent of an output that is left unused is 0.

    Arrays behind those that it has gradients for, such as masks, are constants.
    """
    name = step.function.__name__
    vjp = getattr(sys.modules[step.function.__module__], f"{name}_vjp")
    known = inspect.signature(vjp).parameters
    options = {key: value for key, value in step.options.items() if key in known}
    given = tuple(np.zeros_like(y) if g is None else g for y, g in zip(step.outputs, taken, strict=True))
    gradients: tuple[Array | None, ...] = vjp(*step.arrays, given if len(given) > 1 else given[0], **options)
    return (*gradients, *[None] * (len(step.arrays) - len(gradients)))


def add(x: Array, y: Array) -> Array:
    """``x + y``, of one shape."""
    return x + y


def add_vjp(x: Array, y: Array, cotangent: Array) -> tuple[Array, Array]:
    """Gradient of `add`: the cotangent, for both."""
    return cotangent, cotangent


def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """The elements of ``x`` in another shape."""
    return np.reshape(x, shape)


def reshape_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `reshape`."""
    return (np.reshape(cotangent, x.shape),)


def unstack(x: Array) -> tuple[Array, ...]:
    """The arrays that lie one behind the other along the first axis."""
    return tuple(x[place] for place in range(len(x)))


def unstack_vjp(x: Array, cotangents: tuple[Array, ...] | Array) -> tuple[Array]:
    """Gradient of `unstack`: those of all parts, stacked."""
    return (np.stack(cotangents if isinstance(cotangents, tuple) else (cotangents,)),)
