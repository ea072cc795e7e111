"""Named data sets: what cases draw, and the faults that each set is made to show.

A fault below the resolution of a format on N(0, 1) data is plain on other data.  Each ``DataSet`` states its
aim; the draws are bit-identical everywhere, being integer arithmetic and single IEEE operations on
``generator.Stream``, and are returned in the format's own storage.

Beside the data sets, which fill the inputs that a case is about, the ``draw_*`` functions fill the other
roles of an input: weights, probabilities, indices, masks, lengths.

"Row" is a slice along the first axis for special values, which are kept to a minority of the samples, and a
line along the last axis everywhere else.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import AnyArray, Array, DType, round_to, widen
from .generator import Shape, Stream

Draw = Callable[[Stream, Shape, DType], AnyArray]


@dataclass(frozen=True)
class DataSet:
    """A way to fill an input, with a purpose.

    Attributes:
        name: what a case id calls it.
        aim: the faults that it is made to show.
        draw: from a stream, a shape and a format to an array in the format's storage.
        independent: whether roundings on this data may be taken as independent; see ``tolerance``.
        special: whether it holds NaN or infinities.
        cycle: what it goes round in each format, so that a number comes again after so many places.
    """

    name: str
    aim: str
    draw: Draw
    independent: bool = True
    special: bool = False
    cycle: Callable[[DType], Array] | None = None

    def period(self, dtype: DType) -> int:
        """After how many places the same numbers come again; 0 if they do not."""
        return len(self.cycle(dtype)) if self.cycle else 0


DATA_SETS: dict[str, DataSet] = {}


def data_set(name: str) -> DataSet:
    """The data set called ``name``.

    Raises:
        ValueError: ``name`` is none of ``DATA_SETS``.
    """
    if name not in DATA_SETS:
        raise ValueError(f"data set is {name!r}, but must be one of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def _data_set(aim: str, **more: Any) -> Callable[[Draw], Draw]:
    """Enter a draw in ``DATA_SETS`` under its own name; the rest is as `DataSet` has it."""

    def enter(draw: Draw) -> Draw:
        name = draw.__name__.removeprefix("_")
        DATA_SETS[name] = DataSet(name, aim, draw, **more)
        return draw

    return enter


# --- ordinary values ---


@_data_set("what every layer must get right: values of order 1 and both signs")
def _normal(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("a missing or misplaced epsilon: standard deviation 3e-3, whose square is near common epsilons")
def _tiny(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(3e-3 * stream.normal(shape), dtype)


@_data_set("one-pass variance and lost low bits: mean 30 times the standard deviation")
def _offset(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(30.0 + stream.normal(shape), dtype)


@_data_set("order of summation and scaling: magnitudes spread evenly over many powers of two")
def _wide(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    # Narrow enough that a sum of squares stays within float16, whose exponents end at -14 and 15.
    reach = 4 if dtype.name == "float16" else 12
    exponents = stream.integers(-reach, reach + 1, shape)
    return round_to(np.ldexp(stream.normal(shape), exponents), dtype)


@_data_set("cancellation: neighbours along the last axis nearly add up to 0")
def _cancelling(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    # Half of the digits cancel.
    residue = np.ldexp(stream.normal(shape), -(dtype.precision // 2))
    if not shape:
        return round_to(values, dtype)
    first, second = values[..., 0:-1:2], values[..., 1::2]
    second[...] = -first * (1.0 + residue[..., 1::2])
    return round_to(values, dtype)


@_data_set("large exponents: saturation, and logits that overflow exp without a shift")
def _saturated(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.signs(shape) * (20.0 + 80.0 * stream.uniform(shape)), dtype)


@_data_set("relative error in tails and near 0: points where activations lose their digits")
def _tails(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    points = _tail_points(dtype)
    size = math.prod(shape)
    cycled = points[stream.permutation(size) % len(points)].reshape(shape)
    jitter = 1.0 + np.ldexp(stream.uniform(shape), -6)
    return round_to(stream.signs(shape) * cycled * jitter, dtype)


def _tail_points(dtype: DType) -> Array:
    """Magnitudes at which an activation changes its behaviour in the format."""
    largest_exponent = math.frexp(dtype.largest)[1] - 1
    points = [
        0.5,
        1.0,
        5.0,
        20.0,
        # exp of it, or of its negative, is just within the range: ln 2 is a little above 2/3.
        float(largest_exponent * 2 // 3),
        1e-4,
        1e-8,
        dtype.u,
        2.0 ** -(dtype.precision // 2),
    ]
    return np.asarray(np.maximum(points, 2 * dtype.smallest_normal))


# --- coarse and repeated values ---


@_data_set("ties and kinks: the integers from -2 to 2, many of them equal", independent=False)
def _ties(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.integers(-2, 3, shape).astype(np.float64), dtype)


@_data_set("kinks beside 0: every half from -7 to 7", independent=False)
def _kinks(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    size = math.prod(shape)
    return round_to((stream.permutation(size) % 29 - 14.0).reshape(shape) / 2.0, dtype)


@_data_set(
    "zeros of both signs between ordinary values: kinks at 0, lost signs, empty windows", independent=False
)
def _zeros(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    kind = stream.integers(0, 4, shape)
    values = np.where(kind == 0, 0.0, np.where(kind == 1, -0.0, stream.normal(shape)))
    return round_to(values, dtype)


@_data_set("a variance of 0: every line along the last axis is constant", independent=False)
def _constant(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    lines = stream.normal((*shape[:-1], 1)) if shape else stream.normal(())
    return round_to(np.broadcast_to(lines, shape).copy(), dtype)


@_data_set("a scale of 0: lines along the last axis that hold zeros alone, beside ordinary ones")
def _blank(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    if shape and values.size:
        lines = values.reshape(-1, shape[-1])
        lines[stream.permutation(len(lines))[: max(len(lines) // 4, 1)]] = 0.0
    return round_to(values, dtype)


# --- the ends of the range ---


@_data_set("subnormal numbers: flushing to zero, and division by what underflows")
def _subnormal(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    steps = np.maximum(np.floor(stream.uniform(shape) * 2.0 ** (dtype.precision - 1)), 1.0)
    return round_to(stream.signs(shape) * steps * dtype.smallest_subnormal, dtype)


@_data_set("near overflow: squares and sums leave the range, means and norms need not")
def _large(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    scale = np.ldexp(0.5 + stream.uniform(shape) / 2, -stream.integers(1, 5, shape))
    return round_to(stream.signs(shape) * scale * dtype.largest, dtype)


@_data_set("NaN in few places: it must reach what depends on it, and nothing else", special=True)
def _nan(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    values[_special_places(stream, shape)] = np.nan
    return round_to(values, dtype)


@_data_set("infinities of both signs in few places: limits, and inf - inf", special=True)
def _infinities(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values, signs = stream.normal(shape), stream.signs(shape)
    places = _special_places(stream, shape)
    values[places] = np.inf * signs[places]
    return round_to(values, dtype)


@_data_set(
    "every special value in every lane of a vector loop, for functions of single elements", special=True
)
def _specials(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    sizes = np.array(
        [np.inf, np.nan, 0.0, dtype.largest, dtype.smallest_normal, dtype.smallest_subnormal, 1.0]
    )
    # An odd number of values meets every lane in turn.
    table = np.concatenate([sizes, -sizes, [0.5]])
    return round_to(np.resize(table, math.prod(shape)).reshape(shape), dtype)


@_data_set("minus infinity in few places: excluded classes, and 0 times infinity", special=True)
def _negative_infinities(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    values[_special_places(stream, shape)] = -np.inf
    return round_to(values, dtype)


@_data_set("indices of which some name nothing, beside ordinary values")
def _out_of_range(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("indices of which some count from the end, beside ordinary values")
def _negative(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("indices of which some lie further below 0 than there are rows, beside ordinary values")
def _far_below(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("masks of which some rows allow nothing, and sequences of no length, beside ordinary values")
def _masked_rows(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("NaN where a mask or a length says not to count: it must reach nothing that counts", special=True)
def _padding_nan(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("large numbers where nothing counts: weights near 0 and finite sentinels let some of them through")
def _padding_large(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


PADDED_WITH: dict[str, Callable[[DType], float]] = {
    "padding_nan": lambda dtype: np.nan,
    # Its products with ordinary numbers are still finite.
    "padding_large": lambda dtype: math.sqrt(dtype.largest),
}
"""What these data sets hold where a mask, a length or a table says that nothing counts."""


# --- what kernels are asked beside ---


@_data_set("finite sentinels: every value lies below -5e4, where a maximum may start that should at -∞")
def _low(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(-5.5e4 + stream.normal(shape), dtype)


@_data_set("the last element of each line far ahead of the rest: a tail that is lost decides all")
def _late(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    if shape:
        values[..., -1:] += 40.0
    return round_to(values, dtype)


@_data_set("squares past the largest float16, and in wider formats far from 1, of which sums stay in range")
def _squares(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    # A cube of the reciprocal is still a normal number.
    exponent = 8 if dtype.name == "float16" else math.frexp(dtype.largest)[1] * 5 // 16
    return round_to(stream.signs(shape) * np.ldexp(1.0 + stream.uniform(shape) / 4, exponent), dtype)


@_data_set(
    "ends of ranges: squares, exponentials and reciprocals at their last finite and first infinite value"
)
def _edges(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    points = edge_points(dtype)
    values = np.resize(np.concatenate([points, -points, [0.5]]), math.prod(shape)).reshape(shape)
    if len(shape) > 1 and values.size:  # the last place too, which a vector loop leaves to the rest
        lines = values.reshape(-1, shape[-1])
        lines[1::2, -1] = np.resize(points, len(lines[1::2]))
    del stream  # every point, in the same order
    return round_to(values, dtype)


def edge_points(dtype: DType) -> Array:
    """Magnitudes at which a square, an exponential or a reciprocal leaves a format, and ends of binades."""
    ends = (dtype.largest, dtype.smallest_normal, dtype.smallest_subnormal)
    spaced = [f for end in ends for f in _beside(abs(_exponent(end)) * _LN2, dtype)]
    root = float(widen(round_to(math.sqrt(dtype.largest), dtype)))
    root = root if root * root <= dtype.largest else root * (1 - 2 * dtype.u)
    return np.asarray(
        [
            *(root, root * (1 + 2 * dtype.u)),
            *(1 / dtype.largest, dtype.smallest_normal, dtype.smallest_subnormal),
            *spaced,
            *(2 - 2 * dtype.u, 1.0, 1 - dtype.u, 1 + 2 * dtype.u),
            dtype.largest,
        ]
    )


_LN2 = 0.6931471805599453
"""Exponentials leave a format at a power of two: no logarithm, whose last bit no two libraries share."""


def _exponent(end: float) -> int:
    """The power of two at, or next above, an end of a format."""
    fraction, exponent = math.frexp(end)
    return exponent - 1 if fraction == 0.5 else exponent


def _beside(value: float, dtype: DType) -> tuple[float, float]:
    """The numbers of the format on either side of a value."""
    near = float(widen(round_to(value, dtype)))
    step = 2 * dtype.u * 2.0 ** (math.frexp(near)[1] - 1)
    return (near - step, near) if near > value else (near, near + step)


@_data_set("NaN and minus infinity in one line: NaN comes out, whichever is met first", special=True)
def _mixed(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    if shape and values.size:
        lines = values.reshape(-1, shape[-1])
        chosen = stream.permutation(len(lines))[: max(len(lines) // 4, 1)]
        places = stream.integers(0, shape[-1], chosen.shape)
        lines[chosen, (places + 1) % shape[-1]] = -np.inf
        lines[chosen, places] = np.nan
    return round_to(values, dtype)


@_data_set("samples of minus infinity alone: a maximum that starts at a finite number", special=True)
def _nothing(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    values = stream.normal(shape)
    if shape and values.size:
        values[stream.permutation(shape[0])[: max(shape[0] // 4, 1)]] = -np.inf
    return round_to(values, dtype)


@_data_set("NaN in weights beside ordinary data: it must reach what depends on it", special=True)
def _weights_nan(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return _nan(stream, shape, dtype)


@_data_set("infinities in weights beside ordinary data: nothing may clip them", special=True)
def _weights_infinite(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return _infinities(stream, shape, dtype)


@_data_set("indices at the ends of 8 and of 16 bits, where the limit allows, beside ordinary values")
def _indices_high(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("positions that half types do not hold, and far ones, whose angles are thousands of turns")
def _long_context(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(stream.normal(shape), dtype)


@_data_set("numbers between -4 and -1.25: all below a maximum that starts at -1")
def _below_zero(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    return round_to(-1.25 - 2.75 * stream.uniform(shape), dtype)


@_data_set("positive numbers over many powers of two: logarithms, and what is defined above 0 alone")
def _above_zero(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    exponents = stream.integers(-(dtype.precision // 2), 7, shape)
    return round_to(np.ldexp(1.0 + stream.uniform(shape), exponents), dtype)


def every_number(dtype: DType) -> Array:
    """The finite numbers but 0 of a format of 16 bits, and of a wider one so many of each binade.

    The first and the last of a binade are among them. There is an odd number of them all, so that who goes
    round them meets each in other lanes.
    """
    steps = 2 ** (dtype.precision - 1)
    taken = _TAKEN_OF_A_BINADE.get(dtype.name, steps)
    fractions = np.round(np.arange(taken) * ((steps - 1) / (taken - 1)))
    exponents = np.arange(_exponent(dtype.smallest_normal), math.frexp(dtype.largest)[1])
    normal = np.ldexp(1.0 + fractions / steps, exponents[:, np.newaxis])
    subnormal = np.maximum(fractions, 1.0) * dtype.smallest_subnormal
    sizes = np.unique(np.concatenate([subnormal, normal.reshape(-1)]))
    return np.concatenate([sizes, -sizes, [0.5]])


_TAKEN_OF_A_BINADE = {"float32": 128, "float64": 16}
"""How many numbers of each binade are taken where there are too many: with both signs some 65,000 in all."""


@_data_set(
    "every finite number but 0 of a half type, of a wider one many of each binade, and all in two lanes",
    independent=False,
    cycle=every_number,
)
def _every(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    numbers = every_number(dtype)
    shuffled = round_to(numbers[stream.permutation(len(numbers))], dtype)
    return np.resize(shuffled, math.prod(shape)).reshape(shape)


def _special_places(stream: Stream, shape: Shape) -> npt.NDArray[np.bool_]:
    """One place in a quarter of the samples, and in one at least."""
    places = np.zeros(shape, dtype=np.bool_)
    if not places.size:
        return places
    samples = places.reshape(shape[0] if shape else 1, -1)
    chosen = stream.permutation(len(samples))[: max(len(samples) // 4, 1)]
    samples[chosen, stream.integers(0, samples.shape[1], chosen.shape)] = True
    return places


# --- other roles of an input ---


def draw_weight(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    """A kernel: normal with variance 1 / fan-in, the product of all axes but the last, and nowhere 0."""
    fan_in = max(math.prod(shape[:-1]), 1)
    weight = round_to(stream.normal(shape) / math.sqrt(fan_in), dtype)
    return np.where(widen(weight) == 0, round_to(1 / fan_in, dtype), weight)


def draw_positive(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    """Scales and variances: between 0.5 and 1.5."""
    return round_to(0.5 + stream.uniform(shape), dtype)


def draw_probability(stream: Stream, shape: Shape, dtype: DType, ends: bool = False) -> AnyArray:
    """Distributions along the last axis: of sum 1 within the rounding of each element.

    All are positive, unless ``ends`` asks for about a quarter of zeros, the first class of a line excepted.
    """
    # Integers, so that the sum does not depend on its order.
    shares = stream.integers(1, 2**10, shape)
    if ends:
        shares[..., 1:] *= stream.integers(0, 4, shape)[..., 1:] > 0
    return round_to(shares / np.sum(shares, axis=-1, keepdims=True), dtype)


def draw_unit(stream: Stream, shape: Shape, dtype: DType, ends: bool = False) -> AnyArray:
    """A probability for each element: in the open interval (0, 1), after rounding too.

    With ``ends`` about two thirds are the ends of the interval themselves.
    """
    inside = np.clip(stream.uniform(shape), dtype.u, 1 - dtype.u)
    if ends:
        choice = stream.integers(0, 3, shape)
        inside = np.where(choice < 2, choice.astype(np.float64), inside)
    return round_to(inside, dtype)


def draw_sample_weights(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    """Weights in the open interval (0, 1), a quarter of them 0: one at least of several, but never all."""
    weights = np.clip(stream.uniform(shape), dtype.u, 1 - dtype.u)
    if weights.size > 1:
        weights.reshape(-1)[stream.permutation(weights.size)[: max(weights.size // 4, 1)]] = 0.0
    return round_to(weights, dtype)


def draw_decay(stream: Stream, shape: Shape, dtype: DType) -> AnyArray:
    """Logarithms of what is kept at a step, never above 0: between -1/64 and -2.

    Of sixteen two are 0, which keeps all, and one is -8, which keeps next to nothing.
    """
    exponents = stream.integers(-6, 1, shape)
    kept = -np.ldexp(1.0 + stream.uniform(shape), exponents)
    choice = stream.integers(0, 16, shape)
    return round_to(np.where(choice < 2, 0.0, np.where(choice == 2, -8.0, kept)), dtype)


def draw_indices(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Classes or rows of a table: integers below ``limit``, both 0 and ``limit - 1`` if two places allow.

    Raises:
        ValueError: ``limit`` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}, but an index needs at least 1 to choose from")
    indices = stream.integers(0, limit, shape).astype(np.int32)
    ends = stream.permutation(indices.size)[:2]
    indices.reshape(-1)[ends] = [0, limit - 1][: len(ends)]
    return indices


def draw_high_indices(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Indices of which some lie at the ends of 8 and of 16 bits, as far as there are so many."""
    ends = [end for end in (257, 256, 255, 65537, 65536, 65535) if end < limit]
    return _with_some(stream, draw_indices(stream, shape, limit), ends)


