"""Every check of the judge passes at its edge and fails just beyond it.

Where an edge lies is taken from the expected arrays and from the format, never typed: the last number within
a tolerance and the first one outside it, one ulp, the largest number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from assay.harness.judging import stochastic
from assay.harness.judging.expectation import Expectation, Expected
from assay.harness.judging.judge import Answer, Judgement, _lanes, compare, judge
from assay.harness.judging.stochastic import OTHER_SEED, SEED, SIGNIFICANCE, is_stochastic, judge_stochastic
from assay.numerics.dtypes import DTYPES, encode, round_to, widen
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.numerics.simulated import to_precision
from assay.numerics.tolerance import CHECKS_PER_RUN, FALSE_ALARMS_PER_RUN
from assay.numerics.ulps import ulp
from assay.specs import all_specs
from assay.specs.language.case import Case
from assay.specs.language.spec import Constraint, Input, Parameter, Spec

SINGLE, HALF = DTYPES["float32"], DTYPES["bfloat16"]
ULP = float(ulp(1.0, SINGLE))


# --- a layer with an output, a state and two gradients ---


def layer(x, w):
    return x * w, x @ w


def layer_vjp(x, w, cotangent):
    return cotangent * w, np.sum(cotangent * x, axis=0)


LAYER = Spec(
    name="layer",
    reference=layer,
    vjp=layer_vjp,
    inputs=(Input("x", "batch, features"), Input("w", "features", kind="weight")),
    axes="batch features",
    sizes=((2, 5),),
    data=("normal",),
    states=("total",),
    constraints=(Constraint("C1", "features > 0", "there must be features", broken_by={"features": 0}),),
)
NAMES = ("y", "total", "gradient of x", "gradient of w")


def asked(dtype="float32", data="normal", spec=LAYER):
    return Expectation(Case(spec, (), dtype, data, spec.sizes[0]))


def tightest(expectation):
    return profiles(expectation.case.dtype)[0]


def last_within(expected, dtype):
    """For each element, the largest number of the format within the tolerance."""
    number = round_to(expected.value + expected.tolerance, dtype)
    low = np.asarray(-np.inf, dtype.storage)
    return np.where(
        widen(number) - expected.value > expected.tolerance, np.nextafter(number, low), number
    ).astype(dtype.storage)


def answered(arrays):
    """An answer with these arrays: one output, one state, the rest gradients."""
    return Answer(tuple(arrays[:2]), tuple(arrays[2:]))


def replaced(answer, name, change):
    """The answer with one array changed."""
    arrays = [*answer.outputs, *answer.gradients]
    arrays[NAMES.index(name)] = change(arrays[NAMES.index(name)])
    return answered(arrays)


def correct(expectation):
    dtype = DTYPES[expectation.case.dtype]
    return answered([round_to(e.value, dtype) for e in expectation.under(tightest(expectation))])


def at_the_edge(expectation):
    dtype = DTYPES[expectation.case.dtype]
    return answered([last_within(e, dtype) for e in expectation.under(tightest(expectation))])


def one_step_out(array, index=(-1,)):
    """The array with one element moved to the next number up."""
    moved = array.copy()
    place = index * moved.ndim if len(index) == 1 else index
    moved[place] = np.nextafter(moved[place], np.asarray(np.inf, array.dtype))
    return moved


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_last_number_within_each_tolerance_conforms(dtype):
    expectation = asked(dtype)
    for answer in (correct(expectation), at_the_edge(expectation)):
        judgement = judge(expectation, answer)
        assert (judgement.outcome, judgement.check, judgement.message) == ("conforms", "", "")
        assert (judgement.profile, judgement.failing) == (tightest(expectation).name, False)
        assert [margin.array for margin in judgement.margins] == list(NAMES)
        assert all(margin.worst <= 1 for margin in judgement.margins)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "check"),
    [("y", "values"), ("total", "states"), ("gradient of x", "gradients"), ("gradient of w", "gradients")],
)
def test_the_first_number_outside_one_tolerance_is_inaccurate(name, check, dtype):
    expectation = asked(dtype)
    judgement = judge(expectation, replaced(at_the_edge(expectation), name, one_step_out))
    assert (judgement.outcome, judgement.check, judgement.failing) == ("inaccurate", check, True)
    assert (judgement.worst.array, judgement.worst.wrong) == (name, 1)
    assert judgement.profile is None


# --- raised ---


def test_an_error_where_a_value_is_expected_rejects():
    judgement = judge(asked(), Answer(error="ValueError: no"))
    assert (judgement.outcome, judgement.check) == ("rejects", "raised")
    assert judgement.message == "raised where a value is expected: ValueError: no"


def test_an_error_where_a_constraint_is_broken_conforms_and_a_value_does_not():
    broken = asked(data="breaks-C1")
    raised, given = judge(broken, Answer(error="ValueError: no")), judge(broken, Answer((np.zeros((2, 0)),)))
    assert (raised.outcome, raised.check) == ("conforms", "raised")
    assert raised.message == "raised, as C1 asks: ValueError: no"
    assert (given.outcome, given.check) == ("accepts", "raised")
    assert given.message == "gave a value of shape (2, 0) where C1 (there must be features) asks for an error"


# --- structure ---

STRUCTURE = {
    "no state": (lambda a: Answer(a.outputs[:1], a.gradients), "returned 1 arrays; expected 2"),
    "one output more": (
        lambda a: Answer((*a.outputs, a.outputs[0]), a.gradients),
        "returned 3 arrays; expected 2",
    ),
    "nothing": (lambda a: Answer(), "returned 0 arrays; expected 2"),
    "a gradient missing": (
        lambda a: Answer(a.outputs, a.gradients[:1]),
        "gave 1 gradients; expected 2",
    ),
    "a gradient more": (
        lambda a: Answer(a.outputs, (*a.gradients, a.gradients[0])),
        "gave 3 gradients; expected 2",
    ),
    **{
        f"{name} has another shape": (
            lambda a, name=name: replaced(a, name, lambda t: t[None]),
            f"{name} has shape ",
        )
        for name in NAMES
    },
    **{
        f"{name} has dtype {dtype}": (
            lambda a, name=name, dtype=dtype: replaced(a, name, lambda t: t.astype(DTYPES[dtype].storage)),
            f"{name} has dtype {dtype}; expected float32",
        )
        for name in NAMES
        for dtype in ("float64", "bfloat16")
    },
}


@pytest.mark.parametrize("fault", STRUCTURE)
def test_another_structure_differs(fault):
    change, says = STRUCTURE[fault]
    expectation = asked()
    judgement = judge(expectation, change(correct(expectation)))
    assert (judgement.outcome, judgement.check) == ("differs", "structure")
    assert judgement.message.startswith(says)


def test_a_gradient_that_raises_fails_the_check_of_gradients_and_hides_nothing():
    expectation = asked()
    right = correct(expectation)
    raised = judge(expectation, Answer(right.outputs, gradient_error="TypeError: no"))
    assert (raised.outcome, raised.check, raised.further) == ("differs", "gradients", ())
    assert raised.message == "the value is there but its gradient raises: TypeError: no"
    assert [margin.array for margin in raised.margins] == ["y", "total"]
    spoilt = replaced(right, "y", lambda y: y + np.float32(100))
    both = judge(expectation, Answer(spoilt.outputs, gradient_error="TypeError: no"))
    assert [(p.outcome, p.check) for p in both.problems] == [("differs", "values"), ("differs", "gradients")]
    assert both.worst.array == "y"


STRUCTURAL = {
    "y is of another type": lambda a: replaced(a, "y", lambda y: y.astype(np.float64)),
    "a state is of another shape": lambda a: replaced(a, "total", lambda t: t[None]),
    "a state is missing": lambda a: Answer(a.outputs[:1], a.gradients),
}


@pytest.mark.parametrize("fault", STRUCTURAL)
def test_another_structure_hides_no_wrong_number(fault):
    expectation = asked()
    spoilt = replaced(correct(expectation), "gradient of w", lambda w: w + np.float32(100))
    judgement = judge(expectation, STRUCTURAL[fault](spoilt))
    assert [(p.check, p.outcome) for p in judgement.problems] == [
        ("structure", "differs"),
        ("gradients", "differs"),
    ]
    assert judgement.problems[1].worst.array == "gradient of w"


def test_a_number_of_another_type_is_judged_all_the_same():
    expectation = asked()
    wide = replaced(correct(expectation), "y", lambda y: y.astype(np.float64) + 100)
    assert [p.check for p in judge(expectation, wide).problems] == ["structure", "values"]


def test_everything_that_is_wrong_is_told_worst_first():
    arrays = (
        expects([1.0], ULP),
        expects([1.0], ULP, check="states", name="total"),
        expects([1.0], ULP, check="gradients", name="gradient of x"),
        expects([1.0], ULP, check="gradients", name="gradient of w"),
    )
    off, far, nan = (np.float32([number]) for number in (1 + 2 * ULP, 2.0, np.nan))
    answer = Answer((off, far), (nan, far), repeats=False)
    judgement = judge(states(*arrays), answer)
    assert [(p.outcome, p.check) for p in judgement.problems] == [
        ("differs", "special values"),
        ("differs", "states"),
        ("differs", "gradients"),
        ("differs", "repeats"),
        ("inaccurate", "values"),
    ]
    assert [p.worst.array if p.worst else "" for p in judgement.problems] == [
        "gradient of x",
        "total",
        "gradient of w",
        "",
        "y",
    ]
    assert judgement.problems[0].message == judgement.message
    assert judge(states(*arrays), Answer((off * 0 + 1,) * 2, (off * 0 + 1,) * 2)).problems == ()


def test_a_shape_is_told_beside_the_one_expected():
    expectation = asked()
    transposed = replaced(correct(expectation), "gradient of x", np.transpose)
    assert judge(expectation, transposed).message == "gradient of x has shape (5, 2); expected (2, 5)"


def test_an_output_is_told_before_a_gradient_and_a_gradient_error():
    expectation = asked()
    correctly = correct(expectation)
    spoilt = replaced(replaced(correctly, "y", lambda t: t[0]), "gradient of x", lambda t: t[0])
    assert judge(expectation, spoilt).message.startswith("y has shape (5,)")
    both = Answer(spoilt.outputs, gradient_error="TypeError: no")
    assert judge(expectation, both).message.startswith("y has shape (5,)")


# --- expectations that a test states: one profile's arrays, or one set for each profile ---


@dataclass(frozen=True)
class Stated:
    """As much of an `Expectation` as the judge asks for."""

    case: Case
    arrays: Mapping[str, tuple[Expected, ...]]

    def under(self, profile):
        return self.arrays[profile.name]


def states(*arrays, dtype="float32", spec=LAYER):
    """The same arrays under every profile."""
    case = Case(spec, (), dtype, "normal", spec.sizes[0])
    return Stated(case, {profile.name: arrays for profile in profiles(dtype)})


def expects(value, tolerance, deviation=None, check="values", name="y", exact=False):
    value = np.asarray(value)
    tolerance = np.broadcast_to(np.asarray(tolerance, np.float64), value.shape)
    deviation = tolerance if deviation is None else np.broadcast_to(np.asarray(deviation), value.shape)
    return Expected(name, check, value, tolerance, deviation, exact)


def judged(value, tolerance, got, dtype="float32", **keywords):
    """The judgement on one output."""
    storage = DTYPES[dtype].storage
    return judge(
        states(expects(value, tolerance, **keywords), dtype=dtype), Answer((np.asarray(got).astype(storage),))
    )


def test_an_error_as_large_as_the_tolerance_conforms_and_a_larger_one_does_not():
    below = np.nextafter(ULP, 0)
    for sign in (1, -1):
        assert judged([1.0], ULP, [1 + sign * ULP]).outcome == "conforms"
        assert judged([1.0], below, [1 + sign * ULP]).outcome == "inaccurate"


def test_where_nothing_may_be_off_the_next_number_fails_and_the_same_conforms():
    assert judged([1.0], 0, [1.0]).outcome == "conforms"
    assert judged([1.0], 0, [1 + ULP]).outcome == "inaccurate"
    assert judged([0.0], 0, [float(SINGLE.smallest_subnormal)]).outcome == "differs"


def test_what_nothing_bounds_is_unresolved_and_counted():
    got = [0.0, np.nan, np.inf, 2.0]
    judgement = judged([1.0, 1.0, 1.0, 1.0], [np.inf, np.inf, np.inf, np.inf], got)
    assert (judgement.outcome, judgement.failing, judgement.problems) == ("unresolved", False, ())
    assert judgement.message == "nothing can be judged of y: every element's tolerance is infinite"
    assert (judgement.profile, judgement.check) == ("float32", "")
    assert [(m.unresolved, m.worst) for m in judgement.margins] == [(4, 0.0)]


def test_one_array_without_bounds_is_enough_and_one_element_with_a_bound_too():
    arrays = expects([1.0], ULP), expects([1.0], np.inf, check="states", name="total")
    one = np.float32([1.0])
    assert judge(states(*arrays), Answer((one, one))).outcome == "unresolved"
    assert judge(states(*arrays), Answer((2 * one, one))).outcome == "differs"
    assert judged([1.0, 1.0], [np.inf, ULP], [7.0, 1.0]).outcome == "conforms"
    assert judged([1.0, 1.0], [np.inf, ULP], [1.0, 2.0]).margins[0].unresolved == 1


def test_a_profile_that_bounds_nothing_explains_nothing():
    case = Case(LAYER, (), "float32", "normal", (2, 5))
    found = {p.name: (expects([1.0], ULP if p.declared else np.inf),) for p in profiles("float32")}
    assert judge(Stated(case, found), Answer((np.float32([2.0]),))).explained_by is None


def test_nothing_at_all_conforms():
    judgement = judged(np.zeros((0, 3)), 0, np.zeros((0, 3)))
    assert judgement.outcome == "conforms"
    assert [(m.worst, m.rms, m.unresolved) for m in judgement.margins] == [(0.0, 0.0, 0)]


# --- margins ---


def test_the_margin_is_the_largest_error_as_a_fraction_of_its_tolerance():
    judgement = judged([1.0, 1.0, 1.0], [4 * ULP, 2 * ULP, ULP], [1 + 3 * ULP, 1 - ULP, 1.0])
    assert judgement.margins[0].worst == 3 / 4


def test_the_root_mean_square_is_in_units_of_the_deviation():
    judgement = judged([1.0, 1.0], 8 * ULP, [1 + 6 * ULP, 1 - 8 * ULP], deviation=[2 * ULP, 2 * ULP])
    assert judgement.margins[0].rms == math.sqrt((3**2 + 4**2) / 2)


def test_an_element_without_a_deviation_counts_in_the_root_mean_square_only_if_it_is_right():
    right = judged([1.0, 1.0], [ULP, 0], [1 + ULP, 1.0], deviation=[ULP, 0])
    assert right.margins[0].rms == math.sqrt(1 / 2)
    wrong = judged([1.0, 1.0], [ULP, 0], [1 + ULP, 1 + ULP], deviation=[ULP, 0])
    assert wrong.margins[0].rms == 1
    assert judged([1.0], 0, [1 + ULP], deviation=[0]).margins[0].rms == 0


def test_a_failure_has_a_margin_for_each_array():
    expectation = asked()
    judgement = judge(expectation, replaced(correct(expectation), "gradient of x", one_step_out))
    spoilt = judge(expectation, replaced(at_the_edge(expectation), "total", one_step_out))
    assert [margin.array for margin in judgement.margins] == list(NAMES)
    assert [margin.worst > 1 for margin in spoilt.margins] == [False, True, False, False]


def test_an_input_without_any_gradient_is_noted():
    expectation = asked()
    answer = dataclasses.replace(correct(expectation), unconnected=("w",))
    assert judge(expectation, answer).notes == ("no gradient (None) for w, which counts as zeros",)


# --- special values ---

SPECIAL = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


@pytest.mark.parametrize("expected", SPECIAL)
@pytest.mark.parametrize("got", [*SPECIAL, "1", "largest"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_agree_in_kind_and_sign(expected, got, dtype):
    number = {**SPECIAL, "1": 1.0, "largest": DTYPES[dtype].largest}
    judgement = judged([1.0, number[expected]], ULP, [1.0, number[got]], dtype=dtype)
    if got == expected:
        assert judgement.outcome == "conforms"
        assert judgement.margins[0].worst == judgement.margins[0].rms == 0
    else:
        assert (judgement.outcome, judgement.check) == ("differs", "special values")
        assert judgement.worst.index == (1,)


@pytest.mark.parametrize("got", SPECIAL.values())
def test_a_special_value_in_place_of_a_number_differs(got):
    judgement = judged([[1.0, 2.0]], ULP, [[1.0, got]])
    assert (judgement.outcome, judgement.check) == ("differs", "special values")
    assert judgement.worst.index == (0, 1)


def test_special_values_are_told_before_wrong_numbers():
    wrong = expects([1.0], ULP, name="y"), expects([1.0], ULP, check="gradients", name="gradient of x")
    judgement = judge(states(*wrong), Answer((np.float32([2.0]),), (np.float32([np.nan]),)))
    assert (judgement.check, judgement.worst.array) == ("special values", "gradient of x")
    neither = judge(states(*wrong), Answer((np.float32([1.0]),), (np.float32([2.0]),)))
    assert (neither.outcome, neither.check) == ("differs", "gradients")


def test_an_infinity_that_is_tolerated_is_not_what_is_wrong():
    judgement = judged([1.0, 1.0], [np.inf, ULP], [np.inf, 1 + 2 * ULP])
    assert (judgement.outcome, judgement.check) == ("inaccurate", "values")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_reaches_the_largest_number_may_overflow(dtype, sign):
    format = DTYPES[dtype]
    step = float(ulp(format.largest, format))
    value = sign * (format.largest - step)
    assert judged([value], step, [sign * np.inf], dtype=dtype).outcome == "conforms"
    assert judged([value], 2 * step, [sign * np.inf], dtype=dtype).margins[0].worst == 0
    assert judged([value], step, [-sign * np.inf], dtype=dtype).check == "special values"
    short = judged([value - sign * step], step, [sign * np.inf], dtype=dtype)
    assert (short.outcome, short.check) == ("differs", "special values")


def test_what_is_past_the_largest_number_is_judged_as_the_largest():
    beyond = 2 * SINGLE.largest
    for sign in (1, -1):
        assert judged([sign * beyond], ULP, [sign * SINGLE.largest]).outcome == "conforms"
        assert judged([sign * beyond], ULP, [sign * np.inf]).outcome == "conforms"
        below = float(np.nextafter(np.float32(SINGLE.largest), np.float32(0)))
        assert judged([sign * beyond], ULP, [sign * below]).failing
        assert judged([sign * beyond], ULP, [-sign * np.inf]).failing


# --- integers and booleans ---


@pytest.mark.parametrize("storage", [np.int32, np.int64])
def test_integers_are_equal_in_any_width(storage):
    expected = expects(np.array([1, 2, 3]), 0, exact=True)
    assert judge(states(expected), Answer((np.array([1, 2, 3], storage),))).outcome == "conforms"
    for wrong in (1, 3):
        judgement = judge(states(expected), Answer((np.array([1, wrong, 3], storage),)))
        worst = judgement.worst
        assert (judgement.outcome, judgement.check) == ("differs", "special values")
        assert (worst.index, worst.got, worst.expected) == ((1,), f"{wrong}.0", "2.0")
        assert worst.error_ulps is None
        assert "ulp" not in judgement.message


def test_booleans_are_equal():
    expected = expects(np.array([True, False]), 0, exact=True)
    assert judge(states(expected), Answer((np.array([True, False]),))).outcome == "conforms"
    assert judge(states(expected), Answer((np.array([True, True]),))).outcome == "differs"


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.array([1]), np.float32([1])),
        (np.array([1]), np.array([True])),
        (np.array([True]), np.array([1])),
        (np.array([True]), np.float32([1])),
        (np.array([True]), np.ones(1, HALF.storage)),
    ],
)
def test_integers_and_booleans_are_no_other_kind(value, got):
    judgement = judge(states(expects(value, 0, exact=True)), Answer((got,)))
    assert (judgement.outcome, judgement.check) == ("differs", "structure")
    assert judgement.message == f"y has dtype {got.dtype}; expected {value.dtype}"


# --- the sign of zero ---

SIGNED = dataclasses.replace(LAYER, signed_zeros=True)


def zeros(got, spec=SIGNED, **keywords):
    expected = expects([0.0, -0.0, 1.0], **{"tolerance": 0, **keywords})
    kept = (np.float32(got),)
    answer = Answer(gradients=kept) if expected.check == "gradients" else Answer(kept)
    return judge(states(expected, spec=spec), answer)


@pytest.mark.parametrize("got", [[-0.0, -0.0, 1.0], [0.0, 0.0, 1.0]])
def test_a_wrong_sign_of_an_exact_zero_differs_where_the_spec_says_so(got):
    judgement = zeros(got)
    assert (judgement.outcome, judgement.check) == ("differs", "special values")
    assert judgement.message == "wrong sign of zero in y"
    assert (judgement.profile, len(judgement.margins)) == ("float32", 1)
    assert zeros([0.0, -0.0, 1.0]) == Judgement(
        "conforms", profile="float32", margins=judgement.margins, notes=()
    )


def test_elsewhere_a_wrong_sign_of_zero_is_noted():
    judgement = zeros([0.0, 0.0, 1.0], spec=LAYER)
    assert judgement.outcome == "conforms"
    assert judgement.notes == ("another sign of zero than the reference in y",)
    assert zeros([0.0, -0.0, 1.0], spec=LAYER).notes == ()


@pytest.mark.parametrize("keywords", [{"tolerance": ULP}, {"check": "gradients"}, {"exact": True}])
def test_the_sign_of_a_zero_is_free_where_it_is_rounded_or_a_gradient_or_an_integer(keywords):
    expected = expects([0.0, -0.0, 1.0], **{"tolerance": 0, **keywords})
    if expected.exact:
        assert judge(states(expects([0, 0], 0, exact=True)), Answer((np.array([0, 0]),))).notes == ()
        return
    judgement = zeros([-0.0, 0.0, 1.0], **keywords)
    assert (judgement.outcome, judgement.notes) == ("conforms", ())


def test_a_state_has_signed_zeros_too_and_every_array_is_named():
    arrays = expects([0.0], 0), expects([0.0], 0, check="states", name="total")
    got = Answer((np.float32([-0.0]), np.float32([-0.0])))
    assert judge(states(*arrays, spec=SIGNED), got).message == "wrong sign of zero in y, total"


# --- repeats ---


def test_a_second_run_with_other_bits_differs_though_both_are_right():
    expectation = asked()
    answer = correct(expectation)
    assert judge(expectation, dataclasses.replace(answer, repeats=True)).outcome == "conforms"
    judgement = judge(expectation, dataclasses.replace(answer, repeats=False))
    assert (judgement.outcome, judgement.check, judgement.profile) == ("differs", "repeats", "float32")
    assert judgement.message == "a second run on the same inputs gave other bits"
    assert [margin.array for margin in judgement.margins] == list(NAMES)


# --- profiles ---


def widening(dtype, wide=lambda place: 2**place):
    """A value of 1 whose tolerance doubles from profile to profile."""
    step = float(ulp(1.0, DTYPES[dtype]))
    case = Case(LAYER, (), dtype, "normal", (2, 5))
    found = {p.name: (expects([1.0], wide(i) * step),) for i, p in enumerate(profiles(dtype))}
    return Stated(case, found), step


def off_by(steps, dtype):
    return Answer((round_to(np.array([1 + steps * float(ulp(1.0, DTYPES[dtype]))]), DTYPES[dtype]),))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_tightest_declared_profile_is_named_and_an_undeclared_one_explains_only(dtype):
    expectation, _ = widening(dtype)
    outcomes = [judge(expectation, off_by(steps, dtype)) for steps in (1, 2, 3, 4, 5)]
    assert [(j.outcome, j.profile, j.explained_by) for j in outcomes] == [
        ("conforms", "fused", None),
        ("conforms", "op-by-op", None),
        ("inaccurate", None, "low-accumulator"),
        ("inaccurate", None, "low-accumulator"),
        ("inaccurate", None, None),
    ]
    assert [j.margins[0].worst for j in outcomes] == [1, 1, 3 / 2, 4 / 2, 5 / 2]


def test_the_first_profile_that_explains_is_named():
    expectation, _ = widening("float32")
    explained = [judge(expectation, off_by(steps, "float32")).explained_by for steps in (2, 4, 5)]
    assert explained == ["tf32", "bfloat16-inputs", None]


def test_nothing_is_explained_unless_asked():
    expectation, _ = widening("float32")
    judgement = judge(expectation, off_by(2, "float32"), explain=False)
    assert (judgement.outcome, judgement.explained_by) == ("inaccurate", None)


def test_an_admitted_profile_counts_as_declared():
    expectation, _ = widening("float32")
    for steps, profile in ((1, "float32"), (2, "tf32")):
        judgement = judge(expectation, off_by(steps, "float32"), admitted=("tf32",))
        assert (judgement.outcome, judgement.profile) == ("conforms", profile)
    beyond = judge(expectation, off_by(3, "float32"), admitted=("tf32",))
    assert (beyond.outcome, beyond.explained_by) == ("inaccurate", "bfloat16-inputs")
    assert beyond.margins[0].worst == 3 / 2


def test_one_profile_must_explain_all_arrays():
    case = Case(LAYER, (), "bfloat16", "normal", (2, 5))
    one, two = (k * float(ulp(1.0, HALF)) for k in (1, 2))
    arrays = {
        "fused": (expects([1.0], two), expects([1.0], one, name="total", check="states")),
        "op-by-op": (expects([1.0], one), expects([1.0], two, name="total", check="states")),
        "low-accumulator": (expects([1.0], one), expects([1.0], one, name="total", check="states")),
    }
    got = off_by(2, "bfloat16").outputs
    judgement = judge(Stated(case, arrays), Answer((*got, *got)))
    assert (judgement.outcome, judgement.check, judgement.explained_by) == ("inaccurate", "values", None)
    assert judgement.worst.array == "y"


def test_one_array_is_explained_where_another_suffers_from_something_else():
    case = Case(LAYER, (), "bfloat16", "normal", (2, 5))
    one, two = (k * float(ulp(1.0, HALF)) for k in (1, 2))
    arrays = {
        name: (expects([1.0], one), expects([1.0], bound, name="total", check="states"))
        for name, bound in {"fused": one, "op-by-op": one, "low-accumulator": two}.items()
    }
    (off,) = off_by(2, "bfloat16").outputs
    nothing = np.full_like(off, np.nan)
    judgement = judge(Stated(case, arrays), Answer((nothing, off)))
    told = [(problem.check, problem.explained_by) for problem in judgement.problems]
    assert told == [("special values", None), ("states", "low-accumulator")]


def test_each_array_has_the_first_profile_that_explains_it_unless_one_explains_all():
    case = Case(LAYER, (), "float32", "normal", (2, 5))
    one, two = ULP, 2 * ULP

    def told(bounds):
        arrays = {
            name: (
                expects([1.0], of_y),
                expects([1.0], of_total, name="total", check="states"),
                expects([1.0], one, name="rest", check="states"),
            )
            for name, (of_y, of_total) in ({"float32": (one, one)} | bounds).items()
        }
        off, right = off_by(2, "float32").outputs[0], off_by(0, "float32").outputs[0]
        problems = judge(Stated(case, arrays), Answer((off, off, right))).problems
        return {problem.check: problem.explained_by for problem in problems}

    apart = told({"tf32": (two, one), "bfloat16-inputs": (one, two)})
    assert apart == {"values": "tf32", "states": "bfloat16-inputs"}
    whole = told({"tf32": (two, one), "bfloat16-inputs": (two, two)})
    assert whole == {"values": "bfloat16-inputs", "states": "bfloat16-inputs"}


def test_a_matrix_product_in_tf32_is_explained_by_name():
    expectation, tf32 = asked(), profiles("float32")[1]
    x, w = (to_precision(expectation.inputs[name], np.float32(tf32.u_in)) for name in ("x", "w"))
    coarse = replaced(correct(expectation), "total", lambda t: (x @ w).astype(np.float32))
    judgement = judge(expectation, coarse)
    assert (judgement.failing, judgement.check, judgement.explained_by) == (True, "states", tf32.name)
    admitted = judge(expectation, coarse, admitted=(tf32.name,))
    assert (admitted.outcome, admitted.profile) == ("conforms", tf32.name)


# --- inaccurate or different ---


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_error_of_half_the_digits_is_inaccurate_and_a_larger_one_differs(dtype):
    format = DTYPES[dtype]
    step = float(ulp(1.0, format))
    half = max(math.sqrt(format.u), step)
    above = round_to(np.array([1 + half]), format)
    if widen(above)[0] - 1 > math.sqrt(format.u):
        above = np.nextafter(above, np.ones((), format.storage))
    assert judged([1.0], step / 2, above, dtype=dtype).outcome == "inaccurate"
    assert judged([1.0], step / 2, one_step_out(above), dtype=dtype).outcome == "differs"


def test_the_error_is_seen_beside_the_largest_finite_value():
    half = math.sqrt(SINGLE.u)
    small, large = 1 / 2, 8.0
    error = 8 * half
    assert judged([small, -large], ULP, [small + error, -large]).outcome == "inaccurate"
    assert judged([small], ULP, [small + error]).outcome == "differs"
    assert judged([small, np.inf], ULP, [small + error, np.inf]).outcome == "differs"


def test_an_error_within_a_wide_tolerance_is_not_held_against_the_digits():
    for wide in (2.0, 1.0):
        assert judged([1.0, 1.0], [wide, ULP], [2.0, 1 + 2 * ULP]).outcome == "inaccurate"
    assert judged([1.0, 1.0], [1 / 2, ULP], [2.0, 1 + 2 * ULP]).outcome == "differs"


def test_beside_zeros_every_error_differs():
    tiny = SINGLE.smallest_normal
    assert judged([0.0, 0.0], 0, [0.0, tiny]).outcome == "differs"
    assert judged([0.0, np.nan], 0, [tiny, np.nan]).outcome == "differs"


def test_one_array_that_differs_is_enough():
    arrays = expects([1.0], ULP), expects([1.0], ULP, check="states", name="total")
    inaccurate = judge(states(*arrays), Answer((np.float32([1 + 2 * ULP]), np.float32([1 - 2 * ULP]))))
    assert (inaccurate.outcome, inaccurate.check) == ("inaccurate", "values")
    differs = judge(states(*arrays), Answer((np.float32([1 + 2 * ULP]), np.float32([2.0]))))
    assert (differs.outcome, differs.check, differs.worst.array) == ("differs", "states", "total")
    assert [(p.outcome, p.check) for p in differs.further] == [("inaccurate", "values")]


# --- the worst element ---


def test_the_worst_element_is_the_one_farthest_outside_its_own_tolerance():
    value = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    tolerance = [[64 * ULP] * 3, [ULP] * 3]
    got = [[1 + 65 * ULP, 1.0, 1 + 64 * ULP], [1.0, 1 + ULP, 1 - 3 * ULP]]
    judgement = judged(value, tolerance, got)
    worst = judgement.worst
    assert (worst.array, worst.index) == ("y", (1, 2))
    assert (float(worst.got), float(worst.expected)) == (1 - 3 * ULP, 1.0)
    assert float(worst.tolerance) == pytest.approx(ULP, rel=1e-2)
    assert (worst.wrong, worst.size) == (2, 6)
    assert worst.error_ulps == 3
    assert judgement.message == (
        f"y[1, 2] is {worst.got}; expected 1.0 ± {worst.tolerance} (3 ulp away); 2 of 6 elements are off"
    )


def test_the_worst_of_a_number_alone_has_no_index():
    judgement = judged(1.0, ULP, 1 + 2 * ULP)
    assert (judgement.worst.index, judgement.worst.size) == ((), 1)
    assert judgement.message.startswith("y[] is ")


def test_no_distance_is_told_to_a_special_value():
    judgement = judged([np.inf], ULP, [np.nan])
    assert judgement.worst.error_ulps is None
    assert (judgement.worst.got, judgement.worst.expected) == ("nan", "inf")
    assert "ulp" not in judgement.message


# --- answers ---


def test_an_answer_is_read_off_a_reply():
    y, g = np.float32([1.0, np.nan]), np.float32([-0.0])
    wires = {"outputs": (encode(y),), "gradients": (encode(g),)}
    told = {"error": "E", "gradient_error": "G", "repeats": False, "seconds": 1.5}
    answer = Answer.from_reply(wires | told)
    assert (answer.outputs[0].tobytes(), answer.gradients[0].tobytes()) == (y.tobytes(), g.tobytes())
    assert (answer.error, answer.gradient_error, answer.repeats, answer.seconds) == ("E", "G", False, 1.5)
    assert Answer.from_reply({"seconds": 0.5}) == Answer(seconds=0.5)
    assert Answer().repeats
    assert Answer().seconds == 0


def test_the_digest_tells_every_bit_apart():
    answers = [
        Answer(),
        Answer((np.float32([0.0]),)),
        Answer((np.float32([-0.0]),)),
        Answer((np.float32([[0.0]]),)),
        Answer((np.int32([0]),)),
        Answer((np.float32([0.0]),), (np.float32([0.0]),)),
        Answer((np.float32([0.0]),), (np.float32([1.0]),)),
    ]
    assert len({answer.digest for answer in answers}) == len(answers)
    assert [len(answer.digest) for answer in answers] == [0] + [16] * 6
    assert answers[1].digest == Answer((np.float32([0.0]),), seconds=2.0).digest


def test_verdicts_answers_and_judgements_are_values():
    for value in (Judgement("conforms"), Answer()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.outcome = "differs"


# --- what is random ---


def drop(x, mask, *, rate=0.5):
    return np.where(mask, x / (1.0 - rate), 0.0)


def drop_vjp(x, mask, cotangent, *, rate=0.5):
    return (np.where(mask, cotangent / (1.0 - rate), 0.0),)


RATE = 0.25
DROP = Spec(
    name="drop",
    reference=drop,
    vjp=drop_vjp,
    inputs=(
        Input("x", "batch, features", kind="positive"),
        Input("mask", "batch, features", kind="recovered", distribution="1 - rate"),
    ),
    axes="batch features",
    sizes=((32, 30), (1, 1)),
    data=("normal",),
    parameters=(Parameter("rate", (RATE,), "probability that an element is dropped"),),
    recover=lambda names, answers: {"mask": answers[0][0] != 0},
    constraints=(Constraint("C1", "rate < 1", "something must be kept", broken_by={"rate": 1.0}),),
)
SHAPE, SIZE = DROP.sizes[0], math.prod(DROP.sizes[0])


def dropping(size=SHAPE, data="normal"):
    return Case(DROP, (("rate", RATE),), "float32", data, size)


def dropped(mask, case=None):
    """What a layer returns that draws this mask."""
    expectation = Expectation(case or dropping(), recovered={"mask": mask})
    return correct_under(expectation)


def correct_under(expectation):
    arrays = [round_to(e.value, SINGLE) for e in expectation.under(tightest(expectation))]
    return Answer(tuple(arrays[:1]), tuple(arrays[1:]))


def drawn(name, keep=1 - RATE, shape=SHAPE):
    return Stream(f"drop/{name}").uniform(shape) < keep


def judged_masks(mask, other=None, case=None):
    case = case or dropping()
    other = drawn("other", shape=case.size) if other is None else other
    answer = dropped(mask, case)
    return judge_stochastic(Expectation(case), answer, [(answer, dropped(other, case))])


def test_only_valid_cases_whose_inputs_are_recovered_are_stochastic():
    assert is_stochastic(dropping())
    assert not is_stochastic(dropping(data="breaks-C1"))
    assert not is_stochastic(asked().case)


def test_a_sound_mask_conforms():
    judgement = judged_masks(drawn("one"))
    assert (judgement.outcome, judgement.profile) == ("conforms", "float32")


@pytest.mark.parametrize("says", [{}, {"explain": True}, {"explain": False}])
def test_what_explains_a_failing_mask_is_looked_for_unless_nobody_asks(says, monkeypatch):
    asked = []
    monkeypatch.setattr(stochastic, "judge", lambda *_, explain: asked.append(explain) or judge(*_))
    answer, other = dropped(drawn("one")), dropped(drawn("two"))
    for one in (answer, Answer(error="ValueError: no")):
        judge_stochastic(Expectation(dropping()), one, [(one, other)], **says)
    assert asked == [says.get("explain", True)] * 2


def test_values_and_gradients_are_judged_under_the_mask_that_was_drawn():
    answer, other = dropped(drawn("one")), dropped(drawn("two"))
    kept = np.argwhere(answer.outputs[0])[0]
    spoilt = dataclasses.replace(answer, outputs=(answer.outputs[0] * np.float32(1.01),))
    assert judge_stochastic(Expectation(dropping()), spoilt, [(spoilt, other)]).check == "values"
    assert kept.size == 2
    mixed = dataclasses.replace(answer, gradients=other.gradients)
    judgement = judge_stochastic(Expectation(dropping()), mixed, [(mixed, other)])
    assert (judgement.outcome, judgement.check) == ("differs", "gradients")


def test_either_answer_may_raise_or_have_another_shape():
    sound, raising = dropped(drawn("one")), Answer(error="ValueError: no")
    turned = Answer(tuple(t.T for t in sound.outputs), sound.gradients)
    longer = Answer(tuple(np.concatenate([t, t]) for t in sound.outputs), sound.gradients)
    spoilt_outcomes = ((raising, "rejects"), (turned, "differs"), (longer, "differs"), (Answer(), "differs"))
    for spoilt, outcome in spoilt_outcomes:
        for pair in ((spoilt, sound), (sound, spoilt)):
            assert judge_stochastic(Expectation(dropping()), pair[0], [pair]).outcome == outcome


def test_the_two_seeds_are_not_one():
    assert SEED != OTHER_SEED


def test_the_significance_is_that_of_one_check_of_a_run():
    assert pytest.approx(FALSE_ALARMS_PER_RUN) == SIGNIFICANCE * CHECKS_PER_RUN


LEVEL = SIGNIFICANCE / 6
"""A mask of two axes is put to six tests: rate, seeds, and along each axis slices and neighbours."""


def fewest(trials, probability, level=LEVEL):
    """The smallest count that is not too improbable, by SciPy's distribution."""
    counts = np.arange(trials + 1)
    return int(np.argmax(2 * stats.binom.cdf(counts, trials, probability) >= level))


