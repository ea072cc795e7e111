"""Proofs of the references: what kinds there are, what a test proves, and what counts as agreement.

A test says with `proves` which references it holds up and how, and compares with `assert_same` alone, which
types no tolerance and keeps how many digits agreed. `conftest.py` beside the references' tests gathers both;
`tests/meta/test_proof.py` sees that no reference stands on too little, and that every proof can fail.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from assay.numerics.carried import Carried, carry
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance

KINDS = {
    "worked figures": "a few numbers, worked out by hand",
    "published figures": "numbers that a paper or a book prints",
    "naive loop": "the definition, element by element, in integers or fractions",
    "high precision": "the definition in 40 digits or more, by mpmath",
    "law": "an equation between references, or between two uses of one",
    "complex step": "the derivative of the reference itself, taken without subtraction",
}

VJP = "_vjp"
TESTS = Path(__file__).resolve().parents[1] / "reference"
(FLOAT64,) = profiles("float64")


# --- what a test proves ---


@dataclass(frozen=True, order=True)
class Proof:
    """One reason to believe in one reference."""

    family: str
    reference: str
    kind: str
    words: str
    """What the test says, which is its name."""

    where: str
    """The file of the test, ``activations`` for test_activations.py."""

    @property
    def of_gradient(self) -> bool:
        """Whether it holds up a vector-Jacobian product."""
        return self.reference.endswith(VJP)


def proves(*references: Callable[..., Any], by: str) -> pytest.MarkDecorator:
    """Marks a test, or a row of its parameters, as a proof of these references or vjps.

    Raises:
        ValueError: ``by`` is none of `KINDS`.
    """
    if by not in KINDS:
        raise ValueError(f"a proof is by one of {', '.join(KINDS)}; got {by!r}")
    return pytest.mark.proves(*references, by=by)


def family_of(reference: Callable[..., Any]) -> str:
    """The module that a reference stands in."""
    return reference.__module__.rpartition(".")[2]


def proofs_of(path: Path, test: str, marks: Iterable[pytest.Mark]) -> list[Proof]:
    """The proofs that the ``marks`` of a ``test`` in the file at ``path`` claim."""
    words, where = test.removeprefix("test_").replace("_", " "), path.stem.removeprefix("test_")
    return [
        Proof(family_of(reference), reference.__name__, mark.kwargs["by"], words, where)
        for mark in marks
        for reference in mark.args
    ]


@dataclass(frozen=True)
class Call:
    """One call that pytest makes of a test."""

    module: Any
    test: Callable[..., None]
    arguments: dict[str, Any]
    marks: tuple[pytest.Mark, ...]

    @property
    def proofs(self) -> list[Proof]:
        """What this call proves."""
        return proofs_of(Path(self.module.__file__), self.test.__name__, self.marks)


def all_calls() -> Iterator[Call]:
    """Every call of every test of the references."""
    for path in sorted(TESTS.glob("test_*.py")):
        module = _module(path)
        for name, test in vars(module).items():
            if name.startswith("test_"):
                yield from _calls(module, test)


@functools.cache
def _module(path: Path) -> Any:
    """A test module, loaded from its path: by name, the folder and the package's own could be confused."""
    spec = importlib.util.spec_from_file_location(f"proofs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _calls(module: Any, test: Callable[..., None]) -> Iterator[Call]:
    marks = getattr(test, "pytestmark", [])
    own = [mark for mark in marks if mark.name == "proves"]
    tables = [_rows(*mark.args) for mark in marks if mark.name == "parametrize"]
    for rows in itertools.product(*tables):
        arguments = {name: value for given, _ in rows for name, value in given.items()}
        yield Call(module, test, arguments, (*own, *(mark for _, of_row in rows for mark in of_row)))


def _rows(
    names: str | tuple[str, ...], rows: Iterable[Any]
) -> list[tuple[dict[str, Any], list[pytest.Mark]]]:
    """What each row of a table of parameters gives to a test, and the marks of the row."""
    names = (names,) if isinstance(names, str) else names
    found = []
    for row in rows:
        if not isinstance(row, type(pytest.param())):
            row = pytest.param(*row) if len(names) > 1 else pytest.param(row)
        found.append((dict(zip(names, row.values, strict=True)), [mark.mark for mark in row.marks]))
    return found


# --- what counts as agreement ---


def carried(given: Any) -> Any:
    """An array, or each array of a mapping, that carries its rounding error in float64."""
    if isinstance(given, Mapping):
        return {name: carried(array) for name, array in given.items()}
    return carry(given, FLOAT64)


def assert_same(got: Any, wanted: Any, *, size: Any = None) -> None:
    """Two evaluations of one quantity agree: within what both carry, and to the last bit if neither does.

    NaN agrees with NaN. A single number stands for any shape.

    Args:
        got: plain or error-carrying; or a tuple, each of which agrees with its own.
        wanted: the same; or exact numbers (`fractions.Fraction`, ``mpmath.mpf``); or figures as they are
            printed, which stand for all numbers that round to them.
        size: the magnitude to which errors are related, for a sum that cancels; by default the largest one
            wanted.

    Raises:
        AssertionError: they differ by more than that, or agree in less than half of the digits of float64
            although they carry so much error.
    """
    if isinstance(got, tuple):
        for one, other in zip(got, wanted, strict=True):
            assert_same(one, other, size=size)
        return
    value, (exact, half_unit) = _value(got), _figures(_value(wanted))
    exact = np.broadcast_to(exact, value.shape) if exact.ndim == 0 else exact
    assert value.shape == exact.shape, f"got shape {value.shape}; wanted {exact.shape}"
    assert value.size, "there is nothing to compare"
    gap = _gap(value, exact)
    scale = _largest(exact) if size is None else float(size)
    allowed = np.minimum(_allowed(got) + _allowed(wanted), math.sqrt(FLOAT64.u) * scale) + half_unit
    allowed = np.broadcast_to(allowed, gap.shape)
    outside = ~(gap <= allowed)
    if outside.any():
        worst = np.unravel_index(np.argmax(np.where(outside, np.nan_to_num(gap, nan=np.inf), -1)), gap.shape)
        place = f" at {list(map(int, worst))}" if worst else ""
        raise AssertionError(
            f"got {value[worst]}, wanted {exact[worst]}{place}: {gap[worst]:.3g} apart, of which"
            f" {allowed[worst]:.3g} is rounding; {int(outside.sum())} of {gap.size} elements differ"
        )
    _record(float(np.max(gap)), scale)


def _value(x: Any) -> np.ndarray:
    return np.asarray(x.value if isinstance(x, Carried) else x)


def _figures(exact: np.ndarray) -> tuple[np.ndarray, Any]:
    """Printed figures as fractions, with half a unit of the last place of each; other numbers as they are."""
    if exact.dtype.kind != "U":
        return exact, 0.0
    places = np.vectorize(lambda text: len(text.partition(".")[2]))(exact)
    return np.asarray(np.frompyfunc(Fraction, 1, 1)(exact), dtype=object), 0.5 * 10.0**-places


def _largest(exact: np.ndarray) -> float:
    """The largest finite magnitude."""
    sizes = np.abs(exact.astype(np.float64))
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def _allowed(x: Any) -> Any:
    # On worked figures and integers roundings repeat, so only the worst case counts.
    return tolerance(x, independent=False) if isinstance(x, Carried) else 0.0


def _gap(value: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distances, 0 between equal infinities and between NaNs."""
    if exact.dtype == object:
        return np.asarray(np.frompyfunc(_distance, 2, 1)(value, exact), dtype=np.float64)
    value, exact = value.astype(np.float64), exact.astype(np.float64)
    same = (value == exact) | (np.isnan(value) & np.isnan(exact))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.abs(value - exact))


def _distance(value: float, exact: Fraction | mpmath.mpf) -> float:
    """A float is a fraction, so the difference is exact until it is rounded once."""
    return float(abs(Fraction(value) - exact if isinstance(exact, Fraction) else mpmath.mpf(value) - exact))


# --- how many digits agreed ---

_measured: list[float] = []


@contextlib.contextmanager
def measuring() -> Iterator[list[float]]:
    """The digits of each comparison made in the meantime."""
    _measured.clear()
    yield _measured


def _record(error: float, scale: float) -> None:
    """Digits of the largest error beside the largest magnitude: infinitely many where bits agree."""
    relative = error / scale if scale else error
    _measured.append(math.inf if error == 0 else -math.log10(relative))
