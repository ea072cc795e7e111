"""A binding's code is shown as one would write it for the case."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from assay.adapters.binding import bindings
from assay.reports.snippet import snippet
from assay.specs import all_specs
from assay.specs.language.case import parse
from assay.specs.language.cases import cases

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
            "layer = keras.layers.SpatialDropout1D(0.3, seed=20260101, dtype='float32'); "
            "layer(x, training=True)",
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
            "keras.random.dropout",
            "dropout_noise_shape/shared=batch/float32/normal/33x5x17",
            "keras.random.dropout(x, 0.3, noise_shape=(1, 5, 17), seed=20260101)",
        ),
    ],
)
def test_options_are_put_in_and_what_follows_is_worked_out(implementation, case, code):
    case = parse(case, SPECS)
    assert snippet(bindings()[f"{case.spec.name}:{implementation}"], case) == code


@pytest.mark.parametrize("name", SPECS)
def test_every_binding_can_be_shown(name):
    first = next(case for case in cases(SPECS[name]) if case.valid)
    for binding in bindings().values():
        if binding.spec == name:
            assert ast.parse(snippet(binding, first))


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
