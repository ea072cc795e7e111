"""All reports of a record: written together, drawn from the document alone."""

from pathlib import Path

import msgspec
import pytest
from reports.records import ABSENT, at_scale, differing, record, verdict

from assay import reports
from assay.harness.record import Record


@pytest.fixture(
    params=[
        record(),
        record(verdict()),
        record(verdict(), differing(), complete=False),
        record(targets=(ABSENT,), implementations=(), specs=()),
        at_scale(cases=3),
    ],
    ids=["nothing asked", "one verdict", "incomplete", "only an absent target", "many specs"],
)
def some_record(request: pytest.FixtureRequest) -> Record:
    return request.param  # type: ignore[no-any-return]


def test_a_record_that_was_written_and_read_gives_the_same_reports(some_record: Record) -> None:
    back = msgspec.json.decode(reports.render(some_record, "json"), type=Record)
    assert back == some_record
    for format in reports.FORMATS:
        assert reports.render(back, format) == reports.render(some_record, format)


def test_all_files_are_written(some_record: Record, tmp_path: Path) -> None:
    paths = reports.write_all(some_record, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["junit.xml", "summary.md", "index.html"]
    for path, format in zip(paths, reports.FILES.values(), strict=True):
        assert path.read_text("utf-8") == reports.render(some_record, format)


def test_writing_again_replaces(tmp_path: Path) -> None:
    reports.write_all(record(differing()), tmp_path)
    reports.write_all(record(verdict()), tmp_path)
    assert "Nothing fails" in (tmp_path / "index.html").read_text("utf-8")


def test_a_text_that_utf8_cannot_write_does_not_stop_the_report(tmp_path: Path) -> None:
    for path in reports.write_all(record(differing(message="\ud800", reproduction="\udfff")), tmp_path):
        path.read_text("utf-8")


def test_an_unknown_format_is_refused_with_those_that_exist() -> None:
    with pytest.raises(
        ValueError, match="no format is called 'pdf'; there are html, json, junit, markdown, text"
    ):
        reports.render(record(), "pdf")
