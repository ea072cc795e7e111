"""The main job against the real frameworks: what fails is a finding that is written up."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("findings", ROOT / "benchmarks" / "findings.py")
findings = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(findings)

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
    others = {(v.spec, v.implementation) for v in record.verdicts if v.failing or v.outcome == "deviates"}
    assert {(i.spec, i.api) for i in record.implementations} <= conforming | others


def test_every_failing_verdict_is_explained_by_a_finding(record):
    unexplained = [
        (v.case, v.implementation, v.outcome, v.message)
        for v in record.verdicts
        if v.failing and not findings.explanations(v)
    ]
    assert unexplained == []


def test_every_failing_verdict_carries_a_script(record):
    for verdict in record.verdicts:
        assert (verdict.reproduction is not None) == verdict.failing
        if verdict.reproduction:
            compile(verdict.reproduction, verdict.case, "exec")
