"""The references' proofs, proved: there are enough of them, each can fail, and the page tells them all."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from support.proof import VJP, all_calls, assert_same, carried, family_of, measuring, proves
from support.proof_page import page, structure

from assay.specs import all_specs
from assay.specs.language.case import Case

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "proof.md"
SPECS = all_specs().values()
REFERENCES = list(dict.fromkeys(spec.reference for spec in SPECS))
VJPS = list(dict.fromkeys(spec.vjp for spec in SPECS if any(given.differentiable for given in spec.inputs)))

ENOUGH = 2
"""Kinds of proof that each reference and each vjp must have."""


@functools.cache
def proofs():
    return frozenset(proof for call in all_calls() for proof in call.proofs)


def kinds(function):
    found = (p for p in proofs() if (p.family, p.reference) == (family_of(function), function.__name__))
    return {proof.kind for proof in found}


# --- there are enough of them ---


@pytest.mark.parametrize("function", [*REFERENCES, *VJPS])
def test_neither_values_nor_gradients_stand_on_one_kind_of_proof(function):
    found = sorted(kinds(function))
    assert len(found) >= ENOUGH, (
        f"{function.__name__} is proved by {found[0] if found else 'nothing'} only; add a test that says"
        f" @proves({function.__name__}, by=…) to tests/reference/test_{family_of(function)}.py"
    )


@pytest.mark.parametrize("vjp", VJPS)
def test_every_gradient_is_held_to_the_derivative(vjp):
    assert "complex step" in kinds(vjp)


def test_only_references_are_proved():
    known = {(family_of(function), function.__name__) for function in (*REFERENCES, *VJPS)}
    assert {(proof.family, proof.reference) for proof in proofs()} <= known


def test_a_proof_is_by_a_kind_that_exists():
    with pytest.raises(ValueError, match="a proof is by one of worked figures, published"):
        proves(REFERENCES[0], by="intuition")


# --- each can fail ---


def spoilt(function):
    """The function with its results off by n² 2⁻²⁰ at its n-th call: it disagrees even with itself."""
    calls = itertools.count(1)

    def off(result, step):
        return None if result is None else result + step

    @functools.wraps(function)
    def wrong(*args, **options):
        result, step = function(*args, **options), next(calls) ** 2 * 2.0**-20
        return tuple(off(one, step) for one in result) if isinstance(result, tuple) else off(result, step)

    return wrong


def in_place_of(function, wrong):
    """Puts the spoilt function where a test is handed the right one, itself or in the spec of a case."""

    def put(argument):
        if isinstance(argument, Case):
            spec = argument.spec
            found = [name for name in ("reference", "vjp") if getattr(spec, name) is function]
            return dataclasses.replace(
                argument, spec=dataclasses.replace(spec, **dict.fromkeys(found, wrong))
            )
        return wrong if argument is function else argument

    return put


def claims():
    """Every test with each function that it proves, and the calls of the test that prove it."""
    found = {}
    for call in all_calls():
        for mark in call.marks:
            for function in mark.args:
                found.setdefault((call.test.__name__, function.__name__), (function, []))[1].append(call)
    return [pytest.param(*claim, id="-".join(names)) for names, claim in found.items()]


@pytest.mark.parametrize(("function", "calls"), claims())
def test_a_proof_fails_where_the_reference_is_off_by_a_part_in_a_million(function, calls, monkeypatch):
    (module,) = {call.module for call in calls}
    for call in calls:
        wrong = spoilt(function)
        if getattr(module, function.__name__, None) is function:
            monkeypatch.setattr(module, function.__name__, wrong)
        put = in_place_of(function, wrong)
        try:
            call.test(**{name: put(argument) for name, argument in call.arguments.items()})
        except AssertionError:
            return
        finally:
            monkeypatch.undo()
    pytest.fail(f"no call of the test notices that {function.__name__} is off")


# --- what counts as agreement ---

ONE = np.float64(1.0)
NEXT = np.nextafter(ONE, 2)
THIRD = carried(ONE) / 3.0


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (ONE, NEXT),
        ([1.0, 2.0], [1.0, 3.0]),
        ([1.0, 2.0], [1.0]),
        ([], []),
        ([1.0], [np.nan]),
        ([np.inf], [-np.inf]),
        (ONE / 3, Fraction(1, 3)),
        (THIRD, Fraction(1, 3) + Fraction(1, 10**15)),
        (THIRD, mpmath.mpf(1) / 3 + mpmath.mpf(10) ** -15),
        (THIRD, "0.3334"),
        ((ONE, ONE), (ONE, NEXT)),
        ((ONE, ONE), (ONE,)),
    ],
)
def test_what_differs_is_told_apart(got, wanted):
    with pytest.raises((AssertionError, ValueError)):
        assert_same(got, wanted)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf]),
        ([0.0, 0.0], -0.0),
        (THIRD, Fraction(1, 3)),
        (THIRD, mpmath.mpf(1) / 3),
        (THIRD, ONE / 3),
        (THIRD, "0.333"),
        ((ONE, THIRD), (ONE, "0.3333")),
    ],
)
def test_what_agrees_is_the_same(got, wanted):
    assert_same(got, wanted)


def test_an_error_as_large_as_half_of_the_digits_shows_nothing():
    # What is left of 1/3 is some 1e-17, and its error as large.
    difference = THIRD - 1.0 / 3 + np.spacing(1.0 / 3)
    assert np.all(np.abs(difference.value) <= difference.bound)
    with pytest.raises(AssertionError, match="apart"):
        assert_same(difference, 0.0)


def test_digits_are_those_of_the_largest_error_beside_the_largest_magnitude():
    with measuring() as digits:
        assert_same(carried(np.array([8.0, 1.0])) / 8.0, [1.0, 0.125])
        assert_same(np.array(1.0), "1.001"[:3])
        assert_same(np.array([8.0, 0.501]), ["8", "0.5"])
    assert digits[:2] == [math.inf, math.inf]
    assert math.floor(digits[2]) == 3


# --- the page tells them all ---


def test_the_page_is_that_of_the_proofs_there_are():
    now = structure(page(dict.fromkeys(proofs(), math.inf)))
    assert structure(PAGE.read_text("utf-8")) == now, "docs/proof.md is out of date: run `make proof`"


def test_a_page_that_lacks_a_proof_is_found():
    every = dict.fromkeys(sorted(proofs()), math.inf)
    less = dict(itertools.islice(every.items(), 1, None))
    assert structure(page(less)) != structure(page(every))
    assert structure(page(dict.fromkeys(every, 9.5))) == structure(page(every))


ONE_PROOF = """
from assay.reference.activations import relu
from support.proof import assert_same, proves

