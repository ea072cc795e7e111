"""Profiles: which there are, and that each is looser than the one before."""

import itertools

import pytest

from assay.numerics.carried import carry, finish
from assay.numerics.dtypes import DTYPES, round_to
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles


@pytest.mark.parametrize("name", DTYPES)
def test_profiles_come_tightest_first(name):
    format = DTYPES[name]
    x, w = (round_to(Stream(key).normal(shape), format) for key, shape in (("x", (4, 300)), ("w", (300, 5))))
    bounds = [finish(carry(x, p) @ carry(w, p)).bound for p in profiles(name)]
    for tighter, looser in itertools.pairwise(bounds):
        assert (tighter < looser).all()


def test_only_what_needs_no_flag_is_declared():
    declared = {name: [p.name for p in profiles(name) if p.declared] for name in DTYPES}
    assert declared == {
        "float64": ["float64"],
        "float32": ["float32"],
        "bfloat16": ["fused", "op-by-op"],
        "float16": ["fused", "op-by-op"],
    }


def test_the_others_are_there_to_name_what_explains_a_result():
    named = {name: [p.name for p in profiles(name) if not p.declared] for name in DTYPES}
    assert named == {
        "float64": [],
        "float32": ["tf32", "bfloat16-inputs"],
        "bfloat16": ["low-accumulator"],
        "float16": ["low-accumulator"],
    }


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_fused_halves_work_in_the_range_of_float32(name):
    fused, op_by_op, _ = profiles(name)
    assert (fused.u, fused.largest) == (DTYPES["float32"].u, DTYPES["float32"].largest)
    assert (op_by_op.u, op_by_op.u_acc) == (DTYPES[name].u, DTYPES["float32"].u)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="'int8'"):
        profiles("int8")
