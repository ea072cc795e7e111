"""Cases: readable ids that rebuild them, selections that cover, constraints that have a case each."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from assay.harness.judging.expectation import Expectation
from assay.harness.plan import implementations
from assay.numerics.dtypes import DTYPES
from assay.numerics.profiles import profiles
from assay.specs import all_specs
from assay.specs.language.case import Case, decode, encode, parse
from assay.specs.language.cases import cases, invalid_cases
from assay.specs.language.covering import cover
from assay.specs.language.spec import evaluate

SPECS = all_specs()
each_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def asked(spec, tier):
    restrictions = [tuple(binding.where) for binding in implementations(spec)] or [()]
    return cases(spec, tier, restrictions)


@each_spec
def test_a_case_is_rebuilt_from_its_id_bit_for_bit(spec):
    for case in asked(spec, "smoke") + invalid_cases(spec):
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
    ids = [case.id for case in asked(spec, "standard")]
    assert len(ids) == len(set(ids))


@each_spec
def test_the_smoke_tier_meets_every_value_that_some_implementation_takes(spec):
    met = {(n, v) for case in asked(spec, "smoke") for n, v in case.parameters}
    possible = {(n, v) for case in asked(spec, "standard") if case.valid for n, v in case.parameters}
    assert met >= possible


@each_spec
def test_the_standard_tier_meets_every_pair_of_options_that_the_full_tier_meets(spec):
    def pairs(tier):
        for case in set(asked(spec, tier)) - set(cases(spec, "grid")):
            if case.valid:
                yield from itertools.combinations((*case.parameters, ("dtype", case.dtype)), 2)

    assert set(pairs("standard")) >= set(pairs("full"))


@each_spec
def test_every_implementation_is_asked_something_in_every_tier(spec):
    for tier in ("smoke", "standard"):
        names = [case.names for case in asked(spec, tier) if case.valid]
        for binding in implementations(spec):
            assert any(all(evaluate(rule, n) for rule in binding.where) for n in names), binding.key


@each_spec
def test_every_constraint_has_a_case_that_breaks_it_and_no_other(spec):
    assert {case.breaks.label for case in invalid_cases(spec)} == {c.label for c in spec.constraints}
    for case in invalid_cases(spec):
        assert [c.label for c in spec.broken(case.names)] == [case.breaks.label]


@each_spec
def test_a_boundary_is_crossed_in_more_than_one_place(spec):
    """Just beyond it and far beyond, or on either side: where a change is another number."""
    numeric = {p.name for p in spec.parameters if not isinstance(p.default, bool | str | None)}
    for constraint in spec.constraints:
        if numeric & set(constraint.broken_by):
            assert len(constraint.breaches) > 1, constraint.label


def test_further_breaches_have_names_of_their_own():
    spec = all_specs()["conv2d"]
    ids = [case.id for case in invalid_cases(spec) if case.breaks.label == "C3"]
    assert [text.split("/")[3] for text in ids] == ["breaks-C3", "breaks-C3.2", "breaks-C3.3"]
    one_too_high, one_too_wide = (parse(text, all_specs()).names for text in ids[1:])
    assert one_too_high["kernel"][0] == one_too_high["height"] + 1
    assert one_too_wide["kernel"][1] == one_too_wide["width"] + 1
    with pytest.raises(ValueError, match=r"no constraint 'C3.4'; it has: C1, .*C3.2, C3.3"):
        parse(ids[0].replace("C3", "C3.4"), all_specs())


@each_spec
def test_the_reference_raises_where_a_constraint_is_broken(spec):
    for case in invalid_cases(spec):
        with pytest.raises(ValueError, match=r"\w+ .*"):
            Expectation(case).forward()


@each_spec
def test_no_case_is_beyond_judging(spec):
    """In every case some element of the outputs has a finite tolerance: no check that cannot fail."""
    for case in asked(spec, "smoke"):
        if case.valid:
            expected = Expectation(case).under(profiles(case.dtype)[0])
            arrays = [e for e in expected if e.value.size]
            assert not arrays or any(np.isfinite(e.tolerance).any() for e in arrays), case.id


@each_spec
def test_every_dtype_is_asked_in_the_standard_tier(spec):
    assert {case.dtype for case in asked(spec, "standard")} == set(DTYPES)


@pytest.mark.parametrize("value", [True, False, None, 3, 0.25, -1, "same", (2, 1), ((1, 0), (2, 3))])
def test_a_parameter_value_survives_its_text(value):
    assert decode(encode(value)) == value


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_cover_meets_every_tuple_with_fewer_rows_than_the_product(strength):
    factors = {"a": (0, 1, 2), "b": (0, 1), "c": (0, 1, 2, 3), "d": (0, 1)}
    rows = cover(factors, strength, lambda row: row["a"] != row["b"])
    product = [dict(zip(factors, v, strict=True)) for v in itertools.product(*factors.values())]
    allowed = [row for row in product if row["a"] != row["b"]]

    def tuples(rows):
        return {part for row in rows for part in itertools.combinations(row.items(), strength)}

    assert tuples(rows) == tuples(allowed)
    assert len(rows) < len(allowed)


def test_cover_adds_nothing_where_rows_cover_already():
    factors = {"a": (0, 1), "b": (0, 1)}
    rows = cover(factors, 2, lambda row: True)
    assert cover(factors, 2, lambda row: True, rows) == []
    assert cover(factors, 2, lambda row: True, rows[:-1]) == rows[-1:]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("tier", ["smoke", "standard"])
def test_the_defaults_come_first(spec, tier):
    first = cases(spec, tier)[0]
    assert dict(first.parameters) == spec.defaults
    assert (first.dtype, first.size) == ("float32", spec.sizes[0])


def gridded():
    return [spec for spec in SPECS.values() if spec.grid]


@pytest.mark.parametrize("spec", gridded(), ids=lambda spec: spec.name)
def test_the_grid_is_every_valid_combination(spec):
    found = cases(spec, "grid", dtypes=("float32",))
    every = [dict(zip(spec.grid, values, strict=True)) for values in itertools.product(*spec.grid.values())]
    valid = [row for row in every if not spec.broken(_grid_case(spec, row).names)]
    assert [case.size for case in found] == [row["size"] for row in valid]
    assert len(set(found)) == len(found) > 100
    assert {case.dtype for case in found} == {"float32"}
    assert all(parse(case.id, SPECS) == case for case in found)


def _grid_case(spec, row):
    parameters = {**spec.defaults, **{k: v for k, v in row.items() if k != "size"}}
    return Case(spec, tuple(parameters.items()), "float32", spec.data[0], row["size"])


def test_small_grids_meet_what_checks_ask_for():
    names = [case.names for case in cases(SPECS["conv1d"], "grid")]
    assert any(n["kernel"][0] == 1 and n["strides"] == (3,) for n in names)
    assert any(n["kernel"][0] < n["strides"][0] and n["dilation"] == (2,) for n in names)
    assert any(n["x"][1] == (n["kernel"][0] - 1) * 2 + 1 and n["dilation"] == (2,) for n in names)
    assert not cases(SPECS["gelu"], "grid")


def test_a_seed_asks_the_same_with_other_numbers():
    case = parse("gelu/default/float32/normal/3x17", all_specs())
    other = dataclasses.replace(case, seed=7)
    assert other.id == f"{case.id}#7"
    assert parse(other.id, all_specs()) == other
    assert not (case.inputs()["x"] == other.inputs()["x"]).any()


def test_a_seed_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="the seed after '#' must be a number; got 'x'"):
        parse("gelu/default/float32/normal/3x17#x", all_specs())