def draw_positions(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Positions of a sequence: the first, those beside the last that bfloat16 holds, and far ones."""
    ends = [end for end in (131071, 257, 4096, 255, 1, 0) if end < limit]
    return _with_some(stream, draw_indices(stream, shape, limit), ends)


def draw_indices_out_of_range(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Indices of which a few are none: below 0, at ``limit`` and above, each where two places are left."""
    return _with_some(stream, draw_indices(stream, shape, limit), [limit, -1, limit + 3])


def draw_negative_indices(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Indices of which a few count from the end: -1, ``-limit``, the first there is, and one between."""
    return _with_some(stream, draw_indices(stream, shape, limit), [-limit, -1, -(limit // 2) - 1])


def draw_indices_far_below(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Indices of which a few are none, even counted from the end: below ``-limit``, and below twice that."""
    return _with_some(stream, draw_indices(stream, shape, limit), [-limit - 1, -2 * limit - 1, -limit])


def _with_some(
    stream: Stream, indices: npt.NDArray[np.int32], others: Sequence[int]
) -> npt.NDArray[np.int32]:
    """The ``others`` in some of the places, each where two places are left."""
    places = stream.permutation(indices.size)[: max(indices.size // 2, 1)][: len(others)]
    indices.reshape(-1)[places] = others[: len(places)]
    return indices


def draw_mask(stream: Stream, shape: Shape) -> npt.NDArray[np.bool_]:
    """A mask with at least one True in each line along the last axis, and one False where it is longer."""
    mask = np.asarray(stream.bits(shape) % 2 == 0)
    if not mask.size or not shape:
        return np.ones(shape, dtype=np.bool_)
    length, lines = shape[-1], mask.reshape(-1, shape[-1])
    kept = stream.integers(0, length, (len(lines),))
    dropped = (kept + stream.integers(1, max(length, 2), kept.shape)) % length
    every = np.arange(len(lines))
    lines[every, dropped] = False
    lines[every, kept] = True
    return mask


def draw_mask_with_empty_rows(stream: Stream, shape: Shape) -> npt.NDArray[np.bool_]:
    """A mask whose lines along the last axis are all False in a quarter of the cases, one at least."""
    mask = draw_mask(stream, shape)
    if mask.size and shape:
        lines = mask.reshape(-1, shape[-1])
        lines[stream.permutation(len(lines))[: max(len(lines) // 4, 1)]] = False
    return mask


def draw_lengths_with_empty(stream: Stream, shape: Shape, limit: int) -> npt.NDArray[np.int32]:
    """Lengths of sequences, of which a quarter are empty, one at least."""
    lengths = draw_lengths(stream, shape, limit)
    lengths.reshape(-1)[stream.permutation(lengths.size)[: max(lengths.size // 4, 1)]] = 0
    return lengths


def draw_lengths(stream: Stream, shape: Shape, limit: int, least: int = 1) -> npt.NDArray[np.int32]:
    """Lengths of sequences: from ``least`` to ``limit``, and both of them if two places allow.

    Raises:
        ValueError: ``limit`` is below ``least``.
    """
    return np.asarray(draw_indices(stream, shape, limit - least + 1) + least, dtype=np.int32)
