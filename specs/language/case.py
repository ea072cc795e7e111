"""A case: pure data with a readable id from which it can be rebuilt, bit for bit, on any machine.

``conv2d/strides=2,padding=same/float32/normal/2x7x9x4x6x3x2`` is the spec, the parameters that are not
at their default (``default`` if all are), the dtype, the data set and the lengths of the spec's axes.
In place of the data set, ``breaks-C3`` names the constraint that the case breaks on purpose, and
``breaks-C3.2`` another breach of it; ``breaks-features`` breaks that inputs agree in the axis ``features``.
``#7`` at the end asks the same with other numbers, drawn from seed 7.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import Usage
from ...numerics import data as data_sets
from ...numerics.dtypes import DTYPES, dtype, round_to
from ...numerics.generator import Stream
from .spec import Constraint, Input, Spec, Value, evaluate, shape_of

__all__ = ["BREAKS", "Case", "parse"]

WITH_ENDS = ("zeros", "saturated", "infinities", "negative_infinities")
"""Data sets beside which probabilities are 0 or 1 in places."""

INDICES = {
    "indices_high": data_sets.draw_high_indices,
    "long_context": data_sets.draw_positions,
    "out_of_range": data_sets.draw_indices_out_of_range,
    "negative": data_sets.draw_negative_indices,
    "far_below": data_sets.draw_indices_far_below,
}
"""How indices are drawn in data sets whose aim they are."""

BREAKS = "breaks-"
"""Stands before the label of a constraint where a valid case names its data set."""


@dataclass(frozen=True)
class Case:
    """One question: this spec, with these parameter values, sizes, dtype and data."""

    spec: Spec
    parameters: tuple[tuple[str, Value], ...]
    dtype: str
    data: str
    size: tuple[int, ...]
    seed: int = 0

    @functools.cached_property
    def id(self) -> str:
        """Readable name; ``parse(case.id, …)`` gives the case back."""
        changed = [f"{n}={encode(v)}" for n, v in self.parameters if v != self.spec.parameter(n).default]
        size = "x".join(map(str, self.size)) + (f"#{self.seed}" if self.seed else "")
        return "/".join((self.spec.name, ",".join(changed) or "default", self.dtype, self.data, size))

    @functools.cached_property
    def breaks(self) -> Constraint | None:
        """The constraint that this case breaks, if that is what it is for."""
        return self._breach[0] if self._breach else None

    @functools.cached_property
    def _breach(self) -> tuple[Constraint, Mapping[str, Value]] | None:
        return self.spec.breach(self.data.removeprefix(BREAKS)) if self.data.startswith(BREAKS) else None

    @functools.cached_property
    def names(self) -> dict[str, Any]:
        """Everything that expressions of the spec may mention: an input's name stands for its shape."""
        change = dict(self._breach[1]) if self._breach else {}
        names = {
            **dict(zip(self.spec.axis_names, self.size, strict=True)),
            **dict(self.parameters),
            "dtype": self.dtype,
            "data": self.spec.data[0] if self.breaks else self.data,
        }
        axes = {i.name: str(change.pop(i.name, i.axes)) for i in self.spec.inputs}
        lengths = {n: evaluate(str(v), names) for n, v in change.items() if _is_length(self.spec, n, v)}
        names |= change | lengths
        return names | {name: shape_of(text, names) for name, text in axes.items()}

    @property
    def arguments(self) -> dict[str, Value]:
        """The parameters as an implementation is given them."""
        return {name: self.names[name] for name, _ in self.parameters}

    @property
    def valid(self) -> bool:
        """Whether a value is expected; otherwise implementations are expected to raise."""
        return self.breaks is None

    @property
    def configuration(self) -> tuple[Any, ...]:
        """All of the case but its data."""
        return self.parameters, self.dtype, self.size

    @property
    def given(self) -> tuple[Input, ...]:
        """The inputs that this case has."""
        return self.spec.given(self.names)

    @property
    def sent(self) -> tuple[Input, ...]:
        """The inputs that an implementation is handed: those given, less what is recovered from it."""
        return tuple(i for i in self.given if i.kind != "recovered")

    def inputs(self) -> dict[str, np.ndarray]:
        """The arrays, drawn in the case's dtype: the same bits wherever they are drawn."""
        return {i.name: self._draw(i) for i in self.sent}

    def cotangent(self, output: str, shape: tuple[int, ...]) -> np.ndarray:
        """Random cotangent of one output, in the case's dtype.

        Its magnitudes lie between 1/2 and 1, so that in whatever order an implementation multiplies by
        it, no product overflows that need not. Where numbers come again, it does too.
        """
        stream, period = self._stream(f"cotangent/{output}"), self.period
        drawn = (period,) if period else shape
        values = round_to(stream.signs(drawn) * (0.5 + 0.5 * stream.uniform(drawn)), dtype(self.dtype))
        return np.resize(values, shape) if period else values

    @property
    def period(self) -> int:
        """After how many places of the data the same numbers come again; 0 if they do not."""
        return data_sets.data_set(self.data).period(dtype(self.dtype)) if self.valid else 0

    def _stream(self, name: str) -> Stream:
        return Stream(f"{self.id}/{name}")

    def _draw(self, given: Input) -> np.ndarray:
        stream, shape, target = self._stream(given.name), self.names[given.name], dtype(self.dtype)
        aim = self.names["data"]
        if given.kind == "index" or given.kind == "lengths":
            limit = int(evaluate(given.limit or "0", self.names))
            if given.kind == "lengths":
                least = int(evaluate(given.least, self.names))
                if aim == "masked_rows":
                    return data_sets.draw_lengths_with_empty(stream, shape, limit)
                return data_sets.draw_lengths(stream, shape, limit, least)
            if aim in INDICES:
                return INDICES[aim](stream, shape, limit)
            return self._with_what_is_held(given, data_sets.draw_indices(stream, shape, limit))
        if given.kind == "mask":
            draw_mask = data_sets.draw_mask_with_empty_rows if aim == "masked_rows" else data_sets.draw_mask
            return draw_mask(stream, shape)
        own = self.spec.kernel_only.get(aim)
        if own is not None:  # it fills these inputs alone
            aim = aim if given.name in own else self.spec.data[0]
        if given.kind == "data" or (own is not None and given.name in own):
            drawn = data_sets.data_set(aim).draw(stream, shape, target)
            return self._with_padding(given, drawn) if aim in data_sets.PADDED_WITH else drawn
        draw: Callable[..., np.ndarray] = {
            "weight": data_sets.draw_weight,
            "positive": data_sets.draw_positive,
            "probability": data_sets.draw_probability,
            "unit": data_sets.draw_unit,
            "sample_weight": data_sets.draw_sample_weights,
            "decay": data_sets.draw_decay,
        }[given.kind]
        if given.kind in ("probability", "unit"):
            return draw(stream, shape, target, ends=aim in WITH_ENDS)
        return draw(stream, shape, target)

    def _with_what_is_held(self, given: Input, indices: np.ndarray) -> np.ndarray:
        """The indices, among which the value of the parameter occurs that ``marks`` names, if it has one."""
        value = self.names[given.marks] if given.marks else None
        if value is None or indices.size < 2 or np.any(indices == value):
            return indices
        marked: np.ndarray = indices.copy()
        places = self._stream(f"{given.name}/marked").permutation(marked.size)
        marked.reshape(-1)[places[: max(marked.size // 4, 1)]] = value
        return marked

    def _with_padding(self, given: Input, drawn: np.ndarray) -> np.ndarray:
        """The array, with the data set's own number wherever nothing counts."""
        target = dtype(self.dtype)
        value = round_to(data_sets.PADDED_WITH[self.names["data"]](target), target)
        for nothing in self._uncounted(given, drawn.shape):
            drawn = drawn.copy()
            drawn[nothing] = value
        return drawn

    def _uncounted(self, given: Input, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        """Where masks, lengths or tables say that nothing counts, along the leading axes of an input, or all.

        A mask of the axes ``batch, time`` and lengths per ``batch`` up to ``time`` speak of every array whose
        axes begin with ``batch, time``; of anything else the spec says it itself.
        """
        if self.spec.unowned is not None:
            marks = {i.name: self._draw(i) for i in self.sent if i.kind in ("index", "lengths", "mask")}
            unowned = self.spec.unowned({**self.names, **marks})
            if given.name in unowned:
                yield unowned[given.name]
            return
        for other in self.sent:
            axes = {"mask": other.axes, "lengths": f"{other.axes}, {other.limit}"}.get(other.kind)
            if axes is not None and f"{given.axes}, ".startswith(f"{axes}, "):
                mark = self._draw(other)
                yield ~mark if other.kind == "mask" else np.arange(shape[1]) >= mark[:, np.newaxis]


def _is_length(spec: Spec, name: str, value: Value) -> bool:
    """Whether a change gives an axis another length by an expression."""
    return name in spec.axis_names and isinstance(value, str)


def encode(value: Value) -> str:
    """Text of a parameter value in a case id: ``true``, ``0.1``, ``same``, ``2x1``, ``1+0x2+1``."""
    if isinstance(value, tuple):
        return "x".join("+".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in value)
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def decode(text: str, known: Iterable[Value] = ()) -> Value:
    """Parameter value that a case id writes as ``text``; ``known`` values win."""
    for value in known:
        if encode(value) == text:
            return value
    if re.fullmatch(r"\d+(x\d+)+", text):
        return tuple(int(part) for part in text.split("x"))
    if re.fullmatch(r"\d+\+\d+(x\d+\+\d+)*", text):
        return tuple(tuple(int(p) for p in pair.split("+")) for pair in text.split("x"))
    constants: dict[str, Value] = {"true": True, "false": False, "none": None}
    if text in constants:
        return constants[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def parse(case_id: str, specs: dict[str, Spec]) -> Case:
    """The case that ``case_id`` names.

    Raises:
        ValueError: for an id that names no spec, parameter, dtype, data set or size; says what is allowed.
    """
    parts = case_id.strip().split("/")
    if len(parts) != 5:
        raise Usage(
            f"case id {case_id!r} has {len(parts)} parts; it needs five: spec/parameters/dtype/data/size, "
            "as in gelu/approximate=true/float32/normal/3x17"
        )
    name, changed, dtype_name, data, last = parts
    size, hash_sign, seed = last.partition("#")
    if name not in specs:
        raise Usage(f"case id {case_id!r}: no spec is called {name!r} (see `assay list`)")
    spec = specs[name]
    values = spec.defaults
    for item in [] if changed == "default" else changed.split(","):
        key, equals, text = item.partition("=")
        if not equals:
            raise Usage(f"case id {case_id!r}: {item!r} is not of the form parameter=value")
        values[key] = decode(text, (*spec.parameter(key).values, *spec.grid.get(key, ())))
    if dtype_name not in DTYPES:
        raise Usage(f"case id {case_id!r}: dtype {dtype_name!r} is not one of {', '.join(DTYPES)}")
    if data.startswith(BREAKS):
        spec.breach(data.removeprefix(BREAKS))
    elif data not in (*spec.data, *spec.kernel_only, *spec.grid.get("data", ())):
        known = ", ".join((*spec.data, *spec.kernel_only, *map(str, spec.grid.get("data", ()))))
        raise Usage(f"case id {case_id!r}: {name} has no data set {data!r}; it has {known}")
    lengths = tuple(size.split("x"))
    if len(lengths) != len(spec.axis_names) or not all(text.isdigit() for text in lengths):
        raise Usage(
            f"case id {case_id!r}: size {size!r} must be {len(spec.axis_names)} lengths joined by 'x', "
            f"for the axes {', '.join(spec.axis_names)}"
        )
    if hash_sign and not seed.isdigit():
        raise Usage(f"case id {case_id!r}: the seed after '#' must be a number; got {seed!r}")
    return Case(
        spec, tuple(values.items()), dtype_name, data, tuple(int(text) for text in lengths), int(seed or 0)
    )
