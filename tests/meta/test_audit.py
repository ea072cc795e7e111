"""The audit finds a judge that is blind, a judge that cries wolf, and cases that cannot see."""

from __future__ import annotations

import copy
import dataclasses
import functools
import multiprocessing
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from support.sample import drawn

from assay.cli.app import main
from assay.harness.auditing import audit as auditing
from assay.harness.auditing.audit import Audit, Entry, audit, run_audit
from assay.harness.auditing.controls import controls
from assay.harness.auditing.controls import result as result_of_control
from assay.harness.auditing.faults import GENERAL, faults
from assay.harness.auditing.faults import answer as answer_of_fault
from assay.harness.auditing.variants import answer, correct, expected, run
from assay.harness.judging.judge import Judgement, judge
from assay.harness.plan import selection
from assay.numerics.dtypes import DTYPES
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.cases import cases
from assay.specs.language.variant import Control, Fault, call_by_name, each_way
from assay.specs.variants import controls_of, faults_of

SPECS = all_specs()


def of(case_id):
    return expected(parse(case_id, SPECS))


def outcomes(entries, kind):
    return {entry.name: entry.outcome for entry in entries if entry.kind == kind}


# --- faults and controls ---


@pytest.mark.parametrize("name", SPECS)
def test_every_spec_has_faults_that_are_told_apart_by_name(name):
    names = [fault.name for fault in faults(SPECS[name])]
    slopes = any(given.differentiable for given in SPECS[name].inputs)
    assert len(names) - len(GENERAL) >= (80 if slopes else 40)  # half of them are those of gradients
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", drawn(SPECS, 30))
def test_in_bfloat16_no_control_fails_and_faults_are_caught(name):
    """`make test` audits float32 beforehand; `make audit` asks every spec in every dtype."""
    entries = audit(name, "bfloat16", "smoke", share=16)
    assert "false alarm" not in outcomes(entries, "control").values()
    caught = [outcome == "caught" for outcome in outcomes(entries, "fault").values()]
    assert any(caught) or not any(entry.cases for entry in entries)  # no case has the dtype


@pytest.mark.parametrize(("infinite_mean", "accused"), [("infinite_mean=updates", False), ("default", True)])
def test_statistics_by_updates_pass_where_an_infinite_mean_may_be_nan(infinite_mean, accused):
    """Every implementation sums, so that no tier asks it: a kernel that updates is asked so by its option."""
    spec = SPECS["batch_norm"]
    (welford,) = (c for c in controls(spec, "float32") if "running statistics too" in c.name)
    expectation = of(f"batch_norm/{infinite_mean}/float32/infinities/9x5x3x7")
    found = run(dataclasses.replace(welford, where="True"), expectation)
    judgement = judge(expectation, found.stored(expectation.case))
    assert judgement.failing == accused, judgement.message


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_row_of_nan_is_caught_where_a_lone_infinite_logit_has_its_limit(name):
    sizes = ("3x17", "2x64", "5x129")
    limits = [of(f"{name}/axis=0,infinite_logit=one_hot/float32/infinities/{size}") for size in sizes]
    by_difference = Fault(name="∞ - ∞", parameters={"infinite_logit": "'nan'"}, spoils="both")
    assert {judge(one, correct(one).stored(one.case)).outcome for one in limits} == {"conforms"}
    assert "special values" in {judge(one, answer(by_difference, one)).check for one in limits}


# --- the audit itself ---


def test_a_killed_process_ends_the_audit_and_costs_nothing_that_was_learned():
    def kill(entries):
        for process in multiprocessing.active_children():
            process.kill()

    found = run_audit(["relu", "lstm"], ["float16"], "smoke", jobs=1, on_done=kill)
    assert (found.specs, found.complete) == (("relu",), False)


def test_a_defect_in_one_spec_is_told_and_costs_nothing_of_the_others():
    told = []
    asked = ["relu", "no such spec"]
    found = run_audit(asked, ["float32"], "smoke", jobs=1, on_defect=lambda *defect: told.append(defect))
    assert (found.specs, found.complete) == (("relu",), False)
    ((spec, dtype, error),) = told
    assert (spec, dtype, type(error)) == ("no such spec", "float32", KeyError)


