"""Formats: constants, one correct rounding, exact bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.numerics.dtypes import DTYPES, DType, decode, dtype, encode, round_to, widen

FORMATS = pytest.mark.parametrize("format", DTYPES.values(), ids=DTYPES)
HALVES = pytest.mark.parametrize(
    "format", [DTYPES["bfloat16"], DTYPES["float16"]], ids=["bfloat16", "float16"]
)


def every_half(format: DType) -> np.ndarray:
    return np.arange(2**16, dtype=np.uint16).view(format.storage)


def rounded_by_definition(x: np.ndarray, format: DType) -> np.ndarray:
    """Nearest multiple of the spacing at x, ties to even; infinity from half a spacing past the largest."""
    exponent = np.maximum(np.frexp(x)[1], np.frexp(format.smallest_normal)[1])
    spacing = np.ldexp(1.0, exponent - format.precision)
    with np.errstate(over="ignore"):
        nearest = np.rint(x / spacing) * spacing
    return np.where(np.abs(nearest) > format.largest, np.copysign(np.inf, x), nearest)


@FORMATS
def test_unit_roundoff_is_half_the_gap_above_one(format):
    one = np.ones((), format.storage)
    assert float(np.nextafter(one, np.array(2, format.storage))) - 1.0 == 2 * format.u


@FORMATS
def test_the_range_ends_where_the_format_says(format):
    zero, infinity = np.zeros((), format.storage), np.array(np.inf, format.storage)
    assert float(np.nextafter(zero, infinity)) == format.smallest_subnormal
    assert float(np.nextafter(infinity, zero)) == format.largest
    assert format.smallest_normal == format.smallest_subnormal * 2.0 ** (format.precision - 1)


def test_an_unknown_name_is_refused_with_the_names_allowed():
    with pytest.raises(ValueError, match=r"'float8'.*float64, float32, bfloat16, float16"):
        dtype("float8")


def test_bfloat16_is_rounded_once_where_the_cast_of_ml_dtypes_rounds_twice():
    just_above_the_tie = np.array([1 + 2**-8 + 2**-40, -1 - 2**-8 - 2**-40])
    format = DTYPES["bfloat16"]
    assert widen(just_above_the_tie.astype(format.storage)).tolist() == [1.0, -1.0]
    assert widen(round_to(just_above_the_tie, format)).tolist() == [1 + 2**-7, -1 - 2**-7]


@FORMATS
@given(st.floats(allow_nan=False))
def test_one_rounding_to_nearest_with_ties_to_even(format, x):
    assert float(round_to(x, format)) == (float(rounded_by_definition(x, format)) if np.isfinite(x) else x)


@HALVES
def test_rounding_decides_every_tie_and_its_neighbours(format):
    numbers = np.sort(widen(every_half(format))[np.isfinite(widen(every_half(format)))])
    ties = (numbers[:-1] + numbers[1:]) / 2
    for points in (ties, np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf)):
        assert widen(round_to(points, format)).tolist() == rounded_by_definition(points, format).tolist()


@HALVES
def test_widening_loses_nothing(format):
    every = every_half(format)
    kept = ~np.isnan(widen(every))
    assert (round_to(widen(every), format).view(np.uint16) == every.view(np.uint16))[kept].all()


@FORMATS
def test_nan_and_the_signs_of_zero_and_infinity_survive_rounding(format):
    rounded = widen(round_to(np.array([np.nan, 0.0, -0.0, np.inf, -np.inf]), format))
    assert np.isnan(rounded[0])
    assert rounded[1:].tolist() == [0.0, 0.0, np.inf, -np.inf]
    assert np.signbit(rounded[1:]).tolist() == [False, True, False, True]


def assert_bits_survive(array):
    name, shape, data = encode(array)
    again = decode(name, shape, data)
    assert (again.dtype, again.shape) == (array.dtype.newbyteorder("="), array.shape)
    assert again.tobytes() == array.astype(again.dtype).tobytes()
    assert again.flags.writeable


@HALVES
def test_every_bit_pattern_of_a_half_format_crosses_the_wire(format):
    assert_bits_survive(every_half(format).reshape(256, 256))


@pytest.mark.parametrize("name", ["float64", "float32", "int32", "int64", "bool"])
def test_bits_cross_the_wire_with_nan_payloads_and_any_layout(name):
    storage = np.dtype(name)
    noise = np.random.default_rng(0).integers(0, 256, 24 * storage.itemsize, dtype=np.uint8)
    array = (noise % 2 if name == "bool" else noise).view(storage).reshape(2, 3, 4)
    for layout in (array, array.T, array[:, ::2], array[0, 0, 0], array[:0]):
        assert_bits_survive(np.asarray(layout))


def test_a_signalling_nan_keeps_its_payload():
    assert_bits_survive(np.array([0x7F800001, 0xFFC12345], np.uint32).view(np.float32))


def test_the_wire_is_little_endian_whatever_the_array_is():
    assert encode(np.array([1.5], ">f4")) == encode(np.array([1.5], "<f4")) == ("float32", (1,), b"\0\0\xc0?")


def test_other_types_are_refused_on_either_side():
    with pytest.raises(ValueError, match="complex128 cannot be encoded"):
        encode(np.zeros(1, np.complex128))
    with pytest.raises(ValueError, match="'uint8' cannot be decoded"):
        decode("uint8", (1,), b"\0")
