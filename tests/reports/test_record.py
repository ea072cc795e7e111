"""Records in files: every form holds the same, and what is none is refused in a sentence."""

import gzip
import json

import msgspec
import pytest
from reports.records import at_scale, differing, record, verdict

from assay.errors import Usage
from assay.harness import record as records
from assay.harness.record import DIGITS, SCRIPTS, Head, Margin, opened, read, write


@pytest.mark.parametrize("name", ["run.json", "run.jsonl", "run.jsonl.gz"])
def test_every_form_gives_the_record_back(tmp_path, name):
    kept = record(verdict(margins=(Margin("y", 0.25, 0.5, 1, 7),)), differing())
    write(kept, tmp_path / name)
    (tmp_path / name).rename(tmp_path / "baseline")
    assert read(tmp_path / "baseline") == kept


def test_a_record_of_before_is_read(tmp_path):
    """Every field was written then, also those at their defaults."""
    kept = record(verdict(), differing())
    fields = json.loads(msgspec.json.encode(kept))
    fields["verdicts"] = [{f: getattr(v, f) for f in v.__struct_fields__} for v in kept.verdicts]
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(fields))
    assert read(tmp_path / "run.json") == kept


def test_lines_hold_a_verdict_each_and_no_defaults(tmp_path):
    write(record(verdict(), differing()), tmp_path / "run.jsonl")
    head, first, second = map(json.loads, (tmp_path / "run.jsonl").read_text("utf-8").splitlines())
    assert head["holds"] == "head"
    assert set(first) == {"case", "implementation", "target", "outcome"}
    assert second["outcome"] == "differs"


def test_margins_in_lines_stay_on_their_side_of_the_tolerance(tmp_path):
    near = (1 - 1e-9, 1 + 1e-9, 0.123456789, 1.7e308)
    write(record(verdict(margins=tuple(Margin("y", worst, 0.0) for worst in near))), tmp_path / "run.jsonl")
    (kept,) = read(tmp_path / "run.jsonl").verdicts
    assert [m.worst > 1 for m in kept.margins] == [worst > 1 for worst in near]
    assert kept.margins[2].worst == round(near[2], DIGITS)


def test_of_verdicts_that_are_alike_the_first_keep_their_scripts_in_lines(tmp_path):
    alike = [differing(case=f"gelu/default/float32/normal/{n}") for n in range(SCRIPTS + 2)]
    write(record(*alike, differing(implementation="torch.nn.GELU")), tmp_path / "run.jsonl")
    kept = [v.reproduction is not None for v in read(tmp_path / "run.jsonl").verdicts]
    assert kept == [True] * SCRIPTS + [False, False, True]


def test_verdicts_are_read_as_they_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "CHUNK", 100)
    write(record(*[verdict()] * 20), tmp_path / "run.jsonl")
    with (tmp_path / "run.jsonl").open("ab") as file:
        file.write(b"no verdict\n")
    given = []
    with pytest.raises(Usage, match="no assay record"), opened(tmp_path / "run.jsonl") as (_, verdicts):
        given.extend(verdicts)
    assert given == [verdict()] * 20


CUT_OFF = gzip.compress(b"x" * 99, mtime=0)[:-9]


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"holds":"head"}\n', CUT_OFF])
def test_what_is_no_record_is_refused(tmp_path, data):
    (tmp_path / "run.json").write_bytes(data)
    with pytest.raises(Usage, match="is no assay record"):
        read(tmp_path / "run.json")


def test_one_record_makes_one_file(tmp_path):
    kept = at_scale(cases=2)
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write(kept, tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_head_is_all_of_a_record_but_its_verdicts():
    assert {*Head.__struct_fields__, "verdicts"} == set(records.Record.__struct_fields__)
