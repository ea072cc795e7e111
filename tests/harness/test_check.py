"""What a check says of kernels: the right ones pass, and each fault is caught, named and made small."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

import assay
from assay.adapters.kernel.function import find_function
from assay.harness.checking.checks import CHECKS, CheckResult

KERNELS = Path(__file__).with_name("kernels.py")


def kernel(name):
    return find_function(KERNELS, name)


def checked(name, spec="softmax", **options):
    return assay.check(kernel(name), spec, **options).data


def findings(data):
    return {finding.check: finding for finding in data.findings}


def line(data, check):
    return next(one for one in data.lines if one.check == check)


# --- what passes ---


@pytest.mark.parametrize("name", ["softmax", "softmax_into"])
@pytest.mark.parametrize("sizes", ["smoke", "sweep"])
def test_a_right_kernel_passes_everything_that_can_be_asked(name, sizes):
    data = checked(name, sizes=sizes, vjp=kernel("softmax_vjp"))
    assert data.passed, data.findings
    assert {one.check for one in data.lines if not one.passed} == ({"sizes"} if sizes == "smoke" else set())
    assert 0 < data.margin < 1
    assert data.profile == "float32"


def test_an_input_that_a_case_does_not_have_is_none_and_options_are_given():
    data = checked("layer_norm", "layer_norm", dtypes=("float32", "bfloat16", "float16"))
    assert data.passed, data.findings
    asked = " ".join(data.asked)
    for words in ("use_bias=false", "use_scale=false", "epsilon=0.001", "bfloat16", "float16"):
        assert words in asked


def test_what_a_kernel_does_not_take_is_not_varied():
    data = assay.check(lambda x: softmax_of_rows(x), "softmax").data
    assert data.passed
    assert not any("axis=" in case for case in data.asked)


def softmax_of_rows(x):
    return kernel("softmax")(x)


def test_a_parameter_is_held_at_the_value_that_is_asked_for():
    data = checked("softmax", axis=0)
    assert all("axis=0" in case for case in data.asked)
    assert assay.check(lambda x: kernel("softmax")(x, axis=0), "softmax", axis=0).passed


def test_a_value_that_the_spec_does_not_list_can_be_held():
    data = checked("layer_norm", "layer_norm", epsilon=0.5)
    assert data.passed
    assert all("epsilon=0.5" in case for case in data.asked)


def test_every_option_is_met_at_a_size_that_shows_it():
    asked = checked("layer_norm", "layer_norm").asked
    for option in ("epsilon=0.001", "epsilon=1e-06", "use_scale=false", "use_bias=false"):
        assert f"layer_norm/{option}/float32/normal/3x2x17" in asked
    assert "softmax/axis=0/float32/normal/3x17" in checked("softmax").asked


def test_sizes_and_tiles_of_the_user_are_asked():
    assert {case.rpartition("/")[2] for case in checked("softmax", sizes=[(2, 1000)]).asked} >= {"2x1000"}
    lengths = {case.partition("@")[0].rpartition("x")[2] for case in checked("softmax", tiles=(48,)).asked}
    assert lengths >= {"47", "48", "49", "97"}


def test_single_cases_can_be_asked_again():
    ids = ["softmax/default/float32/normal/3x17", "softmax/axis=0/float32/nan/2x5@strided"]
    assert checked("softmax", cases=ids).asked == tuple(ids)


def test_what_was_not_asked_is_said_with_the_reason():
    said = {one.check: one.note for one in checked("softmax").lines if not one.passed}
    assert said == dict.fromkeys(("gradients", "backward"), "not asked: numpy has no reverse mode; give vjp=")


# --- what fails, and what is said of it ---

WRONG = {
    "without_shift": ("special values", "NaN stands in every wrong place"),
    "ignores_the_axis": ("values", "it computes axis=-1"),
    "forgets_the_tail": ("values", "only the last, partial tile of 16 along axis 1 is wrong"),
    "biased_in_float64": ("values", "all are off by one factor: 1"),
    "reads_without_strides": ("layouts", ""),
    "raises_on_some_sizes": ("runs", "IndexError: tile out of range (at kernels.py"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_found_with_its_pattern_and_cause(name):
    check, words = WRONG[name]
    found = findings(checked(name))
    assert check in found
    said = found[check]
    assert words in " ".join((said.message, *said.patterns, *said.causes))


def test_elements_that_were_never_written_have_a_pattern_too():
    case = "softmax/default/float32/normal/3x17"
    finding = findings(checked("leaves_output_unwritten", cases=[case]))["written"]
    assert finding.patterns == (
        "only the last, partial tile of 16 along axis 1 is wrong: from index 16 on, of 17",
    )


def test_a_wrong_gradient_is_found():
    found = findings(checked("softmax", vjp=kernel("wrong_gradient")))
    assert set(found) == {"gradients"}
    assert "gradient of x" in found["gradients"].first


def test_a_failing_case_is_made_smaller():
    finding = findings(checked("forgets_the_tail", dtypes="float64"))["values"]
    assert finding.smallest == "softmax/default/float32/normal/1x17"
    assert findings(checked("without_shift"))["special values"].smallest.endswith("wide/1x4")


def test_other_checks_that_fail_for_the_same_reason_say_so():
    found = findings(checked("forgets_the_tail"))
    assert found["tails"].same_as == "values"


def test_a_kernel_that_refuses_a_layout_does_not_fail_but_it_is_said():
    data = checked("refuses_strides")
    assert data.passed
    assert "ValueError: x must be contiguous" in line(data, "layouts").note


def test_a_declared_accumulator_is_admitted_and_an_undeclared_one_named():
    def low(x, kernel, bias):
        y = np.zeros((len(x), kernel.shape[1]), x.dtype)
        for k in range(x.shape[1]):
            y = y + x[:, k : k + 1] * kernel[k]
        return y if bias is None else y + bias

    cases = ["dense/default/bfloat16/normal/4x256x7"]
    found = findings(assay.check(low, "dense", cases=cases, shrink=False).data)["values"]
    assert "low-accumulator" in " ".join(found.causes)
    assert assay.check(low, "dense", cases=cases, accumulate="dtype").passed


def test_the_faults_of_the_spec_are_named_as_causes():
    def forgets_the_sum(x, cotangent, *, axis=-1):
        return kernel("softmax")(x, axis=axis) * cotangent

    (finding,) = assay.check(kernel("softmax"), "softmax", vjp=forgets_the_sum).data.findings
    assert "it gives what the fault “gradient without the sum over the row” gives" in finding.causes
    causes = findings(checked("forgets_the_tail"))["values"].causes
    assert causes == ("it gives what the fault “last tile of 16 dropped” gives",)
    assert "no maximum subtracted" in str(findings(checked("without_shift"))["special values"].causes)


# --- what would fool it ---


def test_a_check_that_passes_says_which_faults_it_would_have_let_pass():
    (alone,) = checked("softmax").fooled
    (both,) = checked("softmax", vjp=kernel("softmax_vjp")).fooled
    assert "last tile of 16 dropped" in alone.caught
    assert "gradient without the sum over the row" in alone.unasked
    assert "gradient without the sum over the row" in both.caught
    assert both.unasked == ()
    assert alone.missed == ("other bits at each run",)
    assert checked("softmax", deterministic=True).fooled[0].missed == ()
    assert checked("forgets_the_tail").fooled == ()


def test_few_cases_would_be_fooled_more_easily():
    (few,) = checked("softmax", cases=["softmax/default/float32/normal/1x2"]).fooled
    assert {"no maximum subtracted", "last tile of 16 dropped"} <= {*few.missed, *few.silent}
    half = {fooled.dtype: fooled for fooled in checked("softmax", dtypes=("float32", "bfloat16")).fooled}
    assert "temperature 1.001" in half["float32"].caught
    assert "temperature 1.001" in half["bfloat16"].missed


# --- adversaries ---

CAUGHT = {
    "cached_by_shape": ("special values", "nan"),
    "cached_by_address": ("special values", "nan"),
    "mutates_its_input": ("inputs", "changes its input x"),
    "leaves_output_unwritten": ("written", "still holds what lay there before"),
    "leaves_out_unwritten": ("written", "still holds what lay there before"),
    "accumulates_into_what_was_there": ("written", "51 of 51 elements were never written"),
    "returns_a_view_of_its_input": ("ownership", "lies in the memory of its input x"),
    "uses_its_output_again": ("ownership", "a call changed what an earlier call had returned"),
    "writes_one_too_far": ("bounds", "outside of output 0: 1 element(s) past its end"),
    "writes_one_too_early": ("bounds", "outside of output 0: 1 before its start"),
    "writes_behind_its_input": ("bounds", "outside of x: 1 element(s) past its end"),
    "reads_one_too_far": ("written", "reads past the end of an input"),
    "works_in_another_thread": ("ownership", "a thread or stream was still at work"),
    "asks_to_exit": ("runs", "SystemExit: enough"),
    "returns_nothing": ("structure", "returned NoneType; expected an array of numpy"),
    "returns_a_list": ("structure", "expected an array of numpy"),
    "returns_complex": ("structure", "complex64"),
    "returns_float64": ("structure", "has dtype float64; expected float32"),
    "returns_two": ("structure", "returned 2 arrays; expected 1"),
    "hides_nan": ("special values", "expected nan"),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_an_adversary_is_caught(name):
    check, words = CAUGHT[name]
    few = [f"softmax/default/float32/{data}/3x17" for data in ("normal", "nan", "wide")]
    found = findings(checked(name, cases=few))
    assert check in found
    assert words in found[check].message


def test_an_input_that_is_passed_through_is_caught():
    found = findings(checked("passes_its_input_through", "relu", sizes=[(1, 1), (3, 17)]))
    assert "lies in the memory of its input x" in found["ownership"].message


ENDING = {
    "exits": ("runs", "crashed"),
    "crashes": ("runs", "in crashes"),
    "hangs": ("runs", "hung: no answer within 0.5 s"),
}


@pytest.mark.parametrize("name", ENDING)
def test_an_end_of_the_process_is_contained(name):
    check, words = ENDING[name]
    data = checked(name, isolate=True, time_limit=0.5)
    assert words in findings(data)[check].message
    assert "stopped after 3 crashes or hangs" in line(data, "runs").note


def test_megabytes_of_output_are_contained(capfd):
    assert checked("chatters", isolate=True).passed
    assert "noise" not in "".join(capfd.readouterr())


def test_a_worker_says_the_same_as_this_process():
    here, there = checked("forgets_the_tail"), checked("forgets_the_tail", isolate=True)
    drop = {"seconds": 0.0, "isolated": False}
    assert msgspec.structs.replace(here, **drop) == msgspec.structs.replace(there, **drop)


# --- facts ---


def test_other_bits_in_a_repeated_call_are_a_fact_and_a_failure_where_it_is_asked_for():
    data = checked("draws_its_last_bit")
    assert data.passed
    assert "gave other bits" in data.facts["repeats"] or "give different bits" in data.facts["repeats"]
    assert "repeats" in findings(checked("draws_its_last_bit", deterministic=True))


def test_a_sample_that_depends_on_its_batch_is_a_fact():
    data = checked("depends_on_the_batch")
    assert data.passed
    assert "samples along batch have other bits alone" in data.facts["batch"]
    assert line(checked("softmax"), "batch").passed == 1


# --- the report ---


def test_the_report_raises_prints_and_is_data():
    report = assay.check(kernel("forgets_the_tail"), "softmax")
    with pytest.raises(assay.KernelFails, match="last, partial tile of 16"):
        report.raise_for_failures()
    assert not report.passed
    for shown in (str(report), repr(report), report._repr_html_()):
        assert "does not conform" in shown
        assert "softmax/default/float32/normal/1x17" in shown
    assert msgspec.json.decode(report.to_json(), type=CheckResult) == report.data
    assert json.loads(report.to_json())["spec"] == "softmax"
    with pytest.raises(TypeError, match=r"report\.passed"):
        bool(report)


def test_a_passing_report_says_how_close_it_came():
    report = assay.check(kernel("softmax"), "softmax")
    report.raise_for_failures()
    assert "conforms: the largest error is 0." in str(report)
    for check in CHECKS:
        assert check in str(report)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"spec": "softmaxx"}, "did you mean softmax"),
        ({"spec": "soft*"}, r"names \d specs"),
        ({"spec": "dropout"}, "is stochastic"),
        ({"dtypes": "float8"}, "no dtype is called 'float8'"),
        ({"sizes": "huge"}, "it must be smoke, sweep or a list of sizes"),
        ({"sizes": [(1, 2, 3)]}, "does not fit the axes"),
        ({"accumulate": "int8"}, "must be one of float32, tf32, dtype"),
        ({"repeats": 1}, "at least 2 calls"),
        ({"gradients": True}, "give vjp="),
        ({"like": "nowhere"}, "no array type is called 'nowhere'"),
        ({"like": json}, "no from_dlpack"),
        ({"device": "cuda"}, "NumPy has no device 'cuda'"),
        ({"cases": ["softmax/x"]}, "it needs five"),
        ({"cases": ["softmax/default/float32/normal/3x17@sideways"]}, "no layout is called 'sideways'"),
        ({"cases": ["softmax/default/float32/breaks-C1/3x17"]}, "is no valid case"),
        ({"momentum": 1}, "softmax has no parameter 'momentum'"),
    ],
)
def test_wrong_usage_says_what_is_allowed(options, words):
    arguments = {"spec": "softmax"} | options
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        assay.check(kernel("softmax"), arguments.pop("spec"), **arguments)


def test_isolation_needs_a_function_that_another_process_can_find():
    with pytest.raises(ValueError, match="Put it at the top of a module"):
        assay.check(lambda x: x, "relu", isolate=True)


def test_a_class_is_no_kernel():
    class Function:
        apply = None

    with pytest.raises(ValueError, match="give a function that calls it"):
        assay.check(Function, "relu")
