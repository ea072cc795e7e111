"""Findings as data: each is true of specs and bindings at hand, and what is new is told from the known."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec
import pytest

from assay.adapters.binding import KNOWN, bindings
from assay.adapters.framework import framework
from assay.harness.judging import findings as module
from assay.harness.judging.deviations import fits, meant
from assay.harness.judging.findings import (
    Example,
    Finding,
    Shows,
    accounts,
    attributed,
    families,
    findings,
    read_family,
)
from assay.harness.record import Problem, Record, Target, Verdict
from assay.reports.findings import findings_page
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.expression import FUNCTIONS, mentioned

PAGE = Path(__file__).resolve().parents[2] / "docs" / "findings.md"

SHOWS = [(one, shows) for one in findings().values() for shows in one.verdicts]
EXAMPLES = [(one, example) for one in findings().values() for example in one.examples]

TORCH = Target("torch/cpu", "torch", "cpu", "eager", True, versions={"torch": "2.13.0+cpu"})


def specs_of(shows):
    return [name for name in all_specs() if fits(name, shows.spec)]


@functools.cache
def default_case(spec):
    size = "x".join(map(str, spec.sizes[0]))
    return parse(f"{spec.name}/default/float32/{spec.data[0]}/{size}", all_specs())


def named(globs):
    return (globs,) if isinstance(globs, str) else globs


# --- what is on file ---------------------------------------------------------------------------------------


def test_the_page_is_made_from_the_data():
    assert PAGE.read_text("utf-8") == findings_page(families().values()), "run `make findings`"


def test_every_spec_and_implementation_that_a_finding_names_is_there():
    apis = [(binding.spec, binding.api) for binding in bindings(KNOWN).values()]
    for one, shows in SHOWS:
        assert all(any(fits(name, glob) for name in all_specs()) for glob in named(shows.spec)), one.id
        meant_here = [api for spec, api in apis if fits(spec, shows.spec)]
        for glob in named(shows.implementation):
            assert any(fits(api, glob) for api in meant_here), (one.id, glob)


def test_every_name_in_a_condition_is_one_of_a_spec_that_it_is_about():
    given = {"dtype", "data", "broken", "breach"}
    for one, shows in SHOWS:
        known = {n for name in specs_of(shows) for n in default_case(all_specs()[name]).names}
        assert mentioned(shows.when) <= known | given | set(FUNCTIONS), (one.id, shows.when)


def test_every_data_set_in_a_condition_is_one_of_a_spec_that_it_is_about():
    for one, shows in SHOWS:
        asked = [all_specs()[name] for name in specs_of(shows)]
        drawn = {data for spec in asked for data in (*spec.data, *spec.grid.get("data", ()))}
        if "data == '" in shows.when:
            assert shows.when.split("data == '")[1].split("'")[0] in drawn, (one.id, shows.when)


def test_only_sums_in_half_precision_speak_of_every_spec():
    assert [one.id for one, shows in SHOWS if shows.spec == "*"] == ["half-sums"]


def test_every_example_is_one_of_what_its_finding_accounts_for():
    apis = {(binding.spec, binding.api) for binding in bindings(KNOWN).values()}
    for one, example in EXAMPLES:
        case = parse(example.case, all_specs())
        assert case.id == example.case
        assert example.mode in framework(example.framework, "cpu").modes
        target = Target("t", example.framework, "cpu", example.mode, True)
        verdict = Verdict(example.case, example.implementation, "t", "differs")
        covering = [s for s in one.verdicts if s.concerns(verdict, target)]
        assert any(s.when == "True" or meant(one.id, s.when, case) for s in covering), (one.id, example)
        assert (case.spec.name, example.implementation) in apis, example


# --- reading -----------------------------------------------------------------------------------------------

WHOLE = """
title = "Activations"
place = 1

