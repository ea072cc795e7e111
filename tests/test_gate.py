"""The gate as its users meet it: what it prints, writes and returns, whatever the candidate does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from support.atlases import ATLAS, PLANTED

from assay.cli.app import main
from assay.harness.gating.compare import read_gate
from assay.harness.gating.waivers import read_atlas_waivers, read_waivers
from assay.harness.record import read, write
from assay.reports.console import Progress
from assay.reports.difference import Difference

REPORTS = {"gate.json", "junit.xml", "summary.md", "index.html"}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """A stored record of relu and gelu in PyTorch."""
    out = tmp_path_factory.mktemp("baseline")
    assert main(["run", "relu", "gelu", "--framework", "torch", "--tier", "smoke", "--out", str(out)]) == 0
    return out / "run.json"


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Each test has its own folder, so that no waivers lie there."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("planted", sorted(PLANTED))
def test_what_changed_of_the_atlas_fails_and_is_named_in_every_report(planted, baseline, tmp_path, capsys):
    """The numbers are the same; a default, a type, an error or a name is not."""
    assert main(atlases(baseline, tmp_path, planted)) == 1
    assert planted in said(capsys)
    assert "cp new.atlas.json old.atlas.json" in read_gate(tmp_path / "out" / "gate.json").accept
    for report in ("summary.md", "junit.xml", "index.html"):
        assert planted.partition(": ")[2].split()[0] in (tmp_path / "out" / report).read_text("utf-8")
    assert main(["gate", "old.json", "old.json", "--out", "out", "--atlas"]) == 0


def atlases(baseline, folder, planted):
    """A gate's command line for two records, between whose atlases one thing has changed."""
    for name, atlas in (("old", ATLAS), ("new", PLANTED[planted])):
        shutil.copy(baseline, folder / f"{name}.json")
        (folder / f"{name}.atlas.json").write_bytes(msgspec.json.encode(atlas))
    return ["gate", "old.json", "new.json", "--out", "out", "--atlas"]


@pytest.mark.parametrize("planted", sorted(PLANTED))
def test_a_change_of_the_atlas_can_be_waived_and_the_waiver_is_checked(planted, baseline, tmp_path, capsys):
    command = atlases(baseline, tmp_path, planted)
    assert main(command) == 1
    for number, _ in enumerate(read_gate(tmp_path / "out" / "gate.json").atlas, 1):
        told = "the release notes say so"
        assert main(["waive", "out/gate.json", str(number), "--atlas", "--reason", told]) == 0
    assert main(command) == 0
    shown = said(capsys)
    for entry in read_atlas_waivers(tmp_path / "assay-waivers.toml"):
        assert f"known as {entry.name}" in shown
    assert main([*command[:1], "old.json", "old.json", *command[3:]]) == 1
    assert "no longer holds: what it is about was measured on both sides" in said(capsys)


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ('api = "torch.nn.*"', 0, "known as mine"),
        ('api = "torch.nn.*"\nwhat = "default"\nargument = "eps"\nmessage = "→ 0.001"', 0, "known as mine"),
        ('api = "torch.nn.*"\nmessage = "→ 0.01"', 1, "the waiver 'mine'"),
        ('api = "torch.nn.*"\nargument = "bias"', 1, "no longer holds"),
        ('api = "torch.nn.*"\nexpires = 2020-01-01', 1, "expired on 2020-01-01"),
        ('api = "keras.layers.Dense"', 1, "1 change of the atlas"),
        ('what = "default"', 2, "names no api and no spec"),
        ('api = "*"\nreason = " "', 2, "gives no reason"),
    ],
)
def test_a_waiver_of_the_atlas_means_what_it_says_and_no_more(
    fields, status, message, baseline, tmp_path, capsys
):
    command = atlases(baseline, tmp_path, "default changed: eps 1e-05 → 0.001")
    reason = "" if "reason" in fields else 'reason = "it is so"\n'
    text = f'[[atlas]]\nname = "mine"\n{reason}{fields}\n'
    (tmp_path / "assay-waivers.toml").write_text(text, "utf-8")
    assert main(command) == status
    assert message in said(capsys)


def test_a_record_without_an_atlas_is_wrong_usage_where_one_is_asked_for(baseline, capsys):
    assert main(["gate", str(baseline), str(baseline), "--atlas"]) == 2
    assert "there is no atlas" in said(capsys)


