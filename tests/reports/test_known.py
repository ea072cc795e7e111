"""Every report names the findings on file beside the verdicts they account for, and counts what is new."""

from __future__ import annotations

import msgspec
import pytest
from reports.records import TARGETS, differing, record, verdict
from rich.console import Console
from support.compared import record as compared_record
from support.compared import verdict as compared_verdict

from assay.harness.gating.compare import compare
from assay.harness.record import Known
from assay.reports import gate, render
from assay.reports.difference import Difference
from assay.reports.overview import Overview

TAIL = Known("a-tail", "the tail is lost", "defect", "https://example.org/1", shown=2)
NAMED = "a-tail: the tail is lost"

SHOWN = record(
    differing(findings=("a-tail",)),
    differing(findings=("a-tail",), case="gelu/default/float32/wide/3x17"),
    verdict("inaccurate", check="gradients", message="another thing"),
    verdict(),
    findings=(TAIL,),
)


def test_the_headline_counts_what_is_new():
    overview = Overview(SHOWN)
    assert overview.split == "1 new, 2 known as 1 finding"
    assert Overview(record(differing())).split == "1 new"
    assert Overview(record(verdict())).split == ""
    assert "3 verdicts fail: 1 new, 2 known as 1 finding." in render(SHOWN, "text")
    assert "<b>3</b> of 4 verdicts fail: 1 new, 2 known as 1 finding.</h1>" in render(SHOWN, "html")
    assert render(SHOWN, "markdown").startswith("# assay: 3 verdicts fail: 1 new, 2 known as 1 finding\n")


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_a_finding_is_named_with_its_title_beside_what_it_accounts_for(form):
    assert NAMED in render(SHOWN, form)
    assert NAMED not in render(record(verdict()), form)


def test_the_page_names_it_with_every_single_verdict_too():
    page = render(SHOWN, "html")
    assert page.count("known as a-tail: the tail is lost") == 1 + page.count("<br>known as")


def test_the_junit_document_names_it_in_the_failures_that_are_known():
    known, told = render(SHOWN, "junit"), "known as a-tail (the tail is lost)"
    assert known.count(f'message="{told}: ') == 2
    assert 'message="another thing"' in known


def test_what_is_new_comes_first_whatever_its_outcome():
    groups = Overview(SHOWN).findings
    told = [(group.outcome, group.known) for group in groups]
    assert told == [("inaccurate", ()), ("differs", ("a-tail",))]
    same = record(differing(), differing(findings=("a-tail",)), findings=(TAIL,))
    assert [group.known for group in Overview(same).findings] == [(), ("a-tail",)]


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_good_news_and_a_stale_finding_are_told(form):
    conforming = (("gelu/default/float32/tails/5x129", "torch.nn.GELU", TARGETS[0].name),)
    mended = msgspec.structs.replace(TAIL, shown=0, conforming=conforming, stale=True)
    words = " ".join(render(record(verdict(), findings=(mended,)), form).split()).replace("\\", "")
    assert "where it showed the finding a-tail: the tail is lost" in words
    assert "the finding a-tail is stale" in words


# --- the gate ----------------------------------------------------------------------------------------------


def gate_of(before, after):
    olds, news = (compared_record(one, findings=(TAIL,)) for one in (before, after))
    return compare(olds, news)


RIGHT = compared_verdict()
WRONG = compared_verdict("differs", check="values", message="y is off")
KNOWN = msgspec.structs.replace(WRONG, findings=("a-tail",))


def test_the_gate_names_what_regressed_and_what_was_mended():
    for changed, word in ((gate_of(RIGHT, KNOWN), "the finding"), (gate_of(KNOWN, RIGHT), "mended")):
        told = Console(width=200)
        with told.capture() as capture:
            told.print(gate.console(Difference(changed)))
        for text in (capture.get(), gate.markdown(Difference(changed)), gate.html(Difference(changed))):
            assert f"{word} a-tail: the tail is lost" in text
        assert "the finding a-tail: the tail is lost" in gate.junit(Difference(changed))


def test_the_headline_of_a_gate_says_how_many_changes_are_known():
    other = msgspec.structs.replace(WRONG, implementation="torch.nn.GELU")
    conforming = msgspec.structs.replace(RIGHT, implementation="torch.nn.GELU")
    olds = compared_record(RIGHT, conforming, findings=(TAIL,))
    news = compared_record(KNOWN, other, findings=(TAIL,))
    assert Difference(compare(olds, news)).headline == "2 changes, 1 of them known as findings"
    assert Difference(gate_of(RIGHT, KNOWN)).headline == "1 change, all of them known as findings"
    assert Difference(gate_of(RIGHT, WRONG)).headline == "1 change that nobody knows of"


def test_what_is_a_finding_on_file_need_not_fail_a_gate():
    assert (gate_of(RIGHT, KNOWN).status, gate_of(RIGHT, KNOWN).status_of_new) == (1, 0)
    assert (gate_of(RIGHT, WRONG).status, gate_of(RIGHT, WRONG).status_of_new) == (1, 1)
    assert (gate_of(KNOWN, RIGHT).status, gate_of(KNOWN, RIGHT).status_of_new) == (1, 0)
    assert (gate_of(WRONG, RIGHT).status, gate_of(WRONG, RIGHT).status_of_new) == (1, 1)
    assert gate_of(KNOWN, msgspec.structs.replace(RIGHT, outcome="unsupported")).status_of_new == 1
