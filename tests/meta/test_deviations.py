"""A deviation on file excuses what it says and nothing else: beside each, a second fault is planted."""

from __future__ import annotations

import dataclasses
import functools

import msgspec
import numpy as np
import pytest

from assay.harness.auditing.variants import correct, expected
from assay.harness.judging.deviations import deviating, fits, on_file
from assay.harness.judging.expectation import Expectation
from assay.harness.judging.judge import Answer, judge
from assay.harness.plan import implementations
from assay.harness.record import CHECKS, Target
from assay.numerics.dtypes import DTYPES, round_to, widen
from assay.specs import all_specs
from assay.specs.language.cases import cases

MODES = ("eager", "graph", "xla", "jit", "compiled")

NUMBERED = list(enumerate(on_file()))


def entries(condition=lambda entry: True):
    """Those that a test speaks of, by number, since one name may stand for several."""
    return [pytest.param(n, id=f"{entry.name}-{n}") for n, entry in NUMBERED if condition(entry)]


@functools.cache
def asked_of(number):
    """A case in which the entry makes a difference, with an implementation and a target that it concerns."""
    entry = on_file()[number]
    for spec in all_specs().values():
        concerned = [
            (binding.api, a_target(entry, binding.framework))
            for binding in implementations(spec)
            if fits(spec.name, entry.spec) and fits(binding.api, entry.implementation)
        ]
        concerned = [one for one in concerned if entry.concerns(spec.name, *one)]
        for case in chosen(spec.name) if concerned else ():
            if entry.covers(case):
                expectation = expected(case)
                answer = shown(entry, expectation)
                if judge(expectation, answer, explain=False).failing:
                    return expectation, answer, *concerned[0]
    raise AssertionError(f"no case is meant by {entry.name!r}")


@functools.cache
def chosen(name):
    spec = all_specs()[name]
    return cases(spec, "standard", [tuple(b.where) for b in implementations(spec)])


def a_target(entry, family):
    """A target with whatever backend, mode and versions the entry is about."""
    backends = [family, *(f"{family}[{backend}]" for backend in ("jax", "torch"))]
    name = next((one for one in backends if fits(one, entry.framework)), family)
    mode = next((mode for mode in MODES if fits(mode, entry.mode)), "")
    versions = {package: "99" for package in entry.versions}
    return Target(name, name, "cpu", mode, True, versions=versions)


def shown(entry, expectation):
    """An answer that shows what the entry says, and nothing else."""
    if not expectation.case.valid:
        return Answer(outputs=(np.zeros(1, np.float32),))
    if entry.parameters:
        return correct(Expectation(expectation.case, entry.parameters)).stored(expectation.case)
    right = correct(expectation).stored(expectation.case)
    if fits("raised", entry.check):
        return Answer(error=entry.message)
    if fits("structure", entry.check):
        return Answer(right.outputs, tuple(g[..., np.newaxis] for g in right.gradients))
    if "expected" in entry.message or not entry.message:
        return nudged(entry, expectation, right)
    return Answer(right.outputs, gradient_error=entry.message)


def nudged(entry, expectation, right):
    """The right answer with a wrong number in its output, of the kind that the entry expects."""
    first = widen(right.outputs[0]).copy()
    if entry.message == "expected nan":
        first[np.isnan(first)] = 0.0
    elif entry.outcome == "differs":
        first.flat[0] = np.inf
    else:
        first.flat[np.argmax(np.abs(first))] *= 1 + 2 * DTYPES[expectation.case.dtype].u ** 0.75
    moved = round_to(first, DTYPES[expectation.case.dtype])
    return Answer((moved, *right.outputs[1:]), right.gradients)


def told(number, change=lambda answer: answer):
    expectation, answer, api, target = asked_of(number)
    given = change(answer)
    return deviating(expectation, api, target, given, judge(expectation, given))


@pytest.mark.parametrize("number", entries())
def test_an_entry_excuses_what_it_says(number):
    judgement = told(number)
    assert (judgement.outcome, judgement.failing) == ("deviates", False)
    assert on_file()[number].name in [problem.deviation for problem in judgement.problems]


@pytest.mark.parametrize("number", entries(lambda entry: not fits("raised", entry.check) or entry.parameters))
def test_an_entry_excuses_no_second_fault(number):
    def unsteady(answer):
        return dataclasses.replace(answer, repeats=False)

    def one_array_more(answer):
        return dataclasses.replace(answer, outputs=(*answer.outputs, answer.outputs[0]))

    for plant, check in ((unsteady, "repeats"), (one_array_more, "structure")):
        judgement = told(number, plant)
        assert (judgement.failing, judgement.check) == (True, check)


def spares_values(entry):
    about = ("raised", "special values", "values")
    return bool(entry.parameters) or not any(fits(check, entry.check) for check in about)


@pytest.mark.parametrize("number", entries(spares_values))
def test_an_entry_that_is_not_about_values_excuses_no_wrong_value(number):
    def far_off(answer):
        finite = np.nan_to_num(widen(answer.outputs[0]), posinf=0.0, neginf=0.0)
        first = (finite + 100).astype(answer.outputs[0].dtype)
        return dataclasses.replace(answer, outputs=(first, *answer.outputs[1:]))

    judgement = told(number, far_off)
    assert judgement.failing
    assert judgement.check in ("values", "special values")


@pytest.mark.parametrize("number", entries(lambda entry: entry.mode != "*"))
def test_an_entry_of_one_mode_excuses_nothing_in_another(number):
    expectation, answer, api, target = asked_of(number)
    other = msgspec.structs.replace(target, mode="eager")
    assert deviating(expectation, api, other, answer, judge(expectation, answer)).failing


def test_an_entry_that_expects_an_outcome_names_its_check():
    for entry in on_file():
        if entry.outcome:
            named = (entry.check,) if isinstance(entry.check, str) else entry.check
            assert set(named) <= set(CHECKS), entry.name