def test_the_command_says_which_audit_a_defect_ended_after_what_came_of_the_others(monkeypatch, capsys):
    def with_a_defect(*_, on_defect, **__):
        on_defect("relu", "float32", IndexError("planted"))
        return Audit("smoke", False, (Entry("gelu", "float32", "fault", "a fault", False, "caught", 3),))

    monkeypatch.setattr("assay.cli.app.run_audit", with_a_defect)
    assert main(["audit", "gelu", "relu"]) == 3
    out, err = (" ".join(text.split()) for text in capsys.readouterr())
    assert "1 fault of 1 spec" in out
    assert "IndexError: planted" in err
    assert "the audit of relu in float32" in err


def test_processes_of_the_audit_end_with_the_one_that_asked_for_them():
    script = (
        "import os, time; from assay.harness.auditing.audit import worker_pool; pool = worker_pool(1);"
        "print(pool.submit(os.getpid).result(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline()
        parent.kill()
        # Both write here: it ends when both have ended.
        assert parent.communicate(timeout=60)


def test_a_judge_that_lets_everything_pass_is_found_out(monkeypatch):
    monkeypatch.setattr(auditing, "judge", lambda *_, explain: Judgement("conforms"))
    found = outcomes(audit("gelu", "float32", "smoke"), "fault")
    assert found["approximate True for False"] == "slipped"
    assert found["zeros"] == "slipped"
    assert "caught" not in found.values()


def test_a_judge_that_lets_nothing_pass_is_found_out(monkeypatch):
    monkeypatch.setattr(auditing, "judge", lambda *_, explain: Judgement("differs", "values"))
    assert set(outcomes(audit("gelu", "float32", "smoke"), "control").values()) == {"false alarm"}


def test_a_tolerance_that_is_far_too_wide_is_found_out(monkeypatch):
    def lenient(expectation, answer, explain):
        def under(profile):
            return tuple(
                dataclasses.replace(e, tolerance=1e5 * e.tolerance) for e in expectation.under(profile)
            )

        wide = copy.copy(expectation)
        wide.under = under
        return judge(wide, answer)

    entries = audit("gelu", "float32", "smoke")
    monkeypatch.setattr(auditing, "judge", lenient)
    before, after = (outcomes(e, "fault") for e in (entries, audit("gelu", "float32", "smoke")))
    assert "slipped" not in before.values()
    fault = "gradients: off by 1 % or 32 roundoffs"  # far out gelu is x itself, and nothing may be off
    assert (before[fault], after[fault]) == ("caught", "slipped")


def test_what_slips_through_smoke_is_put_to_the_standard_cases(monkeypatch):
    lone = parse("softmin/default/float32/constant/2x64", SPECS)
    monkeypatch.setattr(
        auditing, "selection", lambda spec, tier, of: [lone] if tier == "smoke" else selection(spec, tier, of)
    )
    found = {entry.name: entry for entry in audit("softmin", "float32", "smoke", share=4)}
    entry = found["gradients: times 1 + 1e-6"]
    assert entry.outcome == "left to standard"
    assert "/constant/2x64" not in entry.case
    assert entry.effect > entry.noise
    assert not entry.failing


def test_cases_that_cannot_see_a_fault_are_found_out():
    without_tails = dataclasses.replace(SPECS["gelu"], data=("normal",), sizes=((1, 1),) * 2)
    questions = auditing._AuditedCases(without_tails, "float32", "smoke", 0)
    for control in controls(without_tails, "float32"):
        auditing._controlled(control, questions)
    blind = Fault(name="wrong tail", results={"y": lambda result, x: np.where(x < -9, 1.0, result)})
    assert auditing._faulty(blind, questions).outcome == "no effect"


@pytest.mark.parametrize("kind", ["fault", "control"])
def test_what_no_case_lets_act_fails_the_audit(kind):
    entries = tuple(Entry("gelu", dtype, kind, "idle", False, "no effect", 0) for dtype in DTYPES)
    assert Audit("standard", True, entries).failing == entries
    assert not Audit("smoke", True, entries).failing
    (first, *others) = sorted(entries, key=lambda entry: entry.dtype != "float32")
    assert Audit("standard", True, (first,)).failing == (first,)
    assert not Audit("standard", True, tuple(others)).failing
    caught = msgspec.structs.replace(others[0], outcome="caught")
    assert not Audit("standard", True, (first, caught, *others[1:])).failing


def test_a_share_leaves_out_general_controls_and_generated_faults_alone():
    whole, part = (audit("silu", "float32", "standard", share=share) for share in (1, 4))
    written = (*controls(SPECS["silu"], "float32"), *faults_of(SPECS["silu"]))
    assert {entry.name for entry in part} >= {one.name for one in written}
    kept = {e.name: e for e in whole}
    assert all(kept[e.name].outcome == e.outcome for e in part)
    own = {control.name for control in controls_of(SPECS["silu"])}
    for entry in part:
        if entry.kind == "control" and entry.name not in own:
            assert 0 < 4 * entry.cases <= kept[entry.name].cases + 3
    assert len(part) < len(whole)


def test_below_the_resolution_is_computed_not_declared():
    found = {entry.name: entry for entry in audit("gelu", "bfloat16", "smoke")}
    tiny = found["times 1 + 1e-6"]
    assert tiny.outcome == "below resolution"
    assert 0 < tiny.effect < tiny.noise
    assert tiny.effect < 1e-3


def test_what_a_stochastic_layer_draws_must_change_with_the_seed():
    found = {entry.name: entry for entry in audit("dropout", "float32", "smoke")}
    assert found["same numbers for every seed"].outcome == "caught"
    assert found["same numbers for every seed"].check == "randomness"


@pytest.mark.parametrize(
    ("case", "option"),
    [
        ("lstm_update_dropout/rate=0.0/float32/normal/33x2x3x5", "rate"),
        ("lstm_update_dropout/training=false/float32/normal/33x2x3x5", "training"),
        ("alpha_dropout/training=false/float32/normal/33x17x5", "training"),
    ],
)
def test_a_layer_that_draws_where_nothing_is_to_be_drawn_is_caught(case, option):
    expectation = of(case)
    (left,) = (f for f in faults(expectation.case.spec) if f.name == f"{option} left at its default")
    assert judge(expectation, answer_of_fault(left, expectation)).check == "values"


def test_a_case_in_which_everything_passes_is_found_out(monkeypatch):
    def blind_to_the_smallest(expectation, answer, explain):
        return Judgement("conforms") if expectation.case.size == (1, 1) else judge(expectation, answer)

    monkeypatch.setattr(auditing, "judge", blind_to_the_smallest)
    blind = [entry.case for entry in audit("gelu", "float32", "standard") if entry.outcome == "blind"]
    assert blind
    assert all(case.endswith("/1x1") for case in blind)


def test_an_array_of_which_nothing_is_resolved_is_found_out_though_others_are():
    def unbounded(x, cotangent):
        return (np.where(x == x, np.minimum(np.exp(np.abs(x) + 1e4), cotangent), 0.0),)

    spec = dataclasses.replace(SPECS["silu"], vjp=unbounded)
    (case,) = (c for c in cases(spec, "smoke") if c.id == "silu/default/float32/normal/3x17")
    (entry,) = auditing._blind(expected(case), auditing._AuditedCases(spec, "float32", "smoke", 0))
    assert (entry.outcome, entry.message) == ("unresolved", "every gradient of x would pass here")


def test_an_array_that_only_the_tightest_profile_resolves_is_counted_apart():
    found = audit("gru", "bfloat16", "standard")
    loose = [entry for entry in found if entry.outcome == "unresolved"]
    assert loose
    assert not any(entry.failing for entry in loose)
    assert "blind" not in {entry.outcome for entry in found}


# --- variants ---


def test_a_fault_changes_what_it_says_and_nothing_else():
    expectation = of("gelu/default/float32/normal/3x17")
    right = correct(expectation)
    in_outputs, in_gradients = each_way(Fault(name="tanh", parameters={"approximate": "True"}))
    outputs, gradients = run(in_outputs, expectation), run(in_gradients, expectation)
    assert (outputs.outputs[0] != right.outputs[0]).any()
    np.testing.assert_array_equal(outputs.gradients[0], right.gradients[0])
    assert (gradients.gradients[0] != right.gradients[0]).any()
    np.testing.assert_array_equal(gradients.outputs[0], right.outputs[0])


def test_a_fault_that_a_case_cannot_be_asked_of_gives_no_answer():
    expectation = of("softmax/default/float32/normal/3x17")
    assert answer(Fault(name="no such axis", parameters={"axis": "5"}), expectation) is None
    assert answer(Fault(name="elsewhere", where="features > 100"), expectation) is None


def test_a_right_answer_is_no_fault():
    assert answer_of_fault(Fault(name="nothing changed"), of("relu/default/float32/normal/3x17")) is None


def test_a_control_rounds_and_a_fault_does_not():
    expectation = of("softmax/default/float32/normal/3x17")
    reference = expectation.case.spec.reference
    right = correct(expectation).outputs[0]
    rounded = run(Control(name="the same", reference=reference), expectation).outputs[0]
    exact = run(Fault(name="the same", reference=reference), expectation).outputs[0]
    assert 0 < np.max(np.abs(rounded - right)) < 1e-6
    np.testing.assert_array_equal(exact, right)


def test_a_normwise_control_is_held_where_its_own_error_fits_into_the_tolerance():
    expectation = of("conv1d/padding=2+2/float32/normal/3x17x4x6x3#14")  # an output that cancels
    case = expectation.case
    (winograd,) = (c for c in controls(case.spec, case.dtype) if getattr(c, "normwise", False))
    everywhere, held = (f(winograd, expectation) for f in (run, result_of_control))
    assert judge(expectation, everywhere.stored(case)).outcome == "inaccurate"
    assert judge(expectation, held.stored(case)).outcome == "conforms"
    assert 0.5 < np.mean(held.outputs[0] == everywhere.outputs[0]) < 1


def test_a_normwise_control_must_have_a_reference_of_its_own():
    with pytest.raises(ValueError, match="'s own: a normwise control has a reference of its own"):
        Control(name="'s own", normwise=True)


def test_a_variant_that_asks_for_an_unknown_name_says_so():
    with pytest.raises(LookupError, match="there is nothing called 'kernel'; there are x"):
        call_by_name(lambda kernel: kernel, {"x": 1})


@pytest.mark.parametrize("fault", GENERAL, ids=lambda fault: fault.name)
def test_every_general_fault_is_caught_somewhere(fault):
    case_ids = (
        "softmax/default/float32/normal/5x129",
        "softmax/default/float32/infinities/5x129",
        "dense/default/float32/normal/3x17x5",
        "dense/default/bfloat16/normal/3x17x5",
        "relu/default/float32/specials/5x129",
        "dense/default/float32/infinities/5x129x33",
        "dropout/default/float32/normal/33x129",
    )
    for expectation in map(of, case_ids):
        wrong = answer_of_fault(fault, expectation)
        if wrong is not None:
            again, once = functools.partial(answer_of_fault, fault), getattr(fault, "draws_once", False)
            if auditing._judged(expectation, wrong, again, once).failing:
                return
    pytest.fail(f"{fault.name}: no case catches it")


# --- the command ---


def test_the_command_says_what_slipped_and_exits_with_1(monkeypatch, capsys):
    slip = Entry(
        "gelu", "float32", "fault", "a fault", False, "slipped", 3, "gelu/default/…", effect=9, noise=2
    )
    monkeypatch.setattr("assay.cli.app.run_audit", lambda *_, **__: Audit("smoke", True, (slip,)))
    assert main(["audit", "gelu"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "slipped gelu, float32: a fault" in out
    assert "moves a result by 9 roundoffs where correct ones err by 2" in out


def test_the_command_prints_json_and_exits_with_0(capsys):
    arguments = ["audit", "relu", "--dtype", "float32", "--tier", "smoke", "--jobs", "1", "--json"]
    assert main(arguments) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Audit)
    assert found.complete
    assert found.specs == ("relu",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "gleu"], "did you mean glu or gelu?"),
        (["audit", "gelu", "--dtype", "float8"], "no dtype is called 'float8'"),
        (["audit", "gelu", "--seeds", "0"], "--seeds, --share and --jobs must be at least 1"),
        (["audit", "gelu", "--share", "0"], "--seeds, --share and --jobs must be at least 1"),
    ],
)
def test_wrong_usage_of_the_audit_is_told(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
