"""How commands end: a defect of assay's own is told as one, never as a finding or as wrong usage."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.compared import CASE, record, verdict

from assay.cli import app, main
from assay.errors import Usage
from assay.harness import record as records
from assay.harness.gating import waivers
from assay.harness.judging.deviations import Deviation
from assay.harness.running import run
from assay.reports.console import Screen

DEFECTS = (
    IndexError("tuple index out of range"),
    ValueError("x is (2, 0), but there must be features"),
    TypeError("no error rule for floor"),
    KeyError("y"),
    AssertionError(),
    RecursionError("too deep"),
)

RUN = ["run", "gelu", "--framework", "torch", "--tier", "smoke", "--out", "out"]


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    """Each test has a folder of its own, in which the files of defects are kept too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("ASSAY_DEBUG", raising=False)


@pytest.fixture
def on_file(tmp_path):
    """A small record."""
    records.write(record(verdict()), tmp_path / "run.json")
    return "run.json"


def raising(error):
    def instead(*arguments, **options):
        raise error

    return instead


def told(capsys):
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("error", DEFECTS, ids=lambda error: type(error).__name__)
def test_a_defect_is_status_3_with_a_sentence_and_its_traceback_in_a_file(
    error, monkeypatch, capsys, on_file
):
    monkeypatch.setattr(records, "read", raising(error))
    assert main(["report", on_file]) == 3
    said = told(capsys)
    assert f"a defect of assay itself ended this: {type(error).__name__}" in said
    assert "Traceback" not in said
    kept = Path(re.search(r"\S+assay-defect-\S+\.txt", said)[0]).read_text()
    for words in (
        "Traceback (most recent call last)",
        repr(error).partition("(")[0],
        "Python",
        "test_ending.py",
    ):
        assert words in kept


def test_the_traceback_is_printed_where_it_is_asked_for(monkeypatch, capsys, on_file):
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    monkeypatch.setattr(records, "read", raising(IndexError("planted")))
    assert main(["report", on_file]) == 3
    assert "Traceback (most recent call last)" in told(capsys)


def test_what_the_user_gave_is_status_2_and_no_defect(monkeypatch, capsys, on_file):
    monkeypatch.setattr(records, "read", raising(Usage("there is no such thing")))
    assert main(["report", on_file]) == 2
    assert told(capsys) == "assay: there is no such thing"


def test_a_run_that_a_defect_ends_says_where_what_was_learned_is_and_goes_on_from_it(monkeypatch, capsys):
    learned = []

    def judged(*arguments):
        if len(learned) == 3:
            raise IndexError("planted")
        learned.append(arguments)
        return asked(*arguments)

    asked = run.ask
    monkeypatch.setattr(run, "ask", judged)
    assert main(RUN) == 3
    assert "is kept in out/run.json and out/verdicts.jsonl; --resume goes on from it" in told(capsys)
    found = records.read(Path("out/run.json"))
    assert not found.complete
    assert len([v for v in found.verdicts if v.outcome != "unsupported"]) == 3
    monkeypatch.setattr(run, "ask", asked)
    assert main([*RUN, "--resume"]) == 0
    assert records.read(Path("out/run.json")).complete


