"""The whole record of all frameworks through every command that reads one, and each class of change in it."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from assay.cli import main
from assay.harness import record as records
from assay.harness.gating.compare import KINDS, read_gate
from assay.harness.judging.deviations import fits
from assay.harness.judging.findings import findings
from assay.harness.running import explain
from assay.harness.running.ask import ask
from assay.harness.running.processes import Worker
from assay.reports.overview import command

UNSTEADY = [s for one in findings().values() for s in one.verdicts if "repeats" in s.check]

pytestmark = pytest.mark.xdist_group("frameworks")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Each test has its own folder, so that no waivers lie there."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def on_file(record, tmp_path):
    """The record in a file, and where."""
    records.write(record, tmp_path / "run.json")
    return "run.json"


def failing(record):
    """A failing verdict of each spec and implementation that has one, on each target."""
    first = {(v.spec, v.implementation, v.target): v for v in reversed(record.verdicts) if v.failing}
    return list(reversed(first.values()))


def ran(record):
    return [verdict for verdict in record.verdicts if verdict.outcome != "unsupported"]


def outcomes_in(path):
    """Number of tests in a JUnit file by what came of them."""
    tests = ElementTree.parse(path).iter("testcase")
    return Counter(
        next((child.tag for child in test if child.tag in ("failure", "error", "skipped")), "passed")
        for test in tests
    )


# --- the record by itself ----------------------------------------------------------------------------------


def test_its_reports_are_drawn_and_hold_every_failing_verdict(record, on_file, capsys):
    assert main(["report", on_file, "--out", "again"]) == 0
    found = outcomes_in("again/junit.xml")
    assert found["failure"] + found["error"] == sum(v.failing for v in record.verdicts)
    assert sum(found.values()) == len(record.verdicts)
    summary = Path("again/summary.md").read_text()
    page = Path("again/index.html").read_text()
    for verdict in failing(record):
        assert verdict.spec in summary
        assert verdict.implementation in page
    assert f"{len(record.verdicts):,} verdicts" in " ".join(capsys.readouterr().out.split())


def test_beside_itself_nothing_changed_and_every_answer_is_equal(record, on_file, capsys):
    assert main(["gate", on_file, on_file]) == 0
    found = read_gate(Path("gate/gate.json"))
    assert (found.changes, found.troubles, found.complaints, found.notes) == ((), (), (), ())
    asked = len(ran(record))
    assert found.totals == Counter(same=asked, unsupported=len(record.verdicts) - asked)
    assert sum(tally.compared for tally in found.tallies) == asked
    assert [tally for tally in found.tallies if tally.identical != tally.compared] == []
    assert set(outcomes_in("gate/junit.xml")) <= {"passed", "skipped"}
    assert "nothing changed" in Path("gate/summary.md").read_text()
    assert "Nothing changed" in capsys.readouterr().out


@pytest.fixture
def told(monkeypatch):
    """The verdicts of explanations, given by one process for each framework, however many they are."""
    started, verdicts = {}, []

    def asking(*asked):
        verdict, answer = ask(*asked)
        verdicts.append(verdict)
        return verdict, answer

    class Kept:
        def __init__(self, settings):
            if settings not in started:
                worker = Worker(settings)
                started[settings] = worker, worker.start()
            self.worker, self.facts = started[settings]
            self.ask = self.worker.ask

        def start(self):
            return self.facts

        def stop(self):
            pass

    monkeypatch.setattr(explain, "Worker", Kept)
    monkeypatch.setattr(explain, "ask", asking)
    yield verdicts
    for worker, _ in started.values():
        worker.stop()


def test_each_failing_verdict_is_explained_and_reproduced_by_the_commands_that_reports_print(
    record, told, capsys
):
    """What a script says holds for the same bits; a framework that gives others is on file for that."""
    chosen = failing(record)
    assert chosen
    for verdict in chosen:
        assert main(shlex.split(command("explain", verdict))[1:]) == 0
        assert verdict.outcome in capsys.readouterr().out, verdict.case
        assert main(shlex.split(command("repro", verdict))[1:]) == 0
        script, kept = capsys.readouterr().out.strip(), verdict.reproduction.strip()
        if told[-1].digest != verdict.digest:
            assert any(fits(verdict.spec, shows.spec) for shows in UNSTEADY), verdict.case
            script, kept = (text.split('"""', 2)[2] for text in (script, kept))
        assert script == kept, verdict.case


