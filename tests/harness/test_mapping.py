"""Own arguments of APIs: what they mean, what they are by default, and one API in the words of another."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

import assay
from assay.adapters.binding import bindings, load_bindings
from assay.adapters.recording import changed, recorded, watched
from assay.cli import main
from assay.errors import Usage
from assay.harness.judging.findings import accounts
from assay.harness.mapping.arguments import Desk, bases, options_of, own_value, pins
from assay.harness.mapping.atlas import atlas
from assay.harness.mapping.laws import law_of
from assay.harness.mapping.losses import where_nothing_counts
from assay.harness.mapping.porting import pair, port
from assay.harness.mapping.sheets import sheet, source_of
from assay.harness.running.processes import Worker, WorkerSettings
from assay.harness.running.provenance import target_facts
from assay.reports.atlas import counted, family_page, index_page
from assay.reports.port import codes, meanings, proved
from assay.specs import all_specs
from assay.specs.recipes import asked_recipes
from assay.syntax import parse

SPECS = all_specs()
RECIPES = Path(__file__).parents[2] / "docs/recipes.md"
SILENT = Path(__file__).with_name("silent_bindings.py")


def binding_of(spec, api):
    return bindings()[f"{spec}:{api}"]


@pytest.fixture(scope="module")
def desk():
    """PyTorch, and the APIs whose signatures say little."""
    settings = WorkerSettings("torch", bindings=(str(SILENT),))
    worker = Worker(settings)
    yield Desk(worker, target_facts(settings, worker.start()))
    worker.stop()


@pytest.fixture(scope="module")
def operators():
    """Operators of ONNX."""
    pytest.importorskip("onnx")
    settings = WorkerSettings("onnx")
    worker = Worker(settings)
    yield Desk(worker, target_facts(settings, worker.start()))
    worker.stop()


def found(desk, spec, api):
    """What each argument of an API is by default."""
    return {argument.name: argument for argument in desk.arguments(binding_of(spec, api), SPECS[spec])}


# --- what arguments mean ---


def test_an_argument_means_parameters_and_an_input_stands_for_whether_it_is_there():
    linear = options_of(binding_of("dense", "torch.nn.Linear"), SPECS["dense"])
    assert linear == {"bias": ("use_bias",)}
    norm = binding_of("batch_norm", "torch.nn.BatchNorm2d")
    assert options_of(norm, SPECS["batch_norm"])["momentum"] == ("momentum",)
    assert pins(norm)["bessel"][0] is True


def test_its_value_is_written_as_a_person_would_and_is_unknown_where_shapes_decide():
    norm = binding_of("batch_norm", "torch.nn.BatchNorm2d")
    case = bases(norm, SPECS["batch_norm"])[0]
    assert own_value(norm, "num_features", case) == ""
    assert float(own_value(norm, "momentum", case)) == pytest.approx(1 - case.arguments["momentum"])
    assert len(own_value(norm, "momentum", case)) < 7


# --- what they are by default ---


@pytest.mark.parametrize(
    ("name", "standing", "default"),
    [
        ("none_is_two", "default", "2.0"),
        ("unheard_of", "unlisted", ""),
        ("rare", "default", "0.25"),
        ("liar", "default", "-0.5"),
        ("asks", "required", ""),
        ("refuses", "raises", ""),
    ],
)
def test_a_default_is_measured_whatever_the_signature_says(desk, name, standing, default):
    load_bindings(SILENT)
    argument = found(desk, "leaky_relu", f"silent.{name}")["slope"]
    assert (argument.standing, argument.default) == (standing, default)
    assert ("disk is full" in argument.message) == (name == "refuses")


@pytest.mark.parametrize(
    ("spec", "api", "defaults"),
    [
        ("gelu", "torch.nn.functional.gelu", {"approximate": "'none'"}),
        ("layer_norm", "torch.nn.LayerNorm", {"eps": "1e-05", "elementwise_affine": "True", "bias": "True"}),
        ("avg_pool2d", "torch.nn.AvgPool2d", {"stride": "that of window", "count_include_pad": "True"}),
        ("conv1d", "torch.nn.Conv1d", {"groups": "1", "padding": "'valid'", "dilation": "(1,)"}),
    ],
)
def test_defaults_of_pytorch(desk, spec, api, defaults):
    known = found(desk, spec, api)
    assert {name: known[name].default for name in defaults} == defaults
    assert {known[name].standing for name in defaults} <= {"default", "declared"}


def test_what_cannot_be_told_apart_is_said_to_be_declared(desk):
    known = found(desk, "layer_norm", "torch.nn.LayerNorm")
    assert known["elementwise_affine"].standing == "declared", "weights of 1 and 0 do nothing yet"
    assert known["eps"].standing == "default"
    assert found(desk, "avg_pool2d", "torch.nn.AvgPool2d")["kernel_size"].standing == "required"


def test_what_losses_give_where_nothing_counts_is_measured(desk):
    spec = SPECS["mean_absolute_error"]
    binding = binding_of(spec.name, "torch.nn.functional.l1_loss")
    l1 = where_nothing_counts(desk.worker, binding, spec, desk.target)
    assert {one.situation: one.said for one in l1} == {"no samples": "NaN", "all weights 0": "NaN"}
    spec = SPECS["jsd_distillation"]
    own = where_nothing_counts(
        desk.worker, binding_of(spec.name, "torch.nn.functional.kl_div"), spec, desk.target
    )
    assert {one.situation: one.said for one in own} == {"no samples": "NaN", "all masked": "NaN"}


# --- the pages ---


def test_the_atlas_has_a_page_for_each_family_and_says_what_is_settled():
    specs = [SPECS["gelu"], SPECS["dense"]]
    whole = atlas(specs, [WorkerSettings("torch"), WorkerSettings("jax", python="/no/such/python")])
    assert [target.available for target in whole.targets] == [True, False]
    page = family_page(whole, "activations", specs)
    assert "| `torch.nn.GELU` | `approximate` | `'tanh' if approximate else 'none'` | `'none'` |" in page
    assert "`weight` = `kernel.T`" in family_page(whole, "dense", specs)
    assert "activations.md#gelu" in index_page(whole, specs)
    assert "cells are measured of" in counted(whole)


def test_the_command_prints_tables_json_or_writes_pages(tmp_path, capsys):
    assert main(["atlas", "gelu", "--framework", "torch"]) == 0
    assert "approximate" in capsys.readouterr().out
    assert main(["atlas", "gelu", "--framework", "torch", "--out", str(tmp_path / "atlas")]) == 0
    assert {path.name for path in (tmp_path / "atlas").iterdir()} == {
        "README.md",
        "activations.md",
        "atlas.json",
    }
    assert main(["atlas", "geluu"]) == 2


# --- one API as another ---


def test_what_one_means_is_what_the_other_is_given(desk):
    two = pair("torch.nn.AvgPool2d", "torch.nn.functional.avg_pool2d")
    recipe = port(two, {"kernel_size": "(3, 2)"}, desk, desk)
    assert recipe.meant.arguments["strides"] == (3, 2), "its default is the window"
    assert recipe.exact
    assert recipe.proof.equal > 0


def test_one_number_stands_for_every_axis(desk):
    recipe = port(
        pair("torch.nn.AvgPool2d", "torch.nn.functional.avg_pool2d"), {"kernel_size": "3"}, desk, desk
    )
    assert recipe.meant.arguments["window"] == recipe.meant.arguments["strides"] == (3, 3)
    assert recipe.exact


def test_a_number_that_no_spec_lists_is_carried_over(desk):
    recipe = port(pair("torch.nn.LayerNorm", "torch.nn.functional.layer_norm"), {"eps": "3e-4"}, desk, desk)
    assert recipe.meant.arguments["epsilon"] == 3e-4
    assert recipe.exact


def test_a_default_that_no_value_explains_must_be_given(desk):
    load_bindings(SILENT)
    rounded = pair("silent.none_is_two", "torch.nn.LeakyReLU")
    assert port(rounded, {}, desk, desk).meant.arguments["slope"] == 2.0
    with pytest.raises(Usage, match=r"give slope="):
        port(pair("silent.unheard_of", "torch.nn.LeakyReLU"), {}, desk, desk)


def test_a_default_without_effect_is_named(desk):
    recipe = port(pair("torch.nn.AvgPool2d", "torch.nn.functional.avg_pool2d"), {}, desk, desk)
    assert recipe.idle == ("count_padding",), "nothing is padded"


def test_what_deviates_is_not_equal(desk, monkeypatch):
    asked = desk.verdict

    def deviating(*of, **how):
        return msgspec.structs.replace(asked(*of, **how), outcome="deviates")

    two = pair("torch.nn.GELU", "torch.nn.functional.gelu")
    recipe = port(two, {"approximate": "tanh"}, desk, desk)
    monkeypatch.setattr(desk, "verdict", deviating)
    spoilt = port(two, {"approximate": "tanh"}, desk, desk)
    assert recipe.proof.equal > spoilt.proof.equal == 0
    assert not spoilt.exact


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["torch.nn.Gelu", "torch.nn.GELU"], "did you mean torch.nn.GELU"),
        (["torch.nn.GELU", "torch.nn.Linear"], "have no layer in common"),
        (["torch.nn.GELU", "torch.nn.functional.gelu", "approximately=1"], "has no argument"),
        (["torch.nn.GELU", "torch.nn.functional.gelu", "approximate=erf"], "it has for 'none', 'tanh'"),
        (["torch.nn.GELU", "torch.nn.functional.gelu", "approximate"], "as name=value"),
    ],
)
def test_wrong_usage_says_what_to_do(arguments, message, capsys):
    assert main(["port", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_the_command_proves_a_recipe(capsys):
    assert main(["port", "torch.nn.ReLU", "torch.nn.functional.relu"]) == 0
    told = capsys.readouterr().out
    assert "equal within rounding, gradients too, in" in " ".join(told.split())
    assert "layer = torch.nn.ReLU()" in told


def test_the_command_ends_with_1_where_something_cannot_be_matched(capsys):
    assert main(["port", "torch.nn.ReflectionPad2d", "torch.nn.ReplicationPad2d"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "cannot match" in told
    assert "mode = replicate instead of reflect" in told


# --- what a call is given, by watching it ---


@pytest.mark.parametrize(
    ("spec", "api"),
    [
        ("batch_norm", "torch.nn.BatchNorm2d"),
        ("avg_pool2d", "torch.nn.functional.avg_pool2d"),
        ("gru", "torch.nn.GRU"),
        ("huber", "torch.nn.HuberLoss"),
    ],
)
def test_a_watched_call_is_given_what_its_row_says(desk, spec, api):
    binding = binding_of(spec, api)
    for case in bases(binding, SPECS[spec])[:3]:
        seen = desk.recorded(binding, case)
        said = {option: own_value(binding, option, case) for option in options_of(binding, SPECS[spec])}
        assert {option: seen[option] for option, text in said.items() if text} == {
            option: text for option, text in said.items() if text
        }


def test_what_moves_with_a_parameter_follows_from_it(desk):
    bag = binding_of("embedding_bag", "torch.nn.EmbeddingBag")
    assert bag.row is None
    known = found(desk, "embedding_bag", "torch.nn.EmbeddingBag")
    assert known["mode"].parameters == ("mode",)
    assert (known["mode"].expression, known["mode"].default) == ("mode", "'mean'")
    norm = found(desk, "weight_norm", "torch.nn.utils.parametrizations.weight_norm")
    assert norm["dim"].expression == "'unit': 0; 'all': None; 'feature': 1"


def test_a_watched_api_is_put_back():
    import torch

    before = torch.nn.functional.gelu, torch.nn.GELU.__init__
    binding = binding_of("gelu", "torch.nn.functional.gelu")
    x = torch.ones(2)
    assert recorded(binding, {"x": x, "approximate": True}) == {"approximate": "'tanh'"}
    assert torch.equal(
        changed(binding, "approximate").function(x=x, approximate=True), torch.nn.functional.gelu(x)
    )
    assert (torch.nn.functional.gelu, torch.nn.GELU.__init__) == before


def test_an_api_that_is_not_called_cannot_be_recorded():
    other = dataclasses.replace(
        binding_of("gelu", "torch.nn.functional.gelu"), api="torch.nn.functional.relu"
    )
    with pytest.raises(ValueError, match="does not call"):
        recorded(other, {"x": None, "approximate": True})


# --- what is seen beside the numbers ---


def shown(desk, spec, api):
    """What an API shows beside its numbers: the sheet, and what came of each call."""
    whole = sheet(desk, binding_of(spec, api), SPECS[spec])
    return whole, {one.what: one.raises or one.gives for one in whole.seen}


def test_a_layer_shows_its_weights_with_names_axes_and_the_law_they_are_drawn_from(desk):
    linear, _ = shown(desk, "dense", "torch.nn.Linear")
    assert [(w.name, w.axes, w.law) for w in linear.weights] == [
        ("weight", "(units, features)", "uniform ± 1 / √fan_in"),
        ("bias", "(units)", "uniform ± 1 / √fan_in"),
    ]
    assert [(one.name, one.default) for one in linear.signature][:3] == [
        ("in_features", ""),
        ("out_features", ""),
        ("bias", "True"),
    ]


def test_types_and_wrong_arguments_are_told_as_they_are(desk):
    _, linear = shown(desk, "dense", "torch.nn.Linear")
    assert "must have the same dtype" in linear["x: int32"]
    assert linear["all: float16"] == "float16 (3, 5)"
    assert linear["x: empty batch"] == "float32 (0, 5)"
    _, gelu = shown(desk, "gelu", "torch.nn.functional.gelu")
    assert "must be either none or tanh" in gelu["approximate='no_such_word'"]
    _, table = shown(desk, "embedding", "torch.nn.functional.embedding")
    assert table["indices: past the end"].startswith("IndexError")


def test_what_a_call_overwrites_is_seen(desk):
    _, norm = shown(desk, "batch_norm", "torch.nn.BatchNorm2d")
    assert norm["after a call"] == "running_mean, running_var, num_batches_tracked"
    _, linear = shown(desk, "dense", "torch.nn.Linear")
    assert linear["after a call"] == "nothing has changed"


@pytest.mark.parametrize(
    ("spec", "api", "mode"),
    [
        ("dropout", "torch.nn.functional.dropout", "training"),
        ("rrelu", "torch.nn.functional.rrelu", "inference"),
        ("rrelu", "torch.nn.RReLU", "training"),
        ("batch_norm", "torch.nn.functional.batch_norm", "inference"),
        ("batch_norm_inference", "torch.nn.BatchNorm2d", "training"),
    ],
)
def test_the_mode_is_told_in_which_an_api_is_when_nothing_is_said(desk, spec, api, mode):
    _, told = shown(desk, spec, api)
    assert told["mode"] == mode


def test_what_has_no_mode_or_draws_nothing_says_nothing_of_it(desk):
    _, linear = shown(desk, "dense", "torch.nn.Linear")
    assert not linear.keys() & {"mode", "random numbers"}
    assert "missing 1 required" in linear["without in_features"]


def test_what_is_drawn_from_is_told_where_nothing_is_said(desk):
    _, dropout = shown(desk, "dropout", "torch.nn.functional.dropout")
    assert dropout["random numbers"] == "by the global seed"
    one, other, third = ({"gives": bits} for bits in "abc")
    assert source_of([one, one, one]) == {"gives": "the same in each call"}
    assert source_of([one, other, third])["gives"].startswith("others in each call")
    assert source_of([{"raises": "no rngs"}] * 3) == {"raises": "no rngs"}


def test_what_goes_by_name_alone_is_handed_on_by_name():
    class Layer:
        def __init__(self, rate, **named):
            self.given = rate, named

        __init__.__signature__ = inspect.Signature(
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ("self", "rate", "name")]
        )

    import torch

    torch.Layer = Layer
    try:
        with watched("torch.Layer", lambda bound: None):
            assert torch.Layer(0.5, name="one").given == (0.5, {"name": "one"})
    finally:
        del torch.Layer


@pytest.mark.parametrize(
    ("drawn", "law"),
    [
        (lambda stream: stream.uniform(-1 / 17**0.5, 1 / 17**0.5, (2000, 17)), "uniform ± 1 / √fan_in"),
        (lambda stream: stream.uniform(-0.05, 0.05, (2000, 17)), "uniform ± 0.05"),
        (lambda stream: stream.normal(0, 1, (2000, 17)), "normal of variance 1"),
        (lambda stream: np.ones((20, 17)), "1"),
        (lambda stream: stream.uniform(-0.2, 0.2, (2000, 17)), "drawn, of mean"),
    ],
)
def test_the_law_of_weights_is_told_by_their_numbers(drawn, law):
    numbers = drawn(np.random.default_rng(3)).ravel()
    assert law_of(numbers, (5, 17), {"weight": (5, 17)}, "torch").startswith(law)


# --- what people ask ---


def test_a_parameter_of_the_layer_may_be_said_where_no_argument_means_it_alone(desk):
    two = pair(
        "torch.nn.CrossEntropyLoss", "torch.nn.functional.cross_entropy", "sparse_softmax_cross_entropy"
    )
    assert port(two, {"weighted": "true"}, desk, desk).meant.arguments["weighted"] is True
    with pytest.raises(Usage, match="is one of false, true; got heavily"):
        port(two, {"weighted": "heavily"}, desk, desk)


def test_the_argument_of_a_word_that_depends_on_the_rank_is_understood(desk):
    two = pair("torch.nn.functional.interpolate", "torch.nn.UpsamplingBilinear2d")
    recipe = port(two, {"mode": "bilinear", "align_corners": "True"}, desk, desk)
    assert recipe.meant.arguments["coordinates"] == "align_corners"
    assert recipe.exact


def test_functions_are_ported_as_rows_are(desk):
    two = pair("torch.nn.EmbeddingBag", "torch.nn.functional.embedding_bag")
    recipe = port(two, {"mode": "sum"}, desk, desk)
    assert recipe.words[1]["mode"] == "mode='sum'"
    assert recipe.exact


ONNX = [
    ("torch.nn.GELU", "onnx.Gelu", {"approximate": "tanh"}),
    ("torch.nn.GroupNorm", "onnx.GroupNormalization", {"num_groups": "2"}),
    ("torch.nn.LSTM", "onnx.LSTM", {}),
]
"""In torch and in ONNX, with options that both call alike."""


@pytest.mark.parametrize(("layer", "operator", "given"), ONNX)
def test_a_layer_is_ported_to_an_operator_of_onnx_and_back_but_for_findings_on_file(
    desk, operators, layer, operator, given
):
    there = port(pair(layer, operator), given, desk, operators)
    back = port(pair(operator, layer), given, operators, desk)
    assert there.meant.arguments == back.meant.arguments
    for recipe, desks in ((there, (desk, operators)), (back, (operators, desk))):
        assert recipe.unmatched == ()
        assert recipe.proof.equal > 0
        verdicts = [one for both in recipe.proof.others for one in zip(both, desks, strict=True)]
        assert all(accounts(verdict, asked.target) for verdict, asked in verdicts if verdict.failing)
        assert ", forward alone, in" in proved(recipe)


def test_the_code_of_an_operator_runs_as_it_is_printed(desk, operators):
    recipe = port(pair("torch.nn.LSTM", "onnx.LSTM"), {}, desk, operators)
    inputs = recipe.written.inputs()
    *statements, last = parse(codes(recipe)[1]).body
    space = {**inputs, "numpy": np}
    exec(compile(ast.Module(statements, []), "<printed>", "exec"), space)
    printed = eval(compile(ast.Expression(last.value), "<printed>", "eval"), space)
    binding = recipe.pair.target
    names = {name: recipe.written.arguments.get(name) for name in binding.called_with}
    bound = binding.function(**{**names, **inputs})
    assert [one.tobytes() for one in printed] == [one.tobytes() for one in bound]


def test_what_alone_differs_is_told_with_the_facet(desk):
    recipe = port(pair("torch.nn.ReflectionPad2d", "torch.nn.ReplicationPad2d"), {}, desk, desk)
    assert recipe.proof.owned == len(recipe.proof.others) > 0
    assert "mode=replicate, its own; what differs is" in proved(recipe)


def test_every_recipe_that_is_asked_stands_on_the_page_with_its_proof():
    page = RECIPES.read_text("utf-8")
    for asked in asked_recipes():
        part = page.partition(f"## {asked.title}\n")[2].partition("\n## ")[0]
        assert asked.command in part
        assert re.search(r"gradients too, in [1-9]\d* of \d+ cases", part)


def test_the_page_of_recipes_says_what_a_run_says(desk):
    (asked,) = [one for one in asked_recipes() if one.source == "torch.nn.GroupNorm"]
    recipe = port(pair(asked.source, asked.target, asked.spec), asked.given, desk, desk)
    page = RECIPES.read_text("utf-8")
    assert proved(recipe) in page.partition(f"## {asked.title}\n")[2]
    assert all(" | ".join(row) in page for row in meanings(recipe))


def test_a_recipe_is_made_from_python():
    recipe = assay.port("torch.nn.LayerNorm", "torch.nn.functional.layer_norm", eps=3e-4)
    assert recipe.exact
    assert recipe.words[1]["epsilon"] == "eps=0.0003"
