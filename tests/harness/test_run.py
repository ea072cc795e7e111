"""A run survives what bindings, processes and disks do to it, and loses nothing that it learned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assay.adapters.binding import load_bindings
from assay.harness.plan import Question, implementations
from assay.harness.record import Verdict, read
from assay.harness.running import run as running
from assay.harness.running.processes import WorkerSettings
from assay.harness.running.run import Run, RunSettings
from assay.harness.running.worker import _describe as describe
from assay.harness.running.worker import _lacks_api as lacks_api
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.cases import cases, invalid_cases

FAULTY = Path(__file__).with_name("faulty_bindings.py")
LESSER = Path(__file__).with_name("lesser_torch.py")
CASES = ("relu/default/float32/normal/3x17", "relu/default/float32/normal/2x64")


def faulty(name):
    load_bindings(FAULTY)
    return next(b for b in implementations(all_specs()["relu"]) if b.api == name)


def run(folder, bindings, cases=CASES, on_verdict=lambda verdict: None, **settings):
    questions = [Question(parse(case, all_specs()), tuple(bindings)) for case in cases]
    limit, mode = settings.pop("time_limit", 60.0), settings.pop("mode", "")
    workers = [WorkerSettings("torch", mode=mode, bindings=(str(FAULTY),), time_limit=limit)]
    return Run(RunSettings(questions, workers, folder, **settings), on_verdict).execute()


def outcomes(record):
    return [(v.implementation, v.outcome) for v in record.verdicts]


def torch_relu():
    return next(b for b in implementations(all_specs()["relu"]) if b.api == "torch.nn.functional.relu")


def test_a_crash_costs_one_case_and_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    record = run(tmp_path / "out", [faulty("faulty.segfault"), torch_relu()])
    assert outcomes(record) == [
        ("faulty.segfault", "crashed"),
        ("torch.nn.functional.relu", "conforms"),
        ("faulty.segfault", "conforms"),
        ("torch.nn.functional.relu", "conforms"),
    ]
    assert "Segmentation fault" in record.verdicts[0].message
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # what workers wrote beside it is gone


def test_an_exit_of_the_process_is_a_crash(tmp_path):
    record = run(tmp_path, [faulty("faulty.exit"), torch_relu()], cases=CASES[:1])
    assert outcomes(record) == [("faulty.exit", "crashed"), ("torch.nn.functional.relu", "conforms")]


def test_a_hang_is_stopped_at_the_time_limit_and_the_run_goes_on(tmp_path):
    record = run(tmp_path, [faulty("faulty.sleep"), torch_relu()], cases=CASES[:1], time_limit=3.0)
    assert outcomes(record) == [("faulty.sleep", "hung"), ("torch.nn.functional.relu", "conforms")]
    assert "3 s" in record.verdicts[0].message


FAULTS = [
    ("faulty.chatter", "conforms", "", ""),
    ("faulty.nondeterministic", "differs", "repeats", "other bits"),
    ("faulty.raises", "rejects", "raised", "the kernel says no"),
    ("faulty.detached", "differs", "gradients", "gradient raises"),
    ("faulty.wrong_dtype", "differs", "structure", "has dtype float64; expected float32"),
    ("faulty.none", "rejects", "raised", "NoneType"),
    ("faulty.unconnected", "differs", "gradients", ""),
    ("faulty.absent", "unsupported", "missing API", "nowhere_to_be_found is not installed"),
]


@pytest.fixture(scope="module")
def of_faulty_bindings(tmp_path_factory):
    """What each binding of FAULTS comes to, asked in one run."""
    from support.bindings import own_bindings  # a test imports this file where there is no such package

    with own_bindings():
        record = run(tmp_path_factory.mktemp("faulty"), [faulty(api) for api, *_ in FAULTS], cases=CASES[:1])
    return {verdict.implementation: verdict for verdict in record.verdicts}


@pytest.mark.xdist_group("faulty bindings")
@pytest.mark.parametrize(("api", "outcome", "check", "words"), FAULTS)
def test_what_a_faulty_binding_does_is_named(of_faulty_bindings, api, outcome, check, words):
    verdict = of_faulty_bindings[api]
    assert (verdict.outcome, verdict.check) == (outcome, check)
    assert words in verdict.message


@pytest.mark.xdist_group("faulty bindings")
def test_bindings_that_a_fixture_loaded_are_forgotten(of_faulty_bindings):
    assert not any(api.startswith("faulty") for api in (b.api for b in implementations(all_specs()["relu"])))


@pytest.mark.xdist_group("faulty bindings")
def test_a_gradient_that_the_framework_does_not_give_counts_as_zeros_and_is_told(of_faulty_bindings):
    notes = of_faulty_bindings["faulty.unconnected"].notes
    assert "no gradient (None) for x, which counts as zeros" in notes


def test_a_binding_builds_once_for_each_configuration(tmp_path):
    cases = (*CASES, "relu/default/float32/zeros/3x17", "relu/default/float32/zeros/2x64")
    record = run(tmp_path, [faulty("faulty.built_once")], cases=cases)
    assert [v.outcome for v in record.verdicts] == ["conforms"] * 4


def test_what_does_not_compile_as_a_whole_is_unsupported_and_what_does_says_so(tmp_path):
    names = ("faulty.breaks_the_graph", "faulty.compilable")
    record = run(tmp_path, map(faulty, names), cases=CASES[:1], mode="compiled", time_limit=500.0)
    broken, whole = record.verdicts
    assert (broken.implementation, broken.outcome, broken.check) == (names[0], "unsupported", "mode")
    assert "the call cannot be compiled whole: Data-dependent branching" in broken.message
    assert (whole.implementation, whole.outcome) == (names[1], "conforms")
    assert whole.in_force == "one graph, with its gradient"


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


EIGHT = [f"relu/default/float32/normal/{rows}x3" for rows in range(2, 10)]


def eight_configurations(folder, device="cpu"):
    questions = [Question(parse(case, all_specs()), (torch_relu(),)) for case in EIGHT]
    return Run(RunSettings(questions, [WorkerSettings("torch", device)], folder))


class Ready:
    """A worker that starts at once."""

    def __init__(self, settings):
        self.settings = settings

    def start(self):
        return {}

    def stop(self):
        pass


def test_a_slow_target_is_lent_another_worker_where_a_core_is_idle(monkeypatch, tmp_path):
    asking, lent = [], threading.Event()

    def ask(asked, worker, timings):
        asking.append(worker)
        if len(set(asking)) == 2:
            lent.set()
        elif len(asking) > 1:
            assert lent.wait(60), "nobody came to help"
        return Verdict(asked.expectation.case.id, asked.binding.api, asked.target.name, "conforms"), None

    monkeypatch.setattr(running, "Worker", Ready)
    monkeypatch.setattr(running, "ask", ask)
    monkeypatch.setattr(running, "_cores", lambda: 2)
    record = eight_configurations(tmp_path).execute()
    assert len(set(asking)) == 2
    assert [v.case for v in record.verdicts] == EIGHT


@pytest.mark.parametrize(
    ("changed", "helped"),
    [
        ({}, True),
        ({"cores": 1}, False),
        ({"device": "cuda"}, False),
        ({"start": 17.0}, False),
        ({"asked": 0, "asking": 0.0}, False),
        ({"workers": 2, "cores": 4}, False),
    ],
)
def test_a_worker_is_lent_only_where_what_is_left_takes_longer_than_a_start(
    monkeypatch, tmp_path, changed, helped
):
    pace = {"workers": 1, "start": 9.0, "asked": 3, "asking": 6.0} | changed  # 16 seconds are left
    cores, device = pace.pop("cores", 2), pace.pop("device", "cpu")
    monkeypatch.setattr(running, "_cores", lambda: cores)
    run = eight_configurations(tmp_path, device)
    (settings,) = run.settings.workers
    run._paces[settings.target] = running._Pace(**pace)
    assert run._in_need() == (settings if helped else None)
    assert run._paces[settings.target].workers == pace["workers"] + helped


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
        "softmax/default/float32/normal/3x17": "torch.nn.functional.softmax",
        "relu/default/float32/normal/3x17": "torch.nn.functional.relu",
        "log_softmax/default/float32/normal/3x17": "torch.nn.functional.log_softmax",
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
        "softmax": "unsupported",
        "relu": "rejects",
        "log_softmax": "rejects",
    }
    assert "has no attribute 'silu'" in found["silu"].message
    assert "unexpected keyword argument 'approximate'" in found["gelu"].message
    assert "unexpected keyword argument 'dim'" in found["softmax"].message


BINDING = """
def binding(call):
    options = {"supports_jit": False}
    call.standardize(1.0, algorithm="stable", **options)
    call.LSTM(3)
