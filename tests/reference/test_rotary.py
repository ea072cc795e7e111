"""Rotary embeddings: figures by hand, 40 digits at far positions, loops over tables, laws of rotations."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.rotary import (
    apply_rotary_embedding,
    apply_rotary_embedding_vjp,
    rotary_embedding,
    rotary_embedding_vjp,
)

PAIRINGS = ("half", "interleaved")
POSITIONS = np.array([[0, 1, 255, 257, 4096, 131071]])


def normal(name, *shape):
    return Stream(f"rotary/{name}").normal(shape)


X = normal("x", 1, 6, 2, 8)


def pairs_of(width, pairing):
    """The places of each pair, by their definition."""
    if pairing == "half":
        return [(i, i + width // 2) for i in range(width // 2)]
    return [(2 * i, 2 * i + 1) for i in range(width // 2)]


# --- figures ---


@proves(rotary_embedding, by="worked figures")
def test_a_pair_at_position_one_turns_by_one_radian():
    x = np.array([1.0, 0.0, 0.0, 1.0]).reshape(1, 1, 2, 2)
    y = rotary_embedding(carried(x), np.array([[1]]))
    assert_same(y[0, 0], [["0.5403023059", "0.8414709848"], ["-0.8414709848", "0.5403023059"]])


@proves(apply_rotary_embedding, by="worked figures")
def test_pairs_of_four_features_turn_by_a_right_angle_where_the_sine_is_one():
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    cosines, sines = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    half = apply_rotary_embedding(carried(x), cosines, sines)
    assert_same(half[0, 0, 0], np.array([-3.0, 2.0, 1.0, 4.0]))
    neighbours = apply_rotary_embedding(carried(x), cosines, sines, pairing="interleaved")
    assert_same(neighbours[0, 0, 0], np.array([-2.0, 1.0, 3.0, 4.0]))
    back = apply_rotary_embedding(carried(x), cosines, sines, direction="transposed")
    assert_same(back[0, 0, 0], np.array([3.0, 2.0, -1.0, 4.0]))


@proves(rotary_embedding, by="high precision")
@pytest.mark.parametrize("rotated", [None, 6])
@pytest.mark.parametrize("base", [1e4, 5e5])
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_agrees_with_its_definition_in_40_digits(pairing, base, rotated):
    y = rotary_embedding(carried(X), POSITIONS, pairing=pairing, base=base, rotated=rotated)
    width = rotated or 8
    with mpmath.workdps(40):
        exact = np.array(np.vectorize(mpmath.mpf)(X), dtype=object)
        for step, head in itertools.product(range(6), range(2)):
            for i, (j, k) in enumerate(pairs_of(width, pairing)):
                angle = int(POSITIONS[0, step]) * mpmath.mpf(base) ** (mpmath.mpf(-2 * i) / width)
                a, b = mpmath.mpf(X[0, step, head, j]), mpmath.mpf(X[0, step, head, k])
                exact[0, step, head, j] = a * mpmath.cos(angle) - b * mpmath.sin(angle)
                exact[0, step, head, k] = a * mpmath.sin(angle) + b * mpmath.cos(angle)
    for step in range(6):
        assert_same(y[0, step], exact[0, step])


@proves(apply_rotary_embedding, by="naive loop")
@pytest.mark.parametrize("tables", ["pairs", "features"])
@pytest.mark.parametrize("direction", ["forward", "transposed"])
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_agrees_with_a_loop_over_pairs(pairing, direction, tables):
    steps, width, sign = 6, 6, 1 if direction == "forward" else -1
    columns = width // 2 if tables == "pairs" else width
    x = Stream("rotary/integers").integers(-9, 10, (1, steps, 2, 8)).astype(float)
    cosines, sines = (
        Stream(f"rotary/{name}").integers(-9, 10, (steps, columns)).astype(float) for name in ("c", "s")
    )
    expected = x.copy()
    for step, head in itertools.product(range(steps), range(2)):
        for i, (j, k) in enumerate(pairs_of(width, pairing)):
            first, second = (i, i) if tables == "pairs" else (j, k)
            a, b = x[0, step, head, j], x[0, step, head, k]
            expected[0, step, head, j] = a * cosines[step, first] - sign * b * sines[step, first]
            expected[0, step, head, k] = b * cosines[step, second] + sign * a * sines[step, second]
    y = apply_rotary_embedding(
        carried(x), cosines, sines, tables=tables, pairing=pairing, direction=direction
    )
    assert_same(y, expected)


# --- laws ---


@proves(rotary_embedding, apply_rotary_embedding, by="law")
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_computed_angles_are_tables_of_angles(pairing):
    positions = np.arange(6)
    frequencies = carried(np.arange(0, 8, 2.0)) / 8.0
    angles = positions[:, None] * np.exp(frequencies * -np.log(1e4))
    y = rotary_embedding(carried(X), positions[None], pairing=pairing)
    assert_same(y, apply_rotary_embedding(carried(X), np.cos(angles), np.sin(angles), pairing=pairing))


@proves(rotary_embedding, rotary_embedding_vjp, by="law")
@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("direction", ["forward", "transposed"])
def test_what_is_turned_and_turned_back_is_as_it_was(direction, pairing):
    options = {"pairing": pairing, "rotated": 6, "direction": direction}
    positions = np.array([[0, 1, 2, 7, 31, 255]])
    y = rotary_embedding(carried(X), positions, **options)
    (back,) = rotary_embedding_vjp(carried(X), positions, y, **options)
    assert_same(back, X)
    other = "transposed" if direction == "forward" else "forward"
    assert_same(rotary_embedding(y, positions, **{**options, "direction": other}), X)


@proves(rotary_embedding, by="law")
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_a_product_depends_on_how_far_positions_are_apart(pairing):
    query, key = normal("query", 1, 6, 2, 8), normal("key", 1, 6, 2, 8)
    products = []
    for start in (0, 100):
        turned = [
            rotary_embedding(carried(a), np.arange(6)[None] + start + shift, pairing=pairing)
            for a, shift in ((query, 0), (key, 3))
        ]
        products.append(np.sum(turned[0] * turned[1], axis=-1))
    assert_same(*products)


@proves(apply_rotary_embedding, apply_rotary_embedding_vjp, by="law")
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_the_gradient_is_the_adjoint(pairing):
    cosines, sines = normal("cosines", 6, 6), normal("sines", 6, 6)
    options = {"pairing": pairing, "tables": "features"}
    g = normal("g", *X.shape)
    y = apply_rotary_embedding(carried(X), cosines, sines, **options)
    (dx,) = apply_rotary_embedding_vjp(carried(X), cosines, sines, carried(g), **options)
    assert_same(np.sum(g * y), np.sum(dx * X), size=np.sum(np.abs(g * y.value)))


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"rotated": 5}, r"an even number of the 8 features can be turned; got 5"),
        ({"rotated": 10}, r"an even number of the 8 features can be turned; got 10"),
        ({"rotated": -2}, r"an even number of the 8 features can be turned; got -2"),
        ({"pairing": "thirds"}, r"pairing must be half or interleaved; got 'thirds'"),
        ({"direction": "up"}, r"direction must be forward or transposed; got 'up'"),
        ({"base": 0.0}, r"base must be above 0; got 0\.0"),
        ({"positions": np.zeros((1, 5), int)}, r"positions must have shape \(1, 6\) = \(batch, steps\)"),
        ({"x": np.zeros((1, 6, 8))}, r"x must have the axes \(batch, steps, heads, features\)"),
    ],
    ids=str,
)
def test_what_cannot_be_turned_is_refused(changed, complaint):
    with pytest.raises(ValueError, match=complaint):
        rotary_embedding(**{"x": X, "positions": POSITIONS} | changed)


@pytest.mark.parametrize(
    ("cosines", "sines", "tables", "complaint"),
    [
        ((6, 5), (6, 5), "pairs", r"an even number of the 8 features can be turned; got 10"),
        ((6, 3), (6, 3), "features", r"an even number of the 8 features can be turned; got 3"),
        ((6, 4), (6, 3), "pairs", r"sines must have shape \(6, 4\)"),
        ((5, 4), (5, 4), "pairs", r"cosines must have 6 steps; got 5"),
        ((6, 4, 1), (6, 4, 1), "pairs", r"cosines must have the axes \(steps, rotated\)"),
        ((6, 4), (6, 4), "thirds", r"tables must be pairs or features; got 'thirds'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(cosines, sines, tables, complaint):
    with pytest.raises(ValueError, match=complaint):
        apply_rotary_embedding(X, np.zeros(cosines), np.zeros(sines), tables=tables)
