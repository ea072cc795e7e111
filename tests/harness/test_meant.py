"""The right side of a facet: what an answer does that its binding does not say, but the spec means."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from assay.harness.judging.expectation import Expectation
from assay.harness.judging.judge import Answer, judge
from assay.harness.judging.meant import MEANT, meant
from assay.numerics.dtypes import DTYPES, round_to
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.spec import Parameter

CASES = {
    "sigmoid_cross_entropy/reduction=none,zero_target=nan/float64/infinities/3x17": "zero_target=zero",
    "softmax_cross_entropy/zero_target=nan/float32/negative_infinities/16x2x65": "zero_target=zero",
    "kl_divergence/zero_gradient=nan/float32/zeros/3x7": "zero_gradient=infinite",
    "kl_divergence/reduction=sum,zero_target=nan,zero_gradient=zero/float32/negative_infinities/5x65": (
        "zero_target=zero, zero_gradient=infinite"
    ),
    "smooth_l1/nan_sign=negative/float32/nan/3x17": "nan_sign=nan",
}


def answer_under(expectation, parameters):
    """What an implementation with these parameter values gives."""
    expected = Expectation(expectation.case, parameters)
    target = DTYPES[expectation.case.dtype]
    outputs = tuple(round_to(y, target) for y in expected.forward())
    gradients = tuple(round_to(g, target) for g in expected.gradients(np.asarray).values())
    return Answer(outputs=outputs, gradients=gradients)


@pytest.mark.parametrize("case_id", CASES)
def test_an_answer_on_the_right_side_deviates_as_meant(case_id):
    expectation = Expectation(parse(case_id, all_specs()))
    sides = {p.name: p.right for p in expectation.case.spec.parameters if p.right is not None}
    answer = answer_under(expectation, sides)
    judgement = judge(expectation, answer)
    assert judgement.failing
    found = meant(expectation, answer, judgement)
    assert (found.outcome, found.deviation) == ("deviates", f"{MEANT}{CASES[case_id]}")


@pytest.mark.parametrize("case_id", CASES)
def test_another_wrong_answer_stays_wrong(case_id):
    expectation = Expectation(parse(case_id, all_specs()))
    sides = {p.name: p.right for p in expectation.case.spec.parameters if p.right is not None}
    right = answer_under(expectation, sides)
    answer = dataclasses.replace(right, gradients=tuple((g + 1).astype(g.dtype) for g in right.gradients))
    assert meant(expectation, answer, judge(expectation, answer)) is None


def test_an_answer_that_conforms_is_left_alone():
    expectation = Expectation(parse(next(iter(CASES)), all_specs()))
    answer = answer_under(expectation, {})
    assert meant(expectation, answer, judge(expectation, answer)) is None


def test_a_right_side_is_a_value_of_a_facet():
    with pytest.raises(ValueError, match="a right side is a value of a facet; got 'one'"):
        Parameter("p", ("zero", "nan"), "", facet=True, right="one")
    with pytest.raises(ValueError, match="a right side is a value of a facet; got 'nan'"):
        Parameter("p", ("zero", "nan"), "", right="nan")
