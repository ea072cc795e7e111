"""At ±∞ a reference gives the limit where there is one, and so does its gradient; NaN stays NaN.

For a function of one element the limit is found by mpmath at growing arguments. For the others it follows
from a law, or is derived beside the test; where two infinities meet and their ratio decides, there is none.
"""

from __future__ import annotations

import inspect

import mpmath
import numpy as np
import pytest
from support.elementwise import ABOVE_ZERO, OF_ONE_ELEMENT
from support.proof import assert_same, carried, proves

from assay.numerics.carried import carry
from assay.numerics.data import data_set
from assay.numerics.profiles import profiles
from assay.reference.losses_classification import (
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_vjp,
    softmax_cross_entropy,
)
from assay.reference.losses_regression import (
    huber,
    huber_vjp,
    mean_squared_error,
    smooth_l1,
    smooth_l1_vjp,
)
from assay.reference.recurrent import gru, lstm, simple_rnn
from assay.reference.softmax import log_softmax, log_softmax_vjp, softmax, softmax_vjp
from assay.specs import all_specs

# --- functions of one element ---


def limit(function, sign):
    """Of what the function tends to as its argument grows: a number, or an infinity."""
    near, far, farther = (function(sign * mpmath.mpf(10) ** power) for power in (12, 24, 36))
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
    """Whether the reference mixes or moves elements: along an axis, in windows, bins or blocks."""
    places = {
        "axis",
        "axes",
        "window",
        "indices",
        "widths",
        "lengths",
        "block",
        "gate",
        "groups",
        "k",
        "target",
    }
    return spec.name in SUMS or bool(places & set(inspect.signature(spec.reference).parameters))


SUMS = {
    "activity_regularization": "it is a sum over all elements",
    "pdist": "it is a sum over pairs of rows",
    "repeat_vector": "each element is given several times",
    "reshape": "elements get other places",
    "rescaling": "channels may have scales of their own",
    "router_z_loss": "it is a sum over rows",
}
"""Functions whose options do not tell that elements are mixed, and why they are."""


def rows(*, of_vjp):
    for name, (reference, vjp, options, definition) in OF_ONE_ELEMENT.items():
        for sign in (1,) if name in ABOVE_ZERO else (1, -1):
            function = vjp if of_vjp else reference
            proved = of_vjp or mpmath.isfinite(limit(definition, sign))  # whatever is added to ∞, it is ∞
            marks = [proves(function, by="high precision")] if proved else []
            yield pytest.param(function, options, definition, sign, id=f"{name} at {sign}", marks=marks)


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


@pytest.mark.parametrize("far", [16.0, 41.0, 51.0, 1e4])
@pytest.mark.parametrize("name", ["gelu", "gelu by tanh", "silu"])
def test_far_out_a_gate_is_rounded_like_any_other_and_at_infinity_it_is_one(name, far):
    reference, _, options, _ = OF_ONE_ELEMENT[name]
    single = profiles("float32")[0]
    x = carry(np.array([far, np.inf]), single)
    y = reference(x, **options)
    assert (far - far * (1 - 2 * single.u)) <= y.bound[0] < 64 * single.u * far
    assert (y.value[1], y.bound[1]) == (np.inf, 0.0)


@np.errstate(divide="ignore")
@pytest.mark.parametrize("name", OF_ONE_ELEMENT)
def test_nan_stays_nan_and_zero_keeps_its_sign(name):
    reference, _, options, definition = OF_ONE_ELEMENT[name]
    at_nan, at_zero = reference(np.array([np.nan]), **options), reference(np.array([0.0, -0.0]), **options)
    assert np.isnan(at_nan).all()
    value = float(definition(mpmath.mpf(0)))
    assert at_zero == pytest.approx([value, value], rel=1e-15)
    if value == 0:
        kept = [False, name not in SIGNLESS]
        assert np.signbit(at_zero).tolist() == kept


SIGNLESS = ("relu", "non_neg", "soft_shrink", "hard_shrink", "tanh_shrink")
"""Those that give +0 at both zeros."""


# --- functions of several elements ---


@proves(softmax, log_softmax, by="worked figures")
def test_an_excluded_class_has_no_probability():
    """As x → -∞, exp(x) / (exp(x) + 1 + 3) → 0, and its logarithm x - log 4 → -∞; the rest is shared."""
    x = np.array([-np.inf, 0.0, np.log(3.0)])
    assert_same(softmax(carried(x)), [0.0, 0.25, 0.75])
    assert_same(np.exp(log_softmax(carried(x))), [0.0, 0.25, 0.75])
    (gradient,) = softmax_vjp(x, np.array([5.0, 0.0, 4.0]))
    assert_same(gradient[0], 0.0)


def share(x, i):
    """The i-th probability, and its logarithm, in many digits."""
    terms = [mpmath.exp(mpmath.mpf(z)) for z in x]
    return terms[i] / sum(terms), mpmath.mpf(x[i]) - mpmath.log(sum(terms))


@proves(softmax, log_softmax, by="high precision")
@pytest.mark.parametrize("place", [0, 2])
@np.errstate(all="ignore")
def test_a_lone_infinite_logit_takes_all_in_the_limit(place):
    x = np.array([0.5, -np.inf, 1.5, -2.0])
    x[place] = np.inf
    probabilities = softmax(carried(x), infinite_logit="one_hot")
    logarithms = log_softmax(carried(x), infinite_logit="one_hot")
    with mpmath.workdps(60):
        for i in range(4):
            at = [np.array([0.5, -1e9, 1.5, -2.0]) for _ in range(2)]
            at[0][place], at[1][place] = 1e6, 1e9
            (near, near_log), (far, far_log) = (share(a, i) for a in at)
            assert abs(far - near) < mpmath.mpf(2) ** -60
            assert_same(probabilities[i], float(far))
            assert_same(logarithms[i], 0.0 if i == place else float("-inf"))
            assert (far_log == 0) if i == place else far_log < near_log / 100
    assert np.isnan(softmax(x)).all()
    assert np.isnan(log_softmax(x)).all()


