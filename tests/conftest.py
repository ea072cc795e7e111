"""What holds for every test: pytest's root is the tests folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import sample as samples
from support.bindings import own_bindings
from support.sample import sample

from assay.harness.plan import plan
from assay.harness.record import Record, read
from assay.specs import all_specs
from assay.specs.questions import practical_questions

TESTS = Path(__file__).resolve().parent

UNOPTIMIZED = "--xla_backend_optimization_level=0"
"""For XLA: it compiles in half the time. `make report` and `make modes` ask the programs that users run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-spec", action="store_true", help="ask of every spec what is otherwise asked of a fixed draw"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.rootpath != TESTS:
        raise pytest.UsageError(
            f"pytest's root is {config.rootpath}, so it would import the package a second time under that"
            " folder's name. Run `pytest tests`, or `make test` for the linters as well."
        )
    os.environ.setdefault("XLA_FLAGS", UNOPTIMIZED)
    samples.EVERY = config.getoption("every_spec")


@pytest.fixture(autouse=True)
def _own_bindings() -> Iterator[None]:
    """Forget the bindings that a test loaded: they would count in every later one."""
    with own_bindings():
        yield


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """What all frameworks say of a sample of the smoke tier, and of what practitioners ask.

    They are asked once, in a process of its own, free of the bindings that other tests load: tests that want
    the record belong to the xdist group "frameworks", and so meet in one process of tests.
    """
    out = tmp_path_factory.mktemp("frameworks")
    smoke = [question.case.id for question in sample(plan(all_specs().values(), "smoke"))]
    answers = sorted({case for question in practical_questions() for case in question.cases})
    cases = [f"--case={case}" for case in dict.fromkeys((*smoke, *answers))]
    command = [sys.executable, "-m", "assay", "run", "--out", out, *cases]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return read(out / "run.json")