[[finding]]
id = "a-tail"
title = "The tail is lost"
standing = "defect"
about = "gelu"
what = "It is lost."
verdicts = [{ spec = "gelu", when = "data == 'tails'" }]
"""


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('standing = "defect"', 'standing = "wrong"', "standing"),
        ('what = "It is lost."', 'what = " "', "'a-tail' needs a title, and text"),
        ('id = "a-tail"', 'id = "A tail"', "'A tail' is no name of a finding"),
        ("data == 'tails'", "open('x')", "in `when` of verdicts of gelu"),
        (
            'about = "gelu"',
            'about = "gelu"\nversions = { torch = "new" }',
            "'new' is no version range of torch",
        ),
        ('about = "gelu"', 'about = "gelu"\nseverity = 3', "severity"),
        ('spec = "gelu", ', "", "spec"),
    ],
)
def test_what_is_no_finding_is_refused_with_its_file_and_place(tmp_path, before, after, complaint):
    path = tmp_path / "activations.toml"
    path.write_text(WHOLE, "utf-8")
    assert [one.id for one in read_family(path).finding] == ["a-tail"]
    path.write_text(WHOLE.replace(before, after), "utf-8")
    with pytest.raises(ValueError, match=r"activations\.toml: ") as refusal:
        read_family(path)
    assert complaint in str(refusal.value)


def test_two_findings_of_one_name_are_refused(tmp_path):
    for name in ("one.toml", "other.toml"):
        (tmp_path / name).write_text(WHOLE, "utf-8")
    with pytest.raises(ValueError, match="two findings are called 'a-tail'"):
        families(tmp_path)


# --- known, new, stale, mended -----------------------------------------------------------------------------

CASE = "gelu/default/float32/tails/3x17"
OTHER = "gelu/default/float32/wide/3x17"

TAIL = Finding(
    "a-tail",
    "the tail is lost",
    "defect",
    "gelu",
    "it is lost",
    versions={"torch": "<=2.13.0"},
    verdicts=(Shows("gelu", "torch.*", "inaccurate", "values", "data == 'tails'"),),
    examples=(Example(CASE, "torch.nn.GELU", "torch", "eager"),),
)


def verdict(case=CASE, outcome="inaccurate", check="values", api="torch.nn.GELU", **further):
    return Verdict(case, api, TORCH.name, outcome, check, **further)


@pytest.fixture
def tail(monkeypatch):
    monkeypatch.setattr(module, "findings", lambda: {TAIL.id: TAIL})
    monkeypatch.setattr(module, "_entries", lambda: tuple((shows, TAIL) for shows in TAIL.verdicts))


def told(*verdicts, target=TORCH):
    record = Record("", "", 0.0, "smoke", True, "", {}, (target,), (), (), verdicts)
    return attributed(record)


def test_a_verdict_is_known_where_a_finding_accounts_for_all_that_is_wrong(tail):
    assert accounts(verdict(), TORCH) == ("a-tail",)
    assert accounts(verdict(OTHER), TORCH) == ()
    assert accounts(verdict(check="gradients"), TORCH) == ()
    assert accounts(verdict(api="tf.nn.gelu"), TORCH) == ()
    assert accounts(verdict(outcome="conforms"), TORCH) == ()
    gradients = Problem("inaccurate", "gradients", "")
    assert accounts(verdict(further=(gradients,)), TORCH) == ()
    excused = msgspec.structs.replace(gradients, outcome="deviates", deviation="on file")
    assert accounts(verdict(further=(excused,)), TORCH) == ("a-tail",)


def test_a_finding_says_nothing_of_versions_that_it_is_not_known_of(tail):
    newer = msgspec.structs.replace(TORCH, versions={"torch": "2.14.0"})
    assert accounts(verdict(), newer) == ()
    assert told(verdict(outcome="conforms"), target=newer).findings == ()


def test_a_record_names_the_findings_that_it_shows(tail):
    record = told(verdict(), verdict(OTHER))
    assert [(v.findings, v.new) for v in record.verdicts] == [(("a-tail",), False), ((), True)]
    (known,) = record.findings
    assert (known.id, known.title, known.shown, known.stale) == ("a-tail", "the tail is lost", 1, False)


def test_an_example_that_conforms_is_good_news_and_makes_its_finding_stale(tail):
    (known,) = told(verdict(outcome="conforms")).findings
    assert (known.conforming, known.stale) == (((CASE, "torch.nn.GELU", "torch/cpu"),), True)
    (known,) = told(verdict(check="gradients")).findings
    assert (known.conforming, known.stale) == ((), True)
    assert told(verdict(outcome="unsupported")).findings == told(verdict(OTHER)).findings == ()


def test_what_depends_on_the_machine_is_never_stale(tail, monkeypatch):
    wavering = msgspec.structs.replace(TAIL, steady=False)
    monkeypatch.setattr(module, "findings", lambda: {TAIL.id: wavering})
    assert told(verdict(outcome="conforms")).findings == ()
