"""Error rules of array functions: sums and contractions, extremes, selection, and structure.

**Sums.**  For ``z = sum(t)`` of K terms, whatever the order of summation, ``|e| <= (K - 1) u sum|t|``, and a
product formed on the way adds one more ``u`` (Jeannerod & Rump, "Improved error bounds for inner products in
floating-point arithmetic", SIAM J. Matrix Anal. Appl. 34(2), 2013: no ``1 - K u`` is needed).  K counts only
terms that are not exactly 0, so that a sum over a mask or a one-hot row costs what it picks.

**Variance of a sum.**  Rounding the partial sums ``s_k`` one after the other gives ``u**2 / 3 sum(s_k**2)``.
Terms of mean m and variance s**2 in no particular order have ``s_k**2`` about ``k**2 m**2 + k s**2``; summed
over k, with ``K m = z`` and ``K s**2 <= Q = sum(t**2)``, that is ``K (z**2 / 3 + Q / 2)``.  The first part is
for terms of one sign, the second for terms of random sign.  Blocked and pairwise summation do better.

What rounding loses of a term hangs on the term's own last digits, for a partial sum has none there.  Terms of
a plain sum that lie less than a last digit apart are thus all rounded alike: their losses count as one error,
which is the sum of them, and not as independent ones.

What the terms bring with them adds up to ``c sum(v)``, with the *coherence* ``c = max(1, z**2 / Q)``, which
lies between 1 and K.  Errors that terms share move them together: the factor of a normalization, a constant,
a library function's bias over a narrow range.  Independence would miss that for terms of one sign; for
terms of random sign it makes no difference, and there c is about 1.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._moments import (
    U_REFERENCE,
    Mask,
    Moments,
    Origin,
    Outcome,
    add,
    at_least,
    bound_of,
    constant,
    exact_where,
    in_range,
    least_of,
    operand,
    overflow_of,
    power_of_two,
    representable,
    rounded,
    variance_of,
)
from ._ufuncs import UFUNCS, pick
from .dtypes import Array
from .profiles import Profile, underflow

Contract = Callable[..., Array]
Axis = int | tuple[int, ...] | None

_ABSENT = np._NoValue  # NumPy's own mark for a keyword that was not given


# --- sums and contractions ---


def contract(
    profile: Profile, contraction: Contract, operands: Sequence[Any], terms: Array | float
) -> Moments:
    """Any multilinear sum of products.

    Args:
        profile: the roundings and the range.
        contraction: the sum as a function of plain arrays, one for each operand.
        operands: the factors of each term.
        terms: how many terms each element sums, zeros included.
    """
    factors = _inputs(profile, operands)
    value = np.asarray(contraction(*(x.value for x in factors)))
    sizes = [np.abs(x.value) for x in factors]
    squares = [np.square(size) for size in sizes]

    bound = _perturbation(contraction, sizes, [x.bound for x in factors])
    variance = _perturbation(contraction, squares, [_spread_of(x, factors) for x in factors])
    roundings = _roundings(contraction, factors, terms)
    origin = Origin() if np.isfinite(value).all() else _origin(contraction, factors)
    if bound is None and not roundings.any():
        return in_range(profile, value, None, None, origin)

    size, square = contraction(*sizes), contraction(*squares)
    if (bound is None or not bound.any()) and _adds_exactly(profile, factors, size):
        # Terms of both signs may have been divided one by one before they cancel.
        roundings = np.where(np.abs(value) == size, 0.0, roundings)
    own, own_variance = _own_error(profile, value, size if bound is None else size + bound, square, roundings)
    if bound is not None and variance is not None:
        own, own_variance = own + bound, own_variance + variance * _coherence(value, square)
    if np.any(size > profile.accumulator.largest):
        lost = _may_overflow_on_the_way(profile, value, size, roundings)
        own, own_variance = np.where(lost, np.inf, own), np.where(lost, np.inf, own_variance)
    if profile.u > profile.u_acc:
        exact = (roundings == 0) & representable(value, profile.u)
        return rounded(profile, value, own, own_variance, origin, exact=exact)
    return in_range(profile, value, own, own_variance, origin)


def _adds_exactly(profile: Profile, factors: Sequence[Moments], size: Array) -> bool:
    """Whether every term is a multiple of one quantum that all partial sums hold, in any order.

    Sums of small integers, of ones, of equal halves: there rounding is no excuse. A product may underflow
    unless the quantum itself does not.
    """
    largest = size.max(initial=0.0)
    if not 0 < largest < np.inf:
        return False
    held = np.log2(max(largest * profile.u_acc, underflow(profile.accumulator)))
    return all(
        sum(_quantum(x.value.reshape(-1)[part]) for x in factors) >= held
        for part in (slice(8), slice(None))  # the first few decide for most arrays
    )


def _quantum(values: Array) -> float:
    """Exponent of the largest power of two of which all ``values`` are multiples; infinite for zeros."""
    significand, exponent = np.frexp(values[values != 0])
    whole = np.ldexp(significand, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return float((exponent - 53 + trailing).min(initial=2**20))


def _may_overflow_on_the_way(profile: Profile, value: Array, size: Array, roundings: Array) -> Mask:
    """Where partial sums overflow in some order, and do not or to the other side in another.

    Terms of one sign, whose sum is as large as that of their sizes, overflow in every order or in none.
    """
    one_sign = np.isfinite(value) & (size - np.abs(value) <= roundings * U_REFERENCE * size)
    return (size > profile.accumulator.largest) & ~one_sign


def _own_error(
    profile: Profile, value: Array, size: Array, square: Array, roundings: Array
) -> tuple[Array, Array]:
    """Bound and variance of what summing itself adds, from ``sum |t|`` and ``sum t**2``."""
    u = profile.u_acc + U_REFERENCE
    bound = roundings * u * size
    variance = roundings * (u * u / 3) * (np.square(value) / 3 + square / 2)
    # Each product and each partial sum may underflow, and those of one sign all to the same side.
    lost = (1 + roundings) * underflow(profile.accumulator)
    tiny = (bound < lost) & (roundings > 0)
    if np.any(tiny):
        bound = np.where(tiny, bound + lost, bound)
        variance = np.where(tiny, variance + lost**2 / 3, variance)
    return bound, variance


def _inputs(profile: Profile, operands: Sequence[Any]) -> list[Moments]:
    """The factors of a contraction, rounded to ``u_in`` if the profile asks; a repeated one stays one."""
    factors = [operand(x, profile) for x in operands]
    if len(factors) == 1 or not profile.u_in:
        return factors
    once = {id(x): _round_inputs(profile, x) for x in factors}
    return [once[id(x)] for x in factors]


def _coherence(value: Array, square: Array) -> Array:
    """``max(1, z**2 / sum(t**2))``: how many terms pull together."""
    return np.asarray(np.fmax(1.0, np.square(value) / square))


def _perturbation(
    contraction: Contract, factors: Sequence[Array], errors: Sequence[Array | None]
) -> Array | None:
    """``contraction(f + e) - contraction(f)`` for factors and errors >= 0, without cancellation.

    The difference of products telescopes: the sum over i of ``(f + e)`` before i, ``e_i``, ``f`` after i.
    """
    total = None
    for i, error in enumerate(errors):
        if error is not None:
            before = [f if e is None else f + e for f, e in zip(factors[:i], errors[:i], strict=True)]
            total = add(total, contraction(*before, error, *factors[i + 1 :]))
    return total


def _spread_of(x: Moments, factors: Sequence[Moments]) -> Array | None:
    """The variance that ``x`` brings in: an array that is a factor twice errs the same way twice."""
    repeats = sum(factor is x for factor in factors)
    return x.variance if x.variance is None or repeats == 1 else repeats * x.variance


def _roundings(contraction: Contract, factors: Sequence[Moments], terms: Array | float) -> Array:
    """Roundings on the way to each element: one for each addition, and the products that are not exact."""
    products = max(sum(not _scales_exactly(x) for x in factors) - 1, 0)
    if any(not x.value.all() for x in factors):
        terms = contraction(*(_may_differ_from_zero(x) for x in factors))
    additions = np.asarray(terms) - 1.0
    return np.asarray(np.where(additions < 0, 0.0, additions + products))


def _scales_exactly(x: Moments) -> bool:
    """Whether every element is exactly 0 or a power of two; the first few decide for most arrays."""
    if x.bound is not None and x.bound.any():
        return False
    return bool(power_of_two(x.value.flat[:8]).all() and power_of_two(x.value).all())


def _may_differ_from_zero(x: Moments) -> Array:
    nonzero = x.value != 0
    return np.asarray(nonzero if x.bound is None else nonzero | (x.bound > 0), dtype=np.float64)


def _round_inputs(profile: Profile, x: Moments) -> Moments:
    """What is left of an input that is rounded to ``u_in`` before the products."""
    keeps = exact_where(x, lambda value: representable(value, profile.u_in))
    if keeps.all():
        return x
    size = np.where(keeps, 0.0, np.abs(x.value))
    own, own_variance = profile.u_in * size, profile.u_in**2 / 3 * size**2
    if x.bound is None or x.variance is None:
        return Moments(x.value, own, own_variance)
    return Moments(x.value, own + (1 + profile.u_in) * x.bound, own_variance + x.variance)


def _origin(contraction: Contract, factors: Sequence[Moments]) -> Origin:
    """Where a sum that is not finite has terms that are not, and where it has unknown ones."""
    ones = [np.ones(x.value.shape) for x in factors]
    given = _perturbation(contraction, ones, [np.where(np.isfinite(x.value), 0.0, 1.0) for x in factors])
    unknown = _perturbation(contraction, ones, [np.where(np.isinf(bound_of(x)), 1.0, 0.0) for x in factors])
    pole = np.asarray(given) > 0
    return Origin(doubt=~pole | (np.asarray(unknown) > 0), pole=pole)


def _sum(
    profile: Profile,
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = _ABSENT,
    **rest: Any,
) -> Moments:
    _refuse("sum", dtype=dtype, out=out, **rest)
    x, keep = operand(a, profile), _keep(keepdims)
    count = _window(x.value, axis)
    total = contract(profile, lambda t: np.sum(t, axis=axis, keepdims=keep), [x], count)
    if total.bound is None:
        return total
    axes = range(x.value.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    lines = np.moveaxis(x.value, tuple(axes), range(-len(axes), 0)).reshape(*total.value.shape, count)
    alike = np.fmin(_lost_alike(profile, lines), np.square(total.bound))
    total = dataclasses.replace(total, variance=variance_of(total) + alike)
    return total if x.least is None or np.any(least_of(x) < 0) else at_least(total, np.zeros(()))


def _lost_alike(profile: Profile, terms: Array) -> Array:
    """Variance of what terms less than a last digit of their sum apart lose, beyond what each loses alone.

    The sums are those over the last axis; NaN where they are not finite.
    """
    half_digit = profile.u_acc * np.abs(terms).sum(axis=-1, keepdims=True)
    terms = np.sort(terms, axis=-1)
    place = np.floor(terms / (2 * half_digit))
    apart = place[..., :-1] != place[..., 1:]
    if apart.all():
        return np.asarray(0.0)
    last = np.concatenate([apart, np.ones_like(apart[..., :1])], axis=-1)
    loss = np.minimum(np.abs(terms), half_digit)
    up_to = np.maximum.accumulate(np.where(last, np.cumsum(loss, axis=-1), 0.0), axis=-1)
    together = np.diff(up_to, axis=-1, prepend=0.0)
    return np.asarray(np.sum(np.square(together) - np.square(loss), axis=-1) / 3)


def _mean(
    profile: Profile,
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = _ABSENT,
    **rest: Any,
) -> Moments:
    """The sum, divided by the count."""
    _refuse("mean", dtype=dtype, out=out, **rest)
    x = operand(a, profile)
    total = _sum(profile, x, axis=axis, keepdims=keepdims)
    count = constant(np.asarray(float(_window(x.value, axis))), profile)
    return UFUNCS[np.divide](profile, total, count)


def _window(value: Array, axis: Axis) -> int:
    """How many elements a reduction over ``axis`` takes together."""
    if axis is None:
        return value.size
    axes = axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([value.shape[i] for i in axes], dtype=np.int64))


def _cumsum(profile: Profile, a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Moments:
    """Partial sums; the k-th one has k terms."""
    _refuse("cumsum", dtype=dtype, out=out)
    x = operand(a, profile)
    count = np.cumsum(_may_differ_from_zero(x), axis=axis)
    return contract(profile, lambda t: np.cumsum(t, axis=axis), [x], count)


def _prod(
    profile: Profile,
    a: Any,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = _ABSENT,
    **rest: Any,
) -> Moments:
    """Products taken one after the other, meant for short axes."""
    _refuse("prod", dtype=dtype, out=out, **rest)
    x = operand(a, profile)
    flat = x.map(np.ravel if axis is None else lambda t: np.moveaxis(t, axis, 0))
    factors = [flat.map(operator.itemgetter(i)) for i in range(flat.value.shape[0])]
    one = Moments(np.ones(flat.value.shape[1:]))
    product = functools.reduce(lambda y, z: UFUNCS[np.multiply](profile, y, z), factors, one)
    shape = np.sum(x.value, axis=axis, keepdims=_keep(keepdims)).shape
    return product.map(lambda t: np.reshape(t, shape))


def _einsum(profile: Profile, subscripts: str, *operands: Any, out: Any = None, **rest: Any) -> Moments:
    rest.pop("optimize", None)
    _refuse("einsum", out=out, **rest)
    if not isinstance(subscripts, str):
        raise TypeError("einsum of error-carrying arrays takes its subscripts as a string")
    factors = [operand(x, profile) for x in operands]
    shapes = tuple(x.value.shape for x in factors)
    terms, path = _einsum_plan(subscripts, shapes)
    return contract(profile, lambda *arrays: np.einsum(subscripts, *arrays, optimize=path), factors, terms)


@functools.lru_cache(maxsize=4096)
def _einsum_plan(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[float, Any]:
    """Terms in each element, and the path to take."""
    ones = [np.broadcast_to(1.0, shape) for shape in shapes]
    counts = np.einsum(subscripts, *ones)
    terms = float(counts.flat[0]) if counts.size else 0.0
    return terms, _einsum_path(subscripts, ones, counts)


def _einsum_path(subscripts: str, ones: Sequence[Array], counts: Array) -> Any:
    """NumPy's C loop, which is no path, where planning would cost more."""
    if len(ones) == 1 or (len(ones) == 2 and counts.sum() < _PLAN_COSTS):
        return False
    return np.einsum_path(subscripts, *ones, optimize="greedy")[0]


