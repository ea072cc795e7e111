"""Between any two implementations of a layer there is a recipe, whatever stands in its way."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.sample import drawn

from assay.adapters.binding import KNOWN, bindings
from assay.harness.mapping import arguments, porting
from assay.harness.mapping.arguments import Argument, options_of, own_value
from assay.harness.mapping.desks import desk_of
from assay.harness.mapping.porting import Pair, pair, port
from assay.reports.port_script import port_script
from assay.specs import all_specs

SPECS = all_specs()


class Silent:
    """A framework that is not there: each argument must be given, and every answer is right."""

    worker = SimpleNamespace(settings=SimpleNamespace(path=SimpleNamespace(differentiates=True)))

    def options(self, binding, spec):
        return options_of(binding, spec) if binding.row else {}

    def own(self, binding, option, case):
        return own_value(binding, option, case) if binding.row else ""

    def measured(self, binding, spec, option, parameters):
        return Argument(spec.name, binding.api, "none", option, "", parameters, "required")

    def verdict(self, binding, case, meant=None):
        return SimpleNamespace(outcome="conforms")


@pytest.fixture
def quick(monkeypatch):
    """Few cases, of which each is asked of the reference once."""
    chosen, asked, known = porting.selection, porting.is_defined, dict[tuple[str, str], bool]()

    def is_defined(case, meant=None):
        key = case.id, repr(meant)
        if key not in known:
            known[key] = asked(case, meant)
        return known[key]

    monkeypatch.setattr(
        porting, "selection", functools.cache(lambda spec, _, kinds: chosen(spec, "smoke", kinds))
    )
    monkeypatch.setattr(porting, "is_defined", is_defined)
    monkeypatch.setattr(arguments, "is_defined", is_defined)


def kinds_of(spec):
    """Ordered pairs of implementations, one for each pair of reaches."""
    known = [b for b in bindings(KNOWN).values() if b.spec == spec]
    pairs = itertools.permutations(known, 2)
    return {
        (tuple(one.where), tuple(other.where)): Pair(SPECS[spec], one, other) for one, other in pairs
    }.values()


def test_there_is_a_recipe_between_any_two_implementations_of_a_layer(quick):
    desk = Silent()
    pairs = [two for spec in drawn(SPECS, 60, always=("spectral_norm",)) for two in kinds_of(spec)]
    assert len(pairs) > 200
    for two in pairs:
        recipe = port(two, {}, desk, desk)
        assert porting.in_scope(two.source, recipe.meant), "the first can be asked what it means"
        assert recipe.unmatched or porting.in_scope(two.target, recipe.written), two


HARD = [
    ("flax.nnx.SpectralNorm", "torch.nn.utils.parametrizations.spectral_norm", "spectral_norm", "divides by"),
    (
        "torch.nn.functional.scaled_dot_product_attention",
        "keras.layers.Attention",
        "attention_dropout",
        "has one head",
    ),
    (
        "torch.nn.ConvTranspose1d(torch.Tensor.narrow)",
        "torch.nn.functional.conv_transpose1d",
        "",
        "in numbers only",
    ),
    ("onnx.MatMul", "torch.nn.functional.linear", "dense", ""),
    ("keras.layers.CenterCrop", "torch.nn.functional.pad", "crop", ""),
]
"""Pairs of which one is fixed to shapes, lengths or words that the other has not, with what is said of it."""


@pytest.fixture(scope="module")
def desks():
    with ExitStack() as stack:
        yield functools.cache(lambda framework: desk_of(framework, Path(sys.executable), stack))


@pytest.mark.parametrize(("source", "target", "spec", "unmatched"), HARD)
def test_what_is_in_the_way_is_told_in_words(desks, source, target, spec, unmatched):
    two = pair(source, target, spec)
    recipe = port(two, {}, desks(two.source.framework), desks(two.target.framework))
    assert unmatched in " ".join((*recipe.unmatched, *recipe.limits))
    assert recipe.proof.total or recipe.unmatched


# --- as a script ---

SCRIPTS = [
    ("torch.nn.LSTM", "onnx.LSTM", "lstm"),
    ("torch.nn.LayerNorm", "onnx.LayerNormalization", ""),
    ("torch.nn.GELU", "jax.nn.gelu", ""),
]

SPOILT = " target({n: x if x is None or x.dtype.kind != 'f' else x + 1 for n, x in inputs.items()}), "


def steps_of(script):
    """How many steps of float32 a script says that the two are apart."""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [float(steps) for steps in re.findall(r"apart, (\S+) steps", ran.stdout)]


@pytest.mark.parametrize(("source", "target", "spec"), SCRIPTS)
def test_a_script_runs_both_on_the_same_arrays_and_tells_the_margins(desks, source, target, spec):
    two = pair(source, target, spec)
    recipe = port(two, {}, desks(two.source.framework), desks(two.target.framework))
    script = port_script(recipe)
    assert "assay" not in script
    apart, spoilt = (steps_of(one) for one in (script, script.replace(" target(inputs), ", SPOILT)))
    assert len(apart) == len(two.spec.outputs) + len(two.spec.states)
    assert max(spoilt) > 1_000 * (1 + max(apart))