def edited(record, path, **changes):
    """The record with every conforming gelu verdict changed, as the only difference."""
    found = read(record)
    verdicts = [
        msgspec.structs.replace(v, **changes) if (v.spec, v.outcome) == ("gelu", "conforms") else v
        for v in found.verdicts
    ]
    write(msgspec.structs.replace(found, verdicts=tuple(verdicts)), path)
    return path


def wrapper(tmp_path, torch):
    """An interpreter whose PyTorch is this source."""
    package = tmp_path / "fake" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(torch)
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "fake"} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return str(program)


def said(capsys):
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_the_same_version_against_itself_is_clean_and_equal_in_every_bit(baseline, capsys):
    assert main(["gate", str(baseline), "--candidate-python", sys.executable]) == 0
    found = read_gate(baseline.parent.joinpath(os.getcwd(), "gate", "gate.json"))
    assert (found.changes, found.troubles, found.complaints) == ((), (), ())
    assert all(tally.identical == tally.compared for tally in found.tallies)
    assert sum(tally.compared for tally in found.tallies) > 0
    assert "Nothing changed." in said(capsys)


def test_two_records_are_compared_and_every_report_is_written(baseline, tmp_path, capsys):
    worse = edited(
        baseline, tmp_path / "worse.json", outcome="differs", check="values", message="off", digest="x"
    )
    assert main(["gate", str(baseline), str(worse), "--out", "out"]) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == REPORTS
    printed = said(capsys)
    for words in (
        "regressed gelu differs (values)",
        "torch.nn.GELU",
        "assay explain",
        "assay waive out/gate.json 1",
    ):
        assert words in printed
    assert f"cp {worse} {baseline}".replace(" ", "") in printed.replace(" ", "")  # wherever lines break


def test_an_improvement_that_is_not_recorded_fails(baseline, tmp_path):
    worse = edited(baseline, tmp_path / "worse.json", outcome="differs", check="values", digest="x")
    assert main(["gate", str(worse), str(baseline)]) == 1
    assert {change.kind for change in read_gate(tmp_path / "gate" / "gate.json").changes} == {"fixed"}


def test_a_change_is_accepted_by_the_waiver_that_waive_writes(baseline, tmp_path, capsys):
    worse = edited(
        baseline,
        tmp_path / "worse.json",
        outcome="differs",
        check="values",
        message="off",
        digest="x",
        profile=None,
    )
    compared = ["gate", str(baseline), str(worse)]
    assert main(compared) == 1
    options = ["--reason", "a new kernel", "--expires", "2999-01-01"]
    for group in Difference(read_gate(tmp_path / "gate" / "gate.json")).failing:
        assert main(["waive", "gate/gate.json", str(group.number), *options]) == 0
    assert {one.reason for one in read_waivers(tmp_path / "assay-waivers.toml")} == {"a new kernel"}
    assert main(compared) == 0
    assert main(["gate", str(baseline), str(baseline)]) == 1  # for nobody shows the outcome any more
    assert "no longer holds" in said(capsys)
    assert main(["waive", "gate/gate.json", "99"]) == 2


@pytest.mark.parametrize(
    ("torch", "words"),
    [
        ("import os; os._exit(3)", "torch did not start: the process ended"),
        (
            "raise ImportError('libtorch_cpu.so: cannot open shared object file')",
            "does not import: ImportError: libtorch",
        ),
        ("import time; time.sleep(3600)", "torch did not start: no answer within 3 s"),
        ("", "torch did not start"),
    ],
    ids=["crashing", "broken", "hanging", "half installed"],
)
def test_a_candidate_that_does_not_start_is_trouble_with_its_reason_and_no_change(
    baseline, tmp_path, capsys, torch, words
):
    python = wrapper(tmp_path, torch)
    assert main(["gate", str(baseline), "--candidate-python", python, "--start-limit", "3"]) == 3
    assert words in said(capsys)
    found = read_gate(tmp_path / "gate" / "gate.json")
    assert (found.changes, len(found.troubles) > 0) == ((), True)
    assert {path.name for path in (tmp_path / "gate").iterdir()} >= REPORTS


