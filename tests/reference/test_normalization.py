"""Normalization: worked figures, high-precision spot values, laws and bad input."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.convolution import conv, conv_vjp
from assay.reference.dense import dense, dense_vjp
from assay.reference.normalization import (
    group_norm,
    group_norm_vjp,
    instance_norm,
    instance_norm_vjp,
    layer_norm,
    layer_norm_vjp,
    local_response_norm,
    local_response_norm_vjp,
    rms_norm,
    rms_norm_vjp,
)
from assay.reference.normalization_batch import (
    batch_norm,
    batch_norm_folded,
    batch_norm_folded_vjp,
    batch_norm_frozen,
    batch_norm_frozen_vjp,
    batch_norm_inference,
    batch_norm_inference_vjp,
    batch_norm_repeated,
    batch_norm_repeated_vjp,
    batch_norm_vjp,
    masked_batch_norm,
    masked_batch_norm_vjp,
)


def draw(name, *shape):
    return Stream(f"normalization/{name}").normal(shape)


@proves(layer_norm, by="worked figures")
def test_layer_norm_of_worked_figures():
    # Mean 2 and variance 2/3 + 1/3 of epsilon: standardized to -1, 0 and 1.
    scale, bias = np.array([2.0, 5.0, 4.0]), np.array([0.5, 7.0, 0.25])
    y = layer_norm(np.array([[1.0, 2.0, 3.0]]), scale, bias, epsilon=1 / 3)
    assert_same(y, [[-1.5, 7.0, 4.25]])


@proves(rms_norm, by="worked figures")
def test_rms_norm_of_worked_figures():
    # Mean square (9 + 16) / 2 and epsilon 7/2: the root is 4.
    y = rms_norm(np.array([[3.0, 4.0]]), np.array([2.0, -1.0]), epsilon=3.5)
    assert_same(y, [[1.5, -1.0]])


@proves(rms_norm_vjp, by="worked figures")
def test_gradient_of_rms_norm_of_worked_figures():
    # As above, z = (3/4, 1) and h = (2, 0): the mean of h z is 3/4, and dx = (h - 3/4 z) / 4.
    x, scale = np.array([[3.0, 4.0]]), np.array([2.0, -1.0])
    dx, dscale = rms_norm_vjp(x, scale, np.array([[1.0, 0.0]]), epsilon=3.5)
    assert_same(dx, [[0.359375, -0.1875]])
    assert_same(dscale, [0.75, 0.0])


@proves(batch_norm, by="worked figures")
def test_running_statistics_of_worked_figures():
    x = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0], [7.0, 6.0]])
    running = np.array([8.0, 2.0]), np.array([4.0, 16.0])
    # Means 4 and 3, variances 5 and 9; three quarters of the running statistics are kept.
    y, mean, variance = batch_norm(x, *running, epsilon=11.0, momentum=0.75)
    assert_same(y[:, 0], [-0.75, -0.25, 0.25, 0.75])
    assert_same(mean, [7.0, 2.25])
    assert_same(variance, [4.25, 14.25])
    # Bessel: 5 * 4/3 and 9 * 4/3 = 12.
    _, _, corrected = batch_norm(x, *running, momentum=0.75, bessel=True)
    assert_same(corrected, [3.0 + 0.25 * (5.0 * (4 / 3)), 15.0])


@proves(group_norm, by="worked figures")
def test_group_norm_of_worked_figures():
    # Groups (1, 3) and (2, 10): means 2 and 6, deviations 1 and 4.
    y = group_norm(np.array([[1.0, 3.0, 2.0, 10.0]]), groups=2, epsilon=0.0)
    assert_same(y, [[-1.0, 1.0, -1.0, 1.0]])


@proves(layer_norm, by="high precision")
def test_layer_norm_agrees_with_high_precision_on_an_offset_row():
    x, scale, bias = 30.0 + draw("x", 1, 17), draw("scale", 17), draw("bias", 17)
    with mpmath.workdps(50):
        row = [mpmath.mpf(v) for v in x[0]]
        mean = mpmath.fsum(row) / 17
        root = mpmath.sqrt(mpmath.fsum((v - mean) ** 2 for v in row) / 17 + mpmath.mpf(1e-5))
        wanted = [g * (v - mean) / root + b for v, g, b in zip(row, scale, bias, strict=True)]
    y = layer_norm(*map(carried, (x, scale, bias)))
    assert_same(y[0], wanted)


@proves(group_norm, rms_norm, by="high precision")
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_norms_of_a_row_agree_with_high_precision(offset):
    x, scale, bias = offset + draw("x", 1, 18), draw("scale", 18), draw("bias", 18)
    with mpmath.workdps(50):
        row, epsilon = [mpmath.mpf(v) for v in x[0]], mpmath.mpf(1e-5)
        grouped = []
        for group in (row[:9], row[9:]):
            mean = mpmath.fsum(group) / 9
            root = mpmath.sqrt(mpmath.fsum((v - mean) ** 2 for v in group) / 9 + epsilon)
            grouped += [(v - mean) / root for v in group]
        grouped = [g * z + b for z, g, b in zip(grouped, scale, bias, strict=True)]
        root = mpmath.sqrt(mpmath.fsum(v**2 for v in row) / 18 + epsilon)
        scaled = [g * v / root for v, g in zip(row, scale, strict=True)]
    assert_same(group_norm(*map(carried, (x, scale, bias)), groups=2)[0], grouped)
    assert_same(rms_norm(carried(x), carried(scale))[0], scaled)


@proves(batch_norm, batch_norm_inference, by="high precision")
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_batch_norms_of_a_channel_agree_with_high_precision(offset):
    x, (scale, bias), epsilon = offset + draw("x", 16, 1), draw("affine", 2, 1), 1e-3
    with mpmath.workdps(50):
        channel = [mpmath.mpf(v) for v in x[:, 0]]
        mean = mpmath.fsum(channel) / 16
        variance = mpmath.fsum((v - mean) ** 2 for v in channel) / 16
        wanted = [[scale[0] * (v - mean) / mpmath.sqrt(variance + epsilon) + bias[0]] for v in channel]
        given = [
            [scale[0] * (v - offset) / mpmath.sqrt(1.5 + mpmath.mpf(epsilon)) + bias[0]] for v in channel
        ]
    affine = carried(scale), carried(bias)
    running = carried(np.array([offset])), carried(np.array([1.5]))
    y, new_mean, new_variance = batch_norm(carried(x), *running, *affine, epsilon=epsilon, momentum=0.0)
    assert_same(y, wanted)
    assert_same(new_mean, mean)
    assert_same(new_variance, variance)
    assert_same(batch_norm_inference(carried(x), *running, *affine, epsilon=epsilon), given)


@proves(batch_norm_inference, by="worked figures")
def test_inference_of_worked_figures():
    # Variance 7 and epsilon 9: the root is 4.
    y = batch_norm_inference(
        np.array([[3.0], [11.0]]),
        np.array([5.0]),
        np.array([7.0]),
        np.array([2.0]),
        np.array([0.5]),
        epsilon=9.0,
    )
    assert_same(y, [[-0.5], [3.5]])


@proves(batch_norm_vjp, by="worked figures")
def test_batch_norm_vjp_agrees_with_the_derivative_taken_by_hand():
    # Two values ±a about their mean: y = a / sqrt(a² + ε), so that dy/da = ε / (a² + ε)^(3/2).
    x, g = carried(np.array([[7.0], [1.0]])), carried(np.array([[1.0], [-1.0]]))
    mean, variance = carried(np.zeros(1)), carried(np.ones(1))
    dx = batch_norm_vjp(x, mean, variance, None, None, g, epsilon=16.0)[0]
    assert_same(dx[:, 0], [Fraction(16, 125), Fraction(-16, 125)])


@proves(layer_norm, group_norm, by="law")
def test_normalization_ignores_shift_and_scale_of_its_input_without_epsilon():
    x = np.round(2.0**16 * draw("x", 3, 5, 12)) / 2.0**16  # of few bits, so that shift and scale are exact
    plain, moved = carried(x), carried(4.0 * x + 2.0**20)
    assert_same(layer_norm(plain, epsilon=0.0), layer_norm(moved, epsilon=0.0))
    assert_same(group_norm(plain, groups=3, epsilon=0.0), group_norm(moved, groups=3, epsilon=0.0))


@proves(rms_norm, by="law")
def test_rms_norm_ignores_the_scale_of_its_input_without_epsilon():
    x = draw("x", 3, 12)
    assert_same(rms_norm(x, epsilon=0.0), rms_norm(1024.0 * x, epsilon=0.0))


@proves(rms_norm, layer_norm, by="law")
def test_rms_norm_is_layer_norm_of_centred_rows():
    half = draw("x", 3, 6)
    x = carried(np.concatenate([half, -half], axis=-1))
    assert_same(rms_norm(x), layer_norm(x))


@proves(group_norm, layer_norm, by="law")
def test_one_group_without_spatial_axes_is_layer_norm():
    x, scale, bias = map(carried, (draw("x", 5, 12), draw("scale", 12), draw("bias", 12)))
    assert_same(group_norm(x, scale, bias, groups=1), layer_norm(x, scale, bias))


@proves(group_norm, batch_norm, by="law")
def test_a_group_per_channel_is_batch_norm_of_each_sample():
    x = draw("x", 3, 4, 5, 6)
    scale, bias = carried(draw("scale", 6)), carried(draw("bias", 6))
    together = group_norm(carried(x), scale, bias, groups=6)
    for i, sample in enumerate(x):
        arrays = map(carried, (sample[np.newaxis], np.zeros(6), np.ones(6)))
        alone, _, _ = batch_norm(*arrays, scale, bias)
        assert_same(together[i], alone[0])


@proves(instance_norm, instance_norm_vjp, by="law")
@pytest.mark.parametrize("shape", [(3, 5, 4), (2, 3, 1, 4), (2, 2, 3, 2, 4)])
def test_instance_norm_is_group_norm_with_a_channel_a_group(shape):
    x, cotangent = carried(draw("x", *shape)), carried(draw("g", *shape))
    scale, bias = carried(draw("scale", 4)), carried(draw("bias", 4))
    assert_same(instance_norm(x, scale, bias), group_norm(x, scale, bias, groups=4))
    for of_instance, of_group in zip(
        instance_norm_vjp(x, scale, bias, cotangent),
        group_norm_vjp(x, scale, bias, cotangent, groups=4),
        strict=True,
    ):
        assert_same(of_instance, of_group)


@proves(instance_norm, by="worked figures")
def test_instance_norm_of_worked_figures():
    # Channel 0 has mean 2 and deviation 1 in the first sample, 6 and 4 in the second.
    x = np.array([[[1.0, 5.0], [3.0, 5.0]], [[2.0, 0.0], [10.0, 0.0]]])
    assert_same(instance_norm(x, epsilon=0.25)[..., 1], np.zeros((2, 2)))
    assert_same(instance_norm(x[..., :1], np.array([3.0]), epsilon=0.0)[..., 0], [[-3.0, 3.0], [-3.0, 3.0]])


def test_instance_norm_of_a_lone_value_is_its_bias_or_refused():
    x, bias = np.array([[[7.0, 8.0]]]), np.array([2.0, 3.0])
    assert_same(instance_norm(x, None, bias), [[[2.0, 3.0]]])
    with pytest.raises(ValueError, match="more than one value in each channel"):
        instance_norm(x, lone_value="error")


@proves(local_response_norm, by="worked figures")
def test_local_response_norm_of_worked_figures():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    # Of two channels one lies below: sums of squares 1, 5, 13 and 25.
    y = local_response_norm(carried(x), window=2, alpha=1.0, beta=1.0, offset=1.0)
    assert_same(y[0], [Fraction(1, 2), Fraction(2, 6), Fraction(3, 14), Fraction(4, 26)])
    y = local_response_norm(carried(x), window=2, alpha=1.0, beta=1.0, offset=1.0, alpha_of="mean")
    assert_same(y[0], [Fraction(2, 3), Fraction(4, 7), Fraction(6, 15), Fraction(8, 27)])


@proves(local_response_norm, local_response_norm_vjp, by="high precision")
@pytest.mark.parametrize("window", [1, 4, 5])
def test_local_response_norm_agrees_with_high_precision(window):
    x, cotangent = draw("x", 7), draw("g", 7)
    options = {"window": window, "alpha": 0.5, "beta": 0.75, "offset": 2.0}

    def right(values):
        reach = [range(max(c - window // 2, 0), min(c + (window - 1) // 2, 6) + 1) for c in range(7)]
        levels = [2 + mpmath.fsum(values[j] ** 2 for j in places) / 2 for places in reach]
        return [v / level ** mpmath.mpf(0.75) for v, level in zip(values, levels, strict=True)]

    with mpmath.workdps(50):
        row, step = [mpmath.mpf(v) for v in x], mpmath.mpf(10) ** -20
        wanted, slopes = right(row), []
        for c in range(7):
            high, low = (right([v + sign * step * (i == c) for i, v in enumerate(row)]) for sign in (1, -1))
            changes = [(a - b) / (2 * step) for a, b in zip(high, low, strict=True)]
            slopes.append(mpmath.fsum(g * d for g, d in zip(cotangent, changes, strict=True)))
    assert_same(local_response_norm(carried(x), **options), wanted)
    assert_same(local_response_norm_vjp(carried(x), carried(cotangent), **options)[0], slopes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window must be at least 1; got 0"),
        ({"alpha_of": "max"}, "alpha_of must be sum or mean; got 'max'"),
    ],
)
def test_local_response_norm_refuses_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        local_response_norm(draw("x", 2, 3), **options)


@proves(group_norm_vjp, layer_norm_vjp, by="law")
def test_group_norm_vjp_with_one_group_is_that_of_layer_norm():
    arrays = [carried(draw(*given)) for given in (("x", 5, 12), ("scale", 12), ("bias", 12), ("g", 5, 12))]
    for first, second in zip(group_norm_vjp(*arrays, groups=1), layer_norm_vjp(*arrays), strict=True):
        assert_same(first, second)


@proves(batch_norm, batch_norm_inference, by="law")
def test_batch_norm_is_inference_with_the_statistics_of_the_batch():
    x, scale, bias = draw("x", 7, 3, 5), draw("scale", 5), draw("bias", 5)
    scale, bias = carried(scale), carried(bias)
    running = carried(np.zeros(5)), carried(np.ones(5))
    y, mean, variance = batch_norm(carried(x), *running, scale, bias, momentum=0.0)
    assert_same(y, batch_norm_inference(carried(x), mean, variance, scale, bias))


@proves(batch_norm_inference, by="law")
def test_inference_is_an_affine_map_of_each_channel():
    x, z, scale = draw("x", 4, 5), draw("z", 4, 5), draw("scale", 5)
    statistics = draw("mean", 5), 0.5 + Stream("variance").uniform((5,))

    def y(x):
        return batch_norm_inference(*map(carried, (x, *statistics, scale)))

    assert_same(y(x) + y(z), y(x + z) + y(np.zeros((4, 5))))


@proves(batch_norm, batch_norm_inference, by="law")
def test_a_bias_before_batch_norm_is_taken_away_in_training_and_kept_at_inference():
    x = np.round(2.0**16 * draw("x", 8, 5)) / 2.0**16  # of few bits, so that the bias is exact
    bias, mean, variance = np.arange(5.0), np.zeros(5), np.ones(5)
    one, other = (batch_norm(carried(of), mean, variance, None, None)[0] for of in (x, x + bias))
    assert_same(one, other)
    kept = batch_norm_inference(x + bias, mean, variance, epsilon=0.0)
    assert_same(kept, batch_norm_inference(x, mean, variance, epsilon=0.0) + bias)


@proves(batch_norm, by="law")
def test_batch_norm_behind_a_relu_has_mean_zero_and_before_it_has_not():
    x = np.array([[-1.0], [1.0]])
    mean, variance = np.zeros(1), np.ones(1)
    before = np.maximum(batch_norm(x, mean, variance, None, None, epsilon=0.0)[0], 0.0)
    behind = batch_norm(np.maximum(x, 0.0), mean, variance, None, None, epsilon=0.0)[0]
    assert_same(before, [[0.0], [1.0]])
    assert_same(behind, [[-1.0], [1.0]])


@proves(batch_norm_inference_vjp, by="law")
def test_the_mean_gets_the_opposite_of_what_the_input_gets():
    x, mean, variance, g = map(carried, (draw("x", 4, 5), draw("mean", 5), np.ones(5), draw("g", 4, 5)))
    dx, dmean, *_ = batch_norm_inference_vjp(x, mean, variance, None, None, g)
    assert_same(np.sum(dx, axis=0), -dmean)


@proves(batch_norm_inference_vjp, by="law")
def test_gradients_of_what_is_centred_first_are_the_same_but_for_an_infinite_mean():
    arrays = draw("x", 4, 5), draw("mean", 5), np.ones(5), draw("scale", 5), draw("bias", 5), draw("g", 4, 5)
    of_sums = batch_norm_inference_vjp(*map(carried, arrays))
    of_differences = batch_norm_inference_vjp(*map(carried, arrays), centred=True)
    for one, other in zip(of_sums, of_differences, strict=True):
        assert_same(one, other)


@proves(batch_norm_inference_vjp, by="worked figures")
def test_an_infinite_mean_has_a_gradient_of_the_scale_by_sums_and_none_by_differences():
    x, mean, g = np.array([[1.0], [2.0]]), np.array([np.inf]), np.array([[1.0], [-3.0]])
    weights = np.array([3.0]), np.array([2.0]), np.array([0.0])
    by_sums = batch_norm_inference_vjp(x, mean, *weights, g, epsilon=1.0)
    with np.errstate(invalid="ignore"):
        by_differences = batch_norm_inference_vjp(x, mean, *weights, g, centred=True, epsilon=1.0)
    assert [gradient.item() for gradient in (by_sums[3], -by_sums[2])] == [np.inf, np.inf]
    assert all(np.isnan(d).all() for d in by_differences[2:4])
    assert_same(by_differences[0], g)
    assert_same(by_sums[0], g)


def updated_mean(values):
    mean = values[0]
    for count, value in enumerate(values[1:], start=2):
        mean = mean + (value - mean) / count
    return mean


@proves(batch_norm, by="worked figures")
@np.errstate(all="ignore")
def test_a_mean_with_an_infinity_is_infinite_unless_updates_take_it_from_itself():
    values = np.array([[1.0, 1.0, np.inf, 2.0], [np.inf, 2.0, np.inf, 6.0], [2.0, np.inf, 3.0, 4.0]])
    assert [str(updated_mean(column)) for column in values.T] == ["nan", "inf", "nan", "4.0"]
    running = carried(np.zeros(4)), carried(np.ones(4))
    _, summed, _ = batch_norm(carried(values), *running, momentum=0.0)
    _, either, _ = batch_norm(carried(values), *running, momentum=0.0, infinite_mean="updates")
    assert_same(summed, [np.inf, np.inf, np.inf, 4.0])
    assert np.isinf(either.bound).tolist() == [True, True, True, False]
    assert_same(either[3], 4.0)


@proves(batch_norm, by="law")
def test_batch_of_two_copies_has_the_same_outputs_and_half_the_bessel_correction():
    x = draw("x", 4, 5)
    running, options = (carried(np.zeros(5)),) * 2, {"bessel": True, "momentum": 0.0}
    y, mean, variance = batch_norm(carried(x), *running, **options)
    twice, same_mean, less = batch_norm(carried(np.concatenate([x, x])), *running, **options)
    assert_same(twice[:4], y)
    assert_same(same_mean, mean)
    assert_same(less * (7 / 8), variance * (3 / 4))


@proves(batch_norm, by="worked figures")
def test_a_single_value_per_channel_becomes_its_bias_and_keeps_its_variance_of_zero():
    x, bias = np.array([[3.0, -8.0]]), np.array([0.5, 0.25])
    y, mean, variance = batch_norm(x, np.zeros(2), np.ones(2), None, bias, momentum=0.0, bessel=True)
    assert_same(y, [bias])
    assert_same(mean, x[0])
    assert_same(variance, [0.0, 0.0])


def test_what_does_not_fit_is_refused():
    x, channels = draw("x", 3, 4), np.ones(4)
    with pytest.raises(ValueError, match=r"scale must have shape \(4,\) = \(channels\); got \(5,\)"):
        layer_norm(x, np.ones(5))
    with pytest.raises(ValueError, match="running_variance must have shape"):
        batch_norm(x, channels, np.ones(3))
    with pytest.raises(ValueError, match="groups must divide the 4 channels; got 3"):
        group_norm(x, groups=3)
    with pytest.raises(ValueError, match="groups must divide the 4 channels; got 0"):
        group_norm(x, groups=0)
    with pytest.raises(ValueError, match=r"more than one value per channel; got shape \(1, 4\)"):
        batch_norm(x[:1], channels, channels, lone_value="error")


@proves(batch_norm, by="law")
@pytest.mark.parametrize("spatial", [(), (4,), (4, 3), (4, 3, 2)])
def test_moments_are_those_of_every_value_of_a_channel_whatever_the_axes(spatial):
    x, scale, bias = draw("x", 5, *spatial, 6), draw("scale", 6), draw("bias", 6)
    running = np.zeros(6), np.ones(6)
    rest = [carried(a) for a in (*running, scale, bias)]
    y, mean, variance = batch_norm(carried(x), *rest, bessel=True)
    rows, *statistics = batch_norm(carried(np.reshape(x, (-1, 6))), *rest, bessel=True)
    assert_same(np.reshape(y, (-1, 6)), rows)
    assert_same((mean, variance), tuple(statistics))


@proves(batch_norm, by="law")
def test_a_batch_of_one_image_is_a_batch_of_its_places():
    image, running = draw("image", 1, 4, 3, 6), (carried(np.zeros(6)), carried(np.ones(6)))
    one, *of_image = batch_norm(carried(image), *running, momentum=0.0, bessel=True)
    many, *of_places = batch_norm(carried(image[0].reshape(12, 6)), *running, momentum=0.0, bessel=True)
    assert_same(np.reshape(one, (12, 6)), many)
    assert_same(tuple(of_image), tuple(of_places))
    assert not np.any(one.value == 0)


@proves(batch_norm_frozen, by="law")
@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_frozen_batch_norm_is_inference_or_training(statistics):
    x, rest = draw("x", 9, 6), [draw(name, 6) for name in ("mean", "variance", "scale", "bias")]
    mean, variance, scale, bias = map(carried, (rest[0], np.exp(rest[1]), *rest[2:]))
    frozen = batch_norm_frozen(carried(x), mean, variance, scale, bias, statistics=statistics, bessel=True)
    if statistics == "batch":
        assert_same(frozen, batch_norm(carried(x), mean, variance, scale, bias, bessel=True))
    else:
        y = batch_norm_inference(carried(x), mean, variance, scale, bias)
        assert_same(frozen, (y, mean.value, variance.value))


@proves(batch_norm_frozen, by="worked figures")
def test_frozen_batch_norm_of_worked_figures():
    # By the running statistics the root is 4; by those of the batch, mean 7 and variance 16, it is 5.
    x, one = np.array([[3.0], [11.0]]), np.ones(1)
    given = x, 5 * one, 7 * one, 2 * one, one / 2
    assert_same(batch_norm_frozen(*given, epsilon=9.0), ([[-0.5], [3.5]], [5.0], [7.0]))
    y, mean, variance = batch_norm_frozen(*given, epsilon=9.0, momentum=0.75, statistics="batch")
    assert_same(y, [[-1.1], [2.1]])
    assert_same((mean, variance), ([5.5], [9.25]))


@proves(batch_norm_frozen_vjp, by="worked figures")
def test_gradient_of_frozen_batch_norm_of_worked_figures():
    # Scale 2 over the root 4 of the running statistics; those of the batch leave nothing of equal parts.
    x, one, g = np.array([[3.0], [11.0]]), np.ones(1), np.array([[3.0], [3.0]])
    given = x, 5 * one, 7 * one, 2 * one, one / 2, g
    assert_same(batch_norm_frozen_vjp(*given, epsilon=9.0)[0], [[1.5], [1.5]])
    assert_same(batch_norm_frozen_vjp(*given, epsilon=9.0, statistics="batch")[0], [[0.0], [0.0]])


def folding(*window):
    x, kernel = draw("x", 2, *(6 for _ in window), 5), draw("kernel", *window, 5, 4)
    offset, mean, variance, scale, bias = (
        draw(n, 4) for n in ("offset", "mean", "variance", "scale", "bias")
    )
    return [carried(a) for a in (x, kernel, offset, mean, np.exp(variance), scale, bias)]


@proves(batch_norm_folded, by="law")
@pytest.mark.parametrize(("layer", "window"), [(dense, ()), (conv, (3, 2)), (conv, (2,))])
def test_folding_changes_nothing_but_the_order(layer, window):
    x, kernel, offset, *norm = folding(*window)
    apart = batch_norm_inference(layer(x, kernel, offset), *norm, epsilon=0.1)
    assert_same(batch_norm_folded(x, kernel, offset, *norm, epsilon=0.1), apart)


@proves(batch_norm_folded_vjp, by="law")
@pytest.mark.parametrize(("layer", "window"), [(dense_vjp, ()), (conv_vjp, (3, 2))])
def test_gradient_goes_back_through_the_normalization_and_then_the_layer(layer, window):
    x, kernel, offset, *norm = folding(*window)
    y = batch_norm_folded(x, kernel, offset, *norm)
    g = carried(draw("g", *y.shape))
    through = batch_norm_inference_vjp(y, *norm, g)[0]
    assert_same(batch_norm_folded_vjp(x, kernel, offset, *norm, g)[0], layer(x, kernel, offset, through)[0])


@proves(batch_norm_folded, batch_norm_folded_vjp, by="worked figures")
def test_folded_batch_norm_of_worked_figures():
    # 3·1 + 4·2 + 1 = 12, less the mean 5, times 2 over the root of 7 + 9, plus a half.
    x, one = np.array([[3.0, 4.0]]), np.ones(1)
    given = x, np.array([[1.0], [2.0]]), one, 5 * one, 7 * one, 2 * one, one / 2
    assert_same(batch_norm_folded(*given, epsilon=9.0), [[4.0]])
    assert_same(batch_norm_folded_vjp(*given, np.array([[3.0]]), epsilon=9.0)[0], [[1.5, 3.0]])


def test_what_frozen_and_folded_layers_refuse():
    x, one = draw("x", 3, 4), np.ones(4)
    with pytest.raises(ValueError, match="statistics must be running or batch; got 'moving'"):
        batch_norm_frozen(x, one, one, one, one, statistics="moving")
    with pytest.raises(ValueError, match=r"mean must have shape \(4,\) = \(channels\); got \(5,\)"):
        batch_norm_folded(x, draw("kernel", 4, 4), None, np.ones(5), one, one, one)


MASK = np.array([[True, True, False, True], [False, True, False, False], [True, False, True, True]])
KEPT = {"masked_output": "zero"}


def masked_arrays(padding):
    """An array with padding at masked places, its mask, and statistics, scale and bias of two channels."""
    x = np.where(MASK[..., np.newaxis], draw("masked", 3, 4, 2), padding)
    return [x, MASK, *(draw(name, 2) for name in ("mean", "variance", "scale", "bias"))]


@proves(masked_batch_norm, by="worked figures")
def test_masked_batch_norm_of_worked_figures():
    # Of 3 and 11 the mean is 7 and the variance 16; with 9 the root is 5. What is masked is 10 away.
    x, mask, one = np.array([[[3.0], [17.0], [11.0]]]), np.array([[True, False, True]]), np.ones(1)
    given = x, mask, 5 * one, 7 * one, 2 * one, one / 2
    y, mean, variance = masked_batch_norm(*given, epsilon=9.0, momentum=0.75)
    assert_same(y, [[[-1.1], [4.5], [2.1]]])
    assert_same((mean, variance), ([5.5], [9.25]))
    y, _, variance = masked_batch_norm(*given, epsilon=9.0, momentum=0.75, bessel=True, **KEPT)
    assert_same(y, [[[-1.1], [0.0], [2.1]]])
    assert_same(variance, [13.25])
    # Two more in the denominator halve the mean, to 3.5, and the squares 0.25 and 56.25 are shared by four.
    _, mean, variance = masked_batch_norm(*given, momentum=0.0, count_epsilon=2.0)
    assert_same((mean, variance), ([3.5], [14.125]))


@proves(masked_batch_norm_vjp, by="worked figures")
def test_gradient_of_masked_batch_norm_of_worked_figures():
    # Two values a = 4 from their mean: dy/da = ε / (a² + ε)^(3/2), 9/125 of what is opposite.
    x, mask, one = carried(np.array([[[3.0], [17.0], [11.0]]])), np.array([[True, False, True]]), np.ones(1)
    given = x, mask, 0 * one, one, one, 0 * one
    g = np.array([[[1.0], [0.0], [-1.0]]])
    assert_same(masked_batch_norm_vjp(*given, g, epsilon=9.0)[0], [[[0.072], [0.0], [-0.072]]])
    # What a masked output gets moves the mean, by 1/2 of 1/5, and the variance: z = 2, and beside it ∓4/5.
    only = np.array([[[0.0], [1.0], [0.0]]])
    assert_same(masked_batch_norm_vjp(*given, only, epsilon=9.0)[0], [[[0.06], [0.2], [-0.26]]])
    assert_same(masked_batch_norm_vjp(*given, only, epsilon=9.0, **KEPT)[0], np.zeros((1, 3, 1)))


@proves(masked_batch_norm, masked_batch_norm_vjp, by="law")
@pytest.mark.parametrize("padding", [0.0, 1e6, np.nan])
def test_a_masked_batch_is_the_batch_of_what_counts(padding):
    x, mask, *rest = masked_arrays(padding)
    rest, g = [carried(a) for a in rest], draw("g", 3, 4, 2)
    y, *statistics = masked_batch_norm(carried(x), mask, *rest, bessel=True, **KEPT)
    of_rows, *of_statistics = batch_norm(carried(x[mask]), *rest, bessel=True)
    assert_same(y[mask], of_rows)
    assert_same(y[~mask], np.zeros((5, 2)))
    assert_same(tuple(statistics), tuple(of_statistics))
    dx, _, _, *affine = masked_batch_norm_vjp(carried(x), mask, *rest, carried(g), **KEPT)
    of_rows, _, _, *of_affine = batch_norm_vjp(carried(x[mask]), *rest, carried(g[mask]))
    assert_same(dx[mask], of_rows)
    assert_same(dx[~mask], np.zeros((5, 2)))
    assert_same(tuple(affine), tuple(of_affine))


@proves(masked_batch_norm, masked_batch_norm_vjp, by="law")
def test_a_mask_that_masks_nothing_changes_nothing():
    x, mask, *rest = masked_arrays(1.0)
    x, rest, g = carried(x), [carried(a) for a in rest], carried(draw("g", 3, 4, 2))
    every = np.ones_like(mask)
    assert_same(masked_batch_norm(x, every, *rest), batch_norm(x, *rest))
    assert_same(masked_batch_norm_vjp(x, every, *rest, g), batch_norm_vjp(x, *rest, g))


@proves(masked_batch_norm, by="law")
def test_nan_at_masked_places_reaches_statistics_by_a_product_alone():
    x, mask, *rest = masked_arrays(np.nan)
    x, rest, nan = carried(x), [carried(a) for a in rest], np.full(2, np.nan)
    y, mean, variance = masked_batch_norm(x, mask, *rest, masking="multiply", momentum=0.0)
    assert_same((y[mask], mean, variance), (np.full((7, 2), np.nan), nan, nan))
    _, mean, variance = masked_batch_norm(x, mask, *rest, momentum=0.0)
    assert_same((mean, variance), (np.mean(x[mask], axis=0), np.var(x.value[mask], axis=0)))


@proves(masked_batch_norm_vjp, by="law")
def test_a_product_in_the_gradient_makes_nan_of_masked_nan_alone():
    x, mask, *rest = masked_arrays(np.nan)
    g = draw("g", 3, 4, 2)
    dx, *_ = masked_batch_norm_vjp(x, mask, *rest, g, masking="select_values")
    assert_same(dx, np.full((3, 4, 2), np.nan))
    x = carried(np.nan_to_num(x))
    dx, *_ = masked_batch_norm_vjp(x, mask, *rest, g, masking="select_values")
    assert_same(dx, masked_batch_norm_vjp(x, mask, *rest, g)[0])


def test_what_masked_batch_norm_refuses():
    x, mask, *rest = masked_arrays(0.0)
    with pytest.raises(ValueError, match=r"mask must have shape \(3, 4\) = \(batch, steps\); got \(3, 3\)"):
        masked_batch_norm(x, mask[:, 1:], *rest)
    with pytest.raises(ValueError, match="mask must let one place count at least; it masks all of them"):
        masked_batch_norm(x, np.zeros_like(mask), *rest)
    with pytest.raises(ValueError, match="masked_output must be normalized or zero; got 'repeat'"):
        masked_batch_norm(x, mask, *rest, masked_output="repeat")
    with pytest.raises(ValueError, match=r"masking must be one of select, .*; got 'drop'"):
        masked_batch_norm(x, mask, *rest, masking="drop")


def repeated_arrays():
    """Three batches of five, and statistics, scale and bias of their channels."""
    return [carried(draw("batches", 3, 5, 2))] + [
        carried(draw(name, 2)) for name in ("mean", "variance", "scale", "bias")
    ]


@proves(batch_norm_repeated, by="worked figures")
def test_cumulative_statistics_of_worked_figures():
    # Means 2, 4 and 9, variances 1, 4 and 1: with no batch before, what there was counts for nothing.
    x = np.array([[[1.0], [3.0]], [[2.0], [6.0]], [[8.0], [10.0]]])
    one = np.ones(1)
    given = [carried(a) for a in (x, 7 * one, 9 * one, one, 0 * one)]
    y, mean, variance = batch_norm_repeated(*given, epsilon=0.0)
    assert_same(y, [[[-1.0], [1.0]]] * 3)
    assert_same((mean, variance), ([5.0], [2.0]))
    # One batch before, whose mean was 7 and whose variance 9.
    _, mean, variance = batch_norm_repeated(*given, seen=1)
    assert_same((mean, variance), ([5.5], [3.75]))


@proves(batch_norm_repeated, by="law")
def test_a_cumulative_mean_weighs_all_batches_alike():
    x, mean, variance, scale, bias = repeated_arrays()
    _, *running = batch_norm_repeated(x, mean, variance, scale, bias, bessel=True)
    of_each = [batch_norm(x[n], mean, variance, momentum=0.0, bessel=True)[1:] for n in range(3)]
    means, variances = zip(*of_each, strict=True)
    assert_same(tuple(running), (np.mean(np.stack(means), axis=0), np.mean(np.stack(variances), axis=0)))
    backwards = batch_norm_repeated(x[::-1], mean, variance, scale, bias, bessel=True)
    assert_same(backwards[1:], tuple(running))


@proves(batch_norm_repeated, by="law")
@pytest.mark.parametrize("momentum", [None, 0.75])
def test_batches_go_on_where_the_last_call_stopped(momentum):
    x, *rest = repeated_arrays()
    options = {"momentum": momentum, "bessel": True}
    whole = batch_norm_repeated(x, *rest, seen=4, **options)
    first, *running = batch_norm_repeated(x[:1], *rest, seen=4, **options)
    later, *running = batch_norm_repeated(x[1:], *running, *rest[2:], seen=5, **options)
    assert_same((np.concatenate([first, later]), *running), whole)


@proves(batch_norm_repeated_vjp, by="law")
def test_gradient_of_batches_is_that_of_each():
    x, *rest = repeated_arrays()
    g = carried(draw("g", 3, 5, 2))
    dx, dscale, dbias = batch_norm_repeated_vjp(x, *rest, g)
    alone = [batch_norm_vjp(x[n], *rest, g[n]) for n in range(3)]
    assert_same(dx, np.stack([gradients[0] for gradients in alone]))
    assert_same(dscale, alone[0][3] + alone[1][3] + alone[2][3])
    assert_same(dbias, alone[0][4] + alone[1][4] + alone[2][4])


def test_what_repeated_batch_norm_refuses():
    x, one = draw("x", 3, 4), np.ones(4)
    with pytest.raises(
        ValueError, match=r"x must have the axes \(calls, batch, channels\); got shape \(3, 4\)"
    ):
        batch_norm_repeated(x, one, one, one, one)
    with pytest.raises(ValueError, match="seen must not be negative; got -1"):
        batch_norm_repeated(x[np.newaxis], one, one, one, one, seen=-1)
