"""A gate in every format: what changed comes first, and nothing that a reader's tool refuses."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import msgspec
import pytest
from reports.records import at_scale
from reports.test_junit import check_structure
from rich.console import Console
from support.compared import record, verdict

from assay.harness.gating.compare import Gate, compare
from assay.reports import gate as reports
from assay.reports.difference import Difference
from assay.reports.markdown import LIMIT


@pytest.fixture(scope="module")
def scaled():
    """A gate with changes of many layers: every third conforming verdict is wrong now, or the other way."""
    before = at_scale(cases=30)
    turned = {
        "conforms": "differs",
        "differs": "conforms",
        "unsupported": "conforms",
        "rejects": "unsupported",
    }
    after = [
        msgspec.structs.replace(v, outcome=turned.get(v.outcome, v.outcome), digest="e")
        if number % 3 == 0
        else v
        for number, v in enumerate(before.verdicts)
    ]
    return Difference(compare(before, msgspec.structs.replace(before, verdicts=tuple(after))), "out")


def clean():
    return Difference(compare(record(verdict()), record(verdict())))


def troubled(message="y is off"):
    gate = compare(record(verdict()), record(verdict("differs", digest="e", message=message), complete=False))
    return Difference(msgspec.structs.replace(gate, complaints=("the waiver 'a' expired",)))


def on_console(difference, **options):
    console = Console(width=100, color_system=None, force_terminal=False, **options)
    with console.capture() as capture:
        console.print(reports.console(difference))
    return capture.get()


def test_groups_are_by_layer_and_cause_the_failing_ones_first_and_numbered_in_order(scaled):
    groups = scaled.groups
    assert [group.number for group in groups] == list(range(1, len(groups) + 1))
    assert [group.failing for group in groups] == sorted((group.failing for group in groups), reverse=True)
    assert sum(len(group.changes) for group in groups) == len(scaled.gate.changes)
    for group in groups:
        assert len({(change.kind, change.spec, change.cause) for change in group.changes}) == 1


@pytest.mark.parametrize("form", [reports.html, reports.markdown, reports.junit, on_console])
def test_a_report_counts_the_classes_once_however_many_implementations_there_are(monkeypatch, scaled, form):
    counted = []
    totals = Gate.totals.fget
    monkeypatch.setattr(Gate, "totals", property(lambda gate: counted.append(gate) or totals(gate)))
    form(Difference(scaled.gate, "out"))
    assert len(counted) <= 1 < len(scaled.gate.tallies)


def test_the_junit_document_is_sound_and_counts_the_changes(scaled):
    root = ElementTree.fromstring(reports.junit(scaled).encode())
    check_structure(root)
    assert int(root.attrib["failures"]) == len(scaled.gate.failing)


def test_trouble_is_an_error_and_an_untrue_waiver_a_failure_of_their_own():
    root = ElementTree.fromstring(reports.junit(troubled()).encode())
    check_structure(root)
    assert (root.attrib["failures"], root.attrib["errors"]) == ("2", str(len(troubled().gate.troubles)))


def test_the_summary_lists_changed_cases_only_and_stays_below_its_limit(scaled):
    text = reports.markdown(scaled)
    assert len(text.encode()) < LIMIT
    same = {v.case for v in _unchanged(scaled)}
    assert not any(f"`{case}`" in text for case in same)
    assert text.count("assay waive out/gate.json") == len(scaled.failing)


def _unchanged(difference):
    changed = {change.verdict.case for change in difference.gate.changes}
    return [v for v in at_scale(cases=30).verdicts if v.case not in changed]


def test_a_summary_without_end_is_cut_and_says_what_was_left_out():
    before = at_scale(cases=400)
    after = [
        msgspec.structs.replace(v, outcome="differs", check=f"c{n}") for n, v in enumerate(before.verdicts)
    ]
    gate = compare(before, msgspec.structs.replace(before, verdicts=tuple(after)))
    text = reports.markdown(Difference(gate))
    assert len(text.encode()) < LIMIT
    assert re.search(r"Left out to keep this page below 900,000 bytes: [\d,]+ groups", text)


HOSTILE = "</script><script>alert(1)</script>\x00 [bold] | `x`"


@pytest.mark.parametrize("draw", [reports.markdown, reports.html, reports.junit])
def test_hostile_text_comes_out_as_text(draw):
    text = draw(troubled(HOSTILE))
    assert "<script>" not in text
    assert "\x00" not in text or draw is not reports.junit
    assert "[bold]" in on_console(troubled(HOSTILE))


def test_the_page_opens_on_the_difference_and_loads_nothing():
    page = reports.html(troubled())
    first = [page.index(words) for words in (troubled().headline, 'id="changes"', 'id="layers"')]
    assert first == sorted(first)
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)


def test_a_clean_gate_says_so_everywhere():
    for text in (on_console(clean()), reports.markdown(clean()), reports.html(clean())):
        assert "nothing changed" in text.lower()
    assert clean().groups == ()


def test_what_neither_side_could_be_asked_is_counted_apart_everywhere():
    """Two that came out as before are no comfort if one of them never ran."""
    right, neither = verdict(), verdict("unsupported", implementation="torch.nn.GELU", digest="")
    found = Difference(compare(record(right, neither), record(right, neither)))
    assert "1 same, 1 unsupported" in on_console(found)
    assert "| = same | 1 |" in reports.markdown(found)
    assert "| ∅ unsupported | 1 |" in reports.markdown(found)
    assert re.search(r"<b>1</b><span>[^/]*</i> unsupported</span>", reports.html(found))
    passed, skipped = ElementTree.fromstring(reports.junit(found)).iter("testcase")
    assert (passed.findtext("system-out"), skipped.find("skipped").get("message")) == (
        "1 case",
        "1 case could be asked of neither side",
    )


def test_a_gate_that_compared_nothing_does_not_say_that_nothing_changed():
    neither = verdict("unsupported", digest="")
    found = Difference(compare(record(neither), record(neither)))
    assert found.headline == "Nothing was compared"


def test_the_console_falls_back_to_ascii():
    class Ascii(Console):
        encoding = "ascii"

    console = Ascii(width=100, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(reports.console(troubled()))
    assert capture.get().isascii()


def test_the_console_says_how_to_look_closer_and_how_to_accept(scaled):
    text = on_console(scaled)
    assert text.index("regressed") < text.index("assay explain") < text.index("assay waive out/gate.json 1")
    assert "more groups in index.html" in on_console_limited(scaled)


def on_console_limited(difference):
    console = Console(width=100, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(reports.console(difference, limit=2))
    return capture.get()
