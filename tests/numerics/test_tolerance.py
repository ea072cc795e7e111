"""The threshold: from the false alarms that a run may give, and never above the worst case."""

import math
from pathlib import Path

import numpy as np
import pytest

from assay.numerics._moments import Moments
from assay.numerics.carried import carry, carry_moments
from assay.numerics.dtypes import DTYPES
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import CHECKS_PER_RUN, FALSE_ALARMS_PER_RUN, confidence, tolerance

SINGLE = profiles("float32")[0]


def carried(bound, variance):
    bound, variance = np.asarray(bound, dtype=float), np.asarray(variance, dtype=float)
    return carry_moments(Moments(np.ones(bound.shape), bound, variance), SINGLE)


def test_confidence_fails_with_the_probability_that_was_asked_for():
    for alpha in (1e-12, 1e-3):
        for n in (1, 1000):
            assert 2 * n * math.exp(-(confidence(alpha, n) ** 2) / 2) == pytest.approx(alpha)


def test_errors_of_a_sum_of_uniform_roundings_exceed_lambda_sigma_as_seldom_as_claimed():
    n, trials = 12, 2**16
    errors = np.sum(Stream("roundings").uniform((n, trials)) - 0.5, axis=0)
    sigma = math.sqrt(n / 12)
    for alpha in (0.3, 0.03, 0.003):
        assert np.mean(np.abs(errors) > confidence(alpha, 1) * sigma) <= alpha


def test_the_smaller_limit_counts():
    factor = confidence(FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN, 2)
    assert tolerance(carried([1.0, 1e9], [4.0, 4.0])).tolist() == [1.0, 2 * factor]


def test_the_false_alarms_are_those_that_the_error_model_promises():
    def power(x):
        return "10" + str(round(math.log10(x))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))

    promise = (Path(__file__).parents[2] / "docs/error-model.md").read_text("utf-8")
    assert f"at most {power(FALSE_ALARMS_PER_RUN)} false alarms" in promise
    assert f"ln(2n/{power(FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN)})" in promise


def test_a_number_alone_has_the_confidence_of_one():
    factor = confidence(FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN, 1)
    assert tolerance(carried([1e9], [4.0])).tolist() == [2 * factor]


def test_on_repeating_data_only_the_worst_case_counts():
    assert tolerance(carried([1.0, 1e9], [4.0, 4.0]), independent=False).tolist() == [1.0, 1e9]


def test_what_is_unresolved_is_tolerated_and_what_is_exact_is_not():
    assert tolerance(carried([np.inf, 0.0], [np.inf, 0.0])).tolist() == [np.inf, 0.0]
    assert tolerance(carry(np.ones(3), SINGLE)).tolist() == [0.0] * 3
    assert tolerance(carry(np.ones((0, 3)), SINGLE)).shape == (0, 3)


def test_a_variance_that_has_underflowed_does_not_count():
    assert tolerance(carried([1e-170], [0.0])).tolist() == [1e-170]
    smallest = DTYPES["float64"].smallest_normal
    assert tolerance(carried([1.0], [np.nextafter(smallest, 0)])).tolist() == [1.0]
    assert tolerance(carried([1.0], [smallest])) < 1.0


@pytest.mark.parametrize(
    ("alpha", "n", "message"),
    [
        (0.0, 1, "alpha is 0.0"),
        (-0.5, 1, "alpha is -0.5"),
        (1.0, 1, "alpha is 1.0"),
        (1.5, 1, "alpha is 1.5"),
        (0.1, 0, "n is 0"),
    ],
)
def test_nonsense_is_refused(alpha, n, message):
    with pytest.raises(ValueError, match=message):
        confidence(alpha, n)