# --- one planted change of each class ----------------------------------------------------------------------


def among_others(record):
    """Verdicts of cases that another implementation answers too, so that both records are asked them."""
    asked = Counter(verdict.case for verdict in record.verdicts)
    return (verdict for verdict in record.verdicts if asked[verdict.case] > 1)


def right(record):
    """A verdict that conforms, with an array of enough elements to show a change of accuracy."""
    return next(
        v
        for v in among_others(record)
        if v.outcome == "conforms" and v.profile == "float32" and v.margins and v.margins[0].size > 50
    )


def wrong(record):
    """A verdict that differs."""
    return next(v for v in among_others(record) if v.outcome == "differs" and v.digest)


def with_error(verdict, rms, digest):
    margins = tuple(msgspec.structs.replace(margin, rms=rms) for margin in verdict.margins)
    return msgspec.structs.replace(verdict, margins=margins, digest=digest)


def off(verdict):
    changes = {"outcome": "differs", "check": "values", "message": "planted", "profile": None}
    return msgspec.structs.replace(verdict, **changes, digest="planted")


def mended(verdict):
    return msgspec.structs.replace(verdict, outcome="conforms", check="", message="", digest="planted")


PLANTED = {
    "regressed": (right, lambda v: (v, off(v)), "regressed", 1),
    "changed": (wrong, lambda v: (v, msgspec.structs.replace(off(v), check="shape")), "changed", 1),
    "drifted": (right, lambda v: (with_error(v, 0.5, "a"), with_error(v, 50.0, "b")), "drifted", 1),
    "missing": (right, lambda v: (v, None), "missing", 1),
    "new": (right, lambda v: (None, v), "new", 0),
    "new and wrong": (wrong, lambda v: (None, v), "new", 1),
    "fixed": (wrong, lambda v: (v, mended(v)), "fixed", 1),
    "improved": (right, lambda v: (with_error(v, 50.0, "a"), with_error(v, 0.5, "b")), "same", 0),
}
"""Which verdict, what it is before and after, its class, and the exit status."""


def test_every_class_is_planted():
    assert {kind for _, _, kind, _ in PLANTED.values()} == set(KINDS) - {"unsupported"}


def plant(record, verdict, instead):
    verdicts = (instead if v is verdict else v for v in record.verdicts)
    return msgspec.structs.replace(record, verdicts=tuple(filter(None, verdicts)))


@pytest.mark.parametrize(("choose", "make", "kind", "status"), PLANTED.values(), ids=PLANTED)
def test_one_planted_change_is_all_that_is_found(record, capsys, choose, make, kind, status):
    verdict = choose(record)
    for name, instead in zip(("before.json", "after.json"), make(verdict), strict=True):
        records.write(plant(record, verdict, instead), Path(name))
    assert main(["gate", "before.json", "after.json"]) == status
    found = read_gate(Path("gate/gate.json"))
    assert [change.kind for change in found.changes] == [kind] * (kind != "same")
    asked = len(ran(record))
    neither = Counter(unsupported=len(record.verdicts) - asked)
    assert found.totals == Counter(same=asked - 1) + Counter([kind]) + neither
    assert [change.verdict.case for change in found.changes] == [verdict.case] * (kind != "same")
    assert (found.troubles, found.complaints) == ((), ())
    assert sum(tally.improved for tally in found.tallies) == (kind == "same")
    assert outcomes_in("gate/junit.xml")["failure"] == status
    assert f"1 {kind}" in capsys.readouterr().out or kind == "same"


def test_a_planted_regression_is_accepted_by_the_waiver_that_waive_writes(record, on_file):
    verdict = right(record)
    records.write(plant(record, verdict, off(verdict)), Path("after.json"))
    assert main(["gate", on_file, "after.json"]) == 1
    assert main(["waive", "gate/gate.json", "1", "--reason", "planted"]) == 0
    assert main(["gate", on_file, "after.json"]) == 0
    (change,) = read_gate(Path("gate/gate.json")).changes
    assert change.known
