"""Issues about findings: in words that their readers know, and of what the framework answers now."""

from __future__ import annotations

import pytest

from assay.cli import main
from assay.harness.judging.findings import findings
from assay.harness.record import Target, Verdict
from assay.harness.running.upstream import Evidence
from assay.reports.upstream import CASE, OURS, issue, plainly

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


def test_a_finding_without_example_is_no_issue(capsys):
    assert main(["upstream", "flax-gru-docstring"]) == 2
    assert "has no example that a run could show" in " ".join(capsys.readouterr().err.split())


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
