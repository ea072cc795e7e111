"""A mode is proved in force for each configuration, and the proof can fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROVE = """
import sys
from assay.adapters.framework import NotInForce, framework
from assay.numerics.dtypes import encode
import numpy as np

name, mode, other = sys.argv[1:]
adapter = framework(name, "cpu")
adapter.start()
x = adapter.load(encode(np.ones((2, 3), np.float32)))
asked = {"x": x}, [x]


def doubled(x):
    return x * 2


(y,), (gradient,) = adapter.in_force("eager", adapter.prepare(doubled, {}, ("x",), "eager"), *asked)[0]
returned, proof = adapter.in_force(mode, adapter.prepare(doubled, {}, ("x",), mode), *asked)
assert proof, "nothing shows that the mode was in force"
assert adapter.unload(returned[0][0]) == adapter.unload(y)
assert adapter.unload(returned[1][0]) == adapter.unload(gradient)
try:
    adapter.in_force(mode, adapter.prepare(doubled, {}, ("x",), other), *asked)
except NotInForce:
    pass
else:
    raise SystemExit(f"a run in mode {other} was taken for one in mode {mode}")
"""


@pytest.mark.parametrize(
    ("framework", "mode", "other"),
    [
        ("torch", "compiled", "eager"),
        ("tensorflow", "graph", "eager"),
        ("tensorflow", "xla", "eager"),
        ("tensorflow", "xla", "graph"),
        ("jax", "jit", "eager"),
        ("keras[torch]", "compiled", "eager"),
    ],
)
def test_a_mode_shows_that_it_ran_the_call_and_no_other_mode_passes_for_it(framework, mode, other):
    done = subprocess.run(
        [sys.executable, "-c", PROVE, framework, mode, other], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
