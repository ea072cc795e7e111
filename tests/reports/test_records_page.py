"""The page on records: every command on it is one, and every question can be asked."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from reports.records import differing, record, verdict

from assay.cli.app import app
from assay.harness.record import write
from assay.reports.query import query

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "records.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
WORKFLOWS = [text for language, text in BLOCKS if language == "yaml"]


def in_console():
    """The words of each command of a console block; a question may go on for lines."""
    for language, text in BLOCKS:
        if language == "console":
            yield from (shlex.split(part, comments=True) for part in re.split(r"^\$ ", text, flags=re.M)[1:])


def in_workflows():
    """The words of each command of a workflow, its variables filled in."""
    for text in WORKFLOWS:
        for line in re.findall(r"(?:run:|-) (assay .*)", text):
            numbered = re.sub(r"\$CI_NODE_INDEX|\$\{\{ matrix\.part \}\}", "3", line)
            yield shlex.split(numbered.replace("$CI_NODE_TOTAL", "8"))


COMMANDS = [*in_console(), *in_workflows()]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:50])
def test_every_command_is_one(words):
    assert words[0] == "assay"
    command, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert command.__name__ == words[1]
    assert bound.arguments


QUESTIONS = [next(word for word in words if "SELECT" in word) for words in COMMANDS if words[1] == "query"]


def test_the_first_question_finds_what_fails_on_torch_only(tmp_path):
    case = "gelu/default/float16/tails/5x129"
    write(record(differing(case=case), verdict(case=case, target="jax/cpu")), tmp_path / "run.json")
    sql = QUESTIONS[0].replace("'attention%'", "'activations'")
    assert query([tmp_path / "run.json"], sql).rows == [(case,)]


@pytest.mark.parametrize("sql", QUESTIONS)
def test_every_question_can_be_asked(sql, tmp_path):
    write(record(verdict()), tmp_path / "run.json")
    assert query([tmp_path / "run.json"], sql).columns


def test_workflows_are_yaml_and_ask_every_part():
    github, gitlab = map(yaml.safe_load, WORKFLOWS)
    assert github["jobs"]["part"]["strategy"]["matrix"]["part"] == list(range(1, 9))
    assert gitlab["part"]["parallel"] == 8
    assert github["jobs"]["whole"]["needs"] == "part"
