"""Accuracy that is lost is told from the chance of other roundings, by what arithmetic is simulated to do."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from assay.harness.auditing.controls import controls, result
from assay.harness.auditing.variants import expected, inner, simulated
from assay.harness.gating.drift import alike, improvement, loosest, loss
from assay.harness.judging.judge import judge
from assay.harness.record import Margin, Verdict
from assay.numerics.dtypes import DTYPES
from assay.numerics.simulated import ORDERS, Arithmetic
from assay.specs import all_specs
from assay.specs.language.case import parse

CASES = [
    "dense/default/{}/normal/9x129x7",
    "layer_norm/default/{}/normal/3x2x17",
    "softmax/default/{}/normal/4x33",
    "gelu/default/{}/normal/3x17",
    "gru/default/{}/normal/3x4x7x5",
    "conv2d/default/{}/normal/2x7x9x4x6x3x2",
]


def verdict(expectation, computed):
    judgement = judge(expectation, computed.stored(expectation.case))
    return Verdict(
        expectation.case.id,
        "some.api",
        "some/cpu",
        judgement.outcome,
        profile=judgement.profile,
        margins=judgement.margins,
    )


def asked(text, dtype="float32"):
    name = text.partition("/")[0]
    spec = all_specs()[name]
    parts = text.format(dtype).split("/")
    size = parts[4] if len(parts[4].split("x")) == len(spec.axis_names) else "x".join(map(str, spec.sizes[0]))
    return expected(parse("/".join((*parts[:4], size)), all_specs()))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("text", CASES, ids=lambda text: text.partition("/")[0])
def test_correct_reorderings_have_not_drifted(text, dtype):
    expectation = asked(text, dtype)
    orders = [simulated(expectation, dataclasses.replace(inner(dtype), order=order)) for order in ORDERS]
    fused = simulated(expectation, dataclasses.replace(inner(dtype), fused_multiply_add=True))
    found = [verdict(expectation, one) for one in (*orders, fused)]
    assert {one.outcome for one in found} == {"conforms"}
    assert [loss(*pair) for pair in itertools.permutations(found, 2) if loss(*pair)] == []


@pytest.mark.parametrize("text", CASES[:1] + CASES[5:], ids=lambda text: text.partition("/")[0])
def test_bits_lost_in_contractions_are_a_drift_before_they_are_no_longer_explained(text):
    """As with TF32 where a bound is loose: fewer bits of each input, until the judge itself objects."""
    expectation = asked(text)
    exact = verdict(expectation, simulated(expectation, inner("float32")))
    said = {}
    for bits in range(24, 10, -1):
        arithmetic = dataclasses.replace(inner("float32"), bits_in=bits)
        found = verdict(expectation, simulated(expectation, arithmetic))
        said[bits] = found.outcome if found.outcome != "conforms" else bool(loss(exact, found))
    assert said[24] is False
    assert said[11] in ("inaccurate", "differs")
    conforming = [drifted for drifted in said.values() if isinstance(drifted, bool)]
    assert conforming == sorted(conforming)
    assert conforming[-1] is True


@pytest.mark.parametrize("text", CASES[1:4], ids=lambda text: text.partition("/")[0])
def test_rounding_after_every_primitive_instead_of_once_is_a_drift_with_its_name(text):
    expectation = asked(text, "bfloat16")
    fused = verdict(expectation, simulated(expectation, None))
    half = Arithmetic(DTYPES["bfloat16"], DTYPES["float32"])
    rounded = verdict(expectation, simulated(expectation, half))
    assert (fused.profile, rounded.profile) == ("fused", "op-by-op")
    assert loss(fused, rounded) == "rounds as op-by-op, no longer as fused"
    assert loss(rounded, fused) == ""
    assert improvement(rounded, fused)


def test_a_profile_that_the_implementation_needed_before_is_no_drift():
    def found(data, profile):
        return Verdict(f"gelu/default/bfloat16/{data}/1x1", "a", "t", "conforms", profile=profile)

    fused, rounded, later = found("normal", "fused"), found("tails", "op-by-op"), found("normal", "op-by-op")
    assert loss(fused, later, loosest([fused])) != ""
    assert loss(fused, later, loosest([fused, rounded])) == ""


def pair(data, *margins):
    case = f"dense/default/float32/{data}/9x129x7"
    return [Verdict(case, "a", "t", "conforms", profile="float32", margins=(margin,)) for margin in margins]


def test_errors_that_are_no_independent_samples_are_not_compared():
    margins = Margin("y", 0.1, 0.1, size=64), Margin("y", 0.9, 6.0, size=64)
    assert loss(*pair("normal", *margins)) != ""
    assert loss(*pair("ties", *margins)) == ""


def test_a_record_without_sizes_says_nothing_about_drift():
    assert loss(*pair("normal", Margin("y", 0.1, 0.1), Margin("y", 0.9, 6.0))) == ""


def test_one_wrong_answer_rounded_differently_is_told_from_another():
    before = Margin("y", 400.0, 2670.0, size=64)
    assert alike(before, Margin("y", 401.0, 2671.0, size=64), inaccurate=False)
    assert not alike(before, Margin("y", 500.0, 3000.0, size=64), inaccurate=False)
    assert alike(before, Margin("y", 500.0, 3000.0, size=64), inaccurate=True)
    assert not alike(before, Margin("y", 9e4, 9e4, size=64), inaccurate=True)


def test_every_control_of_a_layer_is_a_reordering_or_a_loss_that_is_real():
    """Nothing that rounds as the profile says is a drift, whatever its sums and library functions do."""
    expectation = asked(CASES[3])
    found = [
        verdict(expectation, computed)
        for control in controls(expectation.case.spec, "float32")
        if (computed := result(control, expectation)) is not None
    ]
    assert [loss(*p) for p in itertools.permutations(found, 2) if loss(*p)] == []
