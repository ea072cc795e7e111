"""Cases: readable ids that rebuild them, selections that cover, constraints that have a case each."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from assay.harness.judging.expectation import Expectation
from assay.harness.plan import implementations, plan, refusal, selection
from assay.numerics.dtypes import DTYPES
from assay.numerics.profiles import profiles
from assay.specs import all_specs
from assay.specs.language.case import Case, decode, encode, parse
from assay.specs.language.cases import DTYPE_ORDER, TIERS, cases, dtypes_of, invalid_cases
from assay.specs.language.covering import cover, product
from assay.specs.language.scope import Scope, case_of
from assay.specs.language.spec import evaluate

SPECS = all_specs()
each_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)

of_each_tier = pytest.mark.parametrize(
    ("spec", "tier"),
    [
        *((spec, tier) for spec in SPECS.values() for tier in ("smoke", "standard")),
        *((SPECS[name], tier) for name in ("conv1d", "gru", "huber") for tier in ("full", "grid")),
    ],
    ids=lambda value: getattr(value, "name", value),
)


@each_spec
def test_a_case_is_rebuilt_from_its_id_bit_for_bit(spec):
    for case in selection(spec, "smoke") + invalid_cases(spec):
        again = parse(case.id, SPECS)
        assert again == case
        inputs = again.inputs()
        for name, array in case.inputs().items():
            assert array.tobytes() == inputs[name].tobytes()


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("masked_batch_norm/default/float32/padding_nan/5x4x3", "x"),
        ("sequence_cross_entropy/default/float32/padding_nan/4x5x7", "logits"),
        ("lstm_beside_padding/default/float32/padding_nan/3x5x2x4", "x"),
    ],
)
def test_padding_is_nan_and_nothing_else_is(text, padded):
    given = parse(text, SPECS).inputs()
    missing = np.isnan(given.pop(padded))
    assert missing.any()
    steps = np.arange(missing.shape[1])
    counts = given["mask"] if "mask" in given else steps < given["lengths"][:, np.newaxis]
    assert np.array_equal(missing, np.broadcast_to(~counts[..., np.newaxis], missing.shape))
    assert not any(np.isnan(array).any() for array in given.values())


@each_spec
def test_ids_are_unique(spec):
    ids = [case.id for case in selection(spec, "standard")]
    assert len(ids) == len(set(ids))


@functools.cache
def admissible(spec, every):
    """The combinations of all options that some case in float32 has, under each of the rules."""
    scope, found = Scope(spec, every), {rules: set() for rules in every}
    options = {p.name: p.values for p in spec.parameters}
    for row in product(options | {"size": spec.sizes, "dtype": DTYPE_ORDER[:1]}):
        for rules in scope.restrictions(row):
            found[rules].add(tuple(row[name] for name in options))
    return found


def missing(spec, every, chosen, strength):
    """Values, pairs … that some admissible case under the rules has, and none of those chosen; by rules."""

    def parts(rows):
        return {part for row in rows for part in itertools.combinations(enumerate(row), strength)}

    found = {}
    configurations = {}
    for case in chosen:
        if case.valid:
            configurations.setdefault(tuple(value for _, value in case.parameters), []).append(case.names)
    for rules, inside in admissible(spec, every).items():
        wanted = parts(inside)
        for row, asked in configurations.items():
            if not wanted.isdisjoint(parts([row])) and any(
                all(evaluate(rule, names) for rule in rules) for names in asked
            ):
                wanted -= parts([row])
        found |= {rules: wanted} if wanted else {}
    return found


@each_spec
@pytest.mark.parametrize(("tier", "strength"), [("smoke", 1), ("standard", 2)])
def test_each_implementation_meets_every_combination_that_it_can_be_asked(spec, tier, strength):
    every = tuple(dict.fromkeys(tuple(binding.where) for binding in implementations(spec)))
    assert missing(spec, every, selection(spec, tier), strength) == {}


PLANTED = ("strides != (1, 1)", "padding == 'same'", "groups == 1 or dilation == (1, 1)", "not use_bias")


@pytest.mark.parametrize(("tier", "strength"), [("smoke", 1), ("standard", 2), ("full", 2)])
def test_a_pair_that_an_implementation_takes_beside_one_other_option_only_is_missed_and_then_asked(
    tier, strength
):
    spec = SPECS["conv2d"]
    plain = cases(spec, tier)
    assert missing(spec, (PLANTED,), plain, strength)
    assert not missing(spec, (PLANTED,), cases(spec, tier, [PLANTED]), strength)
    assert not missing(spec, (PLANTED,), cases(spec, tier, further=[PLANTED]), strength)


@each_spec
def test_a_condition_is_looked_up_as_it_is_evaluated(spec):
    """Whatever else differs between two configurations, and with whatever data sets."""
    every = [tuple(binding.where) for binding in implementations(spec)]
    scope = Scope(spec, every)
    rows = list(
        product({p.name: p.values for p in spec.parameters} | {"size": spec.sizes, "dtype": DTYPE_ORDER})
    )
    for row in rows[:: max(1, len(rows) // 40)]:
        names = [case_of(spec, row, data).names for data in spec.data]
        admitted = [each for each in names if spec.admits(each)]
        assert scope.data_sets(row) == [each["data"] for each in admitted]
        held = [
            r for r in dict.fromkeys(every) if any(all(evaluate(rule, n) for rule in r) for n in admitted)
        ]
        assert list(scope.restrictions(row)) == held


@of_each_tier
def test_what_is_asked_of_a_dtype_does_not_hang_on_which_others_are(spec, tier):
    every = selection(spec, tier, DTYPE_ORDER)
    for dtype in DTYPE_ORDER:
        assert selection(spec, tier, (dtype,)) == [c for c in every if c.dtype == dtype or not c.valid]
    assert selection(spec, tier) == [c for c in every if c.dtype in dtypes_of(tier) or not c.valid]


@each_spec
def test_smoke_asks_every_dtype_that_is_named(spec):
    for dtype in DTYPE_ORDER:
        asked = [case for case in selection(spec, "smoke", (dtype,)) if case.valid]
        for binding in implementations(spec):
            possible = (case for case in selection(spec, "standard", (dtype,)) if case.valid)
            could = any(refusal(binding, case) is None for case in possible)
            assert could <= any(refusal(binding, case) is None for case in asked), (dtype, binding.key)


def test_what_is_asked_does_not_hang_on_which_specs_are():
    names = ("gelu", "conv2d", "lstm")
    together = plan([SPECS[name] for name in names], "standard")
    assert together == [question for name in names for question in plan([SPECS[name]], "standard")]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("spec", [SPECS[n] for n in ("gelu", "conv1d", "gru", "huber")], ids=lambda s: s.name)
def test_a_users_own_implementations_add_cases_and_take_none_away(spec, tier):
    first = tuple(f"{p.name} == {p.values[-1]!r}" for p in spec.parameters)
    alone = cases(spec, tier, dtypes=DTYPE_ORDER)
    with_own = cases(spec, tier, dtypes=DTYPE_ORDER, further=[first, ()])
    known = set(alone)
    assert [case for case in with_own if case in known] == alone


@each_spec
def test_every_implementation_is_asked_something_in_every_tier(spec):
    for tier in ("smoke", "standard"):
        names = [case.names for case in selection(spec, tier) if case.valid]
        for binding in implementations(spec):
            assert any(all(evaluate(rule, n) for rule in binding.where) for n in names), binding.key


@each_spec
def test_every_constraint_has_a_case_that_breaks_it_and_no_other(spec):
    assert {case.breaks.label for case in invalid_cases(spec)} == {c.label for c in spec.constraints}
    for case in invalid_cases(spec):
        assert [c.label for c in spec.broken(case.names)] == [case.breaks.label]


@each_spec
def test_a_boundary_is_crossed_in_more_than_one_place(spec):
    """Just beyond it and far beyond, or on either side: where a change is another number than is asked."""
    values = {p.name: p.values for p in spec.parameters if not isinstance(p.default, bool | str | None)}
    for constraint in spec.constraints:
        if any(name in values and value not in values[name] for name, value in constraint.broken_by.items()):
            assert len(constraint.breaches) > 1, constraint.label


def test_further_breaches_have_names_of_their_own():
    spec = all_specs()["conv2d"]
    ids = [case.id for case in invalid_cases(spec) if case.breaks.label == "C3"]
    assert [text.split("/")[3] for text in ids] == ["breaks-C3", "breaks-C3.2", "breaks-C3.3"]
    one_too_high, one_too_wide = (parse(text, all_specs()).names for text in ids[1:])
    assert one_too_high["kernel"][0] == one_too_high["height"] + 1
    assert one_too_wide["kernel"][1] == one_too_wide["width"] + 1
    with pytest.raises(ValueError, match=r"no constraint 'C3.4'; it has: filters, C1, .*C3.2, C3.3"):
        parse(ids[0].replace("C3", "C3.4"), all_specs())


@each_spec
def test_the_reference_raises_where_a_constraint_is_broken(spec):
    for case in invalid_cases(spec):
        with pytest.raises(ValueError, match=r"\w+ .*"):
            Expectation(case).forward()


@each_spec
def test_no_case_is_beyond_judging(spec):
    """In every case some element of the outputs has a finite tolerance: no check that cannot fail."""
    for case in selection(spec, "smoke"):
        if case.valid:
            expected = Expectation(case).under(profiles(case.dtype)[0])
            arrays = [e for e in expected if e.value.size]
            assert not arrays or any(np.isfinite(e.tolerance).any() for e in arrays), case.id


ALONE = "in half types a layer of a stack alone shows more than what its stack has left"
NO_HALF_TYPES = {
    "fractional_max_pool": "of few digits, where a window begins is a matter of rounding",
    "fractional_pool": "TensorFlow alone has it, and takes no half types",
    "grid_sample": "of few digits, which pixels a place lies between is a matter of rounding",
    "mel_spectrogram": "of few digits, where a band begins is a matter of rounding",
    "gumbel_softmax": "of few digits, noise is read off too coarsely to see a fault",
    "gumbel_softmax_hard": "of few digits, noise is read off too coarsely to see a fault",
    "stft_spectrogram": "of few digits, what bins have left of a sum shows little",
    "transformer_encoder": ALONE,
    "transformer_decoder": ALONE,
}


@each_spec
def test_every_dtype_is_asked_in_the_standard_tier(spec):
    left_out = {"bfloat16", "float16"} if spec.name in NO_HALF_TYPES else set()
    assert {case.dtype for case in selection(spec, "standard")} == set(DTYPES) - left_out


@pytest.mark.parametrize("value", [True, False, None, 3, 0.25, -1, "same", (2, 1), ((1, 0), (2, 3))])
def test_a_parameter_value_survives_its_text(value):
    assert decode(encode(value)) == value


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_cover_meets_every_tuple_with_fewer_rows_than_the_product(strength):
    factors = {"a": (0, 1, 2), "b": (0, 1), "c": (0, 1, 2, 3), "d": (0, 1)}
    rows = cover(product(factors), strength, lambda row: ["all"] if row["a"] != row["b"] else [])
    allowed = [row for row in product(factors) if row["a"] != row["b"]]

    def tuples(rows):
        return {part for row in rows for part in itertools.combinations(row.items(), strength)}

    assert tuples(rows) == tuples(allowed)
    assert len(rows) < len(allowed)


def test_cover_adds_nothing_where_rows_cover_already():
    factors = {"a": (0, 1), "b": (0, 1)}
    rows = cover(product(factors), 2, lambda row: ["all"])
    assert cover(product(factors), 2, lambda row: ["all"], rows) == []
    assert cover(product(factors), 2, lambda row: ["all"], rows[:-1]) == rows[-1:]


@each_spec
@pytest.mark.parametrize("tier", ["smoke", "standard"])
def test_the_defaults_come_first_where_an_implementation_takes_them(spec, tier):
    plain = case_of(spec, {**spec.defaults, "size": spec.sizes[0], "dtype": "float32"}, spec.data[0])
    taken = any(refusal(binding, plain) is None for binding in implementations(spec))
    first = selection(spec, tier)[0]
    assert first == plain or not taken


def gridded():
    return [spec for spec in SPECS.values() if spec.grid]


@pytest.mark.parametrize("spec", gridded(), ids=lambda spec: spec.name)
def test_the_grid_is_every_valid_combination(spec):
    found = [case for case in cases(spec, "grid", dtypes=("float32",)) if 0 not in case.size]
    every = [dict(zip(spec.grid, values, strict=True)) for values in itertools.product(*spec.grid.values())]
    valid = [row for row in every if not spec.broken(_grid_case(spec, row).names)]
    assert [case.size for case in found] == [row["size"] for row in valid]
    assert [case.data for case in found] == [row.get("data", spec.data[0]) for row in valid]
    assert len(set(found)) == len(found) > (1 if "data" in spec.grid else 100)
    assert {case.dtype for case in found} == {"float32"}
    assert all(parse(case.id, SPECS) == case for case in found)


def _grid_case(spec, row):
    parameters = {**spec.defaults, **{k: v for k, v in row.items() if k not in ("size", "data")}}
    return Case(spec, tuple(parameters.items()), "float32", row.get("data", spec.data[0]), tuple(row["size"]))


def test_the_grid_asks_functions_of_one_element_of_every_number_of_a_half_type_twice():
    """Once in another lane, with the same cotangent: the reference gives the same bits there."""
    gridded_elements = [spec for spec in gridded() if spec.axes == "batch features"]
    assert len(gridded_elements) > 25
    for dtype in ("float16", "bfloat16"):
        case = next(case for case in cases(SPECS["gelu"], "grid", dtypes=(dtype,)))
        x = case.inputs()["x"].reshape(-1)
        cotangent = case.cotangent("y", x.shape)
        assert x.size > 2 * case.period
        assert set(x[: case.period].view("u2")) == set(np.arange(2**16, dtype="u2")) - _not_asked(x.dtype)
        assert_array_equal(x[case.period :], x[: -case.period])
        assert_array_equal(cotangent[case.period :], cotangent[: -case.period])


def _not_asked(dtype):
    """The bits of zeros and of what is not finite."""
    every = np.arange(2**16, dtype="u2")
    numbers = every.view(dtype).astype(np.float32)
    return set(every[(numbers == 0) | ~np.isfinite(numbers)])


def test_small_grids_meet_what_checks_ask_for():
    names = [case.names for case in cases(SPECS["conv1d"], "grid")]
    assert any(n["kernel"][0] == 1 and n["strides"] == (3,) for n in names)
    assert any(n["kernel"][0] < n["strides"][0] and n["dilation"] == (2,) for n in names)
    assert any(n["x"][1] == (n["kernel"][0] - 1) * 2 + 1 and n["dilation"] == (2,) for n in names)
    assert not cases(SPECS["huber"], "grid")


@each_spec
def test_where_there_is_nothing_the_reference_gives_nothing_and_gradients_of_zero(spec):
    """Beside states, which stay as they are, and sums of nothing, which are 0."""
    for case in cases(spec, "grid", dtypes=("float32",)):
        if 0 in case.size:
            (profile, *_), expectation = profiles("float32"), Expectation(case)
            arrays = {each.name: each for each in expectation.under(profile)}
            for name, array in arrays.items():
                kept = expectation.inputs[name] if name in spec.states and name in expectation.inputs else 0
                assert_array_equal(array.value, np.broadcast_to(kept, array.value.shape))


def test_a_seed_asks_the_same_with_other_numbers():
    case = parse("gelu/default/float32/normal/3x17", all_specs())
    other = dataclasses.replace(case, seed=7)
    assert other.id == f"{case.id}#7"
    assert parse(other.id, all_specs()) == other
    assert not (case.inputs()["x"] == other.inputs()["x"]).any()


def test_a_seed_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="the seed after '#' must be a number; got 'x'"):
        parse("gelu/default/float32/normal/3x17#x", all_specs())