"""


def raised_in_a_binding(error):
    """The error with the traceback that it has where a framework raises it below a binding."""

    class Call:
        def standardize(self, *inputs, **options):
            raise error

    names = {}
    exec(compile(BINDING, os.path.join("assay", "adapters", "jax", "bindings.py"), "exec"), names)
    with pytest.raises(type(error)) as raised:
        names["binding"](Call())
    return raised.value


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (TypeError("standardize() got an unexpected keyword argument 'algorithm'"), True),
        (TypeError("LSTM.__init__() got an unexpected keyword argument 'supports_jit'"), True),
        (TypeError("Got an unexpected keyword argument 'algorithm'"), True),
        (ValueError("Unrecognized keyword arguments passed to LSTM: {'supports_jit': False}"), True),
        (
            TypeError(
                "Error interpreting argument to <function standardize at 0x7f> as an abstract array. The\n"
                "problematic value is of type <class 'str'> and was passed to the function at path algorithm."
            ),
            True,
        ),
        (TypeError("_inner() got an unexpected keyword argument 'algorithm'"), False),
        (TypeError("standardize() got an unexpected keyword argument 'axes'"), False),
        (TypeError("unsupported operand type(s) for +: 'int' and 'str'"), False),
    ],
)
def test_an_argument_that_a_wrapped_function_lacks_is_told_from_a_defect_inside_it(error, lacks):
    assert lacks_api(raised_in_a_binding(error)) is lacks


GRAPH = """Graph execution error:

