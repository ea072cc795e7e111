"""Fractional pooling: worked figures, the ordinary poolings as a law, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, proves

from assay.numerics.generator import Stream
from assay.reference.pooling import (
    adaptive_pool,
    adaptive_pool_vjp,
    max_pool_with_argmax,
    max_pool_with_argmax_vjp,
)
from assay.reference.pooling_fractional import (
    fractional_max_pool,
    fractional_max_pool_vjp,
    fractional_pool,
    fractional_pool_vjp,
)


def integers(name, *shape):
    return Stream(f"fractional/{name}").integers(-9, 10, shape).astype(np.float64)


@proves(fractional_max_pool, fractional_max_pool_vjp, by="worked figures")
def test_the_distance_of_windows_depends_on_what_is_drawn():
    x = np.reshape([1.0, 7, 3, 5, 2, 4], (1, 1, 6, 1))
    options = {"window": (1, 2), "lengths": (1, 4)}  # α is 4/3: begins of 0, 1, 2, 4 or of 0, 1, 3, 4
    near, far = np.array([[[0.0, 0.9]]]), np.array([[[0.6, 0.0]]])
    y, indices = fractional_max_pool(x, near, **options)
    assert_same((y.ravel(), indices.ravel()), (np.array([7.0, 7, 5, 4]), np.array([1, 1, 3, 5])))
    y, indices = fractional_max_pool(x, far, **options)
    assert_same((y.ravel(), indices.ravel()), (np.array([7.0, 5, 5, 4]), np.array([1, 3, 3, 5])))
    g = np.reshape([1.0, 2, 4, 8], (1, 1, 4, 1))
    assert_same(fractional_max_pool_vjp(x, far, g, **options)[0].ravel(), [0, 1, 0, 6, 0, 8])


@proves(fractional_max_pool, fractional_max_pool_vjp, max_pool_with_argmax, by="law")
@pytest.mark.parametrize("drawn", [0.0, 0.25, 0.875])
@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 3, 5, 7, 2)])
def test_windows_at_whole_distances_are_those_of_a_max_pooling(shape, drawn):
    x, rank = integers("x", *shape), len(shape) - 2
    window, lengths = (
        (1, 1, 3)[-rank:],
        tuple((n - k) // 2 + 1 for n, k in zip(shape[1:], (1, 1, 3)[-rank:], strict=False)),
    )
    samples = np.full((shape[0], shape[-1], rank), drawn)
    found = fractional_max_pool(x, samples, window=window, lengths=lengths)
    expected = max_pool_with_argmax(x, window=window, strides=(2, 2, 2))
    assert_same(found, expected)
    g = integers("g", *found[0].shape)
    (gradient,) = fractional_max_pool_vjp(x, samples, g, window=window, lengths=lengths)
    assert_same(gradient, max_pool_with_argmax_vjp(x, g, window=window, strides=(2, 2, 2))[0])


@proves(fractional_max_pool, by="law")
def test_each_channel_of_each_sample_has_its_own_windows():
    x, options = integers("x", 2, 8, 9, 3), {"window": (2, 2), "lengths": (4, 5)}
    samples = Stream("fractional/samples").integers(0, 16, (2, 3, 2)) / 16
    y, indices = fractional_max_pool(x, samples, **options)
    for b, c in np.ndindex(2, 3):
        alone = fractional_max_pool(x[b : b + 1, ..., c : c + 1], samples[b : b + 1, c : c + 1], **options)
        assert_same((y[b, ..., c], indices[b, ..., c]), tuple(a[0, ..., 0] for a in alone))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 5, 2), {}, "two or three axes in space"),
        ((1, 4, 5, 3), {}, "samples must have shape"),
        ((1, 4, 5, 2), {"window": (4, 2)}, "windows of 4 must fit 2 times"),
        ((1, 4, 5, 2), {"lengths": (0, 2)}, "windows of 2 must fit 0 times"),
    ],
)
def test_what_has_no_room_is_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        fractional_max_pool(
            np.ones(shape), np.zeros((1, 2, 2)), **{"window": (2, 2), "lengths": (2, 2)} | options
        )


# --- between boundaries that all share ---

ROWS, COLUMNS = np.array([0, 2, 3]), np.array([0, 1, 3])


@proves(fractional_pool, fractional_pool_vjp, by="worked figures")
def test_cells_lie_between_boundaries_and_overlap_on_them():
    x = np.reshape([1.0, 7, 3, 5, 2, 4, 9, 8, 6], (1, 3, 3, 1))
    y, rows, columns = fractional_pool(x, ROWS, COLUMNS)
    assert_same((y.ravel(), rows, columns), ([5, 7, 9, 8], ROWS, COLUMNS))
    y, *_ = fractional_pool(x, ROWS, COLUMNS, overlapping=True)
    assert_same(y.ravel(), [9, 8, 9, 8])
    y, *_ = fractional_pool(x, ROWS, COLUMNS, operation="mean")
    assert_same(y.ravel(), [3, 4, 9, 7])
    y, *_ = fractional_pool(x, ROWS, COLUMNS, operation="mean", overlapping=True)
    assert_same(y.ravel(), [32 / 6, 5, 8.5, 7])
    g = np.reshape([1.0, 2, 4, 8], (1, 2, 2, 1))
    (gradient,) = fractional_pool_vjp(x, ROWS, COLUMNS, g, overlapping=True)
    assert_same(gradient.ravel(), [0, 0, 0, 0, 0, 0, 5, 10, 0])


@proves(fractional_pool, fractional_pool_vjp, adaptive_pool, by="law")
@pytest.mark.parametrize("operation", ["max", "mean"])
def test_equal_cells_are_those_of_an_adaptive_pooling(operation):
    x, g = integers("x", 2, 6, 8, 3), integers("g", 2, 3, 2, 3)
    bounds = np.array([0, 2, 4, 6]), np.array([0, 4, 8])
    y, *_ = fractional_pool(x, *bounds, operation=operation)
    assert_same(y, adaptive_pool(x, lengths=(3, 2), operation=operation))
    (gradient,) = fractional_pool_vjp(x, *bounds, g, operation=operation)
    assert_same(gradient, adaptive_pool_vjp(x, g, lengths=(3, 2), operation=operation)[0])


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([0, 2, 2, 3], {}, "rows must rise from 0 to 3"),
        ([0, 2, 4], {}, "rows must rise from 0 to 3"),
        ([1, 2, 3], {}, "rows must rise from 0 to 3"),
        ([0], {}, "rows must rise from 0 to 3"),
        (ROWS, {"operation": "sum"}, "operation must be max or mean"),
    ],
)
def test_what_bounds_no_cells_is_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        fractional_pool(np.ones((1, 3, 3, 1)), np.array(rows), COLUMNS, **options)


def test_what_is_no_image_has_no_cells():
    with pytest.raises(ValueError, match="x must be"):
        fractional_pool(np.ones((1, 3, 1)), ROWS, COLUMNS)
