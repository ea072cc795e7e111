"""The main job against the real frameworks: what fails is a finding that is written up."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("frameworks")

FINDINGS = Path(__file__).parent.parent / "docs" / "findings.md"


def table():
    """Rows of the table of patterns: spec, implementation, outcome, finding, profile."""
    lines = FINDINGS.read_text().partition("## What explains each failing verdict")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def explained(verdict):
    return [
        finding
        for spec, implementation, outcome, finding, profile in table()
        if fnmatch.fnmatchcase(verdict.spec, spec)
        and fnmatch.fnmatchcase(verdict.implementation, implementation)
        and fnmatch.fnmatchcase(verdict.outcome, outcome)
        and (not profile or verdict.explained_by == profile)
    ]


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
        if v.failing and not explained(v)
    ]
    assert unexplained == []


def test_every_failing_verdict_carries_a_script(record):
    for verdict in record.verdicts:
        assert (verdict.reproduction is not None) == verdict.failing
        if verdict.reproduction:
            compile(verdict.reproduction, verdict.case, "exec")
