"""The answers to practitioners' questions: every one has some, and the page says what frameworks do now."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from assay.cli.app import main
from assay.harness.auditing.variants import expected
from assay.harness.judging.expectation import Expectation
from assay.harness.mapping.looks import Look, looks
from assay.harness.record import Implementation, Record, Target, Verdict
from assay.harness.running.processes import WorkerSettings
from assay.reports.answers import ABSENT, NOT_ASKED, Answers, page
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.questions import CONFIRMED, Point, PracticalQuestion, practical_questions

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "answers.md"
QUESTIONS = ROOT.parent / "shared" / "questions.md"

KEEPS = "dropout/default/float32/infinities/33x129"
PRODUCT = "dropout/dropped=product/float32/infinities/33x129"
WHICH = Point(says="What stands there?", answers={"0": (KEEPS,), "NaN": (PRODUCT,)})
ASKED = PracticalQuestion(number=1, section="Dropout", text="Is it so?", points=(WHICH,))


def verdict(case, implementation, outcome="conforms", **changes):
    return Verdict(case, implementation, "torch/cpu", outcome, **changes)


def answers(*verdicts, asked=ASKED, compositions=()):
    """What a record of PyTorch with these verdicts says."""
    target = Target("torch/cpu", "torch", "cpu", "eager", available=True, versions={"torch": "2.13.0"})
    composed = tuple(Implementation("dropout", api, "torch/cpu", composition=True) for api in compositions)
    record = Record("0", "2026-01-01T00:00:00", 1.0, "", True, "", {}, (target,), (), composed, verdicts)
    return Answers(record, (asked,)), target


def test_every_question_that_is_asked_has_points():
    numbers = [question.number for question in practical_questions()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [question.number for question in practical_questions() if not question.points] == []


@pytest.mark.skipif(not QUESTIONS.is_file(), reason="the collected questions lie beside the project only")
def test_every_collected_question_is_asked_in_its_words():
    collected = " ".join(QUESTIONS.read_text("utf-8").split())
    assert [question.number for question in practical_questions()] == list(
        range(1, len(practical_questions()) + 1)
    )
    for question in practical_questions():
        assert f"{question.number}. {question.text}" in collected


@pytest.mark.parametrize(
    "question", practical_questions(), ids=lambda question: f"question {question.number}"
)
def test_evidence_is_cases_that_their_specs_admit(question):
    assert all(case.id == one for one, case in question.cases.items())


LAWS = [(i.number, p.law) for i in practical_questions() for p in i.points if p.law]


@pytest.mark.parametrize(("number", "law"), LAWS)
def test_a_law_is_a_test_that_is_there(number, law):
    file, _, name = law.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text("utf-8")


CHOICES = [(i.number, p) for i in practical_questions() for p in i.points if p.answers]


@pytest.mark.parametrize(("number", "point"), CHOICES, ids=lambda part: str(getattr(part, "says", part)))
def test_the_cases_of_different_answers_are_different_questions(number, point):
    """Under the parameters of another answer the reference gives other values, gradients or errors."""
    asked = {answer: [parse(one, all_specs()) for one in ids] for answer, ids in point.answers.items()}
    for answer, cases in asked.items():
        for other, others in asked.items():
            if answer != other:
                assert any(told_apart(case, one) for case in cases for one in others), (answer, other)


def told_apart(case, other):
    """Whether two cases ask different things: of other specs, sizes or data, or with other results."""

    def place(one):
        shapes = {given.name: one.names[given.name] for given in one.given}
        return one.spec.name, one.size, one.data, shapes

    return place(case) != place(other) or results(expected(case)) != results(
        Expectation(case, dict(other.parameters), expected(case).inputs)
    )


def results(expectation):
    """Every bit of the values, states and gradients; or what is raised."""
    try:
        gradients = expectation.gradients(np.asarray).values()
        return [np.asarray(array).tobytes() for array in (*expectation.forward(), *gradients)]
    except ValueError as error:
        return str(error)


def test_the_answer_is_the_one_whose_case_an_implementation_conforms_to():
    found, target = answers(
        verdict(KEEPS, "torch.nn.Dropout", "unsupported"), verdict(PRODUCT, "torch.nn.Dropout")
    )
    assert found.measured(WHICH, target) == {("dropout", "torch.nn.Dropout"): "NaN"}
    assert found.cell(WHICH, target) == "NaN"


def test_what_fails_says_what_it_does_instead():
    found, target = answers(verdict(KEEPS, "torch.nn.Dropout", "differs", check="values"))
    assert found.cell(WHICH, target) == "differs (values)"
    found, target = answers(verdict(KEEPS, "torch.nn.Dropout", "rejects", check="raised"))
    assert found.cell(WHICH, target) == "raises"


def test_a_deviation_answers_with_its_reason_and_not_with_its_name():
    told = {"deviation": "torch-zero-times-infinity", "message": "It multiplies (a lot). (https://x)"}
    found, target = answers(verdict(KEEPS, "torch.nn.Dropout", "deviates", **told))
    assert found.cell(WHICH, target) == "differs: It multiplies (a lot)."


def test_absent_without_the_option_and_not_asked_are_three_things():
    """A dash in the place of all of them answers "no" to what nobody asked."""
    lacking = verdict(KEEPS, "torch.nn.Dropout", "unsupported", message="has no such option")
    of_others = Point(says="Of others?", answers=WHICH.answers, only=("keras.*",))
    found, target = answers(lacking)
    assert found.cell(WHICH, target) == "no: has no such option"
    assert found.cell(of_others, target) == NOT_ASKED
    found, target = answers(lacking, compositions=["torch.nn.Dropout"])
    assert found.cell(of_others, target) == ABSENT
    found, target = answers()
    assert found.cell(WHICH, target) == ABSENT


def test_a_facet_of_no_matter_keeps_nobody_from_confirming():
    says = Point(says="It is so.", cases=(KEEPS,), instead=((PRODUCT,),))
    found, target = answers(verdict(KEEPS, "a", "unsupported", message="no"), verdict(PRODUCT, "a"))
    assert found.cell(says, target) == CONFIRMED
    both, target = answers(verdict(KEEPS, "a"), verdict(PRODUCT, "a"))
    assert both.cell(says, target) == CONFIRMED
    with pytest.raises(ValueError, match="nothing that `instead` could stand for"):
        Point(says="Which?", answers=WHICH.answers, instead=((KEEPS,),))


def test_the_page_says_where_no_framework_ships_the_layer():
    one, other = "torch.nn.Dropout", "torch.nn.functional.dropout"
    composed = answers(verdict(KEEPS, one), compositions=[one])[0]
    shipped = answers(verdict(KEEPS, one), verdict(KEEPS, other), compositions=[one])[0]
    assert (composed.shipped_by_none(WHICH), shipped.shipped_by_none(WHICH)) == (True, False)
    assert "*Shipped by none.*" in page(composed)
    assert "*Shipped by none.*" not in page(shipped)


def test_a_statement_needs_every_one_of_its_cases():
    says = Point(says="Both.", cases=(KEEPS, PRODUCT))
    both = [verdict(KEEPS, "torch.nn.Dropout"), verdict(PRODUCT, "torch.nn.Dropout")]
    found, target = answers(*both)
    assert found.cell(says, target) == CONFIRMED
    for spoilt in ("differs", "unsupported"):
        found, target = answers(both[0], msgspec.structs.replace(both[1], outcome=spoilt, check="values"))
        assert found.cell(says, target) != CONFIRMED


def test_implementations_that_disagree_are_named():
    found, target = answers(verdict(KEEPS, "a"), verdict(PRODUCT, "b"))
    assert found.cell(WHICH, target) == "0: `a`<br>NaN: `b`"


def test_an_implementation_of_several_layers_is_named_once():
    other = "gaussian_dropout/default/float32/normal/33x129"
    which = Point(says="What stands there?", answers={"0": (KEEPS, other), "NaN": (PRODUCT,)})
    found, target = answers(verdict(KEEPS, "a"), verdict(other, "a"), verdict(PRODUCT, "b"))
    assert found.cell(which, target) == "0: `a`<br>NaN: `b`"


def test_a_point_has_cases_or_answers():
    with pytest.raises(ValueError, match="needs one of cases, answers"):
        Point(says="Nothing.")


def test_a_question_that_does_not_exist_is_refused(capsys):
    assert main(["answers", "99"]) == 2
    assert "numbered 1 to" in " ".join(capsys.readouterr().err.split())


LOOKED = [point for question in practical_questions() for point in question.points if point.shows]


def without_looks(text):
    """The lines of a page but for the rows of what no case asks."""
    return [line for line in text.splitlines() if not any(line.startswith(f"| {p.says} |") for p in LOOKED)]


@pytest.mark.xdist_group("frameworks")
def test_the_page_says_what_the_frameworks_do_now(record):
    """The page of the known set: `make answers` writes it anew."""
    assert without_looks(page(Answers(record, practical_questions()))) == without_looks(
        PAGE.read_text("utf-8")
    )


# --- what no case asks ---


def test_the_page_says_what_pytorch_shows_now():
    """All that is looked at is looked at alike, so that one framework stands for four."""
    seen = tuple(looks(LOOKED, [WorkerSettings("torch")]))
    found, target = answers()
    written = PAGE.read_text("utf-8")
    for point in LOOKED:
        cell = Answers(found.record, (), seen).cell(point, target)
        assert f"| {point.says} | {cell} |" in written


def test_it_is_told_what_is_there_what_is_gone_and_what_comes_of_a_call():
    point = Point(
        says="?",
        shows={
            "code": (
                "torch.nn.ReLU",
                "torch.nn.Gone",
                "torch.zeros(2).reshape(3)",
                "a = 1\ntorch.zeros(a).shape[0]",
            ),
            "default": ("gelu:torch.nn.functional.gelu *",),
            "weights": ("dense:torch.nn.Linear",),
            "call": ("relu:torch.nn.functional.relu x: int32",),
            "having": ("approximate",),
        },
    )
    seen = {look.subject: look.said for look in looks([point], [WorkerSettings("torch")])}
    assert seen["torch.nn.ReLU"] == "there"
    assert seen["torch.nn.Gone"] == "gone"
    assert seen["torch.zeros(2).reshape(3)"].startswith("raises RuntimeError")
    assert seen["a = 1\ntorch.zeros(a).shape[0]"] == "1"
    assert seen["torch.nn.functional.gelu(approximate)"].default == "'none'"
    assert seen["torch.nn.Linear"] == "weight (units, features), bias (units)"
    assert seen["torch.nn.functional.relu"].startswith("int32")
    assert seen["torch.nn.GELU(approximate)"] == "'none'"


def test_what_is_shown_is_named_where_there_is_more_than_one():
    point = Point(says="?", shows={"code": ("torch.a", "torch.b")})
    both = [Look("code", one, "torch/cpu", one, "there") for one in ("torch.a", "torch.b")]
    found, target = answers()
    assert Answers(found.record, (), tuple(both)).cell(point, target) == "there: `torch.a`, `torch.b`"
    assert Answers(found.record, (), tuple(both[:1])).cell(point, target) == "there"
    assert found.cell(point, target) == ABSENT


def test_a_question_is_answered_in_a_file(tmp_path):
    out = tmp_path / "answer.md"
    assert main(["answers", "5", "--framework", "torch", "--out", str(out)]) == 0
    assert practical_questions()[4].text in out.read_text("utf-8")