# As many multiplications as NumPy's plain loop does in the time that a planned call takes at least.
_PLAN_COSTS = 2**15


def matmul(profile: Profile, a: Any, b: Any) -> Moments:
    """``a @ b``, with NumPy's rules for stacks of matrices."""
    x, y = operand(a, profile), operand(b, profile)
    return contract(profile, np.matmul, [x, y], x.value.shape[-1] if x.value.ndim else 1)


def _dot(profile: Profile, a: Any, b: Any, out: Any = None) -> Moments:
    _refuse("dot", out=out)
    x, y = operand(a, profile), operand(b, profile)
    if x.value.ndim == 0 or y.value.ndim == 0:
        return UFUNCS[np.multiply](profile, x, y)
    return contract(profile, np.dot, [x, y], x.value.shape[-1])


def _inner(profile: Profile, a: Any, b: Any) -> Moments:
    x, y = operand(a, profile), operand(b, profile)
    if x.value.ndim == 0 or y.value.ndim == 0:
        return UFUNCS[np.multiply](profile, x, y)
    return contract(profile, np.inner, [x, y], x.value.shape[-1])


def _outer(profile: Profile, a: Any, b: Any, out: Any = None) -> Moments:
    _refuse("outer", out=out)
    x, y = operand(a, profile).map(np.ravel), operand(b, profile).map(np.ravel)
    return UFUNCS[np.multiply](profile, x.map(lambda t: t[:, np.newaxis]), y)


