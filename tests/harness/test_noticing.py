"""What the tests of frameworks would let pass: their rules, held to the functions that state them."""

from __future__ import annotations

import json

import msgspec
import pytest

from assay.adapters.binding import bindings
from assay.harness.judging import noticing as module
from assay.harness.judging.findings import Example, findings
from assay.harness.judging.noticing import FILE, OWN, RULES, noticing, operators
from assay.reports.findings import noticed


@pytest.mark.parametrize(
    ("got", "expected", "dtype", "passing"),
    [
        ("0.0", "-1.43e-06", "float32", {"PyTorch"}),
        ("0.0", "9e-08", "float32", {"PyTorch", "Keras", "ONNX"}),
        ("1.0005", "1.0", "float32", {"ONNX"}),
        ("1.01", "1.0", "bfloat16", {"PyTorch"}),
        ("0.0", "1e-06", "float64", {"Keras"}),
        ("2.0", "1.0", "float16", set()),
        ("nan", "0.0", "float32", set()),
        ("0.0", "nan", "float32", set()),
        ("1e38", "inf", "float32", set()),
        ("inf", "inf", "float32", {"PyTorch", "Keras", "ONNX"}),
    ],
)
def test_a_rule_lets_pass_what_its_tolerance_holds(got, expected, dtype, passing):
    told = noticing("torch.nn.unheard", got, expected, dtype)
    assert {each.rule for each in told if not each.noticed} == passing


def test_the_rule_of_the_own_framework_comes_first_and_others_follow():
    assert [each.rule for each in noticing("jax.nn.gelu", "0", "1", "float32")] == ["JAX", "Keras", "ONNX"]
    assert [each.rule for each in noticing("keras.ops.gelu", "0", "1", "float32")] == ["Keras", "ONNX"]
    assert [each.rule for each in noticing("flax.nnx.Conv", "0", "1", "float32")] == ["Keras", "ONNX"]


def test_an_override_of_an_operator_stands_in_the_place_of_the_default():
    default, override = (
        noticing(api, "1.0005", "1.0", "float32")[0] for api in ("torch.nn.GELU", "torch.nn.LayerNorm")
    )
    assert default.noticed
    assert not override.noticed
    assert override.remark == "OpInfo nn.functional.layer_norm, override of TestCommon.test_numpy_refs"


def test_an_operator_without_a_reference_is_said_to_be_compared_with_itself():
    (convolution, *_) = noticing("torch.nn.Conv2d", "0", "1", "float32")
    assert convolution.remark == "OpInfo nn.functional.conv2d, which has no reference to compare with"


def test_operators_are_those_of_names_that_are_bound():
    assert {*operators()} <= {binding.api for binding in bindings(["torch"]).values()}


def test_a_finding_without_numbers_has_no_size_and_one_without_examples_says_nothing():
    one = findings()["gelu-negative-tail"]
    plain = Example("gelu/default/float32/tails/3x17", "torch.nn.GELU", "torch", "eager")
    assert plain.noticing == ()
    assert "no size" in noticed(msgspec.structs.replace(one, examples=(plain,)))
    assert noticed(msgspec.structs.replace(one, examples=())) == ""


def test_the_lost_tail_of_gelu_is_not_noticed_by_the_test_of_torch():
    said = noticed(findings()["gelu-negative-tail"])
    assert "PyTorch's would not (tolerance 1e-05; OpInfo nn.functional.gelu)" in said
    assert "which any test that asks it notices" in noticed(findings()["silu-gelu-minus-infinity"])


def test_the_rule_of_torch_is_what_torch_says():
    torch = pytest.importorskip("torch")
    for dtype, tolerances in RULES["PyTorch"].items():
        assert torch.testing._comparison.default_tolerances(getattr(torch, dtype)) == tolerances


def test_overrides_were_read_from_the_release_that_is_asked():
    torch = pytest.importorskip("torch")
    written = json.loads(FILE.read_bytes())["torch"]
    assert torch.__version__.partition("+")[0] == written, "run `python benchmarks/opinfo.py`"


def test_every_framework_with_a_rule_is_one_that_has_bindings():
    assert {api.partition(".")[0] for api in (b.api for b in bindings().values())} >= OWN.keys()
    assert {*OWN.values()} <= RULES.keys()
    assert all({*rule} == {*module.DTYPES} for rule in RULES.values())
