"""A reproduction script shows the result with the framework alone, without assay."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from assay.adapters.binding import bindings
from assay.adapters.framework import framework
from assay.harness.auditing.variants import expected
from assay.harness.judging.judge import Judgement
from assay.harness.record import Target
from assay.harness.running.explain import explain
from assay.harness.running.processes import WorkerSettings
from assay.harness.running.repro import script
from assay.numerics.dtypes import widen
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.cases import cases

SPECS = all_specs()
GELU = "gelu/default/float32/normal/3x17"


RUN_WITHOUT_ASSAY = """
import json, sys
sys.modules["assay"] = None
space = {"__name__": "__main__"}
try:
    exec(compile(sys.stdin.read(), "repro", "exec"), space)
except SystemExit as end:
    y = space["outputs"][0]
    y = y.detach().double() if hasattr(y, "detach") else y
    y = y if hasattr(y, "reshape") else y.numpy()
    print(json.dumps([float(element) for element in y.reshape(-1)]))
    raise
"""


def run_alone(script):
    command = [sys.executable, "-c", RUN_WITHOUT_ASSAY]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("framework", "api", "case"),
    [
        ("torch", "torch.nn.Linear", "dense/default/float32/normal/3x17x5"),
        ("torch", "torch.nn.Linear", "dense/use_bias=false/bfloat16/normal/3x17x5"),
        ("torch", "torch.nn.Dropout", "dropout/default/float32/normal/33x129"),
        ("tensorflow", "tf.nn.gelu", GELU),
        ("keras", "keras.layers.Dense", "dense/default/float16/normal/3x17x5"),
        ("jax", "flax.nnx.Linear", "dense/default/float64/normal/3x17x5"),
        ("jax", "flax.linen.Dense", "dense/default/float32/normal/3x17x5"),
    ],
)
def test_a_script_gets_the_very_numbers_that_the_worker_got(framework, api, case):
    explanation = explain(case, api, WorkerSettings(framework))
    assert explanation.verdict.outcome == "conforms"
    shown = run_alone(explanation.script)
    assert "Traceback" not in shown.stderr
    assert json.loads(shown.stdout.splitlines()[-1]) == widen(explanation.answer.outputs[0]).ravel().tolist()


def test_a_finding_ends_with_status_1_and_prints_got_and_expected():
    explanation = explain(GELU, "torch.nn.functional.gelu", WorkerSettings("torch"))
    worst = explanation.verdict.worst
    shown = run_alone(explanation.script)
    assert shown.returncode == 1
    assert f"got {worst.got} expected {worst.expected}" in shown.stdout


@pytest.mark.parametrize("name", SPECS)
def test_every_binding_can_be_written_into_a_script(name):
    """What a binding names is a function, a module or a literal: a table of lambdas has no source."""
    expectation = expected(next(case for case in cases(SPECS[name]) if case.valid))
    for binding in bindings().values():
        if binding.spec == name:
            target = Target(f"{binding.framework}/cpu", binding.framework, "cpu", "eager", True)
            text = script(expectation, binding, target, Judgement("differs", "values"))
            compile(text, binding.key, "exec")
            assert "from builtins import" not in text, binding.key


EACH = """
import io, runpy, sys
from contextlib import redirect_stdout

for file in sys.argv[1:]:
    with redirect_stdout(io.StringIO()) as told:
        try:
            runpy.run_path(file, run_name="__main__")
        except SystemExit:
            pass
    assert told.getvalue().startswith("y ("), file
"""


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("torch", "torch.nn.functional.linear"),
        ("tensorflow", "tf.linalg.matmul"),
        ("jax", "flax.linen.Dense"),
        ("keras", "keras.layers.Dense"),
    ],
)
def test_a_script_enters_every_path_by_itself(tmp_path, name, api):
    binding, files = bindings([name])[f"dense:{api}"], []
    for path in framework(name, "cpu").paths:
        elsewhere = name == "keras" and not path.under
        if path.name != "compiled" and not elsewhere:  # g++ takes its time, and is asked elsewhere
            dtype = (path.dtypes or ("float32",))[0]
            target = Target(f"{name}/cpu/{path.name}", name, "cpu", path.name, available=True)
            planted = expected(parse(f"dense/default/{dtype}/normal/3x17x5", SPECS)), binding, target
            files.append(tmp_path / f"{path.name}.py")
            files[-1].write_text(script(*planted, Judgement("differs", "structure", "planted")))
    done = subprocess.run([sys.executable, "-c", EACH, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
