"""The main job against the real frameworks: what fails is a finding that is written up."""

from __future__ import annotations

import findings
import pytest

from assay.harness.judging import findings as on_file
from assay.harness.judging.findings import Finding, Shows, accounts, attributed
from assay.harness.record import Record, Target, Verdict

pytestmark = pytest.mark.xdist_group("frameworks")


def test_tests_of_the_record_meet_in_one_process(request):
    """Where xdist loses its groups, every process asks all frameworks anew."""
    grouped = request.config.getoption("loadgroup", default=False)
    assert not grouped or request.node.nodeid.endswith("@frameworks")


def test_every_framework_was_asked_every_spec_it_implements(record):
    assert {target.framework for target in record.targets if target.available} == {
        "torch",
        "tensorflow",
        "keras",
        "jax",
    }
    asked = {(v.spec, v.implementation, v.target) for v in record.verdicts if v.outcome != "unsupported"}
    assert asked >= {(i.spec, i.api, i.target) for i in record.implementations}


def test_nothing_crashes_or_hangs(record):
    assert [v.case for v in record.verdicts if v.outcome in ("crashed", "hung")] == []


def test_every_implementation_conforms_somewhere_or_is_a_known_finding(record):
    conforming = {(v.spec, v.implementation) for v in record.verdicts if v.outcome == "conforms"}
    told = ("deviates", "unresolved")  # where nothing bounds what a sample asks, the verdict says so
    others = {(v.spec, v.implementation) for v in record.verdicts if v.failing or v.outcome in told}
    assert {(i.spec, i.api) for i in record.implementations} <= conforming | others


def test_every_failing_verdict_is_a_finding_on_file(record):
    targets = {target.name: target for target in record.targets}
    new = [
        (v.case, v.implementation, v.outcome, v.told)
        for v in record.verdicts
        if v.failing and not accounts(v, targets[v.target])
    ]
    assert new == []


def test_no_finding_is_stale(record):
    assert [known.id for known in attributed(record).findings if known.stale] == []


def in_mode(mode, outcome="differs", check="gradients"):
    """A record of torch in a mode, with one verdict."""
    target = Target(f"torch/cpu/{mode}", "torch", "cpu", mode, True)
    verdict = Verdict("elu/default/float32/normal/3x17", "torch.nn.ELU", target.name, outcome, check)
    return Record("", "", 0.0, "smoke", True, "", {}, (target,), (), (), (verdict,))


def unexplained(monkeypatch, shows, *records):
    one = Finding("a-gradient", "a gradient is wrong", "defect", "elu", "it is wrong", verdicts=tuple(shows))
    entries = sorted(((each, one) for each in one.verdicts), key=lambda pair: not pair[0].mode)
    monkeypatch.setattr(on_file, "_entries", lambda: entries)
    plain = findings.in_default_modes(records)
    return [command for record in records for command in findings.unexplained(record, plain)]


ANYWHERE = Shows("elu", outcome="differs")
COMPILED = Shows("elu", outcome="differs", mode="compiled")


def test_a_finding_of_one_mode_explains_no_other(monkeypatch):
    assert unexplained(monkeypatch, [COMPILED], in_mode("compiled")) == []
    assert unexplained(monkeypatch, [COMPILED], in_mode("eager")) == [
        "assay explain elu/default/float32/normal/3x17 --implementation torch.nn.ELU"
        " --framework torch --mode eager"
    ]


def test_what_fails_in_one_mode_alone_must_be_a_finding_of_that_mode(monkeypatch):
    eager, compiled = in_mode("eager", "conforms", ""), in_mode("compiled")
    assert unexplained(monkeypatch, [ANYWHERE], in_mode("eager"), compiled) == []
    for beside in (eager, in_mode("eager", "deviates"), in_mode("eager", check="special values")):
        assert len(unexplained(monkeypatch, [ANYWHERE], beside, compiled)) == 1
        assert unexplained(monkeypatch, [ANYWHERE, COMPILED], beside, compiled) == []


def test_every_failing_verdict_carries_a_script(record):
    for verdict in record.verdicts:
        assert (verdict.reproduction is not None) == verdict.failing
        if verdict.reproduction:
            compile(verdict.reproduction, verdict.case, "exec")
