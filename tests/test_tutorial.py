"""The tutorial does what it says: its files are written, its commands run, and they print what it prints.

``python tests/test_tutorial.py`` puts what they print now into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from assay.cli.app import main

TUTORIAL = Path(__file__).parents[1] / "docs" / "kernels.md"
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)


def steady(text: str) -> str:
    """A report without what differs between machines: seconds and versions, and the break of their line."""
    text = re.sub(r"in [\d.e-]+ s, numpy [\w.+]+", "in … s, numpy …", text)
    text = re.sub(r"own;\s+roundings\s+as\s+in\s+", "own; roundings as in ", text)
    text = re.sub(r"largest error is [\d.e-]+ of", "largest error is … of", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def test_the_tutorial_prints_what_the_commands_print(folder, capsys):
    blocks = BLOCK.findall(TUTORIAL.read_text("utf-8"))
    outcomes = []
    for language, text in blocks:
        if language == "python":
            name = text.splitlines()[0].removeprefix("# ")
            (folder / name).write_text(text)
            continue
        command, _, printed = text.partition("\n")
        outcomes.append(main(command.removeprefix("$ assay ").split()))
        assert steady(printed) == steady(capsys.readouterr().out)
    assert outcomes == [1, 1, 0]
    script = subprocess.run([sys.executable, "check.py"], capture_output=True, text=True, check=False)
    assert (script.returncode, "conforms" in script.stdout) == (0, True), script.stderr
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "assay.pytest_plugin", "-p", "no:cacheprovider"]
    tests = subprocess.run([*tests, "test_kernel.py"], capture_output=True, text=True, check=False)
    assert tests.returncode == 0, tests.stdout
    assert " passed" in tests.stdout


def rewrite() -> None:
    """Put what the commands print into the page."""
    with tempfile.TemporaryDirectory() as folder:

        def printed(block: re.Match[str]) -> str:
            language, text = block.groups()
            first, _, _ = text.partition("\n")
            if language == "python":
                Path(folder, first.removeprefix("# ")).write_text(text)
                return block.group()
            command = [sys.executable, "-m", "assay", *first.removeprefix("$ assay ").split()]
            shown = subprocess.run(
                command, cwd=folder, env={**os.environ, "COLUMNS": "100"}, capture_output=True, text=True
            ).stdout
            lines = (line.rstrip() for line in shown.rstrip().splitlines())
            return "\n".join((f"```{language}", first, *lines, "```"))

        TUTORIAL.write_text(BLOCK.sub(printed, TUTORIAL.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    rewrite()
