"""What is said of a mask: a sound one passes, and each fault is named."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from assay.harness.auditing.variants import correct, expected
from assay.harness.judging import stochastic
from assay.harness.judging.expectation import Expectation
from assay.harness.judging.judge import Answer
from assay.harness.judging.stochastic import (
    SIGNIFICANCE,
    _problems,
    _uncertainty,
    _unlikely,
    judge_stochastic,
    probes,
)
from assay.numerics.dtypes import DTYPES, round_to, widen
from assay.numerics.generator import Stream
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.distribution import Bernoulli, Boundaries, Gumbel, Normal, Uniform

SHAPE, KEEP = (33, 129), 0.7


def problems(mask, other, keep):
    return list(_problems(mask, other, Bernoulli(keep), SIGNIFICANCE))


def drawn(name, keep=KEEP, shape=SHAPE):
    return Stream(f"mask/{name}").uniform(shape) < keep


@pytest.mark.parametrize("keep", [0.0, 0.0005, 0.3, 0.7, 0.9995, 1.0])
@pytest.mark.parametrize("shape", [SHAPE, (1, 1), (2, 3, 5)])
def test_a_sound_mask_passes(keep, shape):
    assert not problems(drawn("one", keep, shape), drawn("two", keep, shape), keep)


@pytest.mark.parametrize(
    ("fault", "mask", "says"),
    [
        ("another rate", drawn("one", 0.9 * KEEP), "of 4257 elements; 0.7 of them are expected"),
        ("the rate inverted", ~drawn("one"), "of 4257 elements; 0.7 of them are expected"),
        ("rows share their fate", np.broadcast_to(drawn("one")[:, :1], SHAPE), "neighbours along axis 1"),
        ("columns share their fate", np.broadcast_to(drawn("one")[:1], SHAPE), "neighbours along axis 0"),
        ("neighbours take turns", np.indices(SHAPE).sum(0) % 2 == 0, "neighbours along axis 0"),
        ("the seed is ignored", drawn("two"), "is the same for two seeds"),
    ],
)
def test_a_fault_is_named(fault, mask, says):
    assert any(says in problem for problem in problems(mask, drawn("two"), KEEP))


CHANCES = np.linspace(0.0, 1.0, 129)


def test_elements_may_have_a_probability_each():
    mask, other = drawn("one", CHANCES), drawn("two", CHANCES)
    assert not problems(mask, other, CHANCES)
    assert any("elements" in problem for problem in problems(mask, other, CHANCES[::-1]))


@pytest.mark.parametrize("shape", [SHAPE, (1, 1), (2, 3, 5)])
def test_sound_noise_passes(shape):
    one, two = (1.0 + 0.5 * Stream(f"noise/{name}").normal(shape) for name in ("one", "two"))
    assert not list(_problems(one, two, Normal(1.0, 0.5), SIGNIFICANCE))


NOISE = Stream("noise/one").normal(SHAPE)


@pytest.mark.parametrize(
    ("fault", "noise", "says"),
    [
        ("another deviation", 1.3 * NOISE, "is not drawn from Normal(mean=0.0, deviation=1.0)"),
        ("another mean", NOISE + 0.2, "is not drawn from"),
        ("uniform", 12**0.5 * (Stream("noise/one").uniform(SHAPE) - 0.5), "is not drawn from"),
        ("never above 2", np.clip(NOISE, -1.2, 1.2), "is not drawn from"),
        ("rows are the same", np.broadcast_to(NOISE[:1], SHAPE), "neighbours along axis 0"),
        ("rows share their sign", np.abs(NOISE) * np.sign(NOISE[:1]), "of what is above its mean has"),
        ("rows share their size", np.abs(NOISE[:1]) * np.sign(NOISE), "of what is far from its mean has"),
        ("the seed is ignored", Stream("noise/two").normal(SHAPE), "is the same for two seeds"),
    ],
)
def test_a_fault_of_noise_is_named(fault, noise, says):
    found = list(_problems(noise, Stream("noise/two").normal(SHAPE), Normal(0.0, 1.0), SIGNIFICANCE))
    assert any(says in problem for problem in found), found


OTHER = Stream("noise/two").uniform(SHAPE)
UNIFORM = Stream("noise/one").uniform(SHAPE)


def gumbel(uniform):
    return -np.log(-np.log(uniform))


@pytest.mark.parametrize(
    ("distribution", "of"),
    [(Uniform(2.0, 5.0), lambda u: 2.0 + 3.0 * u), (Gumbel(0), gumbel), (Gumbel(-1), gumbel)],
)
def test_other_numbers_are_tested_in_their_standard_form(distribution, of):
    sound = list(_problems(of(UNIFORM), of(OTHER), distribution, SIGNIFICANCE))
    assert sound == []
    for spoiled in (0.5 * of(UNIFORM), of(0.3 + 0.6 * UNIFORM), of(np.repeat(UNIFORM[::3], 3, 0))):
        assert list(_problems(spoiled, of(OTHER), distribution, SIGNIFICANCE))


def test_a_number_for_each_line_makes_no_difference_to_gumbel_noise():
    noise, lines = gumbel(UNIFORM), np.arange(33.0)[:, np.newaxis]
    np.testing.assert_allclose(Gumbel(1).standard(noise), Gumbel(1).standard(noise + lines), atol=1e-9)
    assert Gumbel(1).standard(noise).shape == (33, 128)


def test_what_lies_outside_of_both_ends_is_named():
    outside = np.where(UNIFORM < 0.05, UNIFORM - 0.1, UNIFORM)
    assert list(_problems(outside, OTHER, Uniform(0.0, 1.0), SIGNIFICANCE))


@pytest.mark.parametrize("distribution", [Uniform(-1.0, 3.0), Gumbel(-1)])
def test_what_is_drawn_stands_the_tests_of_its_own_distribution(distribution):
    one, two = (distribution.draw(Stream(f"own/{n}"), SHAPE, "float64") for n in range(2))
    assert list(_problems(one, two, distribution, SIGNIFICANCE)) == []


def test_nothing_is_read_off_where_an_output_or_a_state_is_missing_or_one_is_too_many():
    expectation = Expectation(parse("fractional_pool/default/float32/normal/1x97x7x2", all_specs()))
    (y, *states), gradients = correct(expectation).stored(expectation.case).outputs, ()
    assert len(states) == 2
    for outputs, whole in (
        ((y, *states), True),
        ((y,), False),
        ((y, states[0]), False),
        ((y, *states, y), False),
        ((y[1:], *states), False),
    ):
        assert stochastic._has_shapes(expectation, Answer(outputs, gradients)) == whole


# --- boundaries of cells ---

CELLS = Boundaries(97, 64, False)
BOUNDARIES = CELLS.draw(Stream("boundaries/one"), (65,), "float32")
OTHERS = CELLS.draw(Stream("boundaries/two"), (65,), "float32")


def cut(cells):
    return np.concatenate([[0], np.cumsum(cells)])


class Told(Boundaries):
    """Boundaries of which one thing is told, with a probability that a test states."""

    def chances(self, drawn):
        yield "something is told", drawn


@pytest.mark.parametrize(("share", "told"), [(0.249, True), (0.251, False)])
def test_a_quarter_of_the_level_goes_to_each_thing_that_is_told_of_boundaries(share, told):
    problems = list(_problems(share * SIGNIFICANCE, OTHERS, Told(97, 64, False), SIGNIFICANCE))
    assert bool(problems) == told


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize(("length", "count"), [(97, 64), (65, 23), (65, 64), (8, 4), (7, 7), (9, 1)])
def test_drawn_boundaries_are_allowed_and_sound(length, count, spaced):
    distribution = Boundaries(length, count, spaced)
    one, two = (distribution.draw(Stream(f"bounds/{n}"), (count + 1,), "float32") for n in range(2))
    assert distribution.allows(one)
    assert list(_problems(one, two, distribution, SIGNIFICANCE)) == []


@pytest.mark.parametrize(
    ("fault", "drawn", "says"),
    [
        ("longer cells first", cut([2] * 33 + [1] * 31), "longer cells in its first half"),
        ("longer and shorter take turns", cut([2, 1] * 31 + [2, 2]), "longer cells at even places"),
        (
            "blocks",
            cut([2] * 8 + [1] * 16 + [2] * 16 + [1] * 15 + [2] * 9),
            "between longer and shorter cells",
        ),
        ("the seed is ignored", OTHERS, "is the same for two seeds"),
    ],
)
def test_a_fault_of_boundaries_is_named(fault, drawn, says):
    assert CELLS.allows(drawn)
    assert any(says in problem for problem in _problems(drawn, OTHERS, CELLS, SIGNIFICANCE))


@pytest.mark.parametrize(
    ("distribution", "drawn"),
    [
        (CELLS, BOUNDARIES[:-1]),
        (CELLS, BOUNDARIES + 1),
        (CELLS, np.append(BOUNDARIES[:-1], 96)),
        (Boundaries(6, 3, False), np.array([0, 1, 4, 6])),
        (Boundaries(8, 3, True), np.array([0, 2, 4, 7])),
        (Boundaries(9, 6, True), np.array([0, 2, 4, 6, 7, 8, 9])),
    ],
)
def test_what_cannot_be_drawn_is_not_allowed(distribution, drawn):
    assert not distribution.allows(drawn)


def test_every_place_of_the_one_number_gives_boundaries_of_its_own():
    """Of 9 places in 6 cells: α is 3/2, and boundaries change where α (i + u) is whole, at 1/3 and at 2/3."""
    distribution = Boundaries(9, 6, True)
    drawn = {tuple(distribution.draw(Stream(f"spaced/{n}"), (7,), "float32")) for n in range(32)}
    assert drawn == {(0, 1, 3, 4, 6, 7, 9), (0, 2, 3, 5, 6, 8, 9), (0, 2, 4, 5, 7, 8, 9)}
    assert all(distribution.allows(np.array(each)) for each in drawn)


@pytest.mark.parametrize("marked", [0, 1, 3, 6])
def test_chances_of_cells_are_those_of_counting_all_orders(marked):
    orders = [cut(1 + np.isin(np.arange(6), places)) for places in itertools.combinations(range(6), marked)]
    distribution = Boundaries(6 + marked, 6, False)
    found = [[words for words, _ in distribution.chances(np.array(order))] for order in orders]
    for order, words in zip(orders, found, strict=True):
        for n, (told, probability) in enumerate(distribution.chances(order)):
            counts = [int(re.search(r"\d+", other[n]).group()) for other in found]
            here = int(re.search(r"\d+", told).group())
            less, more = (sum(c <= here for c in counts), sum(c >= here for c in counts))
            assert round(probability * len(orders)) == 2 * min(less, more), (words, told)


# --- one significance for all ---


@pytest.mark.parametrize(("times", "named"), [(0.99, False), (1.01, True)])
def test_one_number_is_unlikely_by_its_quarter_of_the_level(times, named):
    """Of one number with a chance δ to lie higher the Kolmogorov-Smirnov probability is 2δ."""
    chance = 1e-3
    level = times * 4 * 2 * chance
    found = _problems(ndtri(np.array([1 - chance])), np.zeros(1), Normal(0.0, 1.0), level)
    assert any("is not drawn from" in problem for problem in found) == named


@pytest.mark.parametrize(("times", "named"), [(0.99, False), (1.01, True)])
def test_three_numbers_in_the_tails_are_unlikely_by_their_part_of_the_level(times, named):
    """A sign test has a quarter of the level; a quarter of that goes to its count of all elements."""
    level = times * 4 * 4 * 2 * (2 * ndtr(-2.0)) ** 3
    found = _problems(np.array([3.0, -3.0, 3.0]), np.zeros(3), Normal(0.0, 1.0), level)
    assert any("in its tails keeps 3 of 3" in problem for problem in found) == named


@pytest.mark.parametrize(("times", "named"), [(0.99, 0), (1.01, 1)])
def test_counts_of_different_chances_share_the_level(times, named):
    events, chances = np.ones(4, bool), np.array([0.1, 0.1, 0.1, 0.5])
    assert len(list(_unlikely(events, chances, times * 2 * 2 * 0.1**3))) == named


def test_several_masks_share_the_level(monkeypatch):
    case = parse("lstm_dropout/default/float32/normal/33x2x3x5", all_specs())
    one, two = expected(case), expected(case, seed=1)
    answered = [[correct(e.asking(p)).stored(case) for e in (one, two)] for p in probes(one)]
    levels = []
    monkeypatch.setattr(stochastic, "_problems", lambda *given: levels.append(given[-1]) or ())
    assert not judge_stochastic(one, correct(one).stored(case), answered).failing
    assert levels == [SIGNIFICANCE / 2] * 2


# --- what is recovered ---


def asked_of_noise(x, drawn, deviation, dtype="bfloat16"):
    """Gaussian noise on one row, and what the layer answers to it and to zeros, as it is stored."""
    spec = all_specs()["gaussian_noise"]
    size = "x".join(map(str, x.shape))
    case = parse(f"gaussian_noise/stddev={deviation}/{dtype}/normal/{size}", {spec.name: spec})
    expectation = Expectation(case, recovered={"noise": drawn})
    stored = [round_to(array, DTYPES[dtype]) for array in (x + deviation * drawn, deviation * drawn)]
    return expectation, [Answer((array,), (np.ones_like(x),)) for array in stored]


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_recovered_noise_is_uncertain_by_the_roundoff_of_what_it_was_read_off(dtype):
    noise = widen(round_to(Stream("noise/read").normal((2, 3)), DTYPES["bfloat16"]))  # few digits
    expectation, (_, of_zeros) = asked_of_noise(np.zeros((2, 3)), noise, 0.5, dtype)
    found = _uncertainty(expectation, [of_zeros], {"noise": noise})
    np.testing.assert_array_equal(found["noise"], DTYPES[dtype].u * np.abs(noise))


def test_a_mask_that_was_read_off_is_certain():
    case = parse("dropout/default/float32/normal/33x129", all_specs())
    expectation = Expectation(case)
    assert _uncertainty(expectation, [], {"mask": drawn("one")}) == {}


def test_what_shows_a_mask_by_itself_needs_no_probe():
    plain, hidden = (
        Expectation(parse(name, all_specs()))
        for name in ("dropout/default/float32/normal/33x129", "gaussian_noise/default/float32/normal/33x129")
    )
    assert probes(plain) == []
    assert [set(probe) for probe in probes(hidden)] == [{"x"}]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (np.abs, "above its mean"),
        (lambda noise: np.where(np.abs(noise) < 1, np.abs(noise), noise), "above its mean"),
        (lambda noise: np.clip(noise, -2.0, 2.0), "in its tails"),
    ],
)
def test_what_noise_lacks_is_named(spoil, says):
    ranks = (Stream("noise/ranks").permutation(NOISE.size) + 0.5) / NOISE.size
    found = _problems(spoil(ndtri(ranks).reshape(SHAPE)), NOISE, Normal(0.0, 1.0), SIGNIFICANCE)
    assert any(says in problem for problem in found)
