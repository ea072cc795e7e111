"""Normalization over axes of one's choice: figures, laws of the last axis, 40 digits, bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.constraints import unit_norm, unit_norm_vjp
from assay.reference.normalization import (
    instance_norm,
    instance_norm_vjp,
    layer_norm,
    layer_norm_vjp,
    rms_norm,
    rms_norm_vjp,
)
from assay.reference.normalization_axes import (
    POWERS,
    batch_norm_over_axis,
    batch_norm_over_axis_vjp,
    layer_norm_over_axes,
    layer_norm_over_axes_vjp,
    normalize,
    normalize_vjp,
    rms_norm_over_axes,
    rms_norm_over_axes_vjp,
    tracked_instance_norm,
    tracked_instance_norm_vjp,
)


def normal(name, *shape):
    return Stream(f"normalization_axes/{name}").normal(shape)


X, COTANGENT = normal("x", 2, 3, 2, 4), normal("cotangent", 2, 3, 2, 4)


# --- figures ---


@proves(layer_norm_over_axes, rms_norm_over_axes, by="worked figures")
def test_a_plane_of_two_by_two_is_normalized_as_one():
    x = np.array([[[[1.0], [3.0]], [[3.0], [1.0]]]])
    scale, bias = np.array([[[1.0], [2.0]], [[3.0], [4.0]]]), np.full((2, 2, 1), 10.0)
    y = layer_norm_over_axes(carried(x), scale, bias, axes=(1, 2, 3), epsilon=0.0)
    assert_same(y, np.array([[[[9.0], [12.0]], [[13.0], [6.0]]]]))
    y = rms_norm_over_axes(carried(x), np.array([5.0]), axes=(1, 2), parameters_along="channels", epsilon=0.0)
    root = "2.236067977"
    assert_same(y[0, 0, 0], [root])


@proves(normalize, by="worked figures")
def test_three_and_four_in_four_norms():
    x = carried(np.array([[3.0, -4.0]]))
    assert_same(normalize(x), np.array([[0.6, -0.8]]))
    assert_same(normalize(x, power="max"), np.array([[0.75, -1.0]]))
    assert_same(normalize(x, power=1)[0], ["0.4285714286", "-0.5714285714"])
    assert_same(normalize(x, power=3)[0], ["0.6669717773", "-0.8892957031"])
    assert_same(normalize(x, power=1, epsilon=14.0)[0], ["0.2142857143", "-0.2857142857"])


@proves(normalize_vjp, by="worked figures")
def test_equally_large_magnitudes_share_the_slope_of_their_norm():
    (dx,) = normalize_vjp(carried(np.array([[2.0, -2.0]])), np.array([[1.0, 0.0]]), power="max")
    assert_same(dx, np.array([[0.25, 0.25]]))


@proves(tracked_instance_norm, by="worked figures")
def test_running_statistics_are_means_of_those_of_samples():
    x = carried(np.array([[[1.0], [3.0]], [[10.0], [14.0]]]))
    y, mean, variance = tracked_instance_norm(x, np.array([2.0]), np.array([1.0]), momentum=0.5, epsilon=0.0)
    assert_same(y, np.array([[[-1.0], [1.0]], [[-1.0], [1.0]]]))
    assert_same(mean, np.array([(2.0 + (2.0 + 12.0) / 2) / 2]))
    assert_same(variance, np.array([(1.0 + (2.0 + 8.0) / 2) / 2]))


# --- laws ---


def last(x, axes):
    return np.moveaxis(x, axes, tuple(range(-len(axes), 0))).reshape(
        *(n for a, n in enumerate(x.shape) if a not in axes), -1
    )


@proves(layer_norm_over_axes, layer_norm_over_axes_vjp, rms_norm_over_axes, rms_norm_over_axes_vjp, by="law")
@pytest.mark.parametrize("axes", [(1, 2, 3), (2, 3), (1,), (1, 2)])
def test_axes_that_are_normalized_together_are_one_axis_that_is_last(axes):
    shape = tuple(X.shape[a] for a in axes)
    scale, bias = normal("scale", *shape), normal("bias", *shape)
    flat = [carried(last(X, axes)), carried(scale.reshape(-1)), carried(bias.reshape(-1))]
    y = layer_norm_over_axes(carried(X), scale, bias, axes=axes)
    assert_same(last(y, axes), layer_norm(*flat))
    dx, dscale, dbias = layer_norm_over_axes_vjp(carried(X), carried(scale), bias, COTANGENT, axes=axes)
    others = layer_norm_vjp(*flat, last(COTANGENT, axes))
    for got, wanted in zip(
        (last(dx, axes), np.reshape(dscale, (-1,)), np.reshape(dbias, (-1,))), others, strict=True
    ):
        assert_same(got, wanted)
    assert_same(last(rms_norm_over_axes(carried(X), scale, axes=axes), axes), rms_norm(*flat[:2]))
    dx, dscale = rms_norm_over_axes_vjp(carried(X), carried(scale), COTANGENT, axes=axes)
    others = rms_norm_vjp(*flat[:2], last(COTANGENT, axes))
    for got, wanted in zip((last(dx, axes), np.reshape(dscale, (-1,))), others, strict=True):
        assert_same(got, wanted)


@proves(layer_norm_over_axes, rms_norm_over_axes, by="law")
def test_parameters_of_channels_are_those_of_places_that_are_alike():
    scale, bias = normal("channels", 4), normal("more", 4)
    spread = [np.broadcast_to(a, X.shape[1:]) for a in (scale, bias)]
    by_channel = {"axes": (1, 2, 3), "parameters_along": "channels"}
    y = layer_norm_over_axes(carried(X), scale, bias, **by_channel)
    assert_same(y, layer_norm_over_axes(carried(X), *spread, axes=(1, 2, 3)))
    y = rms_norm_over_axes(carried(X), scale, **by_channel)
    assert_same(y, rms_norm_over_axes(carried(X), spread[0], axes=(1, 2, 3)))


@proves(normalize, normalize_vjp, by="law")
def test_the_second_power_is_the_norm_of_units():
    x, cotangent = X[0, 0], COTANGENT[0, 0]
    for axis in (0, 1):
        assert_same(normalize(carried(x), axes=(axis,)), unit_norm(carried(x), axis=axis, epsilon=1e-12))
        (dx,) = normalize_vjp(carried(x), cotangent, axes=(axis,))
        assert_same(dx, unit_norm_vjp(carried(x), cotangent, axis=axis, epsilon=1e-12)[0])


@proves(tracked_instance_norm, tracked_instance_norm_vjp, by="law")
def test_what_is_kept_changes_nothing_of_the_output():
    mean, variance, scale, bias = normal("mean", 4), np.square(normal("variance", 4)), np.ones(4), np.zeros(4)
    y, *_ = tracked_instance_norm(carried(X), mean, variance, scale, bias)
    assert_same(y, instance_norm(carried(X), scale, bias))
    dx, *none, dscale, dbias = tracked_instance_norm_vjp(carried(X), mean, variance, scale, bias, COTANGENT)
    for got, wanted in zip(
        (dx, dscale, dbias), instance_norm_vjp(carried(X), scale, bias, COTANGENT), strict=True
    ):
        assert_same(got, wanted)
    assert not np.any(none)


# --- high precision ---


@proves(normalize, by="high precision")
@pytest.mark.parametrize("power", POWERS)
def test_norms_over_two_axes_agree_in_40_digits(power):
    y = normalize(carried(X), power=power, axes=(1, 3))
    with mpmath.workdps(40):
        exact = np.empty(X.shape, dtype=object)
        for b, w in np.ndindex(2, 2):
            sizes = [abs(mpmath.mpf(v)) for v in X[b, :, w].ravel()]
            norm = max(sizes) if power == "max" else mpmath.root(mpmath.fsum(s**power for s in sizes), power)
            for h, c in np.ndindex(3, 4):
                exact[b, h, w, c] = mpmath.mpf(X[b, h, w, c]) / norm
        assert_same(y, exact)


@proves(tracked_instance_norm, by="high precision")
def test_kept_statistics_agree_in_40_digits():
    _, mean, variance = tracked_instance_norm(carried(X), np.zeros(4), np.zeros(4), momentum=0.75)
    with mpmath.workdps(40):
        means, variances = [], []
        for c in range(4):
            samples = [[mpmath.mpf(v) for v in X[b, ..., c].ravel()] for b in range(2)]
            levels = [mpmath.fsum(s) / 6 for s in samples]
            spreads = [mpmath.fsum((v - m) ** 2 for v in s) / 5 for s, m in zip(samples, levels, strict=True)]
            means.append(mpmath.fsum(levels) / 8)
            variances.append(mpmath.fsum(spreads) / 8)
        assert_same(mean, np.array(means, dtype=object))
        assert_same(variance, np.array(variances, dtype=object))


# --- bad input ---


def test_parameters_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"must have shape \(3, 2, 4\) = \(axes\); got \(2, 3, 4\)"):
        rms_norm_over_axes(X, np.ones((2, 3, 4)), axes=(1, 2, 3))
    with pytest.raises(ValueError, match="must be normalized or channels; got 'rows'"):
        rms_norm_over_axes(X, np.ones(4), axes=(3,), parameters_along="rows")
    with pytest.raises(ValueError, match="power must be one of 1, 2, 3, max; got 0"):
        normalize(X, power=0)
    with pytest.raises(ValueError, match="more than one value"):
        tracked_instance_norm(X[:, :1, :1], np.ones(4), np.ones(4))


@proves(batch_norm_over_axis, batch_norm_over_axis_vjp, by="worked figures")
def test_channels_of_the_first_axis_are_rows():
    x = carried(np.array([[1.0, 3.0], [10.0, 30.0]]))
    y, mean, variance = batch_norm_over_axis(
        x, np.array([4.0, 0.0]), np.array([3.0, 0.0]), axis=0, epsilon=0.0, momentum=0.5
    )
    assert_same(y, [[-1.0, 1.0], [-1.0, 1.0]])
    assert_same(mean, [3.0, 10.0])
    assert_same(variance, [2.0, 50.0])
    dx, *_ = batch_norm_over_axis_vjp(x, np.zeros(2), np.ones(2), None, None, np.ones((2, 2)), axis=0)
    assert_same(dx, np.zeros((2, 2)), size=1.0)


@proves(batch_norm_over_axis, batch_norm_over_axis_vjp, by="law")
@pytest.mark.parametrize("axis", [0, 1, -2, -1])
def test_a_batch_norm_over_an_axis_sums_over_all_others(axis):
    parameters = [normal(name, X.shape[axis]) for name in ("mean", "variance", "scale", "bias")]
    shape = [-1 if a == axis % 4 else 1 for a in range(4)]
    others = tuple(a for a in range(4) if a != axis % 4)
    y, mean, _ = batch_norm_over_axis(carried(X), *parameters, axis=axis, epsilon=0.5)
    centred = carried(X) - np.mean(carried(X), axis=others, keepdims=True)
    root = np.sqrt(np.mean(np.square(centred), axis=others, keepdims=True) + 0.5)
    assert_same(y, centred / root * parameters[2].reshape(shape) + parameters[3].reshape(shape))
    assert_same(mean, 0.9 * parameters[0] + 0.1 * np.mean(carried(X), axis=others))
    *_, of_bias = batch_norm_over_axis_vjp(carried(X), *parameters, COTANGENT, axis=axis)
    assert_same(of_bias, np.sum(carried(COTANGENT), axis=others))
