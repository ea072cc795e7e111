"""Deviations and waivers: what they account for, and what is said of one that is not true any more."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec
import pytest
from support.compared import TORCH, record, verdict

from assay.errors import Usage
from assay.harness.gating import waivers
from assay.harness.gating.compare import compare
from assay.harness.gating.waivers import apply, read_waivers, waivers_of, write_waiver
from assay.harness.judging.deviations import Deviation, on_file
from assay.harness.record import Margin, Problem
from assay.specs import all_specs
from assay.specs.language.case import parse

TODAY = datetime.date(2026, 3, 1)
RIGHT = (verdict(),)
BROKEN = verdict("differs", check="values", digest="e", message="y[0] is 1; expected 2")
HALF = "gelu/default/bfloat16/normal/3x17"


def entry(**changes):
    return Deviation(
        **({"name": "known", "reason": "it is so", "link": "https://x", "outcome": "differs"} | changes)
    )


def applied(*waivers, before=RIGHT, after=(BROKEN,), today=TODAY, **changes):
    candidate = record(*after, **changes)
    return apply(compare(record(*before, **changes), candidate), candidate, waivers, today)


def test_a_waiver_accounts_for_a_change_and_the_gate_passes():
    found = applied(entry())
    assert [(change.kind, change.known) for change in found.changes] == [("regressed", "known")]
    assert (found.status, found.complaints) == (0, ())


def test_a_waiver_whose_condition_raises_is_told_with_its_condition_and_case():
    with pytest.raises(
        Usage, match="the waiver 'known': the condition 'strides\\[1\\] > 1' raises NameError"
    ):
        applied(entry(when="strides[1] > 1"))
    with pytest.raises(Usage, match=f"in the case {verdict().case}"):
        applied(entry(when="strides[1] > 1"), after=RIGHT)


def test_a_deviation_on_file_whose_condition_raises_is_trouble_and_the_rest_is_compared(monkeypatch):
    planted = entry(name="planted", when="strides[1] > 1")
    monkeypatch.setattr(waivers, "on_file", lambda: (planted,))
    found = applied()
    assert [change.kind for change in found.changes] == ["regressed"]
    (told,) = found.troubles
    assert told.startswith("a defect of assay's own, in the deviation 'planted': the condition")
    assert applied(after=RIGHT).status == 3


@pytest.mark.parametrize("when", ["features ==", "features = 3", "\0"])
def test_a_condition_that_is_no_expression_is_refused(when):
    with pytest.raises(ValueError, match="the expression cannot be read"):
        entry(when=when)


@pytest.mark.parametrize(
    "scope",
    [
        {"spec": "gel?"},
        {"spec": ("relu", "gelu")},
        {"implementation": "torch.nn.functional.*"},
        {"case": "gelu/*/float32/*"},
        {"framework": "torch"},
        {"device": "cpu"},
        {"dtype": ("float32", "float64")},
        {"when": "features == 17"},
        {"versions": {"torch": ">=2.12"}},
        {"message": "expected 2"},
        {"expires": datetime.date(2026, 3, 2)},
    ],
)
def test_a_scope_that_fits_accounts_for_the_change(scope):
    assert applied(entry(**scope)).status == 0


@pytest.mark.parametrize(
    "scope",
    [
        {"spec": "relu"},
        {"implementation": "torch.nn.GELU"},
        {"case": "gelu/*/bfloat16/*"},
        {"framework": "keras"},
        {"device": "cuda"},
        {"dtype": "float64"},
        {"when": "features == 18"},
        {"versions": {"torch": "<2.12"}},
        {"versions": {"jax": ">=0"}},
        {"message": "expected 3"},
        {"outcome": "rejects"},
        {"expires": datetime.date(2026, 3, 1)},
    ],
)
def test_a_scope_or_an_outcome_that_does_not_fit_accounts_for_nothing(scope):
    found = applied(entry(**scope))
    assert (found.status, [change.known for change in found.changes]) == (1, [""])


def test_a_waiver_of_a_drift_names_the_profile_and_one_of_a_loss_says_unsupported():
    drift = verdict(case=HALF, profile="fused"), verdict(case=HALF, profile="op-by-op", digest="e")
    waived = entry(outcome="conforms", profile="op-by-op", dtype="bfloat16")
    assert applied(waived, before=drift[:1], after=drift[1:]).status == 0
    gone = verdict("unsupported", digest="", message="no such name")
    assert applied(entry(outcome="unsupported"), after=(gone,)).status == 0
    assert applied(after=(gone,)).status == 1


def test_a_waiver_never_widens_a_tolerance():
    worse = verdict("inaccurate", digest="e", margins=(Margin("y", 9.0, 9.0, size=51),))
    assert applied(entry(outcome="conforms"), after=(worse,)).status == 1


@pytest.mark.parametrize(
    ("waived", "sentence"),
    [
        (entry(expires=datetime.date(2026, 2, 1)), "expired on 2026-02-01: look at it again"),
        (
            entry(outcome="rejects"),
            "no longer holds: it expects rejects, which none of",
        ),
        (entry(when="features == 18"), "matches nothing: torch.nn.functional.gelu was asked gelu"),
    ],
)
def test_a_waiver_that_is_not_true_fails_the_gate_with_a_sentence(waived, sentence):
    found = applied(waived, after=(verdict("differs", message="", digest="d"),), before=(verdict("differs"),))
    assert found.status == 1
    (complaint,) = found.complaints
    assert complaint.startswith("the waiver 'known' ")
    assert sentence in complaint


def test_each_implementation_that_an_entry_lists_must_show_it():
    waived = entry(implementation=("torch.nn.functional.gelu", "torch.nn.GELU"))
    other = verdict(implementation="torch.nn.GELU")
    found = applied(waived, before=(verdict(), other), after=(BROKEN, other))
    (complaint,) = found.complaints
    assert complaint.startswith("the waiver 'known' (* in torch.nn.GELU) no longer holds")


def test_a_waiver_of_what_was_not_asked_is_no_complaint():
    narrow = entry(when="features == 18")
    assert applied(narrow, after=(verdict(),), tier="smoke").complaints == ()
    assert applied(entry(framework="jax"), after=(verdict(),)).complaints == ()
    assert applied(entry(spec="relu"), after=(verdict(),)).complaints == ()


def test_a_deviation_on_file_that_no_longer_shows_is_a_complaint_where_all_was_asked(monkeypatch):
    known = entry(parameters={"a": 1}, outcome=None)
    monkeypatch.setattr("assay.harness.gating.waivers.on_file", lambda: (known,))
    right = {"before": (verdict(),), "after": (verdict(),)}
    assert "the deviation 'known' (* in *) no longer holds" in applied(**right).complaints[0]
    assert applied(tier="smoke", **right).complaints == ()


# --- the files ---------------------------------------------------------------------------------------------


def test_the_deviations_on_file_speak_of_specs_that_exist():
    for one in on_file():
        assert any(one.concerns(name, "", TORCH) or _named(one.spec, name) for name in all_specs()), one.name


def _named(globs, name):
    import fnmatch

    return any(fnmatch.fnmatchcase(name, glob) for glob in ([globs] if isinstance(globs, str) else globs))


ENTRY = "[[waiver]]\nname = 'a'\nlink = ''\n"
SOUND = f"{ENTRY}reason = 'b'\noutcome = 'differs'\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{ENTRY}reason = ''\noutcome = 'differs'", "gives no reason"),
        (f"{ENTRY}reason = 'b'", "either the outcome that is expected or parameters"),
        (f"{ENTRY}reason = 'b'\nparameters = {{c = 1}}", "names the outcome"),
        (f"{ENTRY}reason = 'b'\noutcome = 'odd'", "Invalid enum value 'odd'"),
        (f"{SOUND}tolerance = 1", "unknown field"),
        (f"{SOUND}versions = {{torch = 'two'}}", "no version range of torch"),
        (2 * SOUND, "two waivers are called 'a'"),
        ("[[waiver", "Expected"),
    ],
)
def test_an_entry_that_is_not_of_the_form_is_refused(tmp_path, text, words):
    path = tmp_path / "waivers.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_waivers(path)


def test_a_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no file of waivers"):
        read_waivers(tmp_path / "none.toml")


def test_the_waiver_that_is_written_accounts_for_the_changes_it_was_written_for(tmp_path):
    cases = ["gelu/default/float32/normal/3x17", "gelu/approximate=true/float32/normal/3x17"]
    before = [verdict(case=case) for case in cases]
    after = [msgspec.structs.replace(BROKEN, case=case) for case in cases]
    found = applied(before=before, after=after)
    path = tmp_path / "waivers.toml"
    name = write_waiver(path, *waivers_of(found.changes, (TORCH,), "it is so", "https://x", None))
    (written,) = read_waivers(path)
    assert (written.name, name) == ("gelu-gelu-regressed", "gelu-gelu-regressed")
    assert written.case == "gelu/*/float32/normal/3x17"
    assert written.versions == {"torch": ">=2.12.0"}
    assert written.covers(parse(cases[1], all_specs()))
    assert applied(written, before=before, after=after).status == 0


def test_a_change_with_two_problems_needs_a_waiver_for_each(tmp_path):
    raised = Problem("differs", "gradients", "its gradient raises: TypeError: no")
    after = (msgspec.structs.replace(BROKEN, further=(raised,)),)
    one, other = entry(check="values"), entry(name="other", check="gradients", message="TypeError")
    assert applied(one, after=after).status == applied(other, after=after).status == 1
    assert applied(one, other, after=after).status == 0
    found = applied(after=after)
    path = tmp_path / "waivers.toml"
    for written in waivers_of(found.changes, (TORCH,), "it is so", "https://x", None):
        write_waiver(path, written)
    assert [e.check for e in read_waivers(path)] == ["values", "gradients"]
    assert applied(*read_waivers(path), after=after).status == 0


def test_a_problem_on_file_needs_no_waiver():
    known = Problem("deviates", "gradients", "it is so", deviation="on file")
    after = (msgspec.structs.replace(BROKEN, further=(known,)),)
    assert applied(entry(check="values"), after=after).status == 0


def test_a_waiver_without_a_reason_is_written_and_refused_until_a_person_gives_one(tmp_path):
    path = tmp_path / "waivers.toml"
    write_waiver(path, *waivers_of(applied().changes, (TORCH,), "", "", TODAY))
    with pytest.raises(ValueError, match="gives no reason"):
        read_waivers(path)
    path.write_text(path.read_text().replace('reason = ""', 'reason = "the kernel is new"'))
    assert read_waivers(path)[0].expires == TODAY


def test_comments_and_order_of_the_file_survive(tmp_path):
    path = Path(tmp_path / "waivers.toml")
    written = (
        "# ours\n\n[[waiver]] # first\nname = 'gelu-gelu-regressed'\nreason = 'b' # why\n"
        "link = ''\noutcome = \"differs\"\n\n# the last word\n"
    )
    path.write_text(written)
    (entry_written,) = waivers_of(applied().changes, (TORCH,), "c", "", None)
    assert write_waiver(path, entry_written) == "gelu-gelu-regressed-2"
    text = path.read_text()
    assert text.startswith(written.rstrip("\n"))
    assert [one.name for one in read_waivers(path)] == ["gelu-gelu-regressed", "gelu-gelu-regressed-2"]


def test_a_condition_that_reaches_for_more_than_names_is_refused_with_the_entry(tmp_path):
    """A pull request can change a file of waivers: what it says is read before anything is run."""
    path, touched = tmp_path / "waivers.toml", tmp_path / "touched"
    whens = ("True", f"open({str(touched)!r}, 'w') or dtype == 'float32'")
    path.write_text(
        "".join(
            f'[[waiver]]\nname = "{name}"\nreason = "so"\nlink = "-"\n'
            f'outcome = "differs"\nwhen = """{when}"""\n'
            for name, when in zip(("first", "second"), whens, strict=True)
        )
    )
    with pytest.raises(ValueError, match="`when` of 'second' the expression calls open") as raised:
        read_waivers(path)
    assert "$.waiver[1]" in str(raised.value)
    assert not touched.exists()