@proves(relu, by="law")
def test_relu_keeps_one():
    {}

def test_another():
    pass
"""


@pytest.mark.parametrize(
    ("body", "arguments", "said"),
    [
        ("assert_same(relu(1.0), 1.0)", (), None),
        ("assert_same(relu(1.0), 2.0)", (), "got 1.0, wanted 2.0"),
        ("assert relu(1.0) == 1.0", (), "this proof compares nothing"),
        ("assert_same(relu(1.0), 1.0)", ("-k", "another"), "1 proofs failed or were not carried out"),
    ],
)
def test_a_page_is_written_where_every_proof_is_carried_out_and_holds(body, arguments, said, tmp_path):
    shutil.copytree(TESTS / "support", tmp_path / "support")
    (tmp_path / "reference").mkdir()
    for name in ("pytest.ini", "reference/conftest.py"):
        shutil.copy(TESTS / name, tmp_path / name)
    (tmp_path / "reference" / "test_relu.py").write_text(ONE_PROOF.format(body), "utf-8")
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--proof", "page.md", "reference"]
    done = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "page.md").exists() == (said is None), done.stdout
    assert (said or "The proofs: page.md") in done.stdout


def test_a_page_shows_the_least_digits_rounded_down():
    one, *_ = (proof for proof in sorted(proofs()) if not proof.reference.endswith(VJP))
    text = page({one: 15.99})
    assert f"| `{one.reference}` | 1 · *15* | *15* |" in text
    assert "*9*" in page({one: 9.99})
    assert f"- {one.words} ({one.kind}, *15*): `{one.reference}`" in text
