"""Faults that follow from the spec say what they do, do that alone, and are written nowhere by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from twins import twins

from assay.harness.auditing import audit as auditing
from assay.harness.auditing.audit import Audit, audit
from assay.harness.auditing.faults import answers
from assay.harness.auditing.generated import generated
from assay.harness.auditing.variants import GeneralFault, correct, expected
from assay.harness.judging.judge import judge
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.spec import Input, Parameter
from assay.specs.language.variant import Fault
from assay.specs.variants import faults_of

SPECS = all_specs()
SAMPLE = list({spec.family: name for name, spec in reversed(SPECS.items())}.values())[::2]
"""The first spec of every other family."""


def of(case_id):
    return expected(parse(case_id, SPECS))


def named(spec, name):
    (found,) = (fault for fault in generated(SPECS[spec]) if fault.name == name)
    return found


@pytest.mark.parametrize(
    ("case", "name", "wrong"),
    [
        ("dense", "bias zeros", lambda x, kernel, bias: x @ kernel),
        ("dense", "bias doubled", lambda x, kernel, bias: x @ kernel + 2 * bias),
        ("dense", "x without the last along features", lambda x, k, b: x[:, :-1] @ k[:-1] + b),
        ("dense", "x shifted by one along batch", lambda x, k, b: np.roll(x, 1, 0) @ k + b),
        ("dense", "kernel in reverse along units", lambda x, k, b: x @ k[:, ::-1] + b),
        (
            "dense",
            "kernel stored with features and units exchanged",
            lambda x, k, b: x @ k.T.reshape(k.shape) + b,
        ),
        ("dense", "y times units", lambda x, k, b: (x @ k + b) * 5),
        ("dense", "y divided by batch by features", lambda x, k, b: (x @ k + b) / (3 * 17)),
    ],
)
def test_a_fault_is_what_its_name_says_in_the_outputs_alone(case, name, wrong):
    expectation = of(f"{case}/default/float32/normal/3x17x5")
    found = named(case, name).spoil(expectation)
    given = [expectation.named[i.name] for i in SPECS[case].inputs]
    np.testing.assert_allclose(found.outputs[0], wrong(*given), rtol=1e-12, atol=1e-12)
    assert found.gradients is correct(expectation).gradients


def test_a_fault_of_the_gradient_leaves_the_outputs_right():
    expectation = of("gelu/default/float32/normal/3x17")
    found = named("gelu", "approximate True for False, in the gradient").spoil(expectation)
    assert found.outputs is correct(expectation).outputs
    assert (found.gradients[0] != correct(expectation).gradients[0]).any()


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("gelu/approximate=true/float32/normal/3x17", "approximate True for False"),
        ("dense/use_bias=false/float32/normal/3x17x5", "bias doubled"),
        ("dense/default/float32/normal/1x17x5", "x shifted by one along batch"),
    ],
)
def test_where_a_change_changes_nothing_there_is_no_fault(case, name):
    expectation = of(case)
    assert named(expectation.case.spec.name, name).spoil(expectation) is None


def test_of_an_empty_input_nothing_is_lost_and_the_rest_is_asked():
    empty = of("concatenate/default/float32/normal/2x8x0")
    assert not all(array.size for array in empty.inputs.values())
    found = [fault for fault in generated(SPECS["concatenate"]) if list(answers(fault, [empty]))]
    assert found


def test_gates_states_and_exchanged_inputs_follow_from_what_the_spec_calls_them():
    names = {fault.name for fault in generated(SPECS["lstm"])}
    assert names >= {
        "gates 1 and 2 exchanged",
        "gates 3 and 4 of recurrent_kernel exchanged, in the gradient",
        "final_c not updated",
        "h and c exchanged",
        "cotangent of final_h ignored",
        "gradient of bias divided by batch",
        "forget_bias 1.0 for 0.0",
        "direction 'backward' for 'forward'",
    }


def test_what_must_make_a_difference_fails_the_audit_where_it_makes_none():
    idle = Input("unread", "batch, features", when="True")
    spec = dataclasses.replace(
        SPECS["silu"],
        inputs=(*SPECS["silu"].inputs, idle),
        reference=lambda x, unread: SPECS["silu"].reference(x),
        vjp=lambda x, unread, cotangent: (*SPECS["silu"].vjp(x, cotangent), np.zeros_like(unread)),
    )
    questions = auditing._AuditedCases(spec, "float32", "smoke", 0)
    names = ("unread lost", "unread doubled", "unread doubled, in the gradient")
    found = [auditing._faulty(f, questions) for f in generated(spec) if f.name in names]
    assert {entry.outcome for entry in found} == {"no effect"}
    assert [entry.name for entry in Audit("standard", True, tuple(found)).failing] == ["unread lost"]


# --- how often they are asked ---


def test_equal_answers_to_one_question_are_judged_once(monkeypatch):
    asked = []

    def counted(expectation, answer, explain):
        asked.append(expectation.case.id)
        return judge(expectation, answer, explain=explain)

    monkeypatch.setattr(auditing, "judge", counted)
    questions = auditing._AuditedCases(SPECS["dense"], "float32", "smoke", 0)
    one, other = named("dense", "bias zeros"), Fault(name="no bias", inputs={"bias": lambda bias: 0 * bias})
    assert {auditing._faulty(fault, questions).outcome for fault in (one, other, one)} == {"caught"}
    assert len(asked) == 1


def test_a_fault_is_put_no_more_once_many_questions_show_no_difference():
    questions = auditing._AuditedCases(SPECS["gelu"], "float32", "standard", 0).all
    put = []

    def spoil(expectation):
        put.append(expectation)
        return correct(expectation)

    assert not list(answers(GeneralFault("nothing", spoil, patience=3), questions))
    assert put == questions[:3]
    assert not list(answers(GeneralFault("nothing", spoil), questions))
    assert put[3:] == questions


# --- nothing is written twice ---


def test_a_fault_that_follows_from_the_spec_is_found_out():
    written = (
        Fault(name="bias left out", inputs={"bias": lambda bias: 0 * bias}),
        Fault(name="rectified", results={"y": lambda result: np.maximum(result, 0)}),
        Fault(
            name="bias left out, for a large batch", inputs={"bias": lambda bias: 0 * bias}, where="batch > 8"
        ),
    )
    assert list(twins(SPECS["dense"], written)) == ["bias left out"]


@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_that_follows_from_the_spec_is_written_by_hand(name):
    """`benchmarks/twins.py` tells it of every spec. What several specs share may follow from one of them."""
    shared = {fault.name for other, spec in SPECS.items() if other != name for fault in faults_of(spec)}
    written = [fault for fault in faults_of(SPECS[name]) if fault.name not in shared]
    assert twins(SPECS[name], written) == {}


def test_options_of_one_value_have_no_other():
    spec = dataclasses.replace(SPECS["gelu"], parameters=(Parameter("approximate", (False,), ""),))
    assert not [fault.name for fault in generated(spec) if "approximate" in fault.name]


def test_the_audit_tells_what_follows_from_the_spec_by_name():
    caught = {e.name for e in audit("silu", "float32", "smoke") if e.outcome == "caught"}
    assert {"x lost", "x negated", "gradient of x is the cotangent as it is"} <= caught
