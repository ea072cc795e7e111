"""A binding's code is shown as one would write it for the case."""

from __future__ import annotations

import ast
import builtins
import fnmatch
import subprocess
import sys
from pathlib import Path

import pytest

from assay.adapters.binding import bindings
from assay.harness.plan import implementations, refusal
from assay.reports.snippet import FRAMEWORK_MODULES, snippet
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.cases import cases
from assay.specs.questions import practical_questions

SPECS = all_specs()


@pytest.mark.parametrize(
    ("implementation", "case", "code"),
    [
        (
            "torch.nn.functional.softmax",
            "softmax/axis=0/float32/normal/3x17",
            "torch.nn.functional.softmax(x, dim=0)",
        ),
        (
            "keras.layers.SpatialDropout1D",
            "spatial_dropout/default/float32/normal/33x3x4x2x17",
            "keras.layers.SpatialDropout1D(rate=0.3, seed=20260101, dtype='float32')(x, training=True)",
        ),
        (
            "keras.layers.Dropout",
            "dropout/default/float32/normal/33x129",
            "keras.layers.Dropout(rate=0.3, seed=20260101, dtype='float32')(x, training=True)",
        ),
        (
            "torch.nn.functional.linear",
            "dense/use_bias=false/float32/normal/3x17x5",
            "torch.nn.functional.linear(x, weight=kernel.T, bias=None)",
        ),
        (
            "torch.nn.Linear",
            "dense/use_bias=false/float32/normal/3x17x5",
            "torch.nn.Linear(in_features=17, out_features=5, bias=False)(x)",
        ),
        (
            "torch.nn.LayerNorm",
            "layer_norm/default/float32/normal/3x2x17",
            "torch.nn.LayerNorm(normalized_shape=(17,), eps=1e-05, elementwise_affine=True)(x)",
        ),
        (
            "keras.random.dropout",
            "dropout_noise_shape/shared=batch/float32/normal/33x5x17",
            "keras.random.dropout(x, rate=0.3, seed=20260101, noise_shape=(1, 5, 17))",
        ),
    ],
)
def test_options_are_put_in_and_what_follows_is_worked_out(implementation, case, code):
    case = parse(case, SPECS)
    assert snippet(bindings()[f"{case.spec.name}:{implementation}"], case) == code


def test_a_module_is_built_before_the_loop_that_calls_it():
    case = parse("simple_rnn/default/float32/normal/3x2x7x5", SPECS)
    lines = snippet(bindings()["simple_rnn:torch.nn.RNNCell"], case).splitlines()
    built, loop, called = (
        lines.index(line)
        for line in (
            "built = torch.nn.RNNCell(*(7, 5), nonlinearity='tanh', bias=True)",
            "for step in x.unbind(1):",
            "    h = built(step, h)",
        )
    )
    assert built < loop < called


@pytest.mark.parametrize("name", SPECS)
def test_every_binding_can_be_shown(name):
    first = next(case for case in cases(SPECS[name]) if case.valid)
    for binding in bindings().values():
        if binding.spec == name:
            assert ast.parse(snippet(binding, first))


def on_the_page():
    """Every case that answers a question, with every implementation that may be shown for it."""
    for question in practical_questions():
        for point in question.points:
            for _, ids in point.evidence:
                for binding in implementations(question.cases[ids[0]].spec):
                    meant = any(fnmatch.fnmatchcase(binding.api, glob) for glob in point.only)
                    if meant and refusal(binding, question.cases[ids[0]]) is None:
                        yield binding, question.cases[ids[0]]


SHOWN = {(binding.key, case.id): (binding, case) for binding, case in on_the_page()}


def defined(tree):
    """What a program gives a name to."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=short):
                yield (short or name).partition(".")[0]


def test_code_on_the_page_names_nothing_of_ours():
    """Every name is a framework's, an input's, or defined before it is used."""
    roots = {module.partition(".")[0] for module in FRAMEWORK_MODULES}
    for binding, case in SHOWN.values():
        tree = ast.parse(snippet(binding, case))
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        inputs = {given.name for given in case.spec.inputs}
        assert named - set(defined(tree)) <= roots | inputs | set(vars(builtins)), (binding.key, case.id)
        assert "assay" not in snippet(binding, case)


RUN_ALL = """
import importlib, sys
sys.path[:0] = {folders!r}
from assay.harness.judging.findings import accounts
from test_snippet import SHOWN
from assay.adapters.framework import framework
from assay.harness.judging.expectation import Expectation
from assay.harness.record import Target, Verdict
from assay.numerics.dtypes import encode
from assay.reports.snippet import FRAMEWORK_MODULES, snippet

adapter = framework({name!r}, "cpu")
adapter.start()
target = Target({name!r}, {name!r}, "cpu", "eager", True)
roots = {{}}
for module in FRAMEWORK_MODULES:
    root = module.partition(".")[0]
    if root in {imports!r}:
        importlib.import_module(module)
        roots[root] = sys.modules[root]
for binding, case in SHOWN.values():
    if binding.framework == {name!r} and case.valid:
        drawn = {{name: array for name, array in Expectation(case).inputs.items() if array is not None}}
        given = {{given.name: None for given in case.spec.inputs if given.kind != "recovered"}}
        given |= {{name: adapter.load(encode(array)) for name, array in drawn.items()}}
        try:
            exec(snippet(binding, case), roots | given)
        except Exception as error:
            refused = Verdict(case.id, binding.api, {name!r}, "rejects")
            if not accounts(refused, target):
                sys.exit(f"{{binding.key}} {{case.id}}: {{type(error).__name__}}: {{error}}")
"""


@pytest.mark.parametrize(
    ("name", "imports"),
    [("torch", ("torch",)), ("tensorflow", ("tensorflow", "numpy")), ("keras", ("keras", "tensorflow"))],
)
def test_code_on_the_page_runs_as_it_stands(name, imports):
    """JAX, which compiles for minutes, is left to the test above; what a framework refuses is a finding."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "benchmarks")]
    program = RUN_ALL.format(folders=folders, name=name, imports=imports)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]


SHOW_ALL = """
import sys
from assay.adapters.binding import bindings
from assay.reports.snippet import snippet
from assay.specs import all_specs
from assay.specs.language.case import Case

for binding in bindings().values():
    spec = all_specs()[binding.spec]
    default = tuple((p.name, p.default) for p in spec.parameters)
    snippet(binding, Case(spec, default, "float32", spec.data[0], spec.sizes[0]))
sys.exit(", ".join(sorted({"torch", "tensorflow", "keras", "jax"} & set(sys.modules))) or None)
"""


def test_showing_code_imports_no_framework():
    subprocess.run([sys.executable, "-c", SHOW_ALL], check=True)