Detected at node Conv3D defined at (most recent call last):
{frames}
currently only supports dilated rates of 1
\t [[{{{{node Conv3D}}}}]]""".format(frames=20 * '  File "framework.py", line 7, in call\n')

TRACED = """in user code:

{frames}
    ValueError: takes five axes""".format(
    frames=20 * '    File "framework.py", line 63, in both  *\n        return function(**inputs)\n'
)


@pytest.mark.parametrize(
    ("text", "told"), [(GRAPH, "only supports dilated rates of 1"), (TRACED, "ValueError: takes five axes")]
)
def test_a_message_that_begins_with_a_stack_is_told_to_its_end(text, told):
    message = describe(RuntimeError(text))
    assert told in message
    assert "framework.py" not in message


def test_a_verdict_names_the_bits_that_were_given_and_returned(tmp_path):
    first, second = run(tmp_path, [torch_relu()]).verdicts
    again = run(tmp_path, [torch_relu()]).verdicts[0]
    assert (first.inputs, first.digest) == (again.inputs, again.digest)
    assert len({first.inputs, second.inputs, first.digest, second.digest, ""}) == 5


def test_a_record_holds_packages_threads_and_the_environment_of_the_framework(tmp_path, monkeypatch):
    """What only begins like a name of the framework is another program's, and none of our business."""
    monkeypatch.setenv("DNNL_VERBOSE", "0")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "~/of/another/program")
    monkeypatch.setenv("TORCH_HOME", "~/.cache/torch")
    (target,) = run(tmp_path, [torch_relu()], cases=CASES[:1]).targets
    assert {"torch", "numpy", "execnet", "ml_dtypes"} <= set(target.packages)
    assert (target.flags["threads"], target.flags["DNNL_VERBOSE"]) == ("1", "0")
    assert not any("somebody" in value for value in target.flags.values())


def dense(framework, *names):
    """A valid and an invalid question about a dense layer, to what is called so."""
    spec = all_specs()["dense"]
    apis = tuple(b for b in implementations(spec) if b.framework == framework and b.api.startswith(names))
    return [Question(case, apis) for case in (cases(spec, "smoke")[0], invalid_cases(spec)[0])]


def test_a_part_that_does_not_import_fails_with_the_reason_and_the_rest_is_asked(tmp_path, monkeypatch):
    """Not even an invalid case, where an error is expected, is answered by an import that fails."""
    (tmp_path / "flax").mkdir()
    (tmp_path / "flax" / "__init__.py").write_text("from jax import no_such_name")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    questions = dense("jax", "flax.", "jax.")
    record = Run(RunSettings(questions, [WorkerSettings("jax")], tmp_path / "out")).execute()
    found = {}
    for verdict in record.verdicts:
        found.setdefault(verdict.implementation.partition(".")[0], set()).add(verdict.outcome)
    assert found == {"flax": {"rejects"}, "jax": {"conforms"}}
    told = {v.message for v in record.verdicts if v.outcome == "rejects"}
    assert all("does not import: ImportError: cannot import name 'no_such_name'" in one for one in told)
    (target,) = record.targets
    assert target.available
    assert target.reason in told


def test_a_framework_older_than_its_bindings_is_not_asked_and_says_which_versions_can_be(
    tmp_path, monkeypatch
):
    (tmp_path / "torch-1.11.0.dist-info").mkdir()
    (tmp_path / "torch-1.11.0.dist-info" / "METADATA").write_text("Name: torch\nVersion: 1.11.0\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    (target,) = run(tmp_path / "out", [torch_relu()], cases=CASES[:1]).targets
    assert not target.available
    assert target.reason == "torch 1.11.0 is too old: PyTorch can be asked with torch>=1.12."


def test_every_number_of_a_half_type_is_asked_of_an_activation(tmp_path):
    (case,) = cases(all_specs()["hard_sigmoid"], "grid", dtypes=("float16",))[:1]
    implementation = next(b for b in implementations(case.spec) if b.framework == "torch")
    (verdict,) = run(tmp_path, [implementation], cases=[case.id]).verdicts
    assert (verdict.outcome, verdict.notes) == ("conforms", ())
    assert {margin.size + margin.unresolved for margin in verdict.margins} == {131079}
