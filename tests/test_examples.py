"""The examples: each kernel passes, and what its broken twin does wrong is found and named."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

import assay
from assay.adapters.kernel.function import find_function
from assay.api import check_file

EXAMPLES = Path(__file__).parents[1] / "examples"

#: A triton that something else has imported would not be interpreted; beside another LLVM it aborts. It has
#: a process of its own, and this one never runs the file.
ALONE = {"isolate": True, "time_limit": 120.0}
TRITON = ALONE | {"axis": -1, "between": 0, "tiles": (32,)}
ATTENTION = ALONE | {
    "head_map": "blocked",
    "empty_row": "zero",
    "tiles": (16,),
    "sizes": [(1, 3, 5, 2, 3, 4, 4), (1, 7, 4, 3, 2, 6, 6)],
    "dtypes": ("float32",),
}
#: Few sizes: each is compiled.
PALLAS = {"sizes": [(3, 2, 17), (2, 1, 33)]}
QUANTIZE = {"format": "int8", "scope": "row", "epsilon_at": "floor"}
FEW = {"sizes": "smoke"}
HALVES_TOO = {"dtypes": ("float32", "bfloat16", "float16", "float64")}

#: File and function, spec, options, and whether it has gradients.
KERNELS = [
    ("triton_softmax.py:softmax", "softmax", TRITON | {"dtypes": ("float32", "float16")}, False),
    ("triton_grouped_attention.py:attention", "grouped_query_attention", ATTENTION, False),
    ("pallas_rms_norm.py:rms_norm", "rms_norm", PALLAS, True),
    ("numba_layer_norm.py:layer_norm", "layer_norm", {}, False),
    ("c_gelu.py:gelu", "gelu", {}, False),
    ("c_quantize.py:quantize", "quantize", QUANTIZE, False),
    ("torch_silu.py:silu", "silu", HALVES_TOO, True),
    ("torch_rotary_embedding.py:rotary_embedding", "rotary_embedding", {}, True),
    ("torch_fused_add_rms_norm.py:fused_add_rms_norm", "fused_add_rms_norm", {}, True),
    ("c_paged_attention.py:attention", "paged_attention", FEW, False),
    ("torch_merge_states.py:merge", "merge_attention_states", FEW, True),
]

#: File and function, spec, options, the check that the twin must fail, and words of the diagnosis.
TWINS = [
    ("triton_softmax.py:broken", "softmax", TRITON, "values", "is off by a factor of its own"),
    (
        "pallas_rms_norm.py:broken",
        "rms_norm",
        PALLAS | {"shrink": False},
        "values",
        "lanes of padding counted along channels, up to a multiple of 32",
    ),
    (
        "triton_grouped_attention.py:broken",
        "grouped_query_attention",
        ATTENTION | {"causal": "none", "shrink": False, "sizes": [(1, 3, 5, 2, 3, 4, 4)]},
        "values",
        "it gives what the fault “heads divided by the number of groups” gives",
    ),
    ("numba_layer_norm.py:broken", "layer_norm", {}, "values", "layer_norm/default/float32/offset"),
    ("c_gelu.py:broken", "gelu", {}, "values", "it computes approximate=true"),
    ("c_gelu.py:overrun", "gelu", {}, "bounds", "writes outside of output 0: 1 element(s) past its end"),
    ("c_quantize.py:broken", "quantize", QUANTIZE, "values", "quantize/default/float32/normal"),
    ("torch_silu.py:broken", "silu", {}, "gradients", "gradient of x"),
    (
        "torch_rotary_embedding.py:broken",
        "rotary_embedding",
        {},
        "values",
        "rotary_embedding/default/float32/long_context",
    ),
    (
        "torch_fused_add_rms_norm.py:broken",
        "fused_add_rms_norm",
        {},
        "gradients",
        "cotangent of sum ignored",
    ),
    (
        "c_paged_attention.py:broken",
        "paged_attention",
        FEW,
        "special values",
        "it gives what the fault “rows of nobody times 0” gives",
    ),
    (
        "torch_merge_states.py:broken",
        "merge_attention_states",
        FEW,
        "special values",
        "y[0, 1, 0] is nan; expected 0.0",
    ),
]

#: What each example needs, beside what assay itself does.
NEEDS = {"triton": ("torch", "triton"), "pallas": ("jax",), "numba": ("numba",), "torch": ("torch",), "c": ()}


def checked(place, spec, options):
    """The report on an example, or a skip that says what is missing."""
    file, _, name = place.partition(":")
    language = file.partition("_")[0]
    for module in NEEDS[language]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{file} needs {module}: pip install 'assay[test,{module}]'")
    if language == "c" and not shutil.which("cc"):
        pytest.skip(f"{file} needs a C compiler called cc")
    if options.get("isolate"):
        rest = {key: value for key, value in options.items() if key != "isolate"}
        return check_file(EXAMPLES / file, name, spec=spec, **rest)
    return assay.check(find_function(EXAMPLES / file, name), spec, **options)


@pytest.mark.parametrize(("place", "spec", "options", "gradients"), KERNELS, ids=[k[0] for k in KERNELS])
def test_an_example_passes(place, spec, options, gradients):
    report = checked(place, spec, options)
    report.raise_for_failures()
    passed = {line.check: line.passed for line in report.data.lines}
    assert (passed["gradients"] > 0) == gradients


@pytest.mark.parametrize(("place", "spec", "options", "check", "words"), TWINS, ids=[t[0] for t in TWINS])
def test_a_broken_twin_is_caught_and_its_fault_named(place, spec, options, check, words):
    findings = {f.check: f for f in checked(place, spec, options).data.findings}
    assert check in findings
    assert words in str(findings[check])


def test_every_example_is_run():
    kernels = {path.name for path in EXAMPLES.glob("*.py")} - {"cluster.py"}  # which test_shards.py runs
    assert {place.partition(":")[0] for place, *_ in KERNELS} == kernels
