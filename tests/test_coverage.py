"""Each public name of the frameworks is bound, left out with a reason, or planned."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path

import pytest

from assay.adapters.binding import bindings
from assay.adapters.given import ungiven
from assay.adapters.rows import without
from assay.adapters.unbound import exclusions, planned
from assay.cli.app import main
from assay.harness.running.coverage import Coverage, Name, coverage
from assay.harness.running.processes import WorkerSettings
from assay.reports.coverage import sentence

README = Path(__file__).resolve().parents[1] / "README.md"
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

pytestmark = pytest.mark.xdist_group("coverage")


@pytest.fixture(scope="module")
def surface():
    return [coverage(WorkerSettings(framework)) for framework in FRAMEWORKS]


@pytest.fixture(scope="module")
def names(surface):
    return [name for one in surface for name in one.names]


def test_no_name_is_uncovered_that_is_not_planned(names):
    assert [name.name for name in names if name.status == "uncovered" and name.name not in planned()] == []


def test_what_is_planned_exists_and_is_not_done(names):
    assert planned() - {name.name for name in names if name.status == "uncovered"} == set()


def test_every_exclusion_leaves_something_out(names):
    left_out = [name.name for name in names if name.status == "excluded"]
    globs = [glob for exclusion in exclusions() for glob in exclusion.names]
    assert [glob for glob in globs if not fnmatch.filter(left_out, glob)] == []


@pytest.fixture(scope="module")
def arguments(surface):
    return [argument for one in surface for argument in one.arguments]


def test_each_argument_of_a_loss_is_given_two_values_or_left_as_it_is_for_a_reason(arguments):
    assert [argument.name for argument in arguments if argument.status == "uncovered"] == []


def test_every_reason_leaves_an_argument_of_a_loss_as_it_is(arguments):
    globs = [glob for exclusion in exclusions("ungiven") for glob in exclusion.names]
    assert [glob for glob in globs if not fnmatch.filter([a.name for a in arguments], glob)] == []


def test_an_argument_that_all_bindings_give_the_same_is_told(monkeypatch):
    huber = bindings(["torch"])["huber:torch.nn.functional.huber_loss"]

    def told(*calls):
        monkeypatch.setattr("assay.adapters.given.bindings", lambda frameworks: dict(enumerate(calls)))
        return ungiven("torch")

    unsaid, default, other = (without(huber, "delta", literal) for literal in ("", "1.0", "2.0"))
    named = ("torch.nn.functional.huber_loss(delta)",)
    assert told(huber) == told(unsaid, other) == told(default, huber) == ()
    assert told(unsaid) == told(other) == told(unsaid, default) == named


def test_another_name_of_an_object_is_left_out_or_bound_with_it(names):
    done = {name.name: (name.status, name.reason) for name in names}
    assert done["keras.layers.Convolution2D"] == ("excluded", "the same object as keras.layers.Conv2D")
    assert done["jax.nn.swish"] == ("excluded", "the same object as jax.nn.silu")
    assert done["tf.nn.l2_normalize"] == ("bound", "as tf.math.l2_normalize")


def test_the_readme_shows_the_figure(surface):
    assert sentence(surface) in " ".join(README.read_text("utf-8").split())


def told(monkeypatch, *names):
    monkeypatch.setattr("assay.cli.coverage.covered", lambda settings: Coverage("torch", {}, names))


GELU, FOLD = Name("torch.nn.GELU", "bound"), Name("torch.nn.Fold", "uncovered")
LAZY = Name("torch.nn.LazyLinear", "excluded", "the same module")


def test_the_status_says_whether_a_name_is_uncovered_where_that_is_asked(monkeypatch, capsys):
    told(monkeypatch, GELU, LAZY)
    assert main(["coverage", "--framework", "torch", "--fail-on", "uncovered"]) == 0
    told(monkeypatch, GELU, FOLD)
    assert main(["coverage", "--framework", "torch"]) == 0
    assert main(["coverage", "--framework", "torch", "--fail-on", "uncovered"]) == 1


def test_the_table_counts_by_module_and_the_details_list_what_is_not_bound(monkeypatch, capsys):
    told(monkeypatch, GELU, FOLD, LAZY)
    assert main(["coverage", "--framework", "torch", "--details"]) == 0
    shown = capsys.readouterr().out
    assert ["torch.nn", "1", "1", "1", "3"] in [line.split() for line in shown.splitlines()]
    assert "the same module: torch.nn.LazyLinear" in shown
    assert "uncovered: torch.nn.Fold" in shown
    told_all = "Of 3 public names 1 are bound, 1 are left out with a reason, and 1 are uncovered."
    assert told_all in " ".join(shown.split())


def test_names_are_told_as_json(monkeypatch, capsys):
    told(monkeypatch, LAZY)
    assert main(["coverage", "--framework", "torch", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    name = {"name": "torch.nn.LazyLinear", "status": "excluded", "reason": "the same module"}
    assert (one["framework"], one["names"]) == ("torch", [name])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--framework", "mxnet"], "no framework is called 'mxnet'"),
        (["--fail-on", "bound"], "uncovered"),
        (["--modules", "torch.nn"], "--modules"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, words, capsys):
    assert main(["coverage", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_framework_that_is_not_to_be_had_ends_with_3(capsys):
    assert main(["coverage", "--framework", "torch", "--python", "/dev/null"]) == 3
    assert "does not start" in " ".join(capsys.readouterr().out.split())