def most(trials, probability):
    """The largest such count."""
    return trials - fewest(trials, 1 - probability)


def with_kept(count, size=SIZE):
    """A random mask with exactly this many kept."""
    flat = np.zeros(size, bool)
    flat[np.argsort(Stream("drop/places").uniform((size,)))[:count]] = True
    return flat


@pytest.mark.parametrize(("edge", "beyond"), [(fewest, -1), (most, 1)])
def test_the_rate_is_tested_exactly(edge, beyond):
    count = edge(SIZE, 1 - RATE)
    assert "elements" not in judged_masks(with_kept(count).reshape(SHAPE)).message
    judgement = judged_masks(with_kept(count + beyond).reshape(SHAPE))
    assert (judgement.outcome, judgement.check) == ("differs", "randomness")
    assert judgement.message.startswith(f"mask keeps {count + beyond} of {SIZE} elements; 0.75 of them are")
    assert [margin.array for margin in judgement.margins] == ["y", "gradient of x"]


@pytest.mark.parametrize("axis", [0, 1])
def test_the_rate_of_each_slice_is_tested_exactly_along_each_axis(axis):
    length, size, place = SHAPE[axis], SIZE // SHAPE[axis], 7
    count = fewest(size, 1 - RATE, LEVEL / length)

    def with_slice(count):
        mask = np.moveaxis(drawn("slices"), axis, 0).copy()
        mask[place] = with_kept(count, size)
        return np.moveaxis(mask, 0, axis)

    assert judged_masks(with_slice(count)).outcome == "conforms"
    judgement = judged_masks(with_slice(count - 1))
    assert judgement.check == "randomness"
    found = f"mask keeps {count - 1} of {size} elements at place {place} of axis {axis}; 0.75 of them"
    assert judgement.message.startswith(found)


