"""Data sets: every one keeps its aim, its range and its bits."""

import hashlib
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from assay.numerics.data import (
    DATA_SETS,
    data_set,
    draw_decay,
    draw_high_indices,
    draw_indices,
    draw_indices_far_below,
    draw_indices_out_of_range,
    draw_lengths,
    draw_lengths_with_empty,
    draw_mask,
    draw_negative_indices,
    draw_positions,
    draw_positive,
    draw_probability,
    draw_sample_weights,
    draw_unit,
    draw_weight,
    every_number,
)
from assay.numerics.dtypes import DTYPES, encode, round_to, widen
from assay.numerics.generator import Stream

FORMATS = pytest.mark.parametrize("format", DTYPES.values(), ids=DTYPES)
PINNED = {
    "normal": "1b3428cd",
    "tiny": "5cf4b142",
    "offset": "7e85abe6",
    "wide": "7560dd71",
    "cancelling": "6b5d15d0",
    "saturated": "d03238f4",
    "tails": "6a83e2b4",
    "ties": "88a3eeff",
    "kinks": "20190b22",
    "zeros": "68ceb47f",
    "constant": "5ce156c3",
    "subnormal": "b61e6e91",
    "large": "f038ce7c",
    "nan": "13b572cc",
    "infinities": "7210745b",
    "negative_infinities": "07e73838",
    "specials": "bc509eb9",
    "out_of_range": "05430d05",
    "negative": "88973540",
    "far_below": "1ae2aeae",
    "masked_rows": "464749a4",
    "padding_nan": "e742ebba",
    "padding_large": "416a7e47",
    "low": "3c30ccf9",
    "late": "7df84235",
    "squares": "0799d651",
    "edges": "eb629488",
    "mixed": "22407f56",
    "nothing": "d227bd0e",
    "weights_nan": "7c51e1cf",
    "weights_infinite": "d2957ded",
    "indices_high": "79dc902b",
    "long_context": "acc86c55",
    "below_zero": "f3f5361a",
    "every": "8adcda1a",
    "blank": "5156d44d",
    "above_zero": "ebd400d9",
}
SETS = pytest.mark.parametrize("data", DATA_SETS.values(), ids=DATA_SETS)


def draw(name, format, shape=(16, 33)):
    return widen(data_set(name).draw(Stream(f"test/{name}"), shape, format))


@SETS
@FORMATS
def test_a_draw_has_shape_and_storage_and_only_announced_specials(data, format):
    for shape in [(), (0,), (1,), (2,), (3, 0), (7, 5), (2, 3, 4, 5)]:
        array = data.draw(Stream("shape"), shape, format)
        assert (array.shape, array.dtype) == (shape, format.storage)
        if not data.special:
            assert np.isfinite(widen(array)).all()


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_data_of_every_set_stay_as_they_are(name):
    digest = hashlib.blake2b(digest_size=4)
    for format in DTYPES.values():
        digest.update(encode(DATA_SETS[name].draw(Stream(f"pinned/{name}"), (5, 9), format))[2])
    pin = digest.hexdigest()
    assert PINNED.get(name) == pin, f"new data for every case of {name!r}; if that is meant, pin {pin!r}"


def test_an_unknown_name_is_refused_with_the_names_allowed():
    with pytest.raises(ValueError, match=r"'gaussian'.*normal, tiny"):
        data_set("gaussian")


@FORMATS
def test_some_lines_are_blank_and_others_hold_no_zero(format):
    blank = np.all(draw("blank", format) == 0, axis=1)
    assert 0 < np.sum(blank) < len(blank)
    assert np.all(draw("blank", format)[~blank])


@FORMATS
def test_low_lies_below_every_sentinel(format):
    assert np.all(draw("low", format) < -5e4)


@FORMATS
def test_late_ends_every_line_far_ahead(format):
    x = draw("late", format)
    assert np.all(x[:, -1] > np.max(x[:, :-1], axis=1) + 20)


@FORMATS
def test_squares_leave_float16_and_no_sum_of_them_a_wider_format(format):
    x = draw("squares", format)
    if format.name == "float16":
        assert np.all(x**2 >= format.largest)
    else:
        assert np.sum(x**2) * 2**16 < format.largest
        assert np.all(np.abs(x) ** -3.0 > format.smallest_normal)


@FORMATS
def test_edges_hold_the_last_square_that_does_not_overflow_and_the_first_that_does(format):
    x = np.abs(draw("edges", format))
    with np.errstate(over="ignore", divide="ignore"):
        square, powers, reciprocal = np.square(x), np.exp(x), 1 / x
    below, above = np.max(x[square <= format.largest]), np.min(x[square > format.largest])
    assert above == below * (1 + 2 * format.u) or above - below <= 2 * format.u * above
    assert np.any(np.isfinite(reciprocal) & (reciprocal > format.largest)) or format.name == "float64"
    assert np.any((powers > format.largest / 4) & (powers < format.largest))
    assert np.any((powers > format.largest) & (x < 1000))


