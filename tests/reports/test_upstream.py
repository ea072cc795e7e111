"""Issues about findings: in words that their readers know, and of what the framework answers now."""

from __future__ import annotations

import platform
import sys

import msgspec
import pytest

from assay.cli import main
from assay.errors import Usage
from assay.harness.judging.findings import findings
from assay.harness.record import Target, Verdict
from assay.harness.running.upstream import Evidence, printed
from assay.reports.upstream import CASE, OURS, issue, issue_of_script, plainly

DEFECTS = [one for one in findings().values() if one.standing == "defect"]


@pytest.mark.parametrize("one", DEFECTS, ids=lambda one: one.id)
def test_what_an_issue_says_needs_no_word_of_ours(one):
    said = "\n".join(plainly(text) for text in (one.what, one.right, one.cause))
    assert plainly(one.what).strip(), one.what
    assert not OURS.search(said), OURS.search(said)
    assert not CASE.search(said), CASE.search(said)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("It is 0. Case `gelu/default/float32/tails/3x17`.", "It is 0."),
        ("It is 0 (`gelu/default/float32/tails/3x17`), not 1.", "It is 0, not 1."),
        ("It raises: `gelu/default/float32/tails/3x17`.", "It raises."),
        ("It is 0, as told under gelu. Others conform.", "It is 0. Others are right."),
        ("`f(x).sum()` is 0 (`gelu/default/float32/tails/3x17`).", "`f(x).sum()` is 0."),
        ("It is 0. The profile says why. It was 1.", "It is 0. It was 1."),
        ("- One.\n- Two: `…/default/float32/breaks-C1.2/3x17`.", "- One.\n- Two."),
    ],
)
def test_ids_of_cases_and_sentences_of_ours_are_left_out(ours, theirs):
    assert plainly(ours) == theirs


def test_an_issue_tells_what_was_accepted_and_what_others_do():
    one = findings()["keras-soft-shrink-threshold"]
    case = "soft_shrink/default/float32/breaks-C1/3x17"
    message = "gave a value of shape (3, 17) where C1 (threshold must not be negative) asks for an error"
    keras = Target("keras/cpu", "keras", "cpu", "eager", True, versions={"keras": "3.15.1"}, python="3.12.1")
    script = '"""ours"""\nimport keras\n'
    shown = Verdict(
        case, "keras.ops.soft_shrink", keras.name, "accepts", message=message, reproduction=script
    )
    other = Verdict(case, "torch.nn.Softshrink", "torch/cpu", "conforms")
    text = issue(Evidence(one, shown, keras, (other, Verdict(case, "x", "jax/cpu", "unsupported"))))
    assert "keras 3.15.1, Python 3.12.1" in text
    assert "**Got:** a value of shape (3, 17)" in text
    assert "**Expected:** an error: threshold must not be negative" in text
    assert "- `torch.nn.Softshrink` (torch) gives what is expected" in text
    assert "ours" not in text
    assert "`x`" not in text.partition("## What others")[2]


def test_the_issue_of_a_crash_has_no_traceback_of_ours():
    one = findings()["torch-pdist-empty-segfault"]
    torch = Target("torch/cpu", "torch", "cpu", "eager", True)
    message = (
        "Fatal Python error: Segmentation fault\nCurrent thread (most recent call first):\n  File ours.py"
    )
    shown = Verdict(one.examples[0].case, "torch.nn.functional.pdist", torch.name, "crashed", message=message)
    text = issue(Evidence(one, shown, torch, ()))
    assert "**Got:** Fatal Python error: Segmentation fault\n" in text
    assert "ours.py" not in text


def test_every_defect_can_be_shown_by_an_example_or_by_a_script():
    assert [one.id for one in DEFECTS if bool(one.examples) == bool(one.script)] == []


@pytest.mark.parametrize("one", [one for one in DEFECTS if one.script], ids=lambda one: one.id)
def test_a_script_needs_nothing_of_ours(one):
    compile(one.script, one.id, "exec")
    assert not OURS.search(one.script), OURS.search(one.script)


def test_a_finding_without_example_is_no_issue(capsys):
    assert main(["upstream", "softmax-infinite-logit"]) == 2
    assert "has no example that a run could show" in " ".join(capsys.readouterr().err.split())


SCRIPTED = next(one for one in DEFECTS if one.script)


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("print('got: 1'); raise SystemExit(1)", "got: 1"),
        ("print('expected: 2'); [].pop()", "expected: 2\nIndexError: pop from empty list"),
        ("import os; print('got', flush=True); os.kill(os.getpid(), 11)", "got\nended by signal 11"),
    ],
)
def test_the_issue_of_a_script_has_what_it_prints_and_how_it_ends(script, output):
    found = printed(msgspec.structs.replace(SCRIPTED, script=script), sys.executable)
    assert found.output == output
    text = issue_of_script(found)
    assert f"```python\n{script}\n```" in text
    assert f"```text\n{output}\n```" in text
    assert f"With Python {platform.python_version()}:" in text


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("print('right')", "it may be mended"),
        ("import no_such_framework", "does not run: ModuleNotFoundError"),
    ],
)
def test_a_script_that_shows_nothing_is_no_issue(script, why):
    with pytest.raises(Usage, match=why):
        printed(msgspec.structs.replace(SCRIPTED, script=script), sys.executable)


@pytest.mark.xdist_group("frameworks")
def test_an_issue_has_the_script_and_what_the_framework_gives_now(capsys):
    assert main(["upstream", "torch-hardswish-overflow", "--framework", "torch"]) == 0
    text = capsys.readouterr().out
    script = text.partition("```python\n")[2].partition("\n```")[0]
    compile(script, "issue", "exec")
    assert text.startswith("# torch.nn.")
    assert "hardswish overflows at finite inputs" in text.splitlines()[0]
    assert "With torch " in text
    assert "**Got:** y[" in text
    assert " = inf; " in text or " = -inf; " in text
