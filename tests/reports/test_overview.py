"""What all reports say: counts, matrix and findings."""

import math
import shlex

import msgspec
import pytest
from reports.records import CASE, TARGETS, at_scale, differing, record, verdict

from assay.harness.record import FAILING, OUTCOMES, Margin, Record
from assay.reports.overview import (
    MARKS,
    WORST_FIRST,
    Overview,
    command,
    duration,
    largest_margin,
    number,
    plural,
    readable_date,
    title_of,
    version_of,
)


@pytest.fixture(scope="module")
def scaled() -> Record:
    return at_scale(cases=20)


def test_every_outcome_has_a_place_and_a_mark_of_its_own() -> None:
    assert sorted(WORST_FIRST) == sorted(OUTCOMES) == sorted(MARKS)
    for marks in ({mark.glyph for mark in MARKS.values()}, {mark.ascii for mark in MARKS.values()}):
        assert len(marks) == len(OUTCOMES)
    assert all(mark.ascii.isascii() for mark in MARKS.values())


def test_what_a_gate_stops_is_worse_than_what_it_lets_pass() -> None:
    assert set(WORST_FIRST[: len(FAILING)]) == set(FAILING)


def test_every_verdict_is_counted_once_wherever_it_is_counted(scaled: Record) -> None:
    overview = Overview(scaled)
    everywhere = [overview.counts(s.name, t.name) for s in overview.specs for t in overview.targets]
    assert overview.totals.total() == len(scaled.verdicts)
    assert sum(counts.total() for counts in everywhere) == len(scaled.verdicts)
    assert sum(cell.counts.total() for cell in overview.cells) == len(scaled.verdicts)
    assert sum(len(finding.verdicts) for finding in overview.findings) == overview.failing
    assert overview.failing == sum(v.failing for v in scaled.verdicts)


def test_findings_are_alike_inside_and_worst_first(scaled: Record) -> None:
    findings = Overview(scaled).findings
    assert findings
    for finding in findings:
        assert {(v.spec, v.implementation, v.outcome, v.check) for v in finding.verdicts} == {
            (finding.spec, finding.implementation, finding.outcome, finding.check)
        }
        assert finding.margin == max((largest_margin(v) for v in finding.verdicts), key=lambda m: m or 0.0)
    ranks = [(WORST_FIRST.index(f.outcome), -(f.margin or 0.0)) for f in findings]
    assert ranks == sorted(ranks)


def test_themes_hold_every_finding_once_and_differ_in_the_implementation_only(scaled: Record) -> None:
    overview = Overview(scaled)
    assert sorted(map(id, overview.findings)) == sorted(id(f) for theme in overview.themes for f in theme)
    for theme in overview.themes:
        assert len({(f.spec, f.outcome, f.check) for f in theme}) == 1
        assert len({f.implementation for f in theme}) == len(theme)


def test_a_finding_says_where_it_was_seen_if_that_is_little() -> None:
    found = Overview(record(*(differing(case=f"gelu/default/{d}/tails/1x1") for d in ("float32", "float16"))))
    assert found.findings[0].scope == "in float32, float16, with data tails"
    many = (differing(case=f"gelu/default/float32/{data}/1x1") for data in "abcd")
    assert Overview(record(*many)).findings[0].scope == "in float32"
    assert Overview(record(differing(case="strange"))).findings[0].scope == ""


def test_deviations_and_gaps_are_grouped_by_name_and_reason() -> None:
    overview = Overview(
        record(
            verdict("deviates", deviation="first"),
            verdict("deviates", deviation="second"),
            verdict("unsupported", message="not here"),
            verdict("unsupported", message="not here", case="gelu/default/float16/tails/5x129"),
        )
    )
    assert [f.check for f in overview.deviations] == ["first", "second"]
    assert [(f.check, len(f.verdicts)) for f in overview.gaps] == [("not here", 2)]
    assert overview.findings == ()


def test_what_only_a_verdict_names_is_not_lost() -> None:
    overview = Overview(record(verdict(case="new/default/float32/normal/1", target="other/cuda/graph")))
    assert overview.families["others"][0].name == "new"
    (target,) = (t for t in overview.targets if t.name == "other/cuda/graph")
    assert (target.framework, target.device, target.mode) == ("other", "cuda", "graph")


@pytest.mark.parametrize("infinite", [math.inf, math.nan, 1.7976931348623157e308])
def test_a_margin_that_json_cannot_write_counts_as_infinite(infinite: float) -> None:
    there = record(verdict("differs", margins=(Margin("y", infinite, 1.0), Margin("z", 0.5, 1.0))))
    back = msgspec.json.decode(msgspec.json.encode(there), type=Record)
    assert largest_margin(back.verdicts[0]) == math.inf
    assert Overview(back).findings[0].measure == "∞ × tolerance"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("torch/cpu", ""),
        ("torch/cuda", " --device cuda"),
        ("tensorflow/cpu/graph", " --mode graph"),
        ("keras[jax]/cuda/eager", " --framework 'keras[jax]' --device cuda --mode eager"),
    ],
)
def test_the_command_asks_for_the_same_target(target: str, said: str) -> None:
    expected = f"assay explain {CASE} --implementation torch.nn.functional.gelu{said}"
    assert command("explain", verdict(target=target)) == expected


def test_a_shell_takes_the_command_apart_again() -> None:
    asked = verdict(case="a b/$(rm)/'\"", implementation="torch; true")
    assert shlex.split(command("repro", asked)) == [
        "assay", "repro", asked.case, "--implementation", asked.implementation,
    ]  # fmt: skip


def test_versions_are_those_of_the_framework_itself() -> None:
    assert [version_of(t) for t in TARGETS] == ["2.13.0", "2.21.0", "3.15.0", "0.10.2"]
    assert title_of(TARGETS[2]) == "keras[tensorflow] 3.15.0 eager"


def test_numbers_are_said_in_words() -> None:
    assert [duration(s) for s in (0.25, 41, 200, 7500)] == ["0.25 s", "41 s", "3 min 20 s", "2 h 5 min"]
    assert [plural(n, "case") for n in (0, 1, 12480)] == ["0 cases", "1 case", "12,480 cases"]
    assert [number(x) for x in (0.03125, 41.0, 21234.0, math.inf)] == ["0.0312", "41", "2.12e+04", "∞"]
    assert readable_date("2025-11-02T09:41:03Z") == "2 November 2025, 09:41 UTC"
    assert readable_date("yesterday") == "yesterday"
