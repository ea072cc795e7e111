"""Two records compared: every class of change, and what is no change but trouble."""

from __future__ import annotations

import msgspec
import pytest
from support.compared import ABSENT, API, TORCH, off, record, verdict

from assay.harness.gating.compare import KINDS, compare, read_gate
from assay.harness.record import Margin, Problem, Target, Worst


def gate(before, after, **changes):
    """The comparison of one verdict each; None for a case that another implementation answers alone."""
    other = verdict(implementation="torch.nn.GELU")
    sides = [record(*filter(None, (one, other)), **changes) for one in (before, after)]
    return compare(*sides)


def only(found):
    (change,) = found.changes
    return change


def raising(error):
    said = f"raised where a value is expected: {error}"
    return verdict("rejects", check="raised", message=said, digest="")


def special(wrong):
    worst = Worst("y", (0,), "nan", "1", "0", None, wrong, 9)
    return verdict("differs", check="special values", digest=str(wrong), worst=worst)


CLASSES = {
    "a right answer is wrong now": (verdict(), verdict("differs", digest="e"), "regressed"),
    "the process dies now": (verdict(), verdict("crashed", digest=""), "regressed"),
    "a known deviation is a failure now": (
        verdict("deviates", deviation="a"),
        verdict("differs"),
        "regressed",
    ),
    "a wrong answer is right now": (verdict("inaccurate"), verdict(digest="e"), "fixed"),
    "a deviation does not show any more": (verdict("deviates", deviation="a"), verdict(), "fixed"),
    "a move away from the right side of a facet": (
        verdict("deviates", deviation="as meant: zero_target=zero"),
        verdict(),
        "regressed",
    ),
    "a move to the right side of a facet": (
        verdict(),
        verdict("deviates", deviation="as meant: zero_target=zero"),
        "fixed",
    ),
    "another deviation shows": (
        verdict("deviates", deviation="a"),
        verdict("deviates", deviation="b"),
        "changed",
    ),
    "another check fails": (verdict("differs"), verdict("differs", check="gradients", digest="e"), "changed"),
    "another wrong value": (off(2670.0), off(9e4), "changed"),
    "other elements are NaN": (
        special(1),
        special(4),
        "changed",
    ),
    "a second thing is wrong": (
        verdict("differs", check="values", digest="d"),
        verdict("differs", check="values", digest="e", further=(Problem("differs", "gradients", "x"),)),
        "changed",
    ),
    "nothing can be judged any more": (verdict(), verdict("unresolved", digest="e"), "missing"),
    "it can be judged now": (verdict("unresolved"), verdict(digest="e"), "new"),
    "it can be judged now, and is wrong": (verdict("unresolved"), verdict("differs"), "regressed"),
    "another exception": (
        raising("TypeError: x"),
        raising("ValueError: x"),
        "changed",
    ),
    "a tighter profile explains it no more": (
        verdict(case="gelu/default/bfloat16/normal/3x17", profile="fused"),
        verdict(case="gelu/default/bfloat16/normal/3x17", profile="op-by-op", digest="e"),
        "drifted",
    ),
    "more error than rounding explains": (
        verdict(),
        verdict(digest="e", margins=(Margin("y", 0.9, 4.0, size=51),)),
        "drifted",
    ),
    "the framework has no such name now": (
        verdict(),
        verdict("unsupported", digest="", message="none"),
        "missing",
    ),
    "the implementation is gone": (verdict(), None, "missing"),
    "it is asked for the first time": (None, verdict(), "new"),
    "it is there for the first time": (verdict("unsupported", digest=""), verdict(), "new"),
}

SAME = {
    "the same bits": (verdict(), verdict()),
    "other bits with as much error": (verdict(), verdict(digest="e")),
    "the same wrong answer": (verdict("differs"), verdict("differs")),
    "the same wrong answer, rounded differently": (off(2670.0), off(2671.0)),
    "the same deviation": (
        verdict("deviates", deviation="a"),
        verdict("deviates", deviation="a", digest="e"),
    ),
    "more error in the very same bits": (verdict(), verdict(margins=(Margin("y", 0.9, 4.0, size=51),))),
    "the same exception with another text": (
        raising("TypeError: x"),
        raising("TypeError: y"),
    ),
}


@pytest.mark.parametrize(("before", "after", "kind"), CLASSES.values(), ids=CLASSES)
def test_each_class_of_change_is_named(before, after, kind):
    change = only(gate(before, after))
    assert change.kind == kind
    assert change.cause != ""


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_what_came_out_as_before_is_no_change(before, after):
    found = gate(before, after)
    assert (found.changes, found.status, found.totals["same"]) == ((), 0, 2)


def test_every_class_is_covered_here():
    assert {kind for _, _, kind in CLASSES.values()} | {"same", "unsupported"} == set(KINDS)


def test_what_neither_side_ran_is_counted_apart_from_what_came_out_as_before():
    neither = verdict("unsupported", digest="")
    found = gate(neither, neither)
    assert (found.changes, found.status) == ((), 0)
    assert found.totals == {"same": 1, "unsupported": 1}
    assert sum(tally.compared for tally in found.tallies) == 1