def test_a_candidate_that_is_cut_off_is_compared_as_far_as_it_came_and_can_be_resumed(
    baseline, tmp_path, capsys, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", lambda self, verdict: os.kill(os.getpid(), signal.SIGTERM))
        assert main(["gate", str(baseline), "--candidate-python", sys.executable]) == 3
    assert "interrupted; add --resume to go on" in said(capsys)
    found = read_gate(tmp_path / "gate" / "gate.json")
    asked = sum(sum(tally.kinds.values()) for tally in found.tallies)
    assert 0 < asked < len(read(baseline).verdicts)
    assert found.changes == ()
    assert main(["gate", str(baseline), "--candidate-python", sys.executable, "--resume"]) == 0


def test_a_crash_in_the_midst_is_one_change_and_the_rest_is_compared(tmp_path, capsys):
    faulty = Path(__file__).parent / "harness" / "faulty_bindings.py"
    case = "relu/default/float32/normal/3x17"
    run = ["run", "--case", case, "--framework", "torch", "--bindings", str(faulty), "--time-limit", "3"]
    assert main([*run, "--out", "before"]) == 0
    before = read(tmp_path / "before" / "run.json")
    right = next(v for v in before.verdicts if v.outcome == "conforms")
    asked = {"faulty.segfault", "faulty.sleep", right.implementation}
    once = tuple(
        msgspec.structs.replace(right, implementation=v.implementation)
        for v in before.verdicts
        if v.implementation in asked
    )
    write(msgspec.structs.replace(before, verdicts=once), tmp_path / "right.json")
    write(
        msgspec.structs.replace(
            before, verdicts=tuple(v for v in before.verdicts if v.implementation in asked)
        ),
        tmp_path / "now.json",
    )
    assert main(["gate", "right.json", "now.json"]) == 1
    found = read_gate(tmp_path / "gate" / "gate.json")
    assert {(c.verdict.implementation, c.kind, c.cause) for c in found.changes} == {
        ("faulty.segfault", "regressed", "crashed"),
        ("faulty.sleep", "regressed", "hung"),
    }


def test_github_shows_at_most_ten_annotations(baseline, tmp_path, capsys, monkeypatch):
    found = read(baseline)
    many = tuple(
        msgspec.structs.replace(v, case=v.case.replace("gelu/", f"layer{n}/"), digest="d")
        for n in range(20)
        for v in found.verdicts[-1:]
    )
    before = msgspec.structs.replace(
        found, verdicts=tuple(msgspec.structs.replace(v, outcome="conforms") for v in many)
    )
    after = msgspec.structs.replace(
        found,
        verdicts=tuple(
            msgspec.structs.replace(v, outcome="differs", message="50% off:\n, yes", digest="e") for v in many
        ),
    )
    write(before, tmp_path / "before.json")
    write(after, tmp_path / "after.json")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["gate", "before.json", "after.json"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert len(lines) == 10
    assert all(line.startswith("::error title=assay") and line.count("::") == 2 for line in lines)
    assert lines[-1].endswith("more are in the job summary")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "there is no baseline; give a record"),
        (["a.json"], "there is no candidate; give a record"),
        (["a.json", "b.json", "c.json"], "3 records were given"),
        (["a.json", "--baseline", "torch"], "the baseline is the record a.json"),
        (["a.json", "b.json"], "there is no file a.json"),
        (["--baseline", "torch=1", "--candidate", "torch"], "is no requirement"),
        (["a.json", "b.json", "--waivers", "none.toml"], "no file of waivers at none.toml"),
        (["a.json", "b.json", "--framework", "mxnet"], "no framework is called 'mxnet'"),
        (["a.json", "b.json", "--framework", "torch", "--mode", "bogus"], "there is no path 'bogus'"),
        (["a.json", "b.json", "--dtype", "float31"], "no dtype is called 'float31'"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence_that_says_what_is_allowed(arguments, words, capsys):
    assert main(["gate", *arguments]) == 2
    assert words in said(capsys)


def test_an_environment_that_cannot_be_made_ends_with_3(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sides = ["--baseline", "torch==1", "--candidate", "torch==2"]
    assert main(["gate", *sides, "--baseline-python", "/dev/null"]) == 3
    assert "the interpreter /dev/null does not start" in said(capsys)


def test_a_gate_of_specs_leaves_the_others_out(baseline, tmp_path):
    assert main(["gate", str(baseline), str(baseline), "--spec", "relu"]) == 0
    document = json.loads((tmp_path / "gate" / "gate.json").read_text())
    assert {tally["spec"] for tally in document["tallies"]} == {"relu"}
