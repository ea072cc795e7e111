"""Gated units: figures by hand, 40 digits, laws of halves and layouts, and kinks."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import glu, glu_vjp
from assay.reference.gated_units import (
    ACTIVATIONS,
    clamped_swiglu,
    clamped_swiglu_vjp,
    gated_linear_unit,
    gated_linear_unit_vjp,
)

X = Stream("gated_units/x").normal((3, 6))
FORMS = [(gate, layout) for gate in ("first", "second") for layout in ("concatenated", "interleaved")]
FORM = pytest.mark.parametrize(("gate", "layout"), FORMS)

DEFINITIONS = {
    "sigmoid": lambda g: 1 / (1 + mpmath.exp(-g)),
    "silu": lambda g: g / (1 + mpmath.exp(-g)),
    "gelu_erf": lambda g: g * mpmath.ncdf(g),
    "gelu_tanh": lambda g: (
        g / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (g + mpmath.mpf("0.044715") * g**3)))
    ),
    "relu": lambda g: max(g, mpmath.mpf(0)),
}


def halves(row, gate, layout):
    """What is let through and the gate, by their places."""
    n = len(row) // 2
    first, second = (row[:n], row[n:]) if layout == "concatenated" else (row[::2], row[1::2])
    return (second, first) if gate == "first" else (first, second)


@proves(gated_linear_unit, by="worked figures")
def test_relu_lets_through_what_its_gate_says():
    x = np.array([1.0, 2.0, 3.0, -4.0])
    assert_same(gated_linear_unit(carried(x), activation="relu"), np.array([3.0, 0.0]))
    assert_same(gated_linear_unit(carried(x), activation="relu", gate="first"), np.array([3.0, -8.0]))
    options = {"activation": "relu", "layout": "interleaved"}
    assert_same(gated_linear_unit(carried(x), **options), np.array([2.0, 0.0]))
    assert_same(gated_linear_unit(carried(x), **options, gate="first"), np.array([2.0, -12.0]))


@proves(clamped_swiglu, by="worked figures")
def test_halves_are_held_at_seven_and_the_gate_from_above_alone():
    x = carried(np.array([8.0, 9.0, -8.0, -9.0, 0.0, 5.0]))
    assert_same(clamped_swiglu(x), ["55.999625", "0.000058599", "0.000000000"])


@proves(gated_linear_unit, by="high precision")
@FORM
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_agrees_with_its_definition_in_40_digits(activation, gate, layout):
    y = gated_linear_unit(carried(X), activation=activation, gate=gate, layout=layout)
    with mpmath.workdps(40):
        exact = [
            [
                mpmath.mpf(u) * DEFINITIONS[activation](mpmath.mpf(g))
                for u, g in zip(*halves(row, gate, layout), strict=True)
            ]
            for row in X
        ]
    assert_same(y, np.array(exact, dtype=object))


@proves(clamped_swiglu, by="high precision")
@FORM
def test_clamped_agrees_with_its_definition_in_40_digits(gate, layout):
    y = clamped_swiglu(carried(X), limit=0.5, gate=gate, layout=layout)
    with mpmath.workdps(40):
        exact = []
        for row in X:
            pairs = zip(*halves(row, gate, layout), strict=True)
            held = [(max(min(u, 0.5), -0.5), mpmath.mpf(min(g, 0.5))) for u, g in pairs]
            exact.append(
                [g / (1 + mpmath.exp(-mpmath.mpf(1.702) * g)) * (mpmath.mpf(u) + 1) for u, g in held]
            )
    assert_same(y, np.array(exact, dtype=object))


@proves(gated_linear_unit, gated_linear_unit_vjp, by="law")
def test_the_default_is_glu():
    g = Stream("gated_units/g").normal((3, 3))
    assert_same(gated_linear_unit(carried(X)), glu(carried(X)))
    assert_same(gated_linear_unit_vjp(carried(X), carried(g)), glu_vjp(carried(X), carried(g)))


@proves(gated_linear_unit_vjp, clamped_swiglu_vjp, by="law")
@FORM
@pytest.mark.parametrize("vjp", [gated_linear_unit_vjp, clamped_swiglu_vjp])
def test_gradients_lie_where_the_halves_do(vjp, gate, layout):
    g = Stream("gated_units/g").normal((3, 3))
    n = X.shape[-1]
    value, opening = halves(np.arange(n), gate, layout)
    order = np.empty(n, int)  # where each place of the form lies in the plain one
    order[value], order[opening] = np.arange(n // 2), np.arange(n // 2, n)
    plain = vjp(carried(X[:, np.argsort(order)]), carried(g), gate="second", layout="concatenated")[0]
    assert_same(vjp(carried(X), carried(g), gate=gate, layout=layout)[0], plain[:, order])


@proves(clamped_swiglu, clamped_swiglu_vjp, by="law")
def test_within_the_limit_it_is_silu_of_a_steeper_gate():
    y = clamped_swiglu(carried(X), alpha=1.0, limit=50.0, beta=0.0)
    options = {"activation": "silu", "gate": "first", "layout": "interleaved"}
    assert_same(y, gated_linear_unit(carried(X), **options))
    g = carried(Stream("gated_units/g").normal((3, 3)))
    got = clamped_swiglu_vjp(carried(X), g, alpha=1.0, limit=50.0, beta=0.0)
    assert_same(got, gated_linear_unit_vjp(carried(X), g, **options))


@pytest.mark.parametrize("kink", [1.0, 0.5, 0.0])
def test_just_at_a_limit_a_share_of_the_gradient_passes(kink):
    g = np.ones(2)
    x = np.array([2.0, 2.0, 1.0, -2.0])  # gate, value, gate, value
    (dx,) = clamped_swiglu_vjp(x, g, limit=2.0, kink_gradient=kink)
    (within,) = clamped_swiglu_vjp(x, g, limit=np.nextafter(2.0, 3.0))
    np.testing.assert_array_equal(dx, within * np.array([kink, kink, 1.0, kink]))
    (beyond,) = clamped_swiglu_vjp(np.array([3.0, 3.0, -3.0, -3.0]), g, limit=2.0)
    assert beyond[[0, 1, 3]].tolist() == [0, 0, 0]
    assert beyond[2] != 0


def test_the_gradient_of_nan_is_as_it_is_asked_for():
    x, g = np.array([1.0, np.nan, np.nan, 1.0]), np.ones(2)
    (passed,) = clamped_swiglu_vjp(x, g)
    assert np.isnan(passed).tolist() == [True, False, True, True]
    assert passed[1] != 0
    (zero,) = clamped_swiglu_vjp(x, g, nan_gradient="zero")
    assert zero[[1, 2]].tolist() == [0, 0]
    (times,) = clamped_swiglu_vjp(x, g, nan_gradient="multiply")
    assert times[1] == 0
    assert np.isnan(times[2])


@pytest.mark.parametrize("function", [gated_linear_unit, clamped_swiglu])
def test_what_has_no_halves_is_refused(function):
    with pytest.raises(ValueError, match=r"x must have a last axis of even length; got shape \(3, 5\)"):
        function(X[:, :5])
    with pytest.raises(ValueError, match="gate must be first or second; got 'third'"):
        function(X, gate="third")
    with pytest.raises(ValueError, match="layout must be concatenated or interleaved; got 'packed'"):
        function(X, layout="packed")


def test_activations_and_limits_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match=r"activation must be one of sigmoid, silu, .*; got 'mish'"):
        gated_linear_unit(X, activation="mish")
    with pytest.raises(ValueError, match=r"limit must be above 0; got 0\.0"):
        clamped_swiglu(X, limit=0.0)
