"""A run survives what bindings, processes and disks do to it, and loses nothing that it learned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.adapters.binding import load_bindings
from assay.harness.plan import Question, implementations
from assay.harness.record import read
from assay.harness.running.processes import WorkerSettings
from assay.harness.running.run import Run, RunSettings
from assay.specs import all_specs
from assay.specs.language.case import parse

FAULTY = Path(__file__).with_name("faulty_bindings.py")
LESSER = Path(__file__).with_name("lesser_torch.py")
CASES = ("relu/default/float32/normal/3x17", "relu/default/float32/normal/2x64")


def faulty(name):
    load_bindings(FAULTY)
    return next(b for b in implementations(all_specs()["relu"]) if b.api == name)


def run(folder, bindings, cases=CASES, on_verdict=lambda verdict: None, **settings):
    questions = [Question(parse(case, all_specs()), tuple(bindings)) for case in cases]
    workers = [WorkerSettings("torch", bindings=(str(FAULTY),), time_limit=settings.pop("time_limit", 60.0))]
    return Run(RunSettings(questions, workers, folder, **settings), on_verdict).execute()


def outcomes(record):
    return [(v.implementation, v.outcome) for v in record.verdicts]


def torch_relu():
    return next(b for b in implementations(all_specs()["relu"]) if b.api == "torch.nn.functional.relu")


def test_a_crash_costs_one_case_and_the_run_goes_on(tmp_path):
    record = run(tmp_path, [faulty("faulty.segfault"), torch_relu()])
    assert outcomes(record) == [
        ("faulty.segfault", "crashed"),
        ("torch.nn.functional.relu", "conforms"),
        ("faulty.segfault", "conforms"),
        ("torch.nn.functional.relu", "conforms"),
    ]
    assert "Segmentation fault" in record.verdicts[0].message


def test_an_exit_of_the_process_is_a_crash(tmp_path):
    record = run(tmp_path, [faulty("faulty.exit"), torch_relu()], cases=CASES[:1])
    assert outcomes(record) == [("faulty.exit", "crashed"), ("torch.nn.functional.relu", "conforms")]


def test_a_hang_is_stopped_at_the_time_limit_and_the_run_goes_on(tmp_path):
    record = run(tmp_path, [faulty("faulty.sleep"), torch_relu()], cases=CASES[:1], time_limit=3.0)
    assert outcomes(record) == [("faulty.sleep", "hung"), ("torch.nn.functional.relu", "conforms")]
    assert "3 s" in record.verdicts[0].message


@pytest.mark.parametrize(
    ("api", "outcome", "check", "words"),
    [
        ("faulty.chatter", "conforms", "", ""),
        ("faulty.nondeterministic", "differs", "repeats", "other bits"),
        ("faulty.raises", "rejects", "raised", "the kernel says no"),
        ("faulty.detached", "differs", "structure", "gradient raises"),
        ("faulty.wrong_dtype", "differs", "structure", "has dtype float64; expected float32"),
        ("faulty.none", "rejects", "raised", "NoneType"),
    ],
)
def test_what_a_faulty_binding_does_is_named(tmp_path, api, outcome, check, words):
    (verdict,) = run(tmp_path, [faulty(api)], cases=CASES[:1]).verdicts
    assert (verdict.outcome, verdict.check) == (outcome, check)
    assert words in verdict.message


def test_a_run_that_is_interrupted_keeps_its_verdicts_and_resumes(tmp_path):
    def interrupt(verdict):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [torch_relu()], on_verdict=interrupt)
    kept = read(tmp_path / "run.json")
    assert (kept.complete, len(kept.verdicts)) == (False, 1)

    asked = []
    record = run(tmp_path, [torch_relu()], on_verdict=asked.append, resume=True)
    assert record.complete
    assert [v.case for v in record.verdicts] == list(CASES)
    assert [v.case for v in asked] == [CASES[1]]


def test_a_line_broken_in_mid_write_is_cut_off_when_the_run_resumes(tmp_path):
    run(tmp_path, [torch_relu()])
    stream = tmp_path / "verdicts.jsonl"
    whole = stream.read_bytes()
    stream.write_bytes(whole[:-20])
    record = run(tmp_path, [torch_relu()], resume=True)
    assert [v.case for v in record.verdicts] == list(CASES)


def test_a_full_disk_ends_the_run_with_what_was_written(tmp_path):
    stream = tmp_path / "verdicts.jsonl"
    stream.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, [torch_relu()])


def test_a_killed_run_leaves_a_stream_to_resume_from(tmp_path):
    program = (
        "import os, signal, sys; sys.path[:0] = [sys.argv[1]]\n"
        "from pathlib import Path\n"
        "import test_run\n"
        "test_run.run(Path(sys.argv[2]), [test_run.torch_relu()],"
        " on_verdict=lambda verdict: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "run.json").exists()
    record = run(tmp_path, [torch_relu()], resume=True)
    assert [v.case for v in record.verdicts] == list(CASES)


def test_a_framework_that_is_missing_is_reported(tmp_path):
    questions = [Question(parse(CASES[0], all_specs()), (torch_relu(),))]
    workers = [WorkerSettings("torch", python=os.devnull)]
    record = Run(RunSettings(questions, workers, tmp_path)).execute()
    assert record.verdicts == ()
    assert [target.available for target in record.targets] == [False]


def test_a_name_or_an_argument_that_this_version_lacks_is_unsupported_and_a_defect_inside_it_is_not(tmp_path):
    asked = {
        "silu/default/float32/normal/3x17": "torch.nn.functional.silu",
        "gelu/approximate=true/float32/normal/3x17": "torch.nn.functional.gelu",
        "relu/default/float32/normal/3x17": "torch.nn.functional.relu",
    }
    known = [parse(case, all_specs()) for case in asked]
    questions = [
        Question(case, tuple(b for b in implementations(case.spec) if b.api == asked[case.id]))
        for case in known
    ]
    settings = RunSettings(questions, [WorkerSettings("torch", bindings=(str(LESSER),))], tmp_path)
    found = {v.case.partition("/")[0]: v for v in Run(settings).execute().verdicts}
    assert {name: v.outcome for name, v in found.items()} == {
        "silu": "unsupported",
        "gelu": "unsupported",
        "relu": "rejects",
    }
    assert "has no attribute 'silu'" in found["silu"].message
    assert "unexpected keyword argument 'approximate'" in found["gelu"].message


def test_a_verdict_names_the_bits_that_were_given_and_returned(tmp_path):
    first, second = run(tmp_path, [torch_relu()]).verdicts
    again = run(tmp_path, [torch_relu()]).verdicts[0]
    assert (first.inputs, first.digest) == (again.inputs, again.digest)
    assert len({first.inputs, second.inputs, first.digest, second.digest, ""}) == 5


def test_a_record_holds_packages_threads_and_the_environment_of_the_framework(tmp_path, monkeypatch):
    monkeypatch.setenv("DNNL_VERBOSE", "0")
    (target,) = run(tmp_path, [torch_relu()], cases=CASES[:1]).targets
    assert {"torch", "numpy", "execnet", "ml_dtypes"} <= set(target.packages)
    assert (target.flags["threads"], target.flags["DNNL_VERBOSE"]) == ("1", "0")