@proves(softmax_vjp, log_softmax_vjp, by="worked figures")
@np.errstate(all="ignore")
def test_beside_a_lone_infinite_logit_no_logit_moves_a_probability():
    """y is one-hot at p: y (g - Σ g y) = 0, and of the logarithm g - y Σ g takes all of it from p."""
    x, g = np.array([1.0, np.inf, -2.0]), np.array([3.0, 5.0, 7.0])
    assert_same(softmax_vjp(x, g, infinite_logit="one_hot")[0], [0.0, 0.0, 0.0])
    assert_same(log_softmax_vjp(x, g, infinite_logit="one_hot")[0], [3.0, -10.0, 7.0])


@proves(sigmoid_cross_entropy, sigmoid_cross_entropy_vjp, by="worked figures")
@pytest.mark.parametrize(("x", "target"), [(np.inf, 1.0), (-np.inf, 0.0)])
@np.errstate(all="ignore")
def test_a_certain_and_right_prediction_costs_nothing(x, target):
    """As x → ∞, -log σ(x) → 0 and σ(x) - 1 → 0; the other term is 0 · log σ(-x) = 0 all the way."""
    logits, targets = np.array([x]), np.array([target])
    assert_same(sigmoid_cross_entropy(logits, targets), 0.0)
    assert_same(sigmoid_cross_entropy(logits, 1.0 - targets), np.inf)
    gradient, _ = sigmoid_cross_entropy_vjp(logits, targets, None, np.array(1.0))
    assert_same(gradient, np.array([0.0]))


@proves(huber_vjp, smooth_l1_vjp, by="worked figures")
def test_an_infinite_error_costs_infinitely_much_and_pulls_with_the_slope_of_the_line():
    x, t, g = np.array([np.inf, -np.inf]), np.zeros(2), np.array([1.0, 3.0])
    for loss in (huber, smooth_l1, mean_squared_error):
        assert_same(loss(x, t, reduction="none"), [np.inf, np.inf])
    for vjp in (huber_vjp, smooth_l1_vjp):
        assert_same(vjp(x, t, g, reduction="none"), ([1.0, -3.0], [-1.0, 3.0]))


@proves(softmax_cross_entropy, by="worked figures")
@np.errstate(all="ignore")
def test_a_class_that_is_excluded_costs_nothing_unless_it_is_a_target():
    logits = np.array([[-np.inf, 0.0, 0.0], [-np.inf, 0.0, 0.0]])
    targets = np.array([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    losses = softmax_cross_entropy(carried(logits), carried(targets), reduction="none")
    assert_same(losses[0], mpmath.log(2))
    assert_same(losses[1], np.inf)


@proves(lstm, gru, simple_rnn, by="high precision")
@np.errstate(all="ignore")
@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_input_saturates_gates_and_leaves_the_carry_finite(sign):
    """One unit, all weights 1: as x → ±∞, σ and tanh of x + h tend to their ends; none meets an infinity."""
    x, h, c = (carried(np.array(a)) for a in ([[[sign * np.inf]]], [[0.5]], [[0.25]]))

    def cells(x):
        gate, candidate = 1 / (1 + mpmath.exp(-x - 0.5)), mpmath.tanh(x + 0.5)
        cell = gate / 4 + gate * candidate
        return gate * mpmath.tanh(cell), gate / 2 + (1 - gate) * mpmath.tanh(x + gate / 2), candidate

    with mpmath.workdps(60):
        of_lstm, of_gru, of_simple = cells(sign * mpmath.mpf(10) ** 6)
        assert_same(lstm(x, h, c, np.ones((1, 4)), np.ones((1, 4)))[1][0, 0], float(of_lstm))
        assert_same(gru(x, h, np.ones((1, 3)), np.ones((1, 3)))[1][0, 0], float(of_gru))
        assert_same(simple_rnn(x, h, np.ones((1, 1)), np.ones((1, 1)))[1][0, 0], float(of_simple))


@np.errstate(all="ignore")
def test_a_closed_gate_and_an_infinite_state_leave_nan():
    """σ(x) c has no limit as x → -∞ and c → ∞: it is 0 with c = -x, and 1 with c = 1 + exp(-x)."""
    with mpmath.workdps(60):
        x = -(mpmath.mpf(10) ** 3)
        gate = 1 / (1 + mpmath.exp(-x))
        assert gate * -x < mpmath.mpf(2) ** -60
        assert abs(gate * (1 + mpmath.exp(-x)) - 1) < mpmath.mpf(2) ** -60
    weights = np.ones((1, 4)), np.ones((1, 4))
    _, hidden, cell = lstm(np.array([[[-np.inf]]]), np.array([[0.5]]), np.array([[np.inf]]), *weights)
    assert np.isnan(hidden).all()
    assert np.isnan(cell).all()


@np.errstate(all="ignore")
def test_where_two_infinities_meet_there_is_no_limit():
    """x + t - y tends to anything as x and y grow together: so do shares of several infinite logits."""
    both = np.array([np.inf, np.inf, 0.0])
    for given in ("nan", "one_hot"):
        assert np.isnan(softmax(both, infinite_logit=given)[:2]).all()
    assert np.isnan(mean_squared_error(np.array([np.inf]), np.array([np.inf])))