def _tensordot(profile: Profile, a: Any, b: Any, axes: Any = 2) -> Moments:
    x, y = operand(a, profile), operand(b, profile)
    summed = range(x.value.ndim - axes, x.value.ndim) if isinstance(axes, int) else np.ravel(axes[0])
    terms = int(np.prod([x.value.shape[int(i)] for i in summed], dtype=np.int64))
    return contract(profile, lambda s, t: np.tensordot(s, t, axes=axes), [x, y], terms)


def _norm(profile: Profile, x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Moments:
    """The Euclidean norm: the root of the sum of squares."""
    if ord not in (None, 2, "fro") or (ord == 2 and not isinstance(axis, int)):
        raise TypeError("linalg.norm of an error-carrying array is the Euclidean norm only")
    squares = UFUNCS[np.square](profile, operand(x, profile))
    return UFUNCS[np.sqrt](profile, _sum(profile, squares, axis=axis, keepdims=keepdims))


# --- extremes and selection ---


def _extreme(name: str, reduction: Callable[..., Array]) -> Callable[..., Moments]:
    """Largest or smallest element: off by no more than the worst of its window."""

    def rule(
        profile: Profile, a: Any, axis: Axis = None, out: Any = None, keepdims: Any = _ABSENT, **rest: Any
    ) -> Moments:
        _refuse(name, out=out, **rest)
        x, keep = operand(a, profile), _keep(keepdims)
        value = np.asarray(reduction(x.value, axis=axis, keepdims=keep))
        if x.bound is None or x.variance is None:
            return Moments(value)
        bound = np.max(x.bound, axis=axis, keepdims=keep)
        variance = np.max(x.variance, axis=axis, keepdims=keep)
        certain = ~np.isfinite(value) & np.isfinite(bound)
        return Moments(value, np.where(certain, 0.0, bound), np.where(certain, 0.0, variance))

    return rule


def _clip(
    profile: Profile, a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **rest: Any
) -> Moments:
    low, high = rest.pop("min", a_min), rest.pop("max", a_max)
    _refuse("clip", out=out, **rest)
    x = operand(a, profile)
    if low is not None and low is not _ABSENT:
        x = UFUNCS[np.maximum](profile, x, operand(low, profile))
    if high is not None and high is not _ABSENT:
        x = UFUNCS[np.minimum](profile, x, operand(high, profile))
    return x


def _where(profile: Profile, condition: Any, *branches: Any) -> Moments:
    """Selection; where the condition is in doubt either branch may have been taken."""
    if len(branches) != 2:
        raise TypeError("where takes a condition and two branches; with the condition alone use plain arrays")
    if isinstance(condition, Moments):
        raise TypeError("where takes a comparison as its condition, not an error-carrying array")
    x, y = (operand(branch, profile) for branch in branches)
    if not isinstance(condition, Outcome):
        return pick(np.asarray(condition, dtype=np.bool_), x, y)
    chosen = pick(condition.value, x, y)
    bound, variance = bound_of(chosen), variance_of(chosen)
    gap = np.where(np.broadcast_to(x.value == y.value, chosen.value.shape), 0.0, np.abs(x.value - y.value))
    gap = np.where(np.isnan(gap), np.inf, gap)
    far = gap + np.maximum(bound_of(x), bound_of(y))
    wide = gap**2 + np.maximum(variance_of(x), variance_of(y))
    return Moments(
        chosen.value,
        np.where(condition.doubt, far, bound),
        np.where(condition.doubt, wide, variance),
        overflow_of(chosen) & ~condition.doubt,
    )


# --- structure ---


def structural(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that moves the elements of its first argument."""

    def rule(profile: Profile, a: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(a, Moments | Outcome):
            raise TypeError(f"{function.__name__} takes an error-carrying array only as its first argument")
        return a.map(lambda t: function(t, *args, **kwargs))

    return rule


def _joining(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that lays the arrays of a sequence together."""

    def rule(profile: Profile, arrays: Sequence[Any], *args: Any, **kwargs: Any) -> Moments:
        parts = [operand(x, profile) for x in arrays]
        value = function([x.value for x in parts], *args, **kwargs)
        if all(x.bound is None for x in parts):
            return Moments(value)
        bound, variance, overflow = (
            function([part(x) for x in parts], *args, **kwargs)
            for part in (bound_of, variance_of, overflow_of)
        )
        return Moments(value, bound, variance, overflow)

    return rule


def _splitting(function: Callable[..., list[Any]]) -> Callable[..., Any]:
    """A function that cuts an array in pieces."""

    def rule(profile: Profile, a: Moments, *args: Any, **kwargs: Any) -> list[Moments]:
        values = function(a.value, *args, **kwargs)
        if a.bound is None or a.variance is None:
            return [Moments(value) for value in values]
        errors = (function(part(a), *args, **kwargs) for part in (bound_of, variance_of, overflow_of))
        return [Moments(*parts) for parts in zip(values, *errors, strict=True)]

    return rule


def _broadcast_arrays(profile: Profile, *arrays: Any, **rest: Any) -> tuple[Moments, ...]:
    _refuse("broadcast_arrays", **rest)
    parts = [operand(x, profile) for x in arrays]
    shape = np.broadcast_shapes(*(x.value.shape for x in parts))
    return tuple(x.map(lambda t: np.broadcast_to(t, shape)) for x in parts)


def _pad(profile: Profile, array: Any, pad_width: Any, mode: str = "constant", **rest: Any) -> Moments:
    """Padding by copies, or by a constant, which is rounded like any other."""
    x = operand(array, profile)
    if mode not in {"constant", "reflect", "edge", "symmetric", "wrap"}:
        raise TypeError(f"pad of an error-carrying array does not know mode {mode!r}")
    fill = constant(np.asarray(rest.pop("constant_values", 0.0), dtype=np.float64), profile)
    _refuse("pad", **rest)
    pad: Callable[..., Array] = functools.partial(np.pad, pad_width=pad_width, mode=mode)
    if mode != "constant":
        return x.map(pad)
    value = pad(x.value, constant_values=fill.value)
    if x.bound is None and fill.bound is None:
        return Moments(value)
    bound = pad(bound_of(x), constant_values=bound_of(fill))
    return Moments(value, bound, pad(variance_of(x), constant_values=variance_of(fill)))


def _zeros_like(profile: Profile, a: Any, *args: Any, **rest: Any) -> Moments:
    return Moments(np.zeros(operand(a, profile).value.shape))


def _ones_like(profile: Profile, a: Any, *args: Any, **rest: Any) -> Moments:
    return Moments(np.ones(operand(a, profile).value.shape))


def _full_like(profile: Profile, a: Any, fill_value: Any, *args: Any, **rest: Any) -> Moments:
    shape = operand(a, profile).value.shape
    return operand(fill_value, profile).map(lambda t: np.broadcast_to(t, shape))


def _of_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """A question about the reference's values, answered with plain numbers."""

    def rule(profile: Profile, a: Moments | Outcome, *args: Any, **kwargs: Any) -> Any:
        return function(a.value, *args, **kwargs)

    return rule


def _keep(keepdims: Any) -> bool:
    return keepdims is not _ABSENT and bool(keepdims)


def _refuse(name: str, **keywords: Any) -> None:
    """Raise for keywords that no rule covers."""
    for keyword, given in keywords.items():
        if given is not None and given is not _ABSENT:
            raise TypeError(f"{name} of an error-carrying array does not take {keyword!r}")


_STRUCTURAL: tuple[Callable[..., Any], ...] = (
    np.reshape,
    np.ravel,
    np.copy,
    np.transpose,
    np.moveaxis,
    np.swapaxes,
    np.expand_dims,
    np.squeeze,
    np.broadcast_to,
    np.flip,
    np.roll,
    np.rot90,
    np.take,
    np.take_along_axis,
    np.tile,
    np.repeat,
    np.diagonal,
    np.tril,
    np.triu,
    np.atleast_1d,
    np.lib.stride_tricks.sliding_window_view,
)

STRUCTURAL: dict[Callable[..., Any], Callable[..., Any]] = {f: structural(f) for f in _STRUCTURAL}

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **STRUCTURAL,
    np.sum: _sum,
    np.mean: _mean,
    np.cumsum: _cumsum,
    np.prod: _prod,
    np.einsum: _einsum,
    np.dot: _dot,
    np.inner: _inner,
    np.outer: _outer,
    np.tensordot: _tensordot,
    np.linalg.norm: _norm,
    np.max: _extreme("max", np.max),
    np.amax: _extreme("max", np.max),
    np.min: _extreme("min", np.min),
    np.amin: _extreme("min", np.min),
    np.clip: _clip,
    np.where: _where,
    np.concatenate: _joining(np.concatenate),
    np.stack: _joining(np.stack),
    np.split: _splitting(np.split),
    np.array_split: _splitting(np.array_split),
    np.broadcast_arrays: _broadcast_arrays,
    np.pad: _pad,
    np.zeros_like: _zeros_like,
    np.ones_like: _ones_like,
    np.full_like: _full_like,
    np.argmax: _of_value(np.argmax),
    np.argmin: _of_value(np.argmin),
    np.argsort: _of_value(np.argsort),
    np.ndim: _of_value(np.ndim),
    np.shape: _of_value(np.shape),
    np.size: _of_value(np.size),
}

# Ufunc methods that have a function's name.
REDUCTIONS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): _sum,
    (np.multiply, "reduce"): _prod,
    (np.maximum, "reduce"): FUNCTIONS[np.max],
    (np.minimum, "reduce"): FUNCTIONS[np.min],
    (np.add, "accumulate"): _cumsum,
}
