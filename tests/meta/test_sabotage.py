"""Whatever a wrong binding could do to a layer is caught by the cases and the judge.

The implementation here is the reference itself, evaluated in float64 and rounded once: as a control it
conforms; with one input lost, one option ignored, or its result spoilt, it must not.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from assay.harness.expectation import Expectation
from assay.harness.judge import Answer, judge
from assay.harness.plan import implementations
from assay.numerics.dtypes import dtype, round_to
from assay.numerics.profiles import profiles
from assay.specs import all_specs
from assay.specs.cases import cases

SPECS = all_specs()


@functools.cache
def asked(name, tier="smoke"):
    """Expectations of the valid cases of a spec."""
    restrictions = [tuple(binding.where) for binding in implementations(SPECS[name])]
    return [Expectation(case) for case in cases(SPECS[name], tier, restrictions) if case.valid]


def evaluate(expectation, inputs=None, parameters=None):
    """The answer of an implementation that computes in float64 and rounds its results once."""
    other = Expectation(expectation.case, parameters, None)
    other.inputs = {**expectation.inputs, **(inputs or {})}
    other.__dict__["cotangents"] = expectation.cotangents
    (profile,) = profiles("float64")
    try:
        arrays = other.under(profile)
    except ValueError as error:  # other options ask for other shapes
        return _answer_without_gradients(other, error)
    target = dtype(expectation.case.dtype)
    rounded = [e.value if e.exact else round_to(e.value, target) for e in arrays]
    outputs = sum(e.check != "gradients" for e in arrays)
    return Answer(tuple(rounded[:outputs]), tuple(rounded[outputs:]))


def _answer_without_gradients(expectation, error):
    target = dtype(expectation.case.dtype)
    try:
        outputs = expectation.forward()
    except ValueError:
        return Answer(error=str(error))
    return Answer(tuple(round_to(np.asarray(y, float), target) for y in outputs), gradient_error=str(error))


def caught(name, sabotage):
    """Whether some case of the smoke tier, or else of the standard tier, fails under ``sabotage``."""
    for tier in ("smoke", "standard"):
        for expectation in asked(name, tier):
            answer = sabotage(expectation)
            if answer is not None and judge(expectation, answer).failing:
                return True
    return False


@pytest.mark.parametrize("name", SPECS)
def test_the_reference_rounded_once_conforms(name):
    for expectation in asked(name):
        judgement = judge(expectation, evaluate(expectation))
        assert judgement.outcome == "conforms", (expectation.case.id, judgement)


def lost_inputs():
    return [(spec.name, i.name) for spec in SPECS.values() for i in spec.inputs if i.kind != "recovered"]


@pytest.mark.parametrize(("name", "lost"), lost_inputs())
def test_an_input_that_is_replaced_by_zeros_is_caught(name, lost):
    def sabotage(expectation):
        if lost not in expectation.inputs:
            return None
        return evaluate(expectation, inputs={lost: np.zeros_like(expectation.inputs[lost])})

    assert caught(name, sabotage)


def swapped_inputs():
    """Inputs whose last axis holds several things side by side: units, gates, channels, classes."""
    return [
        (spec.name, i.name) for spec in SPECS.values() for i in spec.inputs if i.differentiable and i.axes
    ]


@pytest.mark.parametrize(("name", "swapped"), swapped_inputs())
def test_an_input_whose_last_axis_is_rolled_by_one_is_caught(name, swapped):
    def sabotage(expectation):
        if swapped not in expectation.inputs:
            return None
        return evaluate(expectation, inputs={swapped: np.roll(expectation.inputs[swapped], 1, axis=-1)})

    assert caught(name, sabotage)


def ignored_options():
    """Options of the reference or its vjp; the others act through inputs, which are lost above.

    An option that only invalid cases change is met by the case of its constraint.
    """
    for spec in SPECS.values():
        acting = {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}
        acting -= {name for c in spec.constraints for name in c.broken_by if len(c.broken_by) > 1}
        yield from ((spec.name, p.name) for p in spec.parameters if p.name in acting and len(p.values) > 1)


@pytest.mark.parametrize(("name", "option"), list(ignored_options()))
def test_an_option_that_is_ignored_is_caught(name, option):
    default = SPECS[name].parameter(option).default

    def sabotage(expectation):
        if expectation.case.arguments[option] == default:
            return None
        return evaluate(expectation, parameters={option: default})

    assert caught(name, sabotage)


def spoil(change):
    """Sabotage that changes the first output."""

    def sabotage(expectation):
        answer = evaluate(expectation)
        with np.errstate(all="ignore"):
            first = change(answer.outputs[0].copy())
        return None if first is None else Answer((first, *answer.outputs[1:]), answer.gradients)

    return sabotage


def one_element_off(y):
    if not y.size or not np.isfinite(y.reshape(-1)[-1]):
        return None
    y.reshape(-1)[-1] += 2
    return y


SPOILT = {
    "zeros": np.zeros_like,
    "negated": np.negative,
    "stale by one": lambda y: np.roll(y, 1) if y.size > 1 else None,
    "last element off": one_element_off,
    "a NaN": lambda y: np.where(np.arange(y.size).reshape(y.shape) == y.size - 1, np.nan, y).astype(y.dtype),
    "scaled by 1.01": lambda y: (y * 1.01).astype(y.dtype),
    "one axis more": lambda y: y[..., None],
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("change", SPOILT)
def test_a_spoilt_output_is_caught(name, change):
    assert caught(name, spoil(SPOILT[change]))
