"""Tables beside data of any type carry the error of single precision at least, and are stored once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from assay.numerics.apart import computed_apart
from assay.numerics.carried import carry
from assay.numerics.dtypes import DTYPES, nearest
from assay.numerics.profiles import profiles
from assay.numerics.simulated import Arithmetic, simulate

SINGLE = profiles("float32")[0]
POSITIONS = np.array([0, 257, 131071])


def thirds(positions):
    return (positions / 3.0, positions * 0.0)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_beside_wide_data_a_table_is_computed_as_any_formula_is(name):
    profile = profiles(name)[0]
    beside = computed_apart(carry(np.zeros(2), profile), thirds, POSITIONS)[0]
    plainly = thirds(carry(POSITIONS, profile))[0]
    assert (beside.bound.tolist(), beside.variance.tolist()) == (
        plainly.bound.tolist(),
        plainly.variance.tolist(),
    )
    assert beside.profile is profile


@pytest.mark.parametrize("profile", profiles("bfloat16"), ids=lambda profile: profile.name)
def test_beside_half_types_a_table_is_that_of_float32_rounded_once_to_what_holds_it(profile):
    table, zeros = computed_apart(carry(np.zeros(2), profile), thirds, POSITIONS)
    single = thirds(carry(POSITIONS, SINGLE))[0]
    assert np.array_equal(table.value, single.value)
    stored = 0.0 if profile.working.name == "float32" else profile.u
    bound = single.bound + stored * (single.value + single.bound)
    np.testing.assert_allclose(table.bound, bound, rtol=2.0**-30)
    assert (zeros.bound == 0).all()
    assert table.profile is profile


def test_what_the_format_holds_is_stored_exactly():
    op_by_op = next(profile for profile in profiles("bfloat16") if profile.name == "op-by-op")
    table = computed_apart(carry(np.zeros(2), op_by_op), lambda p: (p * 1.0,), np.array([0, 3, 256, 257]))[0]
    assert (table.bound == 0).tolist() == [True, True, True, False]


def test_simulated_tables_round_to_float32_and_then_to_the_data_s_type():
    half = DTYPES["bfloat16"]
    arithmetic = Arithmetic(half, DTYPES["float32"])
    found = computed_apart(simulate(np.zeros(2), arithmetic), thirds, POSITIONS)[0]
    single = nearest(POSITIONS / 3.0, DTYPES["float32"])
    assert found.value.tolist() == nearest(single, half).tolist()
    assert found.arithmetic is arithmetic
    wide = dataclasses.replace(arithmetic, working=DTYPES["float64"])
    assert computed_apart(simulate(np.zeros(2), wide), thirds, POSITIONS)[0].value[1] == 257 / 3


def test_beside_plain_numbers_a_table_is_plain():
    (table, _) = computed_apart(np.zeros(2, complex), thirds, POSITIONS)
    assert type(table) is np.ndarray
    assert table.tolist() == (POSITIONS / 3.0).tolist()
