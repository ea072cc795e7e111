"""Dated records: first and last version of what fails, changes, and pass rates that are never rounded up."""

from xml.etree import ElementTree

import msgspec
import pytest
from reports.records import CASE, TARGETS, differing, record, verdict

from assay.cli import main
from assay.errors import Usage
from assay.harness.record import write
from assay.reports.history import history, markdown, picture

OTHER = "gelu/default/float32/normal/3x17"


def dated(day, version, *verdicts):
    target = msgspec.structs.replace(TARGETS[0], versions={"torch": version})
    return record(*verdicts, started=f"2026-{day}T00:00:00+00:00", targets=(target, *TARGETS[1:]))


@pytest.fixture
def folder(tmp_path):
    """Three editions, written in another order than their dates: one case fails in two, one in one."""
    jax = verdict(case=OTHER, implementation="jax.nn.gelu", target="jax/cpu")
    editions = {
        "c.jsonl.gz": dated("11-01", "2.13.0", verdict(), differing(case=OTHER)),
        "a.json": dated("10-01", "2.12.0", differing(), differing(case=OTHER), jax),
        "b.json": dated("09-01", "2.11.0", verdict(), verdict(case=OTHER), jax),
    }
    for name, edition in editions.items():
        write(edition, tmp_path / name)
    (tmp_path / "gate.json").write_text("{}")
    return tmp_path


def test_editions_stand_in_the_order_of_their_dates_and_other_files_are_passed_over(folder):
    assert [edition.name for edition in history(folder).editions] == ["b.json", "a.json", "c.jsonl.gz"]


def test_what_fails_has_its_first_and_its_last_edition(folder):
    (kind,) = history(folder).kinds
    assert kind.implementation == "torch.nn.functional.gelu"
    assert (kind.first, kind.last, kind.cases, kind.gone) == (1, 2, 2, False)
    assert "2.12.0, 2026-10-01 | today" in markdown(history(folder))


def test_what_is_gone_says_until_when_and_what_was_not_asked_again_is_not_gone(folder):
    write(dated("12-01", "2.14.0", verdict(case=OTHER)), folder / "d.json")
    (kind,) = history(folder).kinds
    assert kind.gone
    assert "2.12.0, 2026-10-01 | 2.13.0, 2026-11-01" in markdown(history(folder))
    write(dated("12-02", "2.14.0"), folder / "e.json")
    assert history(folder).kinds == [kind]


def test_changes_are_counted_against_when_a_case_was_asked_before(folder):
    told = history(folder)
    assert [(c.edition, c.worse, c.better, c.other) for c in told.changes] == [(1, 2, 0, 0), (2, 0, 1, 0)]
    unresolved = verdict("unresolved", case=OTHER, implementation="jax.nn.gelu", target="jax/cpu")
    write(dated("12-01", "2.14.0", unresolved), folder / "d.json")
    assert history(folder).changes[-1].other == 1


def test_a_case_that_was_not_asked_for_a_while_is_compared_with_when_it_was(folder):
    write(dated("12-01", "2.14.0", verdict()), folder / "d.json")
    write(dated("12-02", "2.14.0", verdict(), verdict(case=OTHER)), folder / "e.json")
    assert (history(folder).changes[-1].edition, history(folder).changes[-1].better) == (4, 1)


def test_pass_rates_leave_out_what_is_unsupported_and_none_is_rounded_up_to_all(tmp_path):
    many = [verdict(case=f"{CASE}#{n}") for n in range(9_999)]
    write(dated("09-01", "2.11.0", *many, differing(), verdict("unsupported")), tmp_path / "a.json")
    told = history(tmp_path)
    assert told.editions[0].rate("activations") == 1 - 1 / 10_000
    assert "99.9 %" in picture(told)


def test_the_picture_is_svg_with_a_name_and_a_title_for_every_cell(folder):
    root = ElementTree.fromstring(picture(history(folder)))
    assert root.attrib["aria-label"]
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "activations, 2026-10-01: 2 of 3 fail" in titles


def test_the_picture_names_what_was_found_and_from_when_to_when(folder):
    known = msgspec.structs.replace(differing(), findings=("gelu-negative-tail",))
    write(dated("12-01", "2.14.0", known, verdict(case=OTHER)), folder / "d.json")
    told = history(folder)
    assert [(span.name, span.first, span.last, span.gone) for span in told.spans] == [
        ("gelu-negative-tail", 3, 3, False),
        ("torch.nn.functional.gelu", 1, 2, True),
    ]
    drawn = picture(told)
    assert "gelu-negative-tail: 1 case, 2026-12-01 to today" in drawn
    assert "torch.nn.functional.gelu: 2 cases, 2026-10-01 to 2026-11-01" in drawn
    assert "`gelu-negative-tail` | 1 | 2026-12-01 | today" in markdown(told)


def test_columns_are_versions_where_one_framework_was_asked(tmp_path):
    for month, version in (("09", "2.11.0"), ("10", "2.12.0")):
        one = dated(f"{month}-01", version, verdict())
        write(msgspec.structs.replace(one, targets=one.targets[:1]), tmp_path / f"{version}.json")
    assert [edition.label for edition in history(tmp_path).editions] == ["2.11.0", "2.12.0"]
    assert "what passes, by version of torch" in picture(history(tmp_path))


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(Usage, match="no record"):
        history(tmp_path)


def test_the_command_prints_and_writes(folder, tmp_path, capsys):
    assert main(["history", str(folder)]) == 0
    assert "activations: 100.0%, 33.3%, 50.0%" in capsys.readouterr().out
    assert main(["history", str(folder), "--out", str(tmp_path / "told")]) == 0
    assert {path.name for path in (tmp_path / "told").iterdir()} == {"history.md", "history.svg"}
