"""The generator: known answers, the same bits for ever, and the distributions that it claims."""

import hashlib

import numpy as np
import pytest

from assay.numerics.generator import Stream, philox4x32

# Random123, tests/kat_vectors, the lines "philox4x32 10": counter, key, answer.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter, key, answer):
    column = np.array(words(counter), dtype=np.uint64)[:, np.newaxis]
    assert philox4x32(column, tuple(words(key)))[:, 0].tolist() == words(answer)


def test_counters_are_independent_columns():
    columns = np.array([words(counter) for counter, _, _ in KNOWN_ANSWERS], dtype=np.uint64).T
    alone = [philox4x32(columns[:, i : i + 1], (1, 2)) for i in range(3)]
    assert philox4x32(columns, (1, 2)).tolist() == np.concatenate(alone, axis=1).tolist()


def drawn(stream):
    draws = (
        stream.bits((5,)),
        stream.uniform((2, 3)),
        stream.normal((4,)),
        stream.integers(-3, 9, (7,)),
        stream.signs((3,)),
        stream.permutation(6),
    )
    return b"".join(np.ascontiguousarray(draw).tobytes() for draw in draws)


def test_a_key_gives_the_same_bits_for_ever():
    digest = hashlib.blake2b(drawn(Stream("pinned")), digest_size=8).hexdigest()
    assert digest == "d032447f7ec9674f"


def test_streams_of_equal_keys_are_equal_and_of_others_are_not():
    assert drawn(Stream("a").child("b")) == drawn(Stream("a/b"))
    assert len({drawn(Stream(key)) for key in ("a", "b", "a/b", "a/c", "")}) == 5


def test_a_draw_continues_where_the_last_one_ended():
    stream = Stream("continue")
    parts = [stream.bits((4,)), stream.bits((8,))]
    assert np.concatenate(parts).tolist() == Stream("continue").bits((12,)).tolist()


def test_a_child_does_not_move_its_parent():
    parent, alone = Stream("parent"), Stream("parent")
    parent.child("x").normal((100,))
    assert parent.bits((4,)).tolist() == alone.bits((4,)).tolist()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (3, 5)])
def test_draws_have_the_shape_that_was_asked_for(shape):
    stream = Stream("shape")
    draws = [stream.bits(shape), stream.uniform(shape), stream.normal(shape), stream.integers(0, 2, shape)]
    assert [draw.shape for draw in draws] == [shape] * 4


N = 2**18
# The probability that one of the tests below fails for a perfect generator, as of a normal distribution.
SIX_SIGMA = 6


def assert_mean(samples, mean, variance):
    """The sample mean lies where the central limit theorem puts it."""
    assert abs(np.mean(samples) - mean) <= SIX_SIGMA * np.sqrt(variance / samples.size)


def test_uniform_has_the_moments_of_the_uniform_distribution():
    u = Stream("moments").uniform((N,))
    assert 0 < u.min() < u.max() < 1
    assert_mean(u, 1 / 2, 1 / 12)
    assert_mean(u**2, 1 / 3, 1 / 5 - 1 / 9)


def test_normal_has_mean_0_variance_1_and_the_kurtosis_of_twelve_uniforms():
    x = Stream("moments").normal((N,))
    kurtosis = 3 - 6 / 5 / 12
    assert_mean(x, 0, 1)
    assert_mean(x**2, 1, kurtosis - 1)
    assert_mean(x**3, 0, 15)
    assert_mean(x**4, kurtosis, 96)


def test_normal_fills_every_digit_of_float64():
    x = np.abs(Stream("digits").normal((1000,)))
    assert set((np.ldexp(x[x < 1 / 4], 54) % 2).tolist()) == {1.0}


def test_integers_are_even_over_their_range():
    draws = Stream("integers").integers(-3, 4, (N,))
    counts = np.bincount(draws + 3)
    assert len(counts) == 7
    for count in counts:
        assert abs(count - N / 7) <= SIX_SIGMA * np.sqrt(N * 6 / 49)


def test_signs_are_even():
    signs = Stream("signs").signs((N,))
    assert set(signs.tolist()) == {-1.0, 1.0}
    assert_mean(signs, 0, 1)


def test_a_permutation_holds_every_number_once():
    assert sorted(Stream("permutation").permutation(1000).tolist()) == list(range(1000))


def test_an_empty_range_of_integers_is_refused():
    with pytest.raises(ValueError, match="low is 3 and high is 3"):
        Stream("range").integers(3, 3, (1,))