def test_regressions_and_unrecorded_improvements_fail_and_what_is_new_and_right_does_not():
    assert gate(verdict(), verdict("differs")).status == 1
    assert gate(verdict("differs"), verdict()).status == 1
    assert gate(None, verdict()).status == 0
    assert gate(None, verdict("differs")).status == 1


def test_what_a_deviation_on_file_accounts_for_is_a_change_that_is_known():
    change = only(gate(verdict(), verdict("deviates", deviation="a", digest="e")))
    assert (change.kind, change.known, change.failing) == ("changed", "a", False)


ANSWERS = {
    "the same bits": (verdict(), verdict(), 1),
    "other bits": (verdict(), verdict(digest="e"), 0),
    "bits and none": (verdict(), raising("TypeError: x"), 0),
    "the same exception": (raising("TypeError: x"), raising("TypeError: x"), 1),
    "the same exception with another text": (raising("TypeError: x"), raising("TypeError: y"), 0),
    "both raise, as they should": (verdict(digest=""), verdict(digest=""), 1),
    "one raises as it should": (verdict("accepts"), verdict(digest=""), 0),
    "nobody was asked": (verdict("unsupported", digest=""), verdict("unsupported", digest=""), None),
}


@pytest.mark.parametrize(("before", "after", "equal"), ANSWERS.values(), ids=ANSWERS)
def test_equal_answers_are_counted_by_implementation(before, after, equal):
    found = gate(before, after)
    counts = {tally.implementation: (tally.identical, tally.compared) for tally in found.tallies}
    assert counts == {API: (0, 0) if equal is None else (equal, 1), "torch.nn.GELU": (1, 1)}


def test_other_inputs_are_trouble_and_never_a_change():
    found = gate(verdict(), verdict("differs", inputs="j"))
    assert (found.changes, found.status) == ((), 3)
    assert found.troubles == (
        "1 case was given other inputs than in the baseline; run the baseline again with this assay",
    )


def test_a_record_without_digests_of_inputs_is_compared_all_the_same():
    assert only(gate(verdict(inputs=""), verdict("differs"))).kind == "regressed"


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (
            (record(verdict()), record(targets=(ABSENT,))),
            "could not be asked in the candidate: PyTorch does not",
        ),
        ((record(targets=(ABSENT,)), record(verdict())), "could not be asked in the baseline"),
        ((record(verdict()), record(targets=())), "torch/cpu was not asked in the candidate"),
        (
            (record(verdict()), record(complete=False)),
            "1 case was not asked of the candidate, whose run is incomp",
        ),
        (
            (record(verdict()), record()),
            "1 case was not asked of the candidate; run both with the same specs",
        ),
        ((record(), record()), "the baseline holds no verdict"),
    ],
)
def test_what_could_not_be_asked_is_trouble_and_never_a_change(sides, words):
    found = compare(*sides)
    assert (found.changes, found.status) == ((), 3)
    assert any(words in trouble for trouble in found.troubles), found.troubles


def test_a_target_that_neither_has_is_no_trouble():
    found = compare(record(verdict(), targets=(TORCH, JAX)), record(verdict(), targets=(TORCH, JAX)))
    assert (found.troubles, found.status) == ((), 0)


JAX = Target("jax/cpu", "jax", "cpu", "jit", available=False, reason="JAX does not import")


def test_changes_count_more_than_trouble():
    sides = record(verdict()), record(verdict("differs"), complete=False)
    assert (compare(*sides).status, bool(compare(*sides).troubles)) == (1, True)


def test_packages_flags_and_machines_that_moved_are_told():
    newer = msgspec.structs.replace(
        TORCH,
        versions={"torch": "2.13.0"},
        packages={"torch": "2.13.0", "numpy": "2.4.0"},
        flags={"threads": "4"},
    )
    machine = {"processor": "x", "features": "avx2 avx512f", "cpus": "2"}
    found = compare(record(verdict()), record(verdict(), targets=(newer,), machine=machine))
    assert found.versions == {"torch": ("2.12.0", "2.13.0")}
    assert found.notes == (
        "the machine's features: avx2, now avx2 avx512f",
        "torch/cpu threads: unknown, now 4",
    )


def test_a_package_is_known_by_any_spelling_of_its_name():
    def with_packages(**packages):
        target = msgspec.structs.replace(
            TORCH, packages={n.replace("__", "-"): v for n, v in packages.items()}
        )
        return record(verdict(), targets=(target,))

    found = compare(with_packages(tensorflow__cpu="2.15.1"), with_packages(tensorflow_cpu="2.21.0"))
    assert found.versions == {"tensorflow-cpu": ("2.15.1", "2.21.0")}


def test_the_document_is_read_back_as_it_was(tmp_path):
    found = gate(verdict(), verdict("differs"))
    (tmp_path / "gate.json").write_bytes(msgspec.json.encode(found))
    assert read_gate(tmp_path / "gate.json") == found


@pytest.mark.parametrize(
    ("text", "words"), [(None, "there is no file"), ("{}", "is no gate"), ("x", "is no gate")]
)
def test_what_is_no_document_is_refused(tmp_path, text, words):
    path = tmp_path / "gate.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_gate(path)
