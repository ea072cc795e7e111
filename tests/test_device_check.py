"""The check of a device needs ten minutes of one: its commands can be given, and its page tells what came."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from assay.cli.app import app

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("device_check", ROOT / "benchmarks" / "device_check.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def test_each_step_is_a_command_of_assay_and_names_files_that_are_there(script):
    steps = list(script.steps("cuda", ("dense",)))
    assert len({step.name for step in steps}) == len(steps) == 8
    for step in steps:
        _, given, _ = app.parse_args(list(step.words), print_error=False, exit_on_error=False)
        assert given.arguments["device"] == "cuda"
        if step.words[0] == "check":
            assert (ROOT / step.words[1].partition(":")[0]).is_file()


def came(script, step, **facts):
    told = {"name": step.name, "command": "assay", "environ": step.environ, "seconds": 60.0, "cut off": False}
    return told | {"as it should": script.as_it_should(step, facts), "told": ""} | facts


def test_a_kernel_must_fail_by_the_check_that_catches_it_and_a_run_by_nothing_new(script):
    run, twin = (next(s for s in script.steps("cpu", ()) if s.words[0] == word) for word in ("run", "check"))
    assert script.as_it_should(run, {"new": []})
    assert not script.as_it_should(run, {"new": ["gelu"]})
    assert script.as_it_should(twin, {"failed": []})
    assert not script.as_it_should(twin, {"failed": ["values"]})
    caught = script.Step("broken", ("check",), caught="values")
    assert script.as_it_should(caught, {"failed": ["sizes", "values"]})
    assert not script.as_it_should(caught, {"failed": ["sizes"]})


def test_the_page_tells_of_each_step_what_failed_and_is_new(script):
    run, check = (next(s for s in script.steps("cpu", ()) if s.words[0] == word) for word in ("run", "check"))
    target = {"name": "torch/cuda", "reason": "", "versions": {}, "flags": {"device": "H"}, "in force": []}
    target |= {"outcomes": {"conforms": 7, "differs": 3, "unsupported": 2}, "profiles": {"tf32": 5}}
    steps = [
        came(script, run, targets=[target], new=["gelu in torch: differs (1)"], new_verdicts=1),
        came(script, check, failed=["values"]),
    ]
    assert script.called(steps, "cuda") == "H"
    page = script.page({"device": "H", "specs": [], "steps": steps})
    assert "| float32, TF32 off | 1.0 | **no** | 7 | 2 | 1 |" in page
    assert "| a Triton kernel | 1.0 | **no** | | values | |" in page
    assert "rounded as tf32 (5)" in page
    assert "- new: gelu in torch: differs (1)" in page
    assert page.startswith("# H\n")


def test_what_a_check_prints_is_read_and_what_does_not_run_is_told(script):
    told = 'a warning\n{"findings": [{"check": "written", "message": "left as it was"}]}'
    assert script.of_check(told) == {"ended": True, "failed": ["written"], "said": ["left as it was"]}
    assert script.of_check("Traceback") == script.of_check("{broken") == {}
