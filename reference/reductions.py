"""How the losses of elements become what a loss returns, and how a cotangent goes back to the elements."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..numerics.magnitude import magnitude
from .checks import Array, require, require_shape

__all__ = [
    "REDUCTIONS",
    "WEIGHTED_MEANS",
    "LeftOut",
    "elements",
    "reduce",
    "rows",
    "share_out",
    "single_elements",
    "single_rows",
    "spread",
]

WEIGHTED_MEANS = ("mean_weights", "mean_counted")
"""Means of weighted losses that are divided by the weights, or by how many of these are not 0."""

REDUCTIONS = ("mean", "none", "sum", *WEIGHTED_MEANS)

Function = Callable[..., Any]


@dataclass(frozen=True)
class Losses:
    """Two decorators that make a whole loss of what a loss is at each element, or in each row.

    Under ``@elements.loss`` a function gives the losses of its inputs, and under ``@elements.vjp`` another
    takes their cotangents back. What is made of these losses is shared by all of them: a last input
    ``sample_weights``, and the keywords ``reduction`` and ``row_mean``, which losses of rows do not have.

    Args:
        of_rows: whether there is one loss for each line along the last axis, or along ``axis`` if there is
            such a parameter.
        reduction: what is made of them unless something else is said.
    """

    of_rows: bool
    reduction: str = "mean"

    def loss(self, losses: Function) -> Function:
        """The reduced loss, from a function that gives the losses."""
        count = _positional(losses)

        @functools.wraps(losses)
        def reduced(
            *inputs: Array, reduction: str = self.reduction, row_mean: bool = False, **options: Any
        ) -> Array:
            found = losses(*inputs[:count], **options)
            return reduce(found, reduction, row_mean=row_mean, weights=_last(inputs, count))

        reduced.__doc__ = f"{inspect.getdoc(losses)}\n{SHARED}"
        return self._with_keywords(reduced)

    def vjp(self, vjp: Function) -> Function:
        """The gradient of the reduced loss, from a function that takes the cotangents of the losses back."""
        count = _positional(vjp) - 1

        @functools.wraps(vjp)
        def spreading(
            *inputs: Array, reduction: str = self.reduction, row_mean: bool = False, **options: Any
        ) -> tuple[Array, ...]:
            *given, cotangent = inputs
            first = next(x for x in given if x is not None)
            shape, weights = self._shape(first.shape, **options), _last(given, count)
            each = spread(cotangent, shape, reduction, row_mean=row_mean, weights=weights)
            gradients: tuple[Array, ...] = vjp(*given[:count], each, **options)
            return gradients

        return self._with_keywords(spreading)

    def _shape(self, shape: tuple[int, ...], axis: int = -1, **_: Any) -> tuple[int, ...]:
        """Shape of the losses of inputs of a ``shape``."""
        return tuple(map(int, np.delete(shape, axis))) if self.of_rows else shape

    def _with_keywords(self, whole: Function) -> Function:
        """The function, whose signature names the keywords that all losses share."""
        signature = inspect.signature(whole)
        shared = {"reduction": self.reduction} | ({} if self.of_rows else {"row_mean": False})
        keywords = (
            inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=v) for n, v in shared.items()
        )
        parameters = (*signature.parameters.values(), *keywords)
        whole.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return whole


SHARED = """
What all losses share: ``sample_weights`` ``(batch,)`` or None, by which the losses of each sample are
multiplied; ``row_mean``, whether the last axis is averaged before the reduction; and ``reduction``: ``none``,
``sum``, or the sum divided by the number of losses (``mean``), by the sum of their weights
(``mean_weights``), or by the number of weights that are not 0 (``mean_counted``).
"""

elements, rows = Losses(of_rows=False), Losses(of_rows=True)
single_elements, single_rows = Losses(of_rows=False, reduction="none"), Losses(of_rows=True, reduction="none")


@dataclass(frozen=True)
class LeftOut:
    """Two decorators under which a mask says which classes count, as if there were no others.

    Those that do not are given numbers that add nothing. Behind the inputs stands ``mask``, of their shape,
    or None. A gradient has the keyword ``masking``: what does not count has none (``select``), or 0 times
    the gradient that it would have (``select_values``), which NaN and infinities survive.

    Args:
        absent: inputs that no class reads where it does not count, with what stands in their place.
        neutral: the other inputs, with what adds nothing.
    """

    absent: Mapping[str, float]
    neutral: Mapping[str, float]

    def loss(self, loss: Function) -> Function:
        """The loss over the classes that count."""
        names = [n for n, p in inspect.signature(loss).parameters.items() if p.kind is not p.KEYWORD_ONLY]

        @functools.wraps(loss)
        def over_mask(*inputs: Array, **options: Any) -> Array:
            given, mask = inputs[: len(names)], _last(inputs, len(names))
            found: Array = loss(*self._filled(names, given, mask, {**self.absent, **self.neutral}), **options)
            return found

        over_mask.__doc__ = f"{inspect.getdoc(loss)}\n{MASKED}"
        return _with_mask(over_mask, len(names), default=None)

    def vjp(self, vjp: Function) -> Function:
        """The gradient of the loss over the classes that count."""
        names = [n for n, p in inspect.signature(vjp).parameters.items() if p.kind is not p.KEYWORD_ONLY][:-1]

        @functools.wraps(vjp)
        def over_mask(*inputs: Array, masking: str = "select", **options: Any) -> tuple[Array, ...]:
            given, mask, cotangent = inputs[: len(names)], _last(inputs[:-1], len(names)), inputs[-1]

            def gradients(filled: Mapping[str, float]) -> tuple[Array, ...]:
                found: tuple[Array, ...] = vjp(
                    *self._filled(names, given, mask, filled), cotangent, **options
                )
                return found

            if mask is None:
                return gradients({})
            right = (np.where(mask, g, 0.0) for g in gradients({**self.absent, **self.neutral}))
            if masking == "select":
                return tuple(right)
            own = zip(names, gradients(self.absent), strict=False)  # what has no gradient comes last
            spoilt = (n not in self.absent and np.isnan(0.0 * g) for n, g in own)
            return tuple(np.where(bad, np.nan, g) for bad, g in zip(spoilt, right, strict=True))

        keyword = inspect.Parameter("masking", inspect.Parameter.KEYWORD_ONLY, default="select")
        return _with_mask(over_mask, len(names), keyword)

    @staticmethod
    def _filled(
        names: Sequence[str], given: Iterable[Array], mask: Array | None, filled: Mapping[str, float]
    ) -> list[Array]:
        """The inputs, with numbers in the place of what does not count."""
        if mask is None:
            return list(given)
        return [np.where(mask, x, filled[n]) if n in filled else x for n, x in zip(names, given, strict=True)]


MASKED = """
``mask`` has the shape of the inputs: classes where it is False are left out, as if they were not there.
"""


def _with_mask(
    whole: Function, place: int, *keywords: inspect.Parameter, default: Any = inspect.Parameter.empty
) -> Function:
    """The function, whose signature names the mask at its place, and these keywords."""
    signature = inspect.signature(whole)
    mask = inspect.Parameter("mask", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
    given = list(signature.parameters.values())
    parameters = [*given[:place], mask, *given[place:], *keywords]
    whole.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return whole


def _last(inputs: Sequence[Array], count: int) -> Array | None:
    """The weights of samples, behind so many other inputs."""
    return inputs[count] if len(inputs) > count else None


def _positional(function: Function) -> int:
    parameters = inspect.signature(function).parameters.values()
    return sum(p.kind is not p.KEYWORD_ONLY for p in parameters)


def reduce(losses: Array, reduction: str, *, row_mean: bool = False, weights: Array | None = None) -> Array:
    """Losses as they are, their sum, or a mean; ``row_mean`` averages the last axis beforehand.

    Args:
        losses: any shape.
        reduction: one of `REDUCTIONS`.
        row_mean: whether the last axis is averaged first.
        weights: what the losses of each place along the first axis are multiplied by; None for 1.

    Raises:
        ValueError: ``reduction`` is none of `REDUCTIONS`, or one of `WEIGHTED_MEANS` without weights, or
            there is not one weight for each sample.
    """
    _check(reduction, weights)
    losses = share_out(losses, losses.shape[-1], axis=-1) if row_mean else losses
    weight = _each(weights, losses.shape)
    losses = losses if weight is None else weight * losses
    if reduction == "none":
        return losses
    return (
        np.sum(losses) if reduction == "sum" else share_out(losses, _count(losses.shape, reduction, weight))
    )


def share_out(losses: Array, count: Array | float, axis: int | None = None) -> Array:
    """The sum of losses divided by a ``count``: by that of all losses, it is their mean.

    ``s (Σ (l / s) / n)`` with s of the size of the losses, whose sum may overflow where the mean does not.
    """
    scale = magnitude(losses, axis)
    shared = np.sum(losses / scale, axis=axis) / count
    return shared * (np.reshape(scale, ()) if axis is None else np.squeeze(scale, axis))


def spread(
    cotangent: Array,
    shape: tuple[int, ...],
    reduction: str,
    *,
    row_mean: bool = False,
    weights: Array | None = None,
) -> Array:
    """The cotangent of each of the losses of this ``shape``: the transpose of `reduce`."""
    _check(reduction, weights)
    reduced = shape[:-1] if row_mean else shape
    weight = _each(weights, reduced)
    if reduction not in ("none", "sum"):
        cotangent = cotangent / _count(reduced, reduction, weight)
    cotangent = np.broadcast_to(cotangent, reduced)
    cotangent = cotangent if weight is None else weight * cotangent
    return np.broadcast_to(cotangent[..., np.newaxis] / shape[-1], shape) if row_mean else cotangent


def _each(weights: Array | None, shape: tuple[int, ...]) -> Array | None:
    """The weights of samples, for each of their losses."""
    if weights is None:
        return None
    require_shape("sample_weights", weights, shape[:1], "batch")
    return np.broadcast_to(np.reshape(weights, (*weights.shape, *(1,) * (len(shape) - 1))), shape)


def _count(shape: tuple[int, ...], reduction: str, weights: Array) -> Array | float:
    """What a mean divides by: the number of losses, their weights, or how many weights are not 0."""
    if reduction == "mean":
        return math.prod(shape)
    return np.sum(weights if reduction == "mean_weights" else np.where(weights == 0, 0.0, 1.0))


def _check(reduction: str, weights: Array | None) -> None:
    known = REDUCTIONS if weights is not None else REDUCTIONS[: -len(WEIGHTED_MEANS)]
    require(reduction in known, f"reduction must be one of {', '.join(known)}; got {reduction!r}")