def with_equal_pairs(count):
    """A mask, its rows in random order, in which this many of the pairs along the last axis are equal."""
    pairs = SIZE // 2
    equal = np.argsort(Stream("drop/pairs").uniform((pairs,))) < count
    first = Stream("drop/first").uniform((pairs,)) < 1 / 2
    # Equal pairs are kept more often than not, so that the rate comes out right.
    first = np.where(equal, Stream("drop/equal").uniform((pairs,)) < 9 / 10, first)
    return np.stack([first, np.where(equal, first, ~first)], axis=-1).reshape(SHAPE)


AGREE = (1 - RATE) ** 2 + RATE**2


@pytest.mark.parametrize(("edge", "beyond"), [(fewest, -1), (most, 1)])
@pytest.mark.parametrize("axis", [0, 1])
def test_neighbours_are_tested_exactly_along_each_axis(edge, beyond, axis):
    count = edge(SIZE // 2, AGREE)

    def turned(count):
        mask = with_equal_pairs(count)
        return mask if axis else np.reshape(mask, -1).reshape(SHAPE[::-1]).T

    case = dropping()
    says = f"neighbours along axis {axis}"
    assert says not in judged_masks(turned(count), case=case).message
    judgement = judged_masks(turned(count + beyond), case=case)
    assert judgement.check == "randomness"
    assert f"has {count + beyond} equal pairs of {SIZE // 2} {says}; 0.625 of them" in judgement.message


def test_the_same_mask_for_two_seeds_is_found_where_that_is_no_accident():
    mask = drawn("one")
    assert judged_masks(mask, mask).message.startswith("mask is the same for two seeds")
    changed = mask.copy()
    changed[0, 0] ^= True
    assert judged_masks(mask, changed).outcome == "conforms"
    single = np.ones((1, 1), bool)
    assert judged_masks(single, single, case=dropping((1, 1))).outcome == "conforms"


@pytest.mark.parametrize("shape", [(96,), (12, 8), (6, 4, 4)])
def test_equal_masks_are_suspicious_below_the_level_of_one_test(shape):
    names = ("batch", "height", "width")[: len(shape)]
    inputs = tuple(dataclasses.replace(i, axes=", ".join(names)) for i in DROP.inputs)
    spec = dataclasses.replace(DROP, inputs=inputs, axes=" ".join(names), sizes=(shape,))
    level = SIGNIFICANCE / (2 + 2 * len(shape))  # rate, seeds, and along each axis slices and neighbours
    for factor, outcome in ((0.99, "differs"), (1.01, "conforms")):
        agree = (factor * level) ** (1 / math.prod(shape))  # = keep**2 + (1 - keep)**2
        keep = (1 + math.sqrt(2 * agree - 1)) / 2
        case = Case(spec, (("rate", 1 - keep),), "float32", "normal", shape)
        mask = drawn("equal", keep, shape)
        assert judged_masks(mask, mask, case=case).outcome == outcome


# --- the same number at another place ---


def test_a_number_that_gives_other_bits_at_another_place_is_told_and_fails_nothing():
    spec = all_specs()["gelu"]
    expectation = Expectation(Case(spec, tuple(spec.defaults.items()), "bfloat16", "every", (1, 131079)))
    period, (y, gradient) = expectation.case.period, expectation.under(profiles("bfloat16")[0])
    right = [round_to(each.value, HALF) for each in (y, gradient)]
    answer = Answer((right[0],), (right[1],))
    assert judge(expectation, answer).notes == ()
    place = 1000  # that comes again once
    other = right[0].copy()
    other[0, period + place] = np.nextafter(other[0, place], HALF.storage.type(np.inf))
    judgement = judge(expectation, Answer((other,), (right[1],)))
    assert judgement.outcome == "conforms"
    (note,) = judgement.notes
    assert note.startswith(f"1 of {131079 - period} numbers give other bits at another place in y: ")
    assert note.endswith(f" at {place}, {widen(other)[0, period + place]!s} at {period + place}")


@pytest.mark.parametrize(
    ("first", "again", "told"),
    [
        (1.0, 1.0, False),
        (1.0, 2.0, True),
        (2.0, 1.0, True),
        (np.nan, 1.0, True),
        (1.0, np.nan, True),
        (np.nan, -np.nan, False),
        (0.0, -0.0, True),
    ],
)
def test_nan_is_nan_at_any_place_and_nothing_else_is_equal_but_in_every_bit(first, again, told):
    (comparison,) = compare([expects([1.0, 1.0], 1.0)], [np.float32([first, again])])
    assert bool(_lanes(comparison, 1)) == told
    assert not _lanes(comparison, 0)
    assert not _lanes(comparison, 2)


def test_a_check_that_two_arrays_fail_is_told_of_the_first():
    case = Case(LAYER, (), "float32", "normal", (2, 5))
    arrays = {"float32": (expects([1.0], 0.0), expects([1.0], 0.0, name="total"))}
    judgement = judge(Stated(case, arrays), Answer((np.float32([2.0]), np.float32([3.0]))), explain=False)
    assert judgement.worst.array == "y"
