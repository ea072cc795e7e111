"""Losses that are divergences: worked figures, many digits, and the laws that tie them to each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.carried import carry, finish
from assay.numerics.data import draw_probability
from assay.numerics.dtypes import dtype
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance
from assay.reference.losses_divergence import (
    generalized_kl_divergence,
    generalized_kl_divergence_vjp,
    kl_divergence,
    kl_divergence_probabilities,
    kl_divergence_probabilities_vjp,
    kl_divergence_vjp,
    kl_divergence_with_log_targets,
    kl_divergence_with_log_targets_vjp,
)
from assay.reference.softmax import log_softmax, softmax

LOGITS = 4.0 * Stream("logits").normal((5, 3, 7))
TARGETS = Stream("targets").uniform((5, 3, 7))


@proves(kl_divergence_probabilities, by="worked figures")
def test_kl_divergence_of_worked_figures():
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    assert_same(kl_divergence_probabilities(carried(p), carried(q)), mpmath.log(mpmath.mpf(4) / 3) / 2)


@proves(kl_divergence, kl_divergence_with_log_targets, by="worked figures")
def test_kl_divergence_of_powers_of_one_half():
    # 1/2 (log 1/2 - log 1/4) + 1/4 (log 1/4 - log 1/4) + 1/4 (log 1/4 - log 1/2) = 1/4 log 2.
    p, q = np.array([[0.5, 0.25, 0.25]]), carried(np.array([[0.25, 0.25, 0.5]]))
    assert_same(kl_divergence(carried(p), np.log(q)), mpmath.log(2) / 4)
    assert_same(kl_divergence_with_log_targets(np.log(carried(p)), np.log(q)), mpmath.log(2) / 4)


@proves(kl_divergence_vjp, kl_divergence_with_log_targets_vjp, by="worked figures")
@proves(kl_divergence_probabilities_vjp, by="worked figures")
def test_gradients_of_kl_divergence_at_powers_of_one_half():
    p, q, g = map(carried, (np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]]), np.array(1.0)))
    slopes = [1 + mpmath.log(2), mpmath.mpf(1), 1 - mpmath.log(2)]  # 1 + log p - log q
    assert_same(kl_divergence_vjp(p, np.log(q), g), ([slopes], [[-0.5, -0.25, -0.25]]))
    assert_same(kl_divergence_probabilities_vjp(p, q, None, g), ([slopes], [[-2.0, -1.0, -0.5]]))
    weighted = [slope * share for slope, share in zip(slopes, p.value[0], strict=True)]
    of_logarithms = kl_divergence_with_log_targets_vjp(np.log(p), np.log(q), g)
    assert_same(of_logarithms, ([weighted], [[-0.5, -0.25, -0.25]]))


@proves(kl_divergence, by="high precision")
def test_kl_divergence_agrees_with_many_digits():
    p, x = softmax(LOGITS[0]), LOGITS[1]
    with mpmath.workdps(60):
        exact = mpmath.fsum(
            mpmath.mpf(s) * (mpmath.log(s) - mpmath.mpf(t)) for s, t in zip(p.ravel(), x.ravel(), strict=True)
        )
    assert_same(kl_divergence(carried(p), carried(x), reduction="sum"), exact)


@proves(kl_divergence_with_log_targets, by="high precision")
def test_kl_divergence_of_log_probabilities_agrees_with_many_digits():
    t, x = 100.0 * LOGITS[0] - 300.0, LOGITS[1]
    with mpmath.workdps(60):
        pairs = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(t.ravel(), x.ravel(), strict=True)]
        terms = np.reshape([mpmath.exp(a) * (a - b) for a, b in pairs], t.shape)
    assert_same(kl_divergence_with_log_targets(carried(t), carried(x), reduction="elements"), terms)


@proves(kl_divergence_probabilities, by="high precision")
def test_kl_divergence_of_probabilities_agrees_with_many_digits():
    # The distributions of Kullback (1959), Information theory and statistics, example 2.1: a binomial one
    # with p = 0.4 beside the uniform one.
    p, q = np.array([[0.36, 0.48, 0.16]]), np.full((1, 3), 1 / 3)
    for one, other in ((p, q), (q, p)):
        with mpmath.workdps(60):
            pairs = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(one[0], other[0], strict=True)]
            exact = mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)
        assert_same(kl_divergence_probabilities(carried(one), carried(other)), exact)


@proves(kl_divergence_probabilities, kl_divergence_probabilities_vjp, by="law")
def test_weights_of_samples_multiply_the_divergences_of_rows():
    p, q = np.array([[0.5, 0.5], [0.25, 0.75]]), carried(np.array([[0.75, 0.25], [0.5, 0.5]]))
    weights, rows = np.array([0.5, 2.0]), {"reduction": "rows"}
    total = np.sum(weights * kl_divergence_probabilities(p, q, **rows))
    assert_same(kl_divergence_probabilities(p, q, weights, reduction="mean_weights"), total / 2.5)
    assert_same(kl_divergence_probabilities(p, q, weights, reduction="batchmean"), total / 2)
    gradients = kl_divergence_probabilities_vjp(p, q, weights, np.array(1.0), reduction="mean_weights")
    assert_same(gradients, kl_divergence_probabilities_vjp(p, q, None, weights / 2.5, **rows))


@proves(kl_divergence, kl_divergence_with_log_targets, kl_divergence_probabilities, by="law")
def test_divergence_takes_targets_and_predictions_in_any_domain():
    p, log_q = softmax(LOGITS), log_softmax(LOGITS[::-1])
    whole = kl_divergence(carried(p), carried(log_q), reduction="sum")
    assert_same(whole, kl_divergence_with_log_targets(np.log(carried(p)), carried(log_q), reduction="sum"))
    assert_same(whole, kl_divergence_probabilities(carried(p), np.exp(carried(log_q)), reduction="sum"))


@proves(kl_divergence_probabilities, kl_divergence_with_log_targets, by="law")
def test_divergence_of_a_distribution_from_itself_is_zero():
    p = carried(softmax(LOGITS))
    plain = p.value
    assert_same(kl_divergence_probabilities(plain, plain, reduction="elements"), 0.0)
    assert_same(kl_divergence_with_log_targets(np.log(plain), np.log(plain), reduction="elements"), 0.0)


@proves(kl_divergence, by="law")
@pytest.mark.parametrize(("reduction", "divisor"), [("batchmean", 15), ("mean", 105), ("sum", 1)])
def test_reductions_of_a_divergence_divide_by_rows_or_terms(reduction, divisor):
    terms = kl_divergence(carried(TARGETS), carried(LOGITS), reduction="elements")
    assert_same(
        kl_divergence(carried(TARGETS), carried(LOGITS), reduction=reduction), np.sum(terms) / divisor
    )


@pytest.mark.parametrize(
    ("zero_gradient", "expected"), [("infinite", -np.inf), ("zero", 0.0), ("nan", np.nan)]
)
def test_gradient_with_respect_to_a_target_of_zero_is_what_the_facet_says(zero_gradient, expected):
    p, x = np.array([[0.0, 1.0]]), np.array([[-1.0, -2.0]])
    with np.errstate(divide="ignore"):
        gradient, _ = kl_divergence_vjp(p, x, np.array(1.0), zero_gradient=zero_gradient)
    assert_same(gradient, [[expected, 3.0]])


# --- roundings ---


ORDERS = {
    "g (log p - log q + 1)": lambda log_p, log_q, g: g * ((log_p - log_q) + np.float32(1)),
    "g (log p + 1 - log q)": lambda log_p, log_q, g: g * ((log_p + np.float32(1)) - log_q),
    "g (log p - log q) + g": lambda log_p, log_q, g: g * (log_p - log_q) + g,
    "g (log p + 1) - g log q": lambda log_p, log_q, g: g * (log_p + np.float32(1)) - g * log_q,
    "g log p + (g - g log q)": lambda log_p, log_q, g: g * log_p + (g - g * log_q),
}


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_the_gradient_of_a_divergence_is_within_its_tolerance(order):
    """Of single classes too, whose log p is 0 exactly: there an order that adds 1 last rounds once more."""
    float32, stream = profiles("float32")[0], Stream("orders of the gradient")
    for classes in (1, 5):
        p = draw_probability(stream, (1000, classes), dtype("float32"))
        log_q, g = (stream.normal(p.shape).astype(np.float32) for _ in range(2))
        given = (carry(a, float32) for a in (p, log_q, g))
        expected = finish(kl_divergence_vjp(*given, reduction="elements")[0])
        got = ORDERS[order](np.log(p), log_q, g)
        assert np.all(np.abs(got - expected.value) <= tolerance(expected))


@proves(generalized_kl_divergence, generalized_kl_divergence_vjp, kl_divergence, kl_divergence_vjp, by="law")
def test_of_distributions_the_generalized_divergence_is_the_divergence():
    log_q = log_softmax(carried(LOGITS[0]))
    t = softmax(carried(LOGITS[1]))
    assert_same(generalized_kl_divergence(log_q, t), kl_divergence(t, log_q), size=10)
    of_q, of_t = generalized_kl_divergence_vjp(log_q, t, np.array(1.0))
    by_t, by_q = kl_divergence_vjp(t, log_q, np.array(1.0))
    # The sums add the slopes of q and of -t.
    assert_same(of_q, by_q + np.exp(log_q) / 3.0, size=1)
    assert_same(of_t, by_t - 1.0 / 3.0, size=10)


@proves(generalized_kl_divergence, generalized_kl_divergence_vjp, by="worked figures")
def test_the_generalized_divergence_of_half_and_one():
    log_q, t = np.log(carried(np.array([[2.0, 1.0]]))), carried(np.array([[1.0, 1.0]]))
    assert_same(generalized_kl_divergence(log_q, t), 1 - mpmath.log(2))
    of_q, of_t = generalized_kl_divergence_vjp(log_q, t, np.array(1.0))
    assert_same(of_q, [[1.0, 0.0]], size=1)
    assert_same(of_t[0, 0], -mpmath.log(2))
