"""At ±∞ a reference gives the limit where there is one, and so does its gradient; NaN stays NaN.

For a function of one element the limit is found by mpmath at growing arguments. For the others it follows
from a law, or is derived beside the test; where two infinities meet and their ratio decides, there is none.
"""

from __future__ import annotations

import inspect

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, proves

from assay.numerics.data import data_set
from assay.reference.activations import (
    SELU_ALPHA,
    SELU_SCALE,
    gelu,
    gelu_vjp,
    relu,
    relu_vjp,
    selu,
    selu_vjp,
    silu,
    silu_vjp,
)
from assay.reference.constraints import non_neg, non_neg_vjp
from assay.specs import all_specs

# --- functions of one element ---


def gelu_tanh(x):
    return x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))


def rectified(x):
    return max(x, mpmath.mpf(0))


def selu_in_many_digits(x):
    return SELU_SCALE * (x if x > 0 else SELU_ALPHA * mpmath.expm1(x))


OF_ONE_ELEMENT = {
    "relu": (relu, relu_vjp, {}, rectified),
    "gelu": (gelu, gelu_vjp, {}, lambda x: x * mpmath.ncdf(x)),
    "gelu by tanh": (gelu, gelu_vjp, {"approximate": True}, gelu_tanh),
    "silu": (silu, silu_vjp, {}, lambda x: x / (1 + mpmath.exp(-x))),
    "selu": (selu, selu_vjp, {}, selu_in_many_digits),
    "non_neg": (non_neg, non_neg_vjp, {}, rectified),
}
"""Reference, its vjp, options, and the definition for mpmath."""


def limit(function, sign):
    """Of what the function tends to as its argument grows: a number, or an infinity."""
    near, far, farther = (function(sign * mpmath.mpf(10) ** power) for power in (3, 6, 9))
    if abs(farther) > 100 * abs(far) > 10000 * abs(near):
        return mpmath.sign(farther) * mpmath.inf
    assert abs(farther - far) < mpmath.mpf(2) ** -60, "neither settles nor grows"
    return farther


def test_every_function_of_one_element_is_asked():
    of_one = {
        spec.name
        for spec in all_specs().values()
        if len(spec.inputs) == 1 and any(data_set(d).special for d in spec.data) and not _has_axes(spec)
    }
    assert of_one == {reference.__name__ for reference, *_ in OF_ONE_ELEMENT.values()}


def _has_axes(spec):
    """Whether the reference mixes elements along an axis, or in windows."""
    return bool({"axis", "window", "indices"} & set(inspect.signature(spec.reference).parameters))


def rows(*, of_vjp):
    for name, (reference, vjp, options, definition) in OF_ONE_ELEMENT.items():
        for sign in (1, -1):
            mark = proves(vjp if of_vjp else reference, by="high precision")
            arguments = (vjp if of_vjp else reference, options, definition, sign)
            yield pytest.param(*arguments, id=f"{name} at {sign}", marks=mark)


@pytest.mark.parametrize(("reference", "options", "definition", "sign"), list(rows(of_vjp=False)))
def test_a_value_at_infinity_is_its_limit(reference, options, definition, sign):
    with mpmath.workdps(60):
        wanted = float(limit(definition, sign))
    assert_same(reference(np.array([sign * np.inf]), **options), np.array([wanted]))


@pytest.mark.parametrize(("vjp", "options", "definition", "sign"), list(rows(of_vjp=True)))
def test_a_slope_at_infinity_is_its_limit(vjp, options, definition, sign):
    with mpmath.workdps(60):
        wanted = float(limit(lambda x: mpmath.diff(definition, x, direction=sign), sign))
    (slope,) = vjp(np.array([sign * np.inf]), np.array([1.0]), **options)
    assert_same(slope, np.array([wanted]))


@pytest.mark.parametrize("name", OF_ONE_ELEMENT)
def test_nan_stays_nan_and_zero_keeps_its_sign(name):
    reference, _, options, _ = OF_ONE_ELEMENT[name]
    at_nan, at_zero = reference(np.array([np.nan]), **options), reference(np.array([0.0, -0.0]), **options)
    assert np.isnan(at_nan).all()
    assert at_zero.tolist() == [0.0, 0.0]
    kept = [False, False] if name in ("relu", "non_neg") else [False, True]
    assert np.signbit(at_zero).tolist() == kept