def test_an_interrupted_run_says_what_is_kept_and_how_to_go_on(monkeypatch, capsys):
    def interrupted(settings, console):
        Path("out").mkdir()
        records.write(record(verdict(), complete=False), settings.folder / settings.file)
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_asked", interrupted)
    assert main([*RUN, "--compact"]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "out/run.jsonl.gz and the reports beside it hold what was learned: 1 verdict." in said
    assert "with --resume" in said
    assert Path("out/index.html").is_file()


def test_an_interrupt_of_a_command_that_keeps_nothing_is_told(monkeypatch, capsys, on_file):
    monkeypatch.setattr(records, "read", raising(KeyboardInterrupt()))
    assert main(["report", on_file]) == 130
    assert told(capsys) == "assay: Interrupted."


def test_why_no_framework_could_be_asked_is_told_once(capsys):
    frameworks = ["--framework", "torch", "--framework", "jax"]
    assert main(["run", "gelu", *frameworks, "--python", "/dev/null", "--out", "out"]) == 3
    assert told(capsys).count("/dev/null does not start") == 1


def test_a_long_run_says_how_long_it_takes_before_it_begins(monkeypatch, capsys):
    monkeypatch.setattr(app, "_asked", raising(Usage("not today")))
    monkeypatch.setattr(app, "LONG", 0.0)
    assert main(RUN) == 2
    assert "This takes about 1 minute on" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setattr(app, "_asked", raising(Usage("not today")))
    assert main(RUN) == 2
    assert capsys.readouterr().out == ""


def test_a_gate_whose_run_a_defect_ends_reports_what_was_learned_with_status_3(monkeypatch, capsys):
    assert main(RUN) == 0
    monkeypatch.setattr(run, "ask", raising(ValueError("x must be finite")))
    assert main(["gate", "out/run.json", "--candidate-python", sys.executable]) == 3
    said = told(capsys)
    assert "a defect of assay itself ended this: ValueError: x must be finite" in said
    assert "gate/candidate/run.json; --resume goes on" in said
    assert {path.name for path in Path("gate").iterdir()} >= {"gate.json", "summary.md", "index.html"}


def test_a_gate_on_a_deviation_whose_condition_raises_is_reported_with_status_3(monkeypatch, capsys, on_file):
    planted = Deviation("planted", "it is so", "https://x", when="strides[1] > 1", outcome="differs")
    monkeypatch.setattr(waivers, "on_file", lambda: (planted,))
    assert main(["gate", on_file, on_file]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "a defect of assay's own, in the deviation 'planted'" in said


WAIVER = '[[waiver]]\nname = "known"\nreason = "so"\nlink = ""\noutcome = "differs"\nwhen = "{}"\n'


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (
            "strides[1] > 1",
            "'known': the condition 'strides[1] > 1' raises NameError: name 'strides' is not",
        ),
        ("features[1] > 1", f"raises TypeError: 'int' object is not subscriptable, in the case {CASE}"),
        ("features >", "in `when` of 'known' the expression cannot be read"),
    ],
)
def test_a_waiver_whose_condition_raises_is_wrong_usage(when, words, capsys, on_file):
    Path("assay-waivers.toml").write_text(WAIVER.format(when))
    assert main(["gate", on_file, on_file]) == 2
    assert words in told(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gate", "broken", "broken"], "broken is no assay record"),
        (["gate", "RECORD", "RECORD", "--waivers", "broken"], "broken"),
        (["waive", "broken", "1"], "broken is no gate of assay's"),
        (
            ["run", "gelu", "--bindings", "raises.py"],
            "the bindings in raises.py do not run: KeyError: 'planted'",
        ),
        (["check", "raises.py:f", "--spec", "gelu", "--in-process"], "raises.py does not run: KeyError"),
        (["gate", "--baseline", "'torch", "--candidate", "torch"], "is no list of requirements: no closing"),
    ],
)
def test_a_file_of_the_user_that_cannot_be_read_is_wrong_usage(arguments, words, capsys, on_file):
    Path("broken").write_bytes(b"\xff\xfe\x00")
    Path("raises.py").write_text("raise KeyError('planted')\n")
    assert main([on_file if word == "RECORD" else word for word in arguments]) == 2
    assert words in told(capsys)


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--json"], ["show", "conv2d"], ["--help"], ["report"]]
)
def test_a_pipe_that_nobody_reads_ends_quietly_and_not_as_a_finding(arguments, on_file):
    more = [on_file] if arguments == ["report"] else []
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "assay", *arguments, *more]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_console_that_nobody_reads_does_not_end_the_process():
    with pytest.raises(BrokenPipeError):
        Screen().on_broken_pipe()
