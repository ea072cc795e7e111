"""What the tests of frameworks would let pass: their rules, held to the functions that state them."""

from __future__ import annotations

import pytest

from assay.harness.judging.findings import Example, findings
from assay.harness.judging.noticing import RULES, passing

TORCH, KERAS, ONNX = RULES


@pytest.mark.parametrize(
    ("got", "expected", "dtype", "rules"),
    [
        ("0.0", "-1.43e-06", "float32", (TORCH,)),
        ("0.0", "9e-08", "float32", (TORCH, KERAS, ONNX)),
        ("1.0005", "1.0", "float32", (ONNX,)),
        ("1.01", "1.0", "bfloat16", (TORCH,)),
        ("0.0", "1e-06", "float64", (KERAS,)),
        ("2.0", "1.0", "float16", ()),
        ("nan", "0.0", "float32", ()),
        ("1e38", "inf", "float32", ()),
        ("inf", "inf", "float32", (TORCH, KERAS, ONNX)),
    ],
)
def test_a_rule_lets_pass_what_its_tolerance_holds(got, expected, dtype, rules):
    assert passing(got, expected, dtype) == rules


def test_an_example_without_numbers_says_nothing():
    assert Example("gelu/default/float32/tails/3x17", "torch.nn.GELU", "torch", "eager").unnoticed == ()


def test_the_lost_tail_of_gelu_is_within_the_tolerance_of_torch():
    assert any(TORCH in example.unnoticed for example in findings()["gelu-negative-tail"].examples)


def test_the_rule_of_torch_is_what_torch_says():
    testing = pytest.importorskip("torch").testing._comparison
    torch = pytest.importorskip("torch")
    for dtype, tolerances in RULES[TORCH].items():
        assert testing.default_tolerances(getattr(torch, dtype)) == tolerances
