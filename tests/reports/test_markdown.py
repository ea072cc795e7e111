"""The page for a job summary, which GitHub refuses above 1 MiB."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports.records import ABSENT, at_scale, differing, record, verdict

from assay.harness.record import Record
from assay.reports import markdown
from assay.reports.overview import Overview


def test_everything_is_there_when_there_is_room() -> None:
    scaled = at_scale(cases=20)
    text, overview = markdown.render(scaled), Overview(scaled)
    assert text.startswith(f"# assay: {overview.failing} verdicts fail: {overview.split}\n")
    assert all(f"`{spec.name}`" in text for spec in overview.specs)
    assert text.count("assay explain") == len(overview.findings)
    assert f"`{scaled.command}`" in text
    assert "Left out" not in text


@pytest.mark.parametrize(("alphabet", "count"), [("x", 50_000), ("你", 3_000), ("`", 3_000)])
def test_the_page_stays_below_its_limit_and_says_what_is_missing(alphabet: str, count: int) -> None:
    verdicts = [
        differing(
            case=f"spec{n % 5000}/default/float32/normal/{n}", message=alphabet * 2000, check=f"check {n}"
        )
        for n in range(count)
    ]
    text = markdown.render(record(*verdicts))
    assert len(text.encode()) < 900_000 == markdown.LIMIT
    (sentence,) = re.findall(r"_Left out to keep this page below 900,000 bytes: (.+)\. The full report", text)
    shown = text.count("assay explain")
    assert f"{count - shown:,} findings" in sentence


def test_an_enormous_environment_does_not_push_the_page_over_its_limit() -> None:
    enormous = {str(n): "x" * 290 for n in range(5_000)}
    text = markdown.render(record(verdict(), machine=enormous))
    assert len(text.encode()) < markdown.LIMIT
    assert "Left out" in text


def rows(text: str) -> list[list[int]]:
    """How many cells each row of each table has, escaped bars left alone."""
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()] for table in tables]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_breaks_a_table_or_brings_markup(text: str) -> None:
    shown = differing(
        case=text, implementation=text, target=text, message=text, check=text, explained_by=text
    )
    page = markdown.render(record(shown, command=text, tier=text, machine={text: text}))
    for table in rows(page):
        assert len(set(table)) == 1
    outside_code = re.sub(r"(`+).*?(?<!`)\1(?!`)", "", page)
    assert not re.search(r"<(?!br>)[a-z/!]", outside_code, re.IGNORECASE)


def test_nothing_asked_absent_targets_and_an_early_end_are_said() -> None:
    text = markdown.render(record(targets=(ABSENT,), complete=False))
    assert "# assay: nothing fails" in text
    assert "No case was asked" in text
    assert "**torch/cuda was not tested:** no CUDA device" in text
    assert "**The run is incomplete" in text


def test_one_verdict_is_singular() -> None:
    shown: Record = record(differing())
    assert markdown.render(shown).startswith(
        "# assay: 1 verdict fails: 1 new\n\n1 verdict, 1 case, 1 spec, 4 targets"
    )
