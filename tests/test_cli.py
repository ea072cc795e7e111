"""The command line as its users meet it: what it prints, writes and returns."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from assay.cli.app import main
from assay.harness.record import read

KERNELS = Path(__file__).parent / "harness" / "kernels.py"
RELU = "relu/default/float32/normal/3x17"
GELU = "gelu/default/float32/normal/3x17"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    assert main(["run", "relu", "gelu", "--framework", "torch", "--tier", "smoke", "--out", str(out)]) == 0
    return out


def test_a_run_writes_the_record_and_every_report(folder):
    assert {path.name for path in folder.iterdir()} >= {"run.json", "junit.xml", "summary.md", "index.html"}
    record = read(folder / "run.json")
    assert record.complete
    assert {verdict.spec for verdict in record.verdicts} == {"relu", "gelu"}
    assert {target.name for target in record.targets} == {"torch/cpu"}


def test_reports_are_rendered_again_from_the_record_alone(folder, tmp_path):
    assert main(["report", str(folder / "run.json"), "--out", str(tmp_path)]) == 0
    for name in ("junit.xml", "summary.md", "index.html"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "gelux"], "did you mean gelu"),
        (["run", "--tier", "smok"], 'Did you mean "smoke"'),
        (["run", "--seeds", "0"], "--seeds must be at least 1"),
        (["runn"], 'Did you mean "run"'),
        (["run", "gelu", "--framework", "mxnet"], "no framework is called 'mxnet'"),
        (["run", "gelu", "--framework", "keras[mxnet]"], "Keras has no backend 'mxnet'"),
        (["run", "gelu", "--mode", "bogus"], "there is no path 'bogus': torch has eager, compiled"),
        (["run", "gelu", "--framework", "keras[jax]", "--mode", "xla"], "keras[jax] has jit, eager"),
        (["run", "gelu", "--dtype", "float31"], "no dtype is called 'float31'"),
        (["run", "gelu", "--fail-on", "everything"], "no outcome is called 'everything'"),
        (["run", "gelu", "--bindings", "nowhere.py"], "no Python file of bindings at nowhere.py"),
        (["run", "--case", "gelu/x"], "it needs five"),
        (["run", "--case", "gelu/wide=1/float32/normal/3x17"], "gelu has no parameter 'wide'"),
        (["run", "--case", "gelu/default/float31/normal/3x17"], "dtype 'float31'"),
        (["run", "--case", "gelu/default/float32/normal/3"], "must be 2 lengths"),
        (["run", "--case", "gelu/default/float32/breaks-C9/3x17"], "has no constraint 'C9'"),
        (["show", "gelux"], "did you mean gelu"),
        (["explain", GELU, "--implementation", "torch.nn.GELUU"], "did you mean torch.nn.GELU or"),
        (["explain", GELU, "--implementation", "nothing"], "see `assay show SPEC`"),
        (["list", "gelu"], "`assay list` has no place for 'gelu'"),
        (["run", "gelu", "--python", "nowhere"], "there is no interpreter nowhere"),
        (["repro", GELU, "--implementation", "torch.nn.GELU", "--python", "x/y"], "no interpreter x/y"),
        (["coverage", "--python", "nowhere"], "there is no interpreter nowhere"),
        (["check", "nowhere.py:relu", "--spec", "relu"], "there is no Python file"),
        (["explain", GELU, "--implementation", "torch.nn.ReLU"], "gelu has no implementation"),
        (["check", "kernel.py", "--spec", "relu"], "it must be FILE.py:FUNCTION"),
        (["check", "nowhere.py:relu", "--spec", "relu", "--in-process"], "there is no Python file"),
        (["check", f"{KERNELS}:relu", "--spec", "relu", "--in-process"], "has no function 'relu'"),
        (["check", f"{KERNELS}:softmax", "--spec", "soft*"], "names 8 specs"),
        (["check", f"{KERNELS}:softmax", "--spec", "softmax", "axis"], "not of the form parameter=value"),
        (["check", f"{KERNELS}:softmax", "--spec", "softmax", "axes=1"], "has no parameter 'axes'"),
        (["check", f"{KERNELS}:softmax", "--spec", "softmax", "--size", "3by4"], "lengths joined by 'x'"),
        (["check", f"{KERNELS}:softmax", "--spec", "softmax", "--dtype", "float31"], "no dtype is called"),
        (["report", "nowhere.json"], "there is no file nowhere.json"),
        (["report", __file__], "is no assay record"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence_that_says_what_is_allowed(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_run_that_can_ask_nobody_ends_with_3_and_says_why(tmp_path, capsys):
    arguments = ["run", "relu", "--framework", "torch", "--python", "/dev/null", "--out", str(tmp_path)]
    assert main(arguments) == 3
    assert "does not start" in " ".join(capsys.readouterr().err.split())


def test_findings_fail_a_run_only_where_it_is_asked_for(tmp_path):
    arguments = ["run", "--case", GELU, "--framework", "torch", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert main([*arguments, "--fail-on", "findings"]) == 1
    assert main([*arguments, "--fail-on", "new"]) == 0
    assert main([*arguments, "--fail-on", "crashed,hung"]) == 0


def test_findings_are_listed_and_shown(capsys):
    assert main(["findings", "--json"]) == 0
    names = [entry["id"] for entry in json.loads(capsys.readouterr().out)]
    assert "keras-sparsemax" in names
    assert main(["findings", "keras-sparsemax"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Martins and Astudillo" in shown
    assert "https://github.com/keras-team/keras/issues/23425" in shown


def test_a_finding_that_is_not_there_is_refused_with_the_nearest(capsys):
    assert main(["findings", "keras-sparsmax"]) == 2
    assert "did you mean keras-sparsemax" in " ".join(capsys.readouterr().err.split())


def test_list_names_every_spec_and_its_implementations(capsys):
    assert main(["list", "--json"]) == 0
    listed = {entry["name"]: entry["implementations"] for entry in json.loads(capsys.readouterr().out)}
    assert {"torch.nn.functional.gelu", "tf.nn.gelu", "jax.nn.gelu"} <= set(listed["gelu"])


def test_show_prints_formula_facets_axes_and_sources(capsys):
    assert main(["show", "gelu"]) == 0
    shown = capsys.readouterr().out
    for words in ("x Φ(x)", "approximate", "[facet]", "batch, features", "torch.nn.GELU", "arxiv.org"):
        assert words in shown


def test_explain_prints_what_was_given_got_and_expected(capsys):
    assert main(["explain", GELU, "--implementation", "torch.nn.functional.gelu"]) == 0
    shown = capsys.readouterr().out
    assert "known as gelu-negative-tail: " in shown
    for words in ("inaccurate", "expected -0.0342991834", "float32[3, 17]", "worst error", "tf32"):
        assert words in shown


def test_repro_prints_a_script_that_does_not_need_assay(capsys):
    assert main(["repro", RELU, "--implementation", "torch.nn.functional.relu"]) == 0
    script = capsys.readouterr().out
    compile(script, "repro", "exec")
    assert "import torch" in script
    assert "import assay" not in script
    assert "from assay" not in script


def test_check_prints_a_report_and_its_status_says_whether_the_kernel_conforms(capsys):
    assert main(["check", f"{KERNELS}:softmax", "--spec", "softmax", "--vjp", "softmax_vjp"]) == 0
    assert "in a process of its own" in " ".join(capsys.readouterr().out.split())
    few = ["--case", "softmax/default/float32/normal/3x17"]
    assert main(["check", f"{KERNELS}:forgets_the_tail", "--spec", "softmax", *few]) == 1
    shown = capsys.readouterr().out
    assert "the last, partial tile of 16" in " ".join(shown.split())
    case = "softmax/default/float32/normal/1x17"
    again = f"assay check {KERNELS}:forgets_the_tail --spec softmax --case '{case}'"
    assert "".join(again.split()) in "".join(shown.split())
    assert main(["check", f"{KERNELS}:forgets_the_tail", "--spec", "softmax", "--in-process", *few]) == 1
    assert "in this process" in " ".join(capsys.readouterr().out.split())


def test_check_gives_its_findings_as_json(capsys):
    arguments = ["check", f"{KERNELS}:softmax", "--spec", "softmax", "axis=0", "--size", "2x5", "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["findings"], told["kernel"]) == ([], "softmax")
    assert all("axis=0" in case for case in told["asked"])


def test_a_kernel_whose_file_does_not_run_ends_with_3(tmp_path, capsys):
    (tmp_path / "kernel.py").write_text("import nothing_of_this_name\n")
    assert main(["check", f"{tmp_path}/kernel.py:f", "--spec", "relu"]) == 3
    assert "nothing_of_this_name" in " ".join(capsys.readouterr().err.split())


def test_completion_for_a_shell_is_written_and_knows_commands_and_options(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "assay.bash"
    assert main(["--install-completion", "--shell", "bash", "--output", str(script)]) == 0
    assert {"bisect", "--framework", "--fail-on"} <= set(re.findall(r"[-\w]+", script.read_text()))
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
