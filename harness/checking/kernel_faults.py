"""What kernels get wrong and layers do not: lanes of padding, masks and windows off by one, short states.

They are put beside the faults of a spec where a cause is looked for, and nowhere else: no framework is asked
them, and no count of faults has them. Several ways to the same mistake have one name.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, dtype, nearest
from ...reference.attention import dot_product_attention
from ...reference.convolution import conv
from ...reference.windows import extents, padding_widths
from ...specs.language.spec import Spec
from ...specs.language.variant import Fault
from ...specs.variants import normalization, normalization_batch, standardizing
from ..auditing.faults import GeneralFault
from ..auditing.variants import Result, correct, gradients_of, outputs_of
from ..judging.expectation import Expectation
from .batches import positions

__all__ = ["kernel_faults"]

Array = Any
Axes = tuple[int, ...]
Width = Callable[[int], int]
Moments = Callable[[Array, Axes], tuple[Array, Array]]
"""Mean and variance along axes."""

BLOCKS = (16, 32, 64, 128)
"""Widths of blocks that rows are padded to, beside those of the user and powers of two."""

UNFIT = (ValueError, IndexError, ArithmeticError)
"""What a reference raises of arrays and options that do not fit together."""


def kernel_faults(spec: Spec, tiles: Sequence[int] = ()) -> Iterator[Fault | GeneralFault]:
    """Faults of kernels of a spec, the most particular first.

    Args:
        spec: what the kernel computes.
        tiles: lengths of the kernel's own blocks.
    """
    yield from OWN.get(spec.name, ())
    yield from _of_epsilon(spec)
    yield from _of_smoothing(spec)
    yield from _of_windows(spec)
    yield from _of_states(spec)
    for told, width in _widths(tiles):
        yield from _of_statistics(spec, told, width)
        yield from _of_padding(spec, told, width)


# --- the lanes behind the end of a row ---


def _widths(tiles: Sequence[int]) -> Iterator[tuple[str, Width]]:
    """How rows may be padded, in words, and the length that a length becomes."""
    yield "up to a power of two", _power_of_two
    for block in dict.fromkeys((*tiles, *BLOCKS)):
        yield f"up to a multiple of {block}", functools.partial(_multiple, block)


def _power_of_two(length: int) -> int:
    return 1 << max(length - 1, 0).bit_length()


def _multiple(block: int, length: int) -> int:
    return -(-length // block) * block


def _of_padding(spec: Spec, told: str, width: Width) -> Iterator[GeneralFault]:
    """Along each axis: lanes of zeros that take part in everything, or that a mean alone counts."""
    for axis in spec.axis_names:
        lanes = functools.partial(_with_lanes, axis, width)
        yield GeneralFault(f"lanes of padding counted along {axis}, {told}", lanes)
        mean = functools.partial(_by_width, axis, width)
        yield GeneralFault(f"divided by the padded length of {axis}, {told}", mean)


def _with_lanes(axis: str, width: Width, expectation: Expectation) -> Result | None:
    """What comes of inputs that are padded with zeros along an axis, at the places that there are."""
    where = positions(expectation, axis)
    lanes = width(expectation.case.names[axis]) - expectation.case.names[axis]
    if not where or not lanes:
        return None
    padded = {name: _longer(expectation.inputs[name], place, lanes) for name, place in where.items()}
    right = correct(expectation)
    try:
        outputs = outputs_of(expectation.asking(padded))
        cotangents = tuple(map(_filled, expectation.cotangents, outputs))
        gradients = gradients_of(expectation.asking(padded, cotangents=cotangents))
        return Result(_cropped(outputs, right.outputs), _cropped(gradients, right.gradients))
    except UNFIT:
        return None


def _longer(array: Array, axis: int, lanes: int) -> Array:
    return np.pad(array, [(0, lanes if place == axis else 0) for place in range(array.ndim)])


def _filled(cotangent: Array, output: Array) -> Array:
    """A cotangent with zeros at the places that only lanes of padding have."""
    more = [n - m for n, m in zip(output.shape, cotangent.shape, strict=True)]
    return np.pad(cotangent, [(0, lanes) for lanes in more]) if any(more) else cotangent


def _cropped(arrays: Sequence[Array], like: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(a[tuple(map(slice, b.shape))] for a, b in zip(arrays, like, strict=True))


def _by_width(axis: str, width: Width, expectation: Expectation) -> Result | None:
    """The right result, divided by a length of blocks in the place of the length of an axis."""
    length, right = expectation.case.names[axis], correct(expectation)
    if not length or width(length) == length:
        return None
    share = length / width(length)
    with np.errstate(all="ignore"):
        return Result(*(tuple(_times(share, a) for a in each) for each in (right.outputs, right.gradients)))


def _times(factor: float, array: Array) -> Array:
    return array if array.dtype.kind in "biu" else array * factor


def _of_statistics(spec: Spec, told: str, width: Width) -> Iterator[Fault]:
    """The mean is right, and lanes of padding count in the variance, or in the number that divides."""
    for name, way in STATISTICS.items():
        moments = functools.partial(way, width)
        standardize = functools.partial(_standardized, moments)
        if spec.name in NORMALIZED:
            layer = functools.partial(NORMALIZED[spec.name], standardize=standardize)
            yield Fault(name=f"{name}, {told}", reference=layer)
        if spec.name == "batch_norm":
            running = functools.partial(_batch_norm, moments)
            yield Fault(name=f"{name}, {told}", reference=running)


def _with_squares_of_lanes(width: Width, x: Array, axes: Axes) -> tuple[Array, Array]:
    """``x - μ`` is taken of the padding as well: each lane of it adds ``μ²`` to the sum of squares."""
    mean, (_, variance) = standardizing.mean_of(x, axes), standardizing.centred(x, axes)
    count = standardizing.count_of(x, axes)
    return mean, variance + (width(count) - count) / max(count, 1) * np.square(mean)


def _by_width_of_block(width: Width, x: Array, axes: Axes) -> tuple[Array, Array]:
    """Mean and variance divide by the width of the block."""
    count = standardizing.count_of(x, axes)
    share = count / max(width(count), 1)
    mean = share * standardizing.mean_of(x, axes)
    return mean, share * standardizing.mean_of(np.square(x - mean), axes)


def _standardized(moments: Moments, x: Array, axes: Axes, epsilon: float) -> Array:
    mean, variance = moments(x, axes)
    return (x - mean) / np.sqrt(variance + epsilon)


def _batch_norm(
    moments: Moments,
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float,
    momentum: float,
    bessel: bool,
) -> tuple[Array, Array, Array]:
    """Batch normalization whose running moments are those by which its values are standardized."""
    axes = tuple(range(x.ndim - 1))
    mean, variance = moments(x, axes)
    count = standardizing.count_of(x, axes)
    spread = variance * (count / max(count - 1, 1)) if bessel else variance
    return (
        standardizing.affine((x - mean) / np.sqrt(variance + epsilon), scale, bias),
        momentum * running_mean + (1 - momentum) * np.reshape(mean, running_mean.shape),
        momentum * running_variance + (1 - momentum) * np.reshape(spread, running_variance.shape),
    )


STATISTICS: dict[str, Callable[..., tuple[Array, Array]]] = {
    "lanes of padding counted in the variance": _with_squares_of_lanes,
    "the width of the block taken for the number of values": _by_width_of_block,
}

NORMALIZED: dict[str, Callable[..., Any]] = {
    **{name: getattr(normalization, name) for name in ("layer_norm", "group_norm", "instance_norm")},
    "batch_norm": normalization_batch.batch_norm,
}
"""By spec: the layer, its values standardized in some way."""


# --- one too many, one too few ---


def _causal_attention(
    further: int,
    empty: str,
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    *,
    scale: float | None,
    causal: str,
    empty_row: str,
    masking: str,
) -> Array:
    """Attention to so many keys further; a query that is left with none gets what ``empty`` says, if that."""
    queries, keys = query.shape[1], key.shape[1]
    last = further + (keys - queries if causal == "bottom_right" else 0)
    seen = (np.arange(keys) <= np.arange(queries)[:, np.newaxis] + last)[np.newaxis, np.newaxis]
    seen = seen if mask is None else seen & mask
    options: dict[str, Any] = {"scale": scale, "empty_row": empty or empty_row, "masking": masking}
    return dot_product_attention(query, key, value, bias, seen, **options)


def _causal_step_ahead(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: tuple[int],
    dilation: tuple[int],
    padding: str,
    groups: int,
) -> Array:
    """A causal convolution whose windows end one step after their own place."""
    del padding
    (reach,) = extents(kernel.shape[:1], dilation)
    options: dict[str, Any] = {"strides": strides, "dilation": dilation, "groups": groups}
    if reach > 1:
        return conv(x, kernel, bias, padding=((reach - 2, 1),), **options)
    later = np.concatenate([x[:, 1:], np.zeros_like(x[:, :1])], axis=1)
    return conv(later, kernel, bias, padding="valid", **options)


def _one_step_late(x: Array) -> Array:
    return np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)


AHEAD = "the causal mask is off by one: a query sees the key after its own"
BEHIND = "the causal mask is off by one: a query does not see its own key"

OWN: dict[str, tuple[Fault, ...]] = {
    "dot_product_attention": tuple(
        Fault(
            name=told,
            reference=functools.partial(_causal_attention, further, empty),
            where="causal != 'none'",
        )
        for further, told in ((1, AHEAD), (-1, BEHIND))
        for empty in ("", "zero", "nan", "uniform")
    ),
    "conv1d": (
        Fault(
            name="the causal padding is off by one: a window ends after its own place",
            reference=_causal_step_ahead,
            where="padding == 'causal'",
        ),
        Fault(
            name="the causal padding is off by one: a window ends before its own place",
            inputs={"x": _one_step_late},
            where="padding == 'causal'",
        ),
        Fault(
            name="the causal padding leaves dilation out",
            parameters={
                "padding": "((kernel_time - 1, (kernel_time - 1) * (dilation[0] - 1)),)",
            },
            where="padding == 'causal' and dilation[0] > 1",
        ),
    ),
}
"""By spec: what only its kernels get wrong."""


def _of_windows(spec: Spec) -> Iterator[GeneralFault]:
    """Windows of a pooling one tap too short or too long, along every axis or along one."""
    if spec.family != "pooling" or "window" not in spec.defaults:
        return
    rank = len(spec.axis_names) - 2
    for change, told in ((-1, "one tap too short"), (1, "one tap too long")):
        for axes in (range(rank), *((axis,) for axis in range(rank) if rank > 1)):
            along = "" if len(axes) == rank else f" along {spec.axis_names[axes[0] + 1]}"
            spoil = functools.partial(_with_window, change, tuple(axes))
            yield GeneralFault(f"windows are {told}{along}", spoil)


def _with_window(change: int, axes: Sequence[int], expectation: Expectation) -> Result | None:
    """What comes of other windows that begin where the right ones do."""
    given, right = expectation.parameters, correct(expectation)
    window, strides = given["window"], given["strides"]
    dilation = given.get("dilation", (1,) * len(window))
    other = tuple(n + change * (axis in axes) for axis, n in enumerate(window))
    lengths = expectation.inputs["x"].shape[1:-1]
    if min(other) < 1:
        return None
    widths = padding_widths(given["padding"], lengths, window, strides, dilation)
    more = [max(change, 0) * step * (axis in axes) for axis, step in enumerate(dilation)]
    wider = tuple((low, high + extra) for (low, high), extra in zip(widths, more, strict=True))
    try:
        outputs = outputs_of(expectation.asking({}, {"window": other, "padding": wider}))
    except UNFIT:
        return None
    cropped = _cropped(outputs, right.outputs)
    same_shape = [y.shape for y in cropped] == [y.shape for y in right.outputs]
    return dataclasses.replace(right, outputs=cropped) if same_shape else None


# --- epsilon, and shares of a label ---


def _of_epsilon(spec: Spec) -> Iterator[Fault]:
    if "epsilon" in spec.defaults:
        yield Fault(name="epsilon squared", parameters={"epsilon": "epsilon * epsilon"}, spoils="both")


def _of_smoothing(spec: Spec) -> Iterator[Fault | GeneralFault]:
    """The share of every class is missing, or goes to the other classes alone."""
    if "label_smoothing" not in spec.defaults:
        return
    if "classes" in spec.axis_names:
        yield GeneralFault("the even share of the smoothing is missing", _without_even_share)
        spread = "label_smoothing * classes / (classes - 1)"
        yield Fault(
            name="the smoothing goes to the other classes alone",
            parameters={"label_smoothing": spread},
            where="label_smoothing > 0 and classes > 1",
            spoils="both",
        )


def _without_even_share(expectation: Expectation) -> Result | None:
    """``(1 - s)`` times the loss without smoothing, for a loss is linear in its targets."""
    share = expectation.parameters["label_smoothing"]
    if not share:
        return None
    sharp = expectation.asking({}, {"label_smoothing": 0.0})
    try:
        return Result(*(tuple(_times(1 - share, a) for a in f(sharp)) for f in (outputs_of, gradients_of)))
    except UNFIT:
        return None


# --- states ---

SHORT = ("bfloat16", "float16", "float32")
"""Formats that a state may be kept in between steps."""

STATES = {"h": "the hidden state", "c": "the cell"}


def _of_states(spec: Spec) -> Iterator[GeneralFault]:
    """Each state kept in a shorter format from step to step; a cell before it is seen, or after."""
    names = [name for name in STATES if f"final_{name}" in spec.outputs]
    simple = all(given.kind in ("data", "weight") for given in spec.inputs)
    if not names or not simple or spec.outputs[0] != "sequence":
        return
    for kept in [[name] for name in names] + ([names] if len(names) > 1 else []):
        told = " and ".join(STATES[name] for name in kept)
        for short in SHORT:
            for seen in (False, True) if "c" in kept else (False,):
                spoil = functools.partial(_with_short_states, short, kept, seen)
                yield GeneralFault(f"{told} kept in {short}", spoil)


def _with_short_states(
    short: str, kept: Sequence[str], seen: bool, expectation: Expectation
) -> Result | None:
    """One step after the other, each from the states of the last one as they are kept.

    Where the short cell is ``seen``, ``h = o φ(c)`` is that of the short one: times ``φ(c') / φ(c)``.
    """
    kind, case = DTYPES[short], expectation.case
    forward = expectation.parameters.get("direction", "forward") == "forward"
    if not forward or dtype(case.dtype).u >= kind.u:
        return None
    x, outputs, steps, now = expectation.named["x"], case.spec.outputs, [], dict[str, Array]()
    for step in range(x.shape[1]):
        asked = expectation.asking({**now, "x": x[:, step : step + 1]})
        found = dict(zip(outputs, outputs_of(asked), strict=True))
        if "c" in kept:
            cell, found["final_c"] = found["final_c"], nearest(found["final_c"], kind)
        if seen:
            found["final_h"] = found["final_h"] * _squashed_again(expectation, found["final_c"], cell)
        if "h" in kept:
            found["final_h"] = nearest(found["final_h"], kind)
        now = {name.removeprefix("final_"): y for name, y in found.items() if name != "sequence"}
        steps.append(found["final_h"] if seen or "h" in kept else found["sequence"][:, 0])
    results = {**found, "sequence": np.stack(steps, axis=1)}
    return dataclasses.replace(correct(expectation), outputs=tuple(results[name] for name in outputs))


def _squashed_again(expectation: Expectation, short: Array, cell: Array) -> Array:
    """What becomes of a hidden state whose cell is a short one."""
    squash = SQUASHED[expectation.parameters.get("activation", "tanh")]
    with np.errstate(all="ignore"):
        ratio = squash(short) / squash(cell)
    return np.where(np.isfinite(ratio), ratio, 1.0)


SQUASHED: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
}
