"""Constraints of kernels: worked figures, high precision, laws, and what tells them apart."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.complex_step import directional_derivative
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.constraints import (
    DIVISORS,
    max_norm,
    max_norm_vjp,
    min_max_norm,
    min_max_norm_vjp,
    non_neg,
    non_neg_vjp,
    spectral_norm,
    spectral_norm_inference,
    spectral_norm_inference_vjp,
    spectral_norm_vjp,
    unit_norm,
    unit_norm_vjp,
    weight_norm,
    weight_norm_vjp,
)

KERNEL = np.array([[3.0, 0.0], [4.0, 0.5]])
"""Columns of norms 5 and 1/2."""


def draw(name, *shape):
    return Stream(f"constraints/{name}").normal(shape)


# --- projections ---


@proves(unit_norm, by="worked figures")
@pytest.mark.parametrize(
    ("epsilon_at", "first", "second"),
    [("none", 5, 0.5), ("added", 6, 1.5), ("floor", 5, 1), ("floor_of_square", 5, 1)],
)
def test_unit_norm_of_worked_figures_with_an_epsilon_of_one(epsilon_at, first, second):
    y = unit_norm(KERNEL, epsilon=1.0, epsilon_at=epsilon_at)
    assert_same(y, [[3 / first, 0.0], [4 / first, 0.5 / second]])


@proves(unit_norm, by="high precision")
@pytest.mark.parametrize("epsilon_at", ["none", "added", "inside", "floor", "floor_of_square"])
def test_unit_norm_agrees_with_high_precision(epsilon_at):
    vector = draw("vector", 9)
    with mpmath.workdps(50):
        n, e = mpmath.sqrt(mpmath.fsum(mpmath.mpf(v) ** 2 for v in vector)), mpmath.mpf(0.05)
        divisor = {
            "none": n,
            "added": n + e,
            "inside": mpmath.sqrt(n**2 + e),
            "floor": max(n, e),
            "floor_of_square": mpmath.sqrt(max(n**2, e)),
        }[epsilon_at]
        wanted = [v / divisor for v in vector]
    assert_same(unit_norm(carried(vector[:, np.newaxis]), epsilon=0.05, epsilon_at=epsilon_at)[:, 0], wanted)


@proves(unit_norm_vjp, by="worked figures")
def test_gradient_of_unit_norm_of_worked_figures():
    # Of (3, 4) / 5 what is across remains: g = (5, 0) less 3/5 of (3, 4), over 5. Below a floor of 1, all.
    g = np.array([[5.0, 5.0], [0.0, 5.0]])
    assert_same(unit_norm_vjp(carried(KERNEL), g, epsilon=1.0)[0], [[0.64, 5.0], [-0.48, 5.0]])


@proves(unit_norm_vjp, by="law")
@pytest.mark.parametrize("epsilon_at", ["added", "floor", "floor_of_square"])
def test_gradient_at_a_zero_vector_is_that_of_dividing_by_what_is_left(epsilon_at):
    g, zero = draw("g", 4, 1), np.zeros((4, 1))
    divisor = DIVISORS[epsilon_at](0.0, 0.25)
    assert_same(unit_norm_vjp(zero, g, epsilon=0.25, epsilon_at=epsilon_at)[0], g / divisor)


@proves(unit_norm, by="law")
def test_unit_norm_keeps_unit_vectors_and_forgets_lengths():
    kernel = draw("kernel", 7, 5)
    once = unit_norm(carried(kernel))
    assert_same(unit_norm(once), once)
    assert_same(unit_norm(carried(8.0 * kernel)), once)
    assert_same(unit_norm(carried(kernel.T), axis=1), once.T)


@proves(max_norm, by="worked figures")
def test_max_norm_of_worked_figures():
    assert_same(max_norm(KERNEL, max_value=2.5), [[1.5, 0.0], [2.0, 0.5]])
    almost = 2.5 / (5 + 1e-7), 0.5 / (0.5 + 1e-7)
    added = max_norm(KERNEL, max_value=2.5, epsilon_at="added")
    assert_same(added, [[3 * almost[0], 0.0], [4 * almost[0], 0.5 * almost[1]]])
    beyond = max_norm(KERNEL, max_value=2.5, epsilon_at="beyond")
    assert_same(beyond, [[3 * almost[0], 0.0], [4 * almost[0], 0.5]])


@proves(max_norm, max_norm_vjp, by="law")
def test_max_norm_is_a_longer_unit_vector_beyond_the_bound_and_the_identity_within():
    kernel, g = carried(draw("kernel", 7, 5)), carried(draw("g", 7, 5))
    assert_same(max_norm(kernel, max_value=0.01), 0.01 * unit_norm(kernel))
    assert_same(max_norm_vjp(kernel, g, max_value=0.01)[0], 0.01 * unit_norm_vjp(kernel, g)[0])
    assert_same(max_norm(kernel, max_value=100.0), kernel)
    assert_same(max_norm_vjp(kernel, g, max_value=100.0)[0], g)


@proves(min_max_norm, min_max_norm_vjp, by="law")
@pytest.mark.parametrize("epsilon_at", ["none", "added"])
def test_min_max_norm_without_a_least_norm_is_max_norm(epsilon_at):
    kernel, g = carried(draw("kernel", 7, 5)), carried(draw("g", 7, 5))
    options = {"max_value": 2.0, "epsilon_at": epsilon_at}
    assert_same(min_max_norm(kernel, **options), max_norm(kernel, **options))
    assert_same(min_max_norm_vjp(kernel, g, **options), max_norm_vjp(kernel, g, **options))


@proves(min_max_norm, by="worked figures")
def test_min_max_norm_of_worked_figures():
    # Half of the way from the norms 5 and 1/2 to 2 and 1: 7/2 and 3/4.
    options = {"min_value": 1.0, "max_value": 2.0, "rate": 0.5, "epsilon_at": "none"}
    assert_same(min_max_norm(carried(KERNEL), **options), [[2.1, 0.0], [2.8, 0.75]])


@proves(non_neg, non_neg_vjp, by="worked figures")
def test_non_neg_of_worked_figures():
    kernel, g = np.array([-2.0, 0.0, 3.0, np.nan]), np.array([1.0, 4.0, 5.0, 7.0])
    assert_same(non_neg(kernel), [0.0, 0.0, 3.0, np.nan])
    assert_same(non_neg_vjp(kernel, g, zero_gradient=0.5)[0], [0.0, 2.0, 5.0, 0.0])
    assert_same(non_neg_vjp(kernel, g, zero_gradient=1.0, nan_gradient="pass")[0], [0.0, 4.0, 5.0, 7.0])


@proves(non_neg, by="law")
def test_non_neg_leaves_what_it_has_projected():
    kernel = draw("kernel", 7, 5)
    assert_same(non_neg(non_neg(kernel)), non_neg(kernel))
    assert_same(non_neg(kernel) - non_neg(-kernel), kernel)


# --- weight normalization ---


@proves(weight_norm, weight_norm_vjp, by="worked figures")
def test_weight_norm_of_worked_figures():
    # (3, 4) of length 5 becomes length 10. For g it is (5, 0) along (3, 4)/5; for v 10/5 of what is across.
    v, g, into = carried(np.array([[3.0], [4.0]])), np.array([10.0]), np.array([[5.0], [0.0]])
    assert_same(weight_norm(v, g), [[6.0], [8.0]])
    through, magnitude = weight_norm_vjp(v, g, into)
    assert_same(magnitude, [3.0])
    assert_same(through, [[6.4], [-4.8]])


@proves(weight_norm, weight_norm_vjp, by="law")
def test_weight_norm_is_the_magnitude_times_the_unit_vectors():
    v, g, into = carried(draw("v", 7, 5)), carried(draw("magnitude", 5)), carried(draw("g", 7, 5))
    assert_same(weight_norm(v, g), g * unit_norm(v))
    through, _ = weight_norm_vjp(v, g, into)
    assert_same(through, unit_norm_vjp(v, g * into)[0])


@proves(weight_norm, weight_norm_vjp, by="law")
@pytest.mark.parametrize("norm_of", ["feature", "pair"])
def test_norms_of_features_and_of_windows_are_those_of_units_in_another_place(norm_of):
    # What is named is brought to the last axis; a pair is one.
    v, into = (carried(draw(name, 2, 2, 3, 2)) for name in ("v", "g"))
    g = carried(draw("magnitude", 3 if norm_of == "feature" else 6))
    kept = g if norm_of == "feature" else np.reshape(g, (3, 2))

    def turned(x):
        return np.reshape(np.swapaxes(x, -1, -2) if norm_of == "feature" else x, (-1, g.shape[0]))

    assert_same(turned(weight_norm(v, kept, norm_of=norm_of)), weight_norm(turned(v), g))
    through, magnitude = weight_norm_vjp(v, kept, into, norm_of=norm_of)
    other, same = weight_norm_vjp(turned(v), g, turned(into))
    assert_same((turned(through), np.reshape(magnitude, g.shape)), (other, same))


@proves(weight_norm_vjp, by="law")
def test_gradient_of_the_direction_is_across_it():
    v, g, into = carried(draw("v", 7, 5)), carried(draw("magnitude", 5)), carried(draw("g", 7, 5))
    along = np.sum(weight_norm_vjp(v, g, into)[0] * v, axis=0)
    assert_same(along, np.zeros(5), size=1.0)


@proves(weight_norm, unit_norm, by="worked figures")
def test_a_step_of_weight_norm_is_not_a_step_and_a_projection():
    # The loss is the sum of the weights, the rate 1, and g stays 1: both begin at the unit vector (3/5, 4/5).
    w = carried(np.array([[0.6], [0.8]]))
    projected = unit_norm(w - 1.0)
    through, _ = weight_norm_vjp(w, np.ones(1), np.ones((2, 1)))
    stepped = weight_norm(w - through, np.ones(1))
    # To (-2/5, -1/5), of squared length 1/5; the other goes across, by (4/25, -3/25), to (11/25, 23/25).
    assert_same(projected, [[-2 / np.sqrt(5)], [-1 / np.sqrt(5)]])
    assert_same(stepped, [[11 / np.sqrt(650)], [23 / np.sqrt(650)]])


# --- spectral normalization ---


@proves(spectral_norm, by="worked figures")
@pytest.mark.parametrize(("starts_from", "vector"), [("units", [0.0, 3.0]), ("features", [0.0, 3.0, 0.0])])
def test_spectral_norm_of_worked_figures(starts_from, vector):
    # Singular values 2 and 4, and a start that is a singular vector of the second.
    kernel = np.array([[2.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    y, kept = spectral_norm(kernel, np.array(vector), starts_from=starts_from)
    assert_same(y, kernel / 4)
    assert_same(kept, np.array(vector) / 3)


@proves(spectral_norm, by="law")
def test_spectral_norm_of_a_rotated_diagonal_comes_to_its_largest_element():
    # Reflections I - 2 w wᵀ leave singular values alone.
    def reflected(vector):
        unit = unit_norm(carried(vector[:, np.newaxis]))
        return np.eye(len(vector)) - 2.0 * np.matmul(unit, unit.T)

    diagonal = np.zeros((5, 3))
    diagonal[:3] = np.diag([1.0, 64.0, 2.0])
    kernel = np.matmul(np.matmul(reflected(draw("left", 5)), diagonal), reflected(draw("right", 3)))
    y, _ = spectral_norm(kernel, draw("start", 3), power_iterations=6)
    assert_same(64.0 * y, kernel)


@proves(spectral_norm, by="law")
def test_starting_from_features_is_starting_from_units_of_the_transposed_kernel():
    kernel, vector = carried(draw("kernel", 7, 5)), carried(draw("start", 7))
    y, kept = spectral_norm(kernel, vector, starts_from="features", power_iterations=2)
    other, same = spectral_norm(kernel.T, vector, power_iterations=2)
    assert_same((y, kept), (other.T, same))


@proves(spectral_norm, spectral_norm_vjp, by="law")
def test_the_axis_of_the_features_is_that_of_the_units_of_the_kernel_with_both_exchanged():
    kernel, vector, g = (carried(draw(n, *s)) for n, s in (("k", (2, 3, 4)), ("v", (3,)), ("g", (2, 3, 4))))
    y, kept = spectral_norm(kernel, vector, axis="features")
    other, same = spectral_norm(np.swapaxes(kernel, -1, -2), vector)
    assert_same((y, kept), (np.swapaxes(other, -1, -2), same))
    (gradient,) = spectral_norm_vjp(kernel, vector, g, axis="features")
    (turned,) = spectral_norm_vjp(np.swapaxes(kernel, -1, -2), vector, np.swapaxes(g, -1, -2))
    assert_same(gradient, np.swapaxes(turned, -1, -2))


@proves(spectral_norm, by="law")
def test_iterations_go_on_where_the_last_call_stopped():
    kernel, vector = carried(draw("kernel", 7, 5)), carried(draw("start", 5))
    _, kept = spectral_norm(kernel, vector, power_iterations=2)
    assert_same(spectral_norm(kernel, kept), spectral_norm(kernel, vector, power_iterations=3))


@proves(spectral_norm_vjp, by="law")
def test_the_part_of_the_gradient_along_the_kernel_vanishes():
    # y does not change with the scale of the kernel.
    kernel, vector, g = map(carried, (draw("kernel", 7, 5), draw("start", 5), draw("g", 7, 5)))
    along = np.sum(spectral_norm_vjp(kernel, vector, g)[0] * kernel)
    assert_same(along, np.zeros(()), size=1.0)


@proves(spectral_norm_vjp, by="complex step")
@pytest.mark.parametrize("epsilon_at", ["floor", "inside"])
@pytest.mark.parametrize("starts_from", ["units", "features"])
def test_gradient_is_the_derivative_with_the_singular_vectors_held(starts_from, epsilon_at):
    kernel, direction, g = draw("kernel", 7, 5), draw("direction", 7, 5), draw("g", 7, 5)
    start = draw("start", 5 if starts_from == "units" else 7)
    options = {"starts_from": starts_from, "epsilon": 0.5, "epsilon_at": epsilon_at}
    one, other = _singular_vectors(kernel, start, **options)
    left, right = (one, other) if starts_from == "features" else (other, one)

    def held(w):
        return (w / np.sum(left[:, np.newaxis] * w * right),)

    (derivative,) = directional_derivative(held, [kernel], [direction])
    gradient = spectral_norm_vjp(*map(carried, (kernel, start, g)), **options)[0]
    assert_same(np.sum(carried(g * derivative)), np.sum(gradient * direction))


@proves(spectral_norm_inference, spectral_norm_inference_vjp, by="worked figures")
def test_spectral_norm_at_inference_of_worked_figures():
    # l W r is 2 · 1 · 3 + 1 · 4 · 1 = 10. With g = 1 at the first element Σ(g W) is 2: g less 1/5 of l rᵀ.
    kernel = carried(np.array([[2.0, 0.0], [0.0, 4.0]]))
    left, right = np.array([1.0, 1.0]), np.array([3.0, 1.0])
    assert_same(spectral_norm_inference(kernel, left, right), [[0.2, 0.0], [0.0, 0.4]])
    g = np.array([[1.0, 0.0], [0.0, 0.0]])
    (gradient,) = spectral_norm_inference_vjp(kernel, left, right, g)
    assert_same(gradient, [[0.04, -0.02], [-0.06, -0.02]])
    assert_same(spectral_norm_inference(kernel, left, right, inference="raw"), kernel)
    assert_same(spectral_norm_inference_vjp(kernel, left, right, g, inference="raw")[0], g)


@proves(spectral_norm_inference, spectral_norm_inference_vjp, by="law")
@pytest.mark.parametrize("inference", ["kept", "iterated"])
def test_at_inference_as_in_training_where_the_vectors_have_come_to_rest(inference):
    # So large that the epsilon of an iteration is nothing.
    kernel, g, start = 1024.0 * draw("kernel", 7, 5), carried(draw("g", 7, 5)), draw("start", 5)
    right = spectral_norm(kernel, start, power_iterations=200)[1]
    left = kernel @ right / np.linalg.norm(kernel @ right)
    kernel = carried(kernel)
    trained = spectral_norm(kernel, carried(right))[0]
    assert_same(spectral_norm_inference(kernel, carried(left), carried(right), inference=inference), trained)
    (gradient,) = spectral_norm_inference_vjp(kernel, carried(left), carried(right), g, inference=inference)
    assert_same(gradient, spectral_norm_vjp(kernel, carried(right), g)[0])


def _singular_vectors(kernel, start, **options):
    """What is kept after one iteration, and the other vector: what is kept of the transposed kernel."""
    matrix = kernel if options["starts_from"] == "units" else kernel.T
    divisor = DIVISORS[options["epsilon_at"]]
    other = matrix @ start / divisor(np.linalg.norm(matrix @ start), options["epsilon"])
    return matrix.T @ other / divisor(np.linalg.norm(matrix.T @ other), options["epsilon"]), other


def test_what_does_not_fit_is_refused():
    kernel = draw("kernel", 7, 5)
    with pytest.raises(ValueError, match="axis must be one of 2 axes; got 2"):
        unit_norm(kernel, axis=2)
    with pytest.raises(ValueError, match="epsilon_at must be one of none, added, inside"):
        unit_norm(kernel, epsilon_at="outside")
    with pytest.raises(ValueError, match="max_value must be positive; got 0"):
        max_norm(kernel, max_value=0.0)
    with pytest.raises(ValueError, match="epsilon_at must be one of none, added, beyond"):
        max_norm(kernel, epsilon_at="inside")
    with pytest.raises(ValueError, match=r"min_value must be at most max_value; got 2\.0 and 1\.0"):
        min_max_norm(kernel, min_value=2.0)
    with pytest.raises(ValueError, match=r"magnitude must have shape \(5,\) = \(units\); got \(7,\)"):
        weight_norm(kernel, np.ones(7))
    with pytest.raises(ValueError, match="norm_of must be one of unit, feature, pair, all; got 'row'"):
        weight_norm(kernel, np.ones(5), norm_of="row")
    with pytest.raises(ValueError, match=r"vector must have shape \(5,\) = \(units\); got \(7,\)"):
        spectral_norm(kernel, np.ones(7))
    with pytest.raises(ValueError, match="power_iterations must be at least 1; got 0"):
        spectral_norm(kernel, np.ones(5), power_iterations=0)
    with pytest.raises(ValueError, match=r"left must have shape \(7,\) = \(features\); got \(5,\)"):
        spectral_norm_inference(kernel, np.ones(5), np.ones(7))
    with pytest.raises(ValueError, match="inference must be kept, iterated or raw; got 'none'"):
        spectral_norm_inference(kernel, np.ones(7), np.ones(5), inference="none")
    with pytest.raises(ValueError, match="starts_from must be units or features"):
        spectral_norm(kernel, np.ones(5), starts_from="left")
    with pytest.raises(ValueError, match=r"magnitude must have shape \(7,\) = \(features\); got \(5,\)"):
        weight_norm(kernel, np.ones(5), norm_of="feature")
    with pytest.raises(ValueError, match="axis must be units or features; got 'rows'"):
        spectral_norm(kernel, np.ones(5), axis="rows")
    with pytest.raises(ValueError, match="epsilon_at must be floor or inside"):
        spectral_norm(kernel, np.ones(5), epsilon_at="added")
