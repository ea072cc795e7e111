"""What the project ships for other people's CI is of the form that GitHub and GitLab take.

The types below are the parts of GitHub's action metadata syntax and of GitLab's CI/CD YAML syntax that are
used here; a key that neither knows is refused, as their own readers refuse it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
import yaml

from assay.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / "action.yml"
TEMPLATE = ROOT / "docs" / "gitlab-template.yml"


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    pass


class Input(Strict):
    description: str
    default: str | msgspec.UnsetType = msgspec.UNSET
    required: bool | msgspec.UnsetType = msgspec.UNSET


class Output(Strict):
    description: str
    value: str


class Step(Strict):
    """A step of either kind; the rules below say which fields go together."""

    name: str = ""
    id: str = ""
    if_: str = msgspec.field(name="if", default="")
    run: str = ""
    shell: str = ""
    env: dict[str, str] = {}
    uses: str = ""
    with_: dict[str, str] = msgspec.field(name="with", default={})


class Runs(Strict):
    using: Literal["composite"]
    steps: list[Step]


class Branding(Strict):
    icon: str
    color: Literal["white", "black", "yellow", "blue", "green", "orange", "red", "purple", "gray-dark"]


class Action(Strict):
    name: str
    description: str
    runs: Runs
    inputs: dict[str, Input] = {}
    outputs: dict[str, Output] = {}
    branding: Branding | None = None


class Reports(Strict):
    junit: str


class Artifacts(msgspec.Struct, forbid_unknown_fields=True):
    paths: list[str]
    reports: Reports
    when: Literal["on_success", "on_failure", "always"] = "on_success"
    expose_as: str = ""


class Cache(Strict):
    key: str
    paths: list[str]


class Job(msgspec.Struct, forbid_unknown_fields=True):
    image: str
    script: list[str]
    before_script: list[str]
    variables: dict[str, str]
    cache: Cache
    artifacts: Artifacts


def action_faults(text: str) -> list[str]:
    """What is wrong with an action's metadata, one sentence each."""
    try:
        action = msgspec.convert(yaml.safe_load(text), Action)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        return [str(error)]
    faults = []
    known, ids = set(action.inputs), {step.id for step in action.runs.steps}
    for step in action.runs.steps:
        if bool(step.run) == bool(step.uses):
            faults.append(f"{step.name}: a step either runs or uses something")
        if step.run and not step.shell:
            faults.append(f"{step.name}: a step that runs names its shell")
        if "${{" in step.run:
            faults.append(f"{step.name}: an expression in a script lets an input run as code; use env")
        if step.uses and not re.fullmatch(r"[\w.-]+/[\w./-]+@[\w.-]+", step.uses):
            faults.append(f"{step.name}: {step.uses} names no version")
    faults += [
        f"there is no input {name}" for name in re.findall(r"inputs\.([\w-]+)", text) if name not in known
    ]
    faults += [f"there is no step {name}" for name in re.findall(r"steps\.([\w-]+)", text) if name not in ids]
    return faults


def template_faults(text: str) -> list[str]:
    """What is wrong with a template of jobs, one sentence each."""
    try:
        jobs = msgspec.convert(yaml.safe_load(text), dict[str, Job])
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        return [str(error)]
    faults = [f"{name} would run wherever it is included" for name in jobs if not name.startswith(".")]
    for job in jobs.values():
        used = set(re.findall(r"\$(ASSAY_\w+)", " ".join((*job.before_script, *job.script))))
        faults += [f"there is no variable {name}" for name in used - set(job.variables)]
        faults += [f"nothing reads {name}" for name in set(job.variables) - used if name.startswith("ASSAY_")]
        if not any(job.artifacts.reports.junit.startswith(path) for path in job.artifacts.paths):
            faults.append("the report lies outside of what is kept")
    return faults


def test_the_action_is_of_the_form_that_github_takes() -> None:
    assert action_faults(ACTION.read_text()) == []


