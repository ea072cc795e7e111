"""Environments are made once, never used half made, and say why they could not be made."""

from __future__ import annotations

import datetime
import os
import stat
import subprocess
import sys
import zipfile

import pytest

from assay.adapters.binding import FRAMEWORKS, bindings
from assay.harness.gating import environments
from assay.harness.gating.environments import Unmade, environment, frameworks_of, requirements_of

UV = """#!{python}
import os, pathlib, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] == "venv":
    home = pathlib.Path(sys.argv[-1])
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(sys.executable)
elif os.path.exists({fails!r}):
    sys.exit("no version of keras==99 exists")
"""


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """An installer that installs nothing; returns the calls, and a function that makes it fail."""
    log, fails = tmp_path / "log", tmp_path / "fails"
    program = tmp_path / "bin" / "uv"
    program.parent.mkdir()
    program.write_text(UV.format(python=sys.executable, log=str(log), fails=str(fails)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return lambda: log.read_text().splitlines() if log.exists() else [], fails


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torch==2.13.0", "torch==2.13.0 execnet numpy ml_dtypes"),
        ("keras==3.12.3", "keras==3.12.3 tensorflow-cpu execnet numpy ml_dtypes"),
        ("keras==3.12.3 jax==0.10.2", "keras==3.12.3 jax==0.10.2 execnet numpy ml_dtypes"),
        ("optax==0.2.8 numpy<2", "optax==0.2.8 numpy<2 jax execnet ml_dtypes"),
        ("--pre tensorflow-cpu", "--pre tensorflow-cpu execnet numpy ml_dtypes"),
        ("--index-url https://x/y torch", "--index-url https://x/y torch execnet numpy ml_dtypes"),
    ],
)
def test_a_requirement_set_gets_what_a_worker_needs(text, words):
    assert requirements_of(text) == words.split()


@pytest.mark.parametrize("text", ["", "keras=3", "@@"])
def test_what_is_no_requirement_set_is_refused(text):
    with pytest.raises(ValueError, match="requirement"):
        requirements_of(text)


@pytest.mark.parametrize(
    ("texts", "frameworks"),
    [
        (["keras==3.7", "keras==3.8"], ("keras",)),
        (["keras==3.7 jax"], ("keras[jax]",)),
        (["keras tensorflow-cpu==2.21.0"], ("keras",)),
        (["tensorflow-cpu==2.15", "tensorflow==2.21"], ("tensorflow",)),
        (["optax==0.2.4"], ("jax",)),
        (["torch==2.12.0", "torch==2.13.0"], ("torch",)),
        (["numpy"], ()),
    ],
)
def test_frameworks_follow_from_what_the_requirements_name(texts, frameworks):
    assert frameworks_of(texts) == frameworks


def test_an_environment_is_made_once(uv, tmp_path):
    calls, _ = uv
    first = environment(["keras==3.12.3"], folder=tmp_path / "kept")
    assert environment(["keras==3.12.3"], folder=tmp_path / "kept") == first
    assert [call.split()[0] for call in calls()] == ["venv", "pip"]
    assert environment(["keras==3.12.4"], folder=tmp_path / "kept") != first


def test_an_environment_that_was_left_half_made_is_made_anew(uv, tmp_path):
    calls, fails = uv
    fails.touch()
    with pytest.raises(Unmade, match="keras==99 could be made: no version of keras==99 exists"):
        environment(["keras==99"], folder=tmp_path / "kept")
    (half,) = (path for path in (tmp_path / "kept").iterdir() if path.is_dir())
    (half / "left over").touch()
    fails.unlink()
    assert environment(["keras==99"], folder=tmp_path / "kept").is_relative_to(half)
    assert not (half / "left over").exists()
    assert len(calls()) == 4


def test_a_set_that_pins_nothing_is_made_anew_each_day(uv, tmp_path, monkeypatch):
    class Tomorrow(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(2999, 1, 1, tzinfo=zone)

    kept = tmp_path / "kept"
    pinned, loose = environment(["jax==1.0", "numpy"], folder=kept), environment(["jax"], folder=kept)
    monkeypatch.setattr(environments.datetime, "datetime", Tomorrow)
    assert environment(["jax==1.0", "numpy"], folder=kept) == pinned
    assert environment(["jax"], folder=kept) != loose


def test_an_interpreter_that_does_not_start_is_named(tmp_path):
    with pytest.raises(Unmade, match="the interpreter /dev/null does not start"):
        environment(["jax==1.0"], "/dev/null", tmp_path)


def test_pip_makes_an_environment_where_there_is_no_uv(tmp_path, monkeypatch):
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny.py", "answer = 42\n")
        file.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("tiny-1.0.dist-info/RECORD", "")
    monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    python = environment(["--no-index", "--find-links", str(tmp_path), "tiny==1.0"], folder=tmp_path / "kept")
    said = subprocess.run([python, "-c", "import tiny; print(tiny.answer)"], capture_output=True, text=True)
    assert said.stdout == "42\n"


ALONE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {{*sys.stdlib_module_names, "assay", {held}}}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import assay.harness.running.worker
from assay.adapters.binding import FRAMEWORKS, bindings
from assay.adapters.framework import framework

print(len(bindings(FRAMEWORKS)), *(len(framework(name, "cpu").paths) for name in FRAMEWORKS))
"""


def test_a_worker_with_every_binding_needs_nothing_but_what_its_environment_holds():
    held = ", ".join(map(repr, environments.WORKER))
    done = subprocess.run([sys.executable, "-c", ALONE.format(held=held)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    count, *paths = map(int, done.stdout.split())
    assert count == len(bindings(FRAMEWORKS))
    assert len(paths) == len(FRAMEWORKS)
    assert min(paths) > 0
