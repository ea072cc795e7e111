"""JUnit XML that the test views of GitLab, Jenkins and GitHub take."""

from collections import Counter
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports.records import ABSENT, at_scale, differing, record, verdict

from assay.harness.record import OUTCOMES, Record
from assay.reports import junit

COUNTS = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


def parsed(shown: Record) -> ElementTree.Element:
    """The document, its structure checked."""
    root = ElementTree.fromstring(junit.render(shown).encode())
    check_structure(root)
    return root


def check_structure(root: ElementTree.Element) -> None:
    """The rules that every reader's schema has in common."""
    assert root.tag == "testsuites"
    totals: Counter[str] = Counter()
    names = []
    for suite in root:
        assert suite.tag == "testsuite"
        assert {"name", "timestamp", "time", *COUNTS} == set(suite.attrib)
        for count, tag in COUNTS.items():
            assert int(suite.attrib[count]) == len(list(suite.iter(tag)))
            totals[count] += int(suite.attrib[count])
        for testcase in suite:
            assert testcase.tag == "testcase"
            assert {"classname", "name"} <= set(testcase.attrib) <= {"classname", "name", "time"}
            names.append((testcase.attrib["classname"], testcase.attrib["name"]))
            assert len(testcase) <= 1
            for result in testcase:
                assert result.tag in ("failure", "error", "skipped", "system-out")
                assert ("message" in result.attrib) == (result.tag != "system-out")
                assert ("type" in result.attrib) == (result.tag in ("failure", "error"))
    assert {count: int(root.attrib[count]) for count in COUNTS} == {count: totals[count] for count in COUNTS}
    assert len(set(names)) == len(names)


def test_a_run_at_scale_is_sound() -> None:
    scaled = at_scale(cases=20)
    root = parsed(scaled)
    failing = sum(v.failing for v in scaled.verdicts)
    assert int(root.attrib["tests"]) == len(scaled.verdicts) + 1  # the target that was not available
    assert int(root.attrib["failures"]) + int(root.attrib["errors"]) == failing


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_has_its_element(outcome: str) -> None:
    tags = {
        "conforms": [],
        "deviates": ["system-out"],
        "unresolved": ["skipped"],
        "unsupported": ["skipped"],
        "crashed": ["error"],
        "hung": ["error"],
    }
    (testcase,) = parsed(record(verdict(outcome, message="why"))).iter("testcase")
    assert [result.tag for result in testcase] == tags.get(outcome, ["failure"])
    assert all(
        r.attrib.get("type", outcome) == outcome and r.attrib.get("message", "why") == "why" for r in testcase
    )


def test_a_failure_tells_how_to_look_closer_and_how_to_reproduce_it() -> None:
    found = differing()
    (failure,) = parsed(record(found)).iter("failure")
    for part in (
        "assay explain gelu/",
        "assay repro gelu/",
        "tf32 would explain it",
        found.message,
        found.notes[0],
    ):
        assert part in (failure.text or "")
    assert found.reproduction is not None
    assert found.reproduction in (failure.text or "")


def test_names_stay_unique_when_verdicts_are_not() -> None:
    again = verdict(case="gelu/a (2)")
    root = parsed(record(*[verdict(case="gelu/a")] * 3, again, again))
    assert len(list(root.iter("testcase"))) == 5


def test_an_absent_target_is_skipped_and_an_early_end_is_an_error() -> None:
    root = parsed(record(targets=(ABSENT,), complete=False))
    assert [r.attrib["message"] for r in root.iter("skipped")] == [ABSENT.reason]
    assert [r.attrib["type"] for r in root.iter("error")] == ["incomplete"]


def test_an_empty_run_is_an_empty_document() -> None:
    assert len(parsed(record())) == 0


def test_one_failure_and_all_of_them_are_kept_short() -> None:
    verdicts = [
        differing(case=f"gelu/{n}", reproduction="x" * 100_000, message="y" * 5_000) for n in range(2_000)
    ]
    text = junit.render(record(*verdicts))
    assert len(text) < junit.BUDGET + len(verdicts) * 1_000
    root = ElementTree.fromstring(text)
    assert max(len(f.text or "") for f in root.iter("failure")) < junit.TEXT + 100
    assert all(len(f.attrib["message"]) <= junit.MESSAGE for f in root.iter("failure"))


@given(st.text(st.characters(), max_size=30), st.sampled_from(list(OUTCOMES)))
def test_any_text_makes_a_document(text: str, outcome: str) -> None:
    shown = verdict(
        outcome, case=text, implementation=text, target=text, message=text, deviation=text, notes=(text,)
    )
    assert len(list(parsed(record(shown, shown)).iter("testcase"))) == 2