def test_the_template_is_of_the_form_that_gitlab_takes() -> None:
    assert template_faults(TEMPLATE.read_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("using: composite", "using: node99", "Invalid enum value 'node99'"),
        ("      shell: bash\n", "", "names its shell"),
        ("  upload:", "  uploads:", "there is no input upload"),
        ("steps.gate.", "steps.gates.", "there is no step gates"),
        ("upload-artifact@v4", "upload-artifact", "names no version"),
        ('exit "$STATUS"', "exit ${{ inputs.out }}", "run as code"),
        ("branding:", "brand:", "unknown field `brand`"),
        ("    description: Folder of the results.\n", "", "missing required field `description`"),
    ],
)
def test_a_faulty_action_is_refused(old: str, new: str, complaint: str) -> None:
    text = ACTION.read_text()
    assert old in text
    assert any(complaint in fault for fault in action_faults(text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (".assay-gate:", "assay-gate:", "would run wherever it is included"),
        ("  script:", "  scripts:", "unknown field `scripts`"),
        ("when: always", "when: sometimes", "Invalid enum value 'sometimes'"),
        ("ASSAY_TIER: smoke", "ASSAY_TIERS: smoke", "there is no variable ASSAY_TIER"),
        ("junit: assay-gate/", "junit: elsewhere/", "lies outside of what is kept"),
        ("    junit:", "    junits:", "unknown field `junits`"),
    ],
)
def test_a_faulty_template_is_refused(old: str, new: str, complaint: str) -> None:
    text = TEMPLATE.read_text()
    assert old in text
    assert any(complaint in fault for fault in template_faults(text.replace(old, new)))


# --- the scripts in them -----------------------------------------------------------------------------------

ECHO = "#!/bin/sh\nprintf '<%s>' \"$@\" > said\nmkdir -p out && echo summary > out/summary.md\nexit 1\n"


def scripts() -> dict[str, Any]:
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    return {step["name"]: step for step in steps}


def test_the_action_hands_its_inputs_on_as_they_are_and_keeps_the_status(tmp_path: Path) -> None:
    program = tmp_path / "assay" / "bin" / "assay"
    program.parent.mkdir(parents=True)
    program.write_text(ECHO)
    program.chmod(0o755)
    given = dict.fromkeys(scripts()["Compare"]["env"], "") | {
        "BASELINE": "base line.json",
        "CANDIDATE_REQUIREMENTS": "--pre keras; rm -rf $(pwd)",
        "FRAMEWORK": "keras torch",
        "TIER": "smoke",
        "OUT": "out",
        "HOME_OF_ASSAY": str(tmp_path / "assay"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step"),
        "PATH": "/usr/bin:/bin",
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", scripts()["Compare"]["run"]]
    subprocess.run(command, cwd=tmp_path, env=given, check=True)
    assert (tmp_path / "said").read_text() == (
        "<gate><base line.json><--out><out><--tier><smoke><--candidate><--pre keras; rm -rf $(pwd)>"
        "<--framework><keras><--framework><torch>"
    )
    assert (tmp_path / "output").read_text().splitlines() == ["status=1", "summary=out/summary.md"]
    assert (tmp_path / "step").read_text() == "summary\n"
    last = ["bash", "-c", scripts()["Pass or fail"]["run"]]
    assert subprocess.run(last, env={"STATUS": "3"}, check=False).returncode == 3


def test_the_template_hands_its_variables_on_as_they_are(tmp_path: Path) -> None:
    program = tmp_path / ".assay" / "bin" / "assay"
    program.parent.mkdir(parents=True)
    program.write_text(ECHO)
    program.chmod(0o755)
    job = yaml.safe_load(TEMPLATE.read_text())[".assay-gate"]
    given = job["variables"] | {"ASSAY_BASELINE": "base line.json", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", "-ec", "\n".join(job["script"])], cwd=tmp_path, env=given, check=False)
    assert done.returncode == 1
    assert (tmp_path / "said").read_text() == "<gate><base line.json><--out><assay-gate><--tier><smoke>"


class Hook(msgspec.Struct, forbid_unknown_fields=True):
    """A hook that pre-commit runs, as far as its fields are used here."""

    id: str
    name: str
    description: str
    entry: str
    language: Literal["system"]
    types: list[str]
    pass_filenames: bool


def test_the_hook_is_one_that_pre_commit_takes_and_runs_a_command_that_there_is() -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    (hook,) = msgspec.convert(yaml.safe_load(text), list[Hook])
    program, command = hook.entry.split()
    assert (program, command in app) == ("assay", True)
