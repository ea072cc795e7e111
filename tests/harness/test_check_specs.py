"""Every deterministic spec can be checked: its reference, computed in float64 and rounded once, conforms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.sample import drawn

import assay
from assay.numerics.dtypes import DTYPES, round_to, widen
from assay.specs import all_specs

SPECS = {name: spec for name, spec in all_specs().items() if spec.recover is None}


def rounded(spec, function, inside=widen):
    """A function of the spec as a kernel: float64 inside, its results rounded to the dtype of its inputs."""

    def kernel(*arrays, **parameters):
        given = [a for a in arrays if a is not None and a.dtype.name in DTYPES]
        wide = [a if a is None or a.dtype.name not in DTYPES else inside(a) for a in arrays]
        inputs, cotangents = wide[: len(spec.inputs)], tuple(wide[len(spec.inputs) :])
        if cotangents:
            inputs.append(cotangents if len(cotangents) > 1 else cotangents[0])
        found = function(*inputs, **spec.accepted(function, parameters))
        results = [y for y in (found if isinstance(found, tuple) else (found,)) if y is not None]
        kept = DTYPES[given[0].dtype.name if given else "float32"]
        return tuple(y if np.asarray(y).dtype.kind in "biu" else round_to(widen(y), kept) for y in results)

    return kernel


FIRST = {spec.family: name for name, spec in reversed(SPECS.items())}
"""A spec of each family."""

AT_EVERY_SIZE = drawn(FIRST.values(), 12)
"""Whose checks sweep over sizes; the others are asked at their smallest, to save time."""


@pytest.mark.parametrize("name", drawn(SPECS, 20, always=FIRST.values()))
def test_the_reference_rounded_once_passes_a_check(name):
    spec = SPECS[name]
    frozen = any(given.frozen != "False" for given in spec.inputs)
    vjp = None if frozen else rounded(spec, spec.vjp)
    swept = name in AT_EVERY_SIZE
    sizes = "sweep" if swept else [min(spec.sizes, key=math.prod)]
    given = {"vjp": vjp, "fooled": False, "deterministic": True, "sizes": sizes}
    data = assay.check(rounded(spec, spec.reference), name, **given).data
    assert data.findings == ()
    lines = {line.check: line for line in data.lines}
    for check in ("values", "written", "bounds", "repeats", *(("tails",) if swept else ())):
        assert lines[check].passed > 0


HALVES = [(dtype, fused) for dtype in ("bfloat16", "float16") for fused in (False, True)]
HALF = {n: s.family for n, s in SPECS.items() if "dtype in ('bfloat16', 'float16')" not in s.excluded}
FAMILIES = {family: [n for n, of in HALF.items() if of == family] for family in sorted({*HALF.values()})}
SHARE = {names[number % len(names)]: HALVES[number % 4] for number, names in enumerate(FAMILIES.values())}
"""One spec of each family, with a half type, and whether it is held to one rounding; one after the other."""


def single(array):
    return np.asarray(array, np.float32)


@pytest.mark.parametrize("name", SHARE)
def test_a_kernel_that_computes_in_float32_and_rounds_once_is_not_accused_in_half_types(name):
    spec, (dtype, fused) = SPECS[name], SHARE[name]
    frozen = any(given.frozen != "False" for given in spec.inputs)
    vjp = None if frozen else rounded(spec, spec.vjp, single)
    options = {"dtypes": dtype, "fused": fused, "sizes": "smoke", "fooled": False}
    data = assay.check(rounded(spec, spec.reference, single), name, vjp=vjp, **options).data
    assert data.findings == ()
    assert set(data.profile.split(", ")) <= {"fused"}


def test_every_half_type_and_every_rounding_has_its_share():
    assert set(SHARE.values()) == set(HALVES)
    assert {SPECS[name].family for name in SHARE} == {*HALF.values()}