@FORMATS
def test_every_has_both_ends_of_each_binade(format):
    numbers = every_number(format)
    assert len(numbers) % 2 == 1
    assert len(numbers) < 2**16
    assert_array_equal(widen(round_to(numbers, format)), numbers)
    fractions, exponents = np.frexp(np.unique(np.abs(numbers)))
    normal = exponents >= math.frexp(format.smallest_normal)[1]
    first, last = (0.5, 1 - 2.0**-format.precision)
    reached = {tuple(exponents[normal & (fractions == end)]) for end in (first, last)}
    whole = range(math.frexp(format.smallest_normal)[1], math.frexp(format.largest)[1] + 1)
    assert reached == {tuple(whole)}
    assert {format.smallest_subnormal, format.smallest_normal - format.smallest_subnormal} < set(numbers)


@FORMATS
def test_nan_and_minus_infinity_stand_in_one_line(format):
    x = draw("mixed", format)
    assert np.any(np.isnan(x).any(axis=1) & np.isneginf(x).any(axis=1))
    assert np.any(np.isneginf(draw("nothing", format)).all(axis=1))


def test_high_indices_lie_at_the_ends_of_8_and_16_bits():
    drawn = draw_high_indices(Stream("high"), (50,), 70000)
    assert {255, 256, 257, 65535, 65536, 65537} <= set(drawn.tolist())
    assert set(draw_high_indices(Stream("high"), (50,), 256).tolist()) <= {*range(256)}


def test_positions_hold_the_first_those_beside_what_bfloat16_holds_and_far_ones():
    drawn = draw_positions(Stream("positions"), (2, 9), 131072)
    assert {0, 1, 255, 257, 4096, 131071} <= set(drawn.ravel().tolist())
    assert drawn.min() >= 0
    assert set(draw_positions(Stream("positions"), (50,), 256).tolist()) <= {*range(256)}


@FORMATS
def test_tiny_has_a_variance_near_common_epsilons(format):
    assert 1e-6 < np.var(draw("tiny", format)) < 1e-4


@FORMATS
def test_offset_has_a_mean_of_thirty_deviations(format):
    x = draw("offset", format)
    assert 20 < np.mean(x) / np.std(x) < 40


@FORMATS
def test_wide_spreads_over_its_exponents_and_its_squares_stay_in_range(format):
    x = np.abs(draw("wide", format))
    assert np.ptp(np.log2(x)) > 2 * (4 if format.name == "float16" else 12)
    assert np.sum(x**2) < format.largest


@FORMATS
def test_cancelling_neighbours_nearly_add_up_to_nothing(format):
    x = draw("cancelling", format, (16, 32))
    left = np.abs(x[:, ::2] + x[:, 1::2]) / np.abs(x[:, ::2])
    assert np.median(left) < np.sqrt(format.u) * 2
    assert np.count_nonzero(left) > left.size / 2


