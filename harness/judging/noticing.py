"""Whether the tests that frameworks write for themselves would notice an error, if they asked the same input.

Their tolerances are theirs, as their documentation states them: an error passes where it is at most ``atol``
plus ``rtol`` times what is expected. What a test lets pass may still be wrong, and no verdict rests on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["RULES", "passing"]

Rule = Mapping[str, tuple[float, float]]

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "torch.testing.assert_close": {
            "float16": (1e-3, 1e-5),
            "bfloat16": (1.6e-2, 1e-5),
            "float32": (1.3e-6, 1e-5),
            "float64": (1e-7, 1e-7),
        },
        "Keras's assertAllClose": dict.fromkeys(("float16", "bfloat16", "float32", "float64"), (1e-6, 1e-6)),
        "ONNX's backend tests": dict.fromkeys(("float16", "bfloat16", "float32", "float64"), (1e-3, 1e-7)),
    }
)
"""Default ``rtol`` and ``atol`` by dtype, of the rules that tests make use of; single tests override them."""


def passing(got: str, expected: str, dtype: str) -> tuple[str, ...]:
    """The rules that let a number pass for one that is expected, both as reports print them."""
    mine, right = float(got), float(expected)
    if math.isnan(mine) or math.isnan(right) or math.isinf(mine) or math.isinf(right):
        return tuple(RULES) if mine == right or (math.isnan(mine) and math.isnan(right)) else ()
    error = abs(mine - right)
    return tuple(
        name for name, rule in RULES.items() if error <= rule[dtype][1] + rule[dtype][0] * abs(right)
    )
