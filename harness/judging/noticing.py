"""Whether the tests that frameworks write for themselves would notice an error, if they asked the same input.

Their tolerances are theirs, as they state them: an error passes where it is at most ``atol`` plus ``rtol``
times what is expected. What a test lets pass may still be wrong, and no verdict rests on them. PyTorch's are
with each operator, in its OpInfo; `benchmarks/opinfo.py` reads them into ``specs/opinfo.json``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

__all__ = ["RULES", "Noticing", "Operator", "noticing", "operators"]

FILE = Path(__file__).resolve().parents[2] / "specs" / "opinfo.json"

Rule = Mapping[str, tuple[float, float]]

DTYPES = ("float16", "bfloat16", "float32", "float64")

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "PyTorch": {
            "float16": (1e-3, 1e-5),
            "bfloat16": (1.6e-2, 1e-5),
            "float32": (1.3e-6, 1e-5),
            "float64": (1e-7, 1e-7),
        },
        "TensorFlow": dict.fromkeys(DTYPES, (1e-6, 1e-6))
        | {"float16": (1e-3, 1e-3), "bfloat16": (1e-2, 1e-2)},
        "Keras": dict.fromkeys(DTYPES, (1e-6, 1e-6)),
        "JAX": {dtype: (x, x) for dtype, x in zip(DTYPES, (1e-3, 1e-2, 1e-6, 1e-15), strict=True)},
        "ONNX": dict.fromkeys(DTYPES, (1e-3, 1e-7)),
    }
)
"""Default ``rtol`` and ``atol`` by dtype of `torch.testing.assert_close`, TensorFlow's
assertAllCloseAccordingToType, Keras's assertAllClose, JAX's assertAllClose and the backend tests of ONNX."""

OWN = {"torch": "PyTorch", "tf": "TensorFlow", "keras": "Keras", "jax": "JAX"}
"""Whose tests an API has, by the first word of its name; flax and optax type a tolerance in each test."""


class Override(msgspec.Struct, frozen=True):
    """A tolerance that single tests of an operator have in the place of the default."""

    rtol: float
    atol: float
    test: str


class Operator(msgspec.Struct, frozen=True):
    """What PyTorch's tests say of one operator.

    Args:
        name: of its OpInfo.
        reference: whether a test compares its values with what another library gives.
        overrides: the widest tolerance of such tests by dtype, where it is not the default.
    """

    name: str
    reference: bool
    overrides: dict[str, Override]


class _Read(msgspec.Struct, frozen=True):
    torch: str
    operators: dict[str, Operator]


@functools.cache
def operators() -> Mapping[str, Operator]:
    """The operator of each public name of PyTorch that has one."""
    return msgspec.json.decode(FILE.read_bytes(), type=_Read).operators


class Noticing(msgspec.Struct, frozen=True):
    """How large an error is beside the tolerance of one test; a NaN where a number is expected is noticed."""

    rule: str
    error: float
    tolerance: float
    remark: str = ""

    @property
    def noticed(self) -> bool:
        """Whether the test fails."""
        return not self.error <= self.tolerance


def noticing(implementation: str, got: str, expected: str, dtype: str) -> tuple[Noticing, ...]:
    """What each rule makes of a number for one that is expected, both as reports print them.

    The first is that of the implementation's own framework, where it has one; then come Keras's and ONNX's.
    """
    mine, right = float(got), float(expected)
    alike = mine == right or (math.isnan(mine) and math.isnan(right))
    error = 0.0 if alike else abs(mine - right)
    own = OWN.get(implementation.partition(".")[0])
    names = dict.fromkeys([*([own] if own else []), "Keras", "ONNX"])
    return tuple(_beside(name, implementation, error, abs(right), dtype) for name in names)


def _beside(name: str, implementation: str, error: float, size: float, dtype: str) -> Noticing:
    rtol, atol = RULES[name][dtype]
    operator = operators().get(implementation) if name == "PyTorch" else None
    override = operator.overrides.get(dtype) if operator else None
    if override:
        rtol, atol = override.rtol, override.atol
    tolerance = atol + rtol * size if math.isfinite(size) else 0.0
    return Noticing(name, error, tolerance, _remark(operator, override))


def _remark(operator: Operator | None, override: Override | None) -> str:
    if operator is None:
        return ""
    compared = "" if operator.reference else ", which has no reference to compare with"
    return f"OpInfo {operator.name}{f', override of {override.test}' if override else ''}{compared}"