@FORMATS
def test_ties_hold_every_small_integer_many_times(format):
    values, counts = np.unique(draw("ties", format), return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.min() > 2


@FORMATS
def test_zeros_hold_both_signs_of_zero(format):
    x = draw("zeros", format)
    signs = np.signbit(x[x == 0])
    assert signs.any()
    assert not signs.all()
    assert np.count_nonzero(x) > x.size / 4


@FORMATS
def test_constant_lines_have_no_variance_and_differ_from_each_other(format):
    x = draw("constant", format)
    assert np.ptp(x, axis=-1).tolist() == [0.0] * 16
    assert len(set(x[:, 0].tolist())) == 16


@FORMATS
def test_subnormals_are_subnormal(format):
    x = np.abs(draw("subnormal", format))
    assert (x > 0).all()
    assert (x < format.smallest_normal).all()


@FORMATS
def test_squares_of_large_overflow_and_large_does_not(format):
    x = np.abs(draw("large", format))
    assert (x > np.sqrt(format.largest)).all()
    assert (x <= format.largest).all()


@FORMATS
def test_saturated_is_far_out_on_both_sides(format):
    x = draw("saturated", format)
    assert (np.abs(x) >= 20 * (1 - format.u)).all()
    assert {-1.0, 1.0} == set(np.sign(x).ravel().tolist())


@FORMATS
def test_tails_reach_from_below_the_unit_roundoff_to_the_edge_of_exp(format):
    x = draw("tails", format)
    size = np.abs(x)
    assert 0 < size.min() <= max(2 * format.u, 4 * format.smallest_normal)
    with np.errstate(over="ignore"):
        assert np.any((np.exp(size) < format.largest) & (np.exp(2 * size) > format.largest))
    for sign in (-1, 1):
        assert np.any((sign * x > 5) & (sign * x < 6)), "the tail of the exact GELU"


@pytest.mark.parametrize("name", ["nan", "infinities"])
@pytest.mark.parametrize("shape", [(1, 40), (4, 3), (16, 33), (8, 5, 5, 2)], ids=str)
def test_special_values_are_there_and_few(name, shape):
    special = ~np.isfinite(draw(name, DTYPES["float32"], shape))
    samples = special.reshape(shape[0], -1).any(axis=1)
    assert 1 <= samples.sum() <= max(shape[0] // 4, 1)
    assert special.sum() == samples.sum()


def test_infinities_of_both_signs_occur():
    x = draw("infinities", DTYPES["float32"], (64, 4))
    assert {-np.inf, np.inf} <= set(x.ravel().tolist())


@FORMATS
def test_weights_are_scaled_by_their_fan_in_and_never_zero(format):
    weight = widen(draw_weight(Stream("weight"), (3, 3, 8, 64), format))
    assert 0.5 < np.std(weight) * np.sqrt(72) < 2
    assert weight.all()


@FORMATS
def test_positive_lies_between_half_and_three_halves(format):
    x = widen(draw_positive(Stream("positive"), (1000,), format))
    assert ((x >= 0.5) & (x <= 1.5)).all()


@FORMATS
def test_probabilities_are_positive_and_sum_to_1_within_their_rounding(format):
    p = widen(draw_probability(Stream("probability"), (20, 7), format))
    assert (p > 0).all()
    assert (np.abs(np.sum(p, axis=-1) - 1) <= 7 * format.u).all()


@FORMATS
def test_unit_stays_inside_the_open_interval_after_rounding(format):
    p = widen(draw_unit(Stream("unit"), (10_000,), format))
    assert ((p > 0) & (p < 1)).all()


@FORMATS
def test_some_weights_of_samples_are_0_and_never_all(format):
    for size in range(2, 9):
        w = widen(draw_sample_weights(Stream(f"weights/{size}"), (size,), format))
        assert ((w >= 0) & (w < 1)).all()
        assert 0 < np.sum(w == 0) < size
    assert widen(draw_sample_weights(Stream("weights/1"), (1,), format)) > 0


@FORMATS
def test_decays_are_never_above_0_and_some_keep_all_or_nothing(format):
    x = widen(draw_decay(Stream("decay"), (1000,), format))
    assert ((x <= 0) & (x >= -8)).all()
    assert {0.0, -8.0} <= set(x.tolist())
    assert np.mean(x < -2) < 0.1


def test_indices_reach_both_ends_and_repeat():
    for seed in range(50):
        indices = draw_indices(Stream(f"indices/{seed}"), (3, 4), 7)
        assert indices.dtype == np.int32
        assert (indices.min(), indices.max()) == (0, 6)
        assert len(set(indices.ravel().tolist())) < indices.size
    assert draw_indices(Stream("one"), (3,), 1).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="limit is 0"):
        draw_indices(Stream("none"), (1,), 0)


def test_indices_out_of_range_are_few_and_on_both_sides():
    for seed in range(50):
        indices = draw_indices_out_of_range(Stream(f"out/{seed}"), (12,), 7)
        outside = (indices < 0) | (indices >= 7)
        assert sorted(indices[outside].tolist()) == [-1, 7, 10]


def test_negative_indices_reach_the_first_row_and_no_further():
    for seed in range(50):
        indices = draw_negative_indices(Stream(f"negative/{seed}"), (12,), 7)
        assert sorted(indices[indices < 0].tolist()) == [-7, -4, -1]
        assert indices.max() < 7


def test_indices_far_below_have_neighbours_that_are_rows():
    for seed in range(50):
        indices = draw_indices_far_below(Stream(f"below/{seed}"), (12,), 7)
        assert sorted(indices[indices < 0].tolist()) == [-15, -8, -7]


def test_every_line_of_a_mask_keeps_something_and_drops_something():
    for seed in range(50):
        mask = draw_mask(Stream(f"mask/{seed}"), (2, 3, 4))
        assert mask.any(axis=-1).all()
        assert not mask.all(axis=-1).any()
    assert draw_mask(Stream("one"), (3, 1)).all()


def test_lengths_reach_both_ends():
    for seed in range(50):
        lengths = draw_lengths(Stream(f"lengths/{seed}"), (5,), 6)
        assert (lengths.min(), lengths.max()) == (1, 6)
        lengths = draw_lengths(Stream(f"lengths/{seed}"), (5,), 6, least=4)
        assert (lengths.min(), lengths.max()) == (4, 6)


def test_a_quarter_of_the_lengths_may_be_none_at_all():
    for seed in range(50):
        lengths = draw_lengths_with_empty(Stream(f"empty/{seed}"), (8,), 6)
        assert np.sum(lengths == 0) == 2
        assert lengths.max() <= 6
    assert draw_lengths_with_empty(Stream("empty"), (1,), 6) == 0
