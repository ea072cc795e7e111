"""What an API shows beside its numbers: signature, weights, types, errors, state.

Each is seen in one small call, and told as it was seen: nothing here is right or wrong.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from ...adapters.binding import Binding
from ...numerics.dtypes import DTYPES, decode, dtype, encode, round_to
from ...specs.language.case import Case
from ...specs.language.spec import Spec
from ..judging.stochastic import is_stochastic
from ..running.processes import Crashed, Hung
from .arguments import Desk, admitted, bases, under
from .laws import law_of

__all__ = ["Seen", "Sheet", "Signature", "Weight", "sheet", "source_of"]

Kind = Literal["mode", "source", "type", "argument", "input", "state"]

REAL = ("float64", "float16", "bfloat16", "int32", "int64", "bool")
"""Types in which the first array is handed over, the others as they were."""

WHOLE = ("int32", "int64", "float32")
"""Types in which indices are handed over."""

WRONG = {
    "number": ("-1", "0", "float('nan')"),
    "count": ("-1", "0"),
    "flag": (),
    "word": ("'no_such_word'",),
    "several": ("-1", "0"),
}
"""What is tried in the place of an argument of each kind."""


class Seen(msgspec.Struct, frozen=True):
    """What came of one call.

    Args:
        kind: whether nothing was said of the mode or of what is drawn from, a type, an argument or an input
            was changed, or the state was looked at.
        what: was changed, such as ``x: int32`` or ``eps=-1``.
        gives: what was returned, as ``float32 (2, 3)``; empty where it raised.
        raises: what was raised.
    """

    kind: Kind
    what: str
    gives: str = ""
    raises: str = ""


class Weight(msgspec.Struct, frozen=True):
    """One weight of a layer as it is built.

    Args:
        name: by which the layer shows it.
        dtype: its type.
        axes: its lengths, with the names of the spec's axes where these tell them apart.
        trained: whether it is.
        initializer: its name in the layer's configuration, where there is one.
        law: what its numbers are drawn from, as they show.
    """

    name: str
    dtype: str
    axes: str
    trained: bool
    initializer: str = ""
    law: str = ""


class Signature(msgspec.Struct, frozen=True):
    """One argument of a signature: its name, whether it goes by one of two ways alone, its default."""

    name: str
    kind: str = ""
    default: str = ""


class Sheet(msgspec.Struct, frozen=True):
    """Everything that one API showed.

    Args:
        spec: name of the spec.
        api: the public name.
        target: what was asked.
        case: the case that was changed.
        signature: its arguments in order; none where it tells none.
        weights: of the layer as it is built.
        seen: what came of each call.
        unseen: why something could not be looked at.
    """

    spec: str
    api: str
    target: str
    case: str
    signature: tuple[Signature, ...] = ()
    weights: tuple[Weight, ...] = ()
    seen: tuple[Seen, ...] = ()
    unseen: str = ""


def sheet(desk: Desk, binding: Binding, spec: Spec) -> Sheet:
    """Everything that one API shows, on a case that is small and like no other in its lengths."""
    about = spec.name, binding.api, desk.target.name
    asked = bases(binding, spec)
    if not asked:
        return Sheet(*about, "", unseen="no smoke case of float32 is asked of it")
    case = max(asked, key=_telling)
    try:
        told = desk.worker.ask({"binding": binding.key, "look": "signature"}).get("signature", ())
        signature = tuple(Signature(*one) for one in told)
        weights = tuple(_weights(desk, binding, case))
        cases = sorted(asked, key=_telling, reverse=True)
        seen = (*_unsaid(desk, binding, cases), *_calls(desk, binding, case))
    except (Crashed, Hung) as error:
        return Sheet(*about, case.id, unseen=str(error))
    return Sheet(*about, case.id, signature, weights, seen)


def _telling(case: Case) -> tuple[bool, int, int, int]:
    """Ordinary data, lengths that differ from each other, nothing special, and small."""
    lengths = [length for length in case.size if length > 1]
    changed = sum(value != case.spec.defaults[name] for name, value in case.parameters)
    return case.data == case.spec.data[0], len({*lengths}), -changed, -sum(case.size)


# --- weights ---


def _weights(desk: Desk, binding: Binding, case: Case) -> Iterator[Weight]:
    if binding.build is None:
        return
    told = desk.look("built", binding, case)
    shapes = {name: tuple(shape) for name, _, shape, _ in told.get("weights", ())}
    names = _axes(case)
    for name, kind, shape, trained in told.get("weights", ()):
        numbers = np.concatenate([decode(*wire).ravel().astype(np.float64) for wire in told["drawn"][name]])
        axes = ", ".join(_axis(length, names) for length in shape)
        yield Weight(
            name,
            kind,
            f"({axes})",
            trained,
            _initializer(name, told.get("initializers", {})),
            law_of(numbers, tuple(shape), shapes, binding.framework),
        )


def _initializer(name: str, known: Mapping[str, str]) -> str:
    """The initializer of a weight: by its own name, or the last part of its path."""
    return known.get(name) or known.get(name.rpartition("/")[2], "")


def _axes(case: Case) -> dict[int, str]:
    """Names of the axes, of those that inputs beside the first have, whose lengths no other has."""
    beside = " ".join(i.axes for i in case.spec.inputs[1:])
    named = dict(zip(case.spec.axis_names, case.size, strict=True))
    named = {name: length for name, length in named.items() if re.search(rf"\b{name}\b", beside)} or named
    lengths = list(named.values())
    return {length: name for name, length in named.items() if lengths.count(length) == 1 and length > 1}


def _axis(length: int, names: Mapping[int, str]) -> str:
    """What an axis is called; that of several gates is a multiple."""
    if length in names:
        return names[length]
    for times in (2, 3, 4):
        if length % times == 0 and length // times in names:
            return f"{times} {names[length // times]}"
    return str(length)


# --- where nothing is said ---

TRIED = 3
"""Cases that are tried until one tells training from inference."""

MODES = ("training", "inference")


def _unsaid(desk: Desk, binding: Binding, cases: Sequence[Case]) -> Iterator[Seen]:
    """In which mode an API is that is not told, where it has two; and what it draws from that is not told."""
    if binding.composition:
        return
    trained = [under(case, {"training": True}) if "training" in case.arguments else case for case in cases]
    trained = [case for case in trained if admitted(binding, case)]
    for case in trained[:TRIED]:
        told = desk.look("mode", binding, case).get("mode")
        if told and any("gives" in told[mode] for mode in MODES) and told["training"] != told["inference"]:
            yield Seen("mode", "mode", **_mode(told))
            break
    drawing = [case for case in trained if is_stochastic(case)]
    if drawing and (told := desk.look("source", binding, drawing[0]).get("source")):
        yield Seen("source", "random numbers", **source_of(told))


def _mode(told: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Which of the two modes gives what comes where nothing is said."""
    unsaid = told["nothing"]
    if "raises" in unsaid:
        return {"raises": unsaid["raises"]}
    return {"gives": next((mode for mode in MODES if told[mode] == unsaid), "neither")}


def source_of(told: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Whether what three calls drew follows the global seed, which was set before the first two alone."""
    one, again, later = told
    if "raises" in one:
        return {"raises": one["raises"]}
    if one != again:
        return {"gives": "others in each call, whatever the global seed"}
    return {"gives": "by the global seed" if later != one else "the same in each call"}


# --- calls ---


def _calls(desk: Desk, binding: Binding, case: Case) -> Iterator[Seen]:
    yield from _types(desk, binding, case)
    yield from _arguments(desk, binding, case)
    yield from _inputs(desk, binding, case)
    yield _state(desk, binding, case)


def _types(desk: Desk, binding: Binding, case: Case) -> Iterator[Seen]:
    """The first array in other types, all of them in each, and indices in each type of whole numbers."""
    arrays = case.inputs()
    real = [i.name for i in case.sent if arrays[i.name].dtype.kind not in "biu"]
    plain: dict[str, Any] = {"plain": binding.framework == "keras"}  # whose layers have a type of their own
    if binding.row and "dtype" in binding.row.options:
        plain["unsaid"] = "dtype"
    for name in real[:1]:
        for kind in REAL:
            yield _tried(
                desk, binding, case, "type", f"{name}: {kind}", {name: _as(arrays[name], kind)}, **plain
            )
    if len(real) > 1:
        for kind in ("float64", "float16", "bfloat16"):
            every = {name: _as(arrays[name], kind) for name in real}
            yield _tried(desk, binding, case, "type", f"all: {kind}", every, **plain)
    for given in case.sent:
        if given.kind in ("index", "lengths"):
            for kind in WHOLE:
                changed = {given.name: _as(arrays[given.name], kind)}
                yield _tried(desk, binding, case, "type", f"{given.name}: {kind}", changed, **plain)


def _as(array: np.ndarray[Any, Any], kind: str) -> np.ndarray[Any, Any]:
    """The numbers in another type; whole ones are kept small, and some are not 0."""
    if kind == "bool":
        return array > 0
    if kind in DTYPES:
        return round_to(array.astype(np.float64), dtype(kind))
    whole = array if array.dtype.kind in "biu" else np.rint(3 * array.astype(np.float64)).clip(-100, 100)
    return whole.astype(kind)


def _arguments(desk: Desk, binding: Binding, case: Case) -> Iterator[Seen]:
    """Each own argument with what it does not take."""
    known = desk.options(binding, case.spec)
    for option in known:
        given = desk.own(binding, option, case)
        for wrong in WRONG[_kind(given)]:
            if wrong != given:
                changes = {"unsaid": option, "literal": wrong, "plain": True}
                yield _tried(
                    desk, binding, case, "argument", f"{option}={wrong}", {}, computed=True, **changes
                )
    for option in binding.row.options if binding.row else ():
        if option not in known:
            one = _tried(desk, binding, case, "argument", f"without {option}", {}, unsaid=option, plain=True)
            yield from [one] * bool(one.raises)


def _kind(text: str) -> str:
    """Of what kind an argument is that is given this."""
    value = ast.literal_eval(text) if text else None
    if isinstance(value, bool) or value is None:
        return "flag"
    if isinstance(value, int):
        return "count"
    if isinstance(value, float):
        return "number"
    return "word" if isinstance(value, str) else "several"


def _inputs(desk: Desk, binding: Binding, case: Case) -> Iterator[Seen]:
    """The first array with another rank, or with an empty batch or axis; indices out of range."""
    arrays = case.inputs()
    first = case.sent[0].name
    whole = arrays[first]
    yield _changed(desk, binding, case, f"{first}: one axis more", {first: whole[None]})
    if whole.ndim:
        alone = {n: a[0] for n, a in arrays.items() if _batched(case, n)} or {first: whole[0]}
        yield _changed(desk, binding, case, f"{first}: no batch", alone)
        empty = {n: a[:0] for n, a in arrays.items() if _batched(case, n)} or {first: whole[:0]}
        yield _changed(desk, binding, case, f"{first}: empty batch", empty)
    if whole.ndim > 1:
        yield _changed(desk, binding, case, f"{first}: axis 1 of length 0", {first: whole[:, :0]})
    for given in case.sent:
        if given.kind == "index" and arrays[given.name].size:
            for text, number in (("-1", -1), ("past the end", 1_000)):
                wrong = arrays[given.name].copy()
                wrong.flat[0] = number
                about = f"{given.name}: {text}"
                yield _changed(desk, binding, case, about, {given.name: wrong}, computed=True)


def _batched(case: Case, name: str) -> bool:
    """Whether an input has the first axis of the first input."""
    axes = {i.name: i.axes.partition(",")[0].strip() for i in case.sent}
    return bool(axes[name]) and axes[name] == axes[case.sent[0].name]


def _changed(
    desk: Desk,
    binding: Binding,
    case: Case,
    what: str,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    *,
    computed: bool = False,
) -> Seen:
    return _tried(desk, binding, case, "input", what, arrays, plain=True, computed=computed)


def _tried(
    desk: Desk,
    binding: Binding,
    case: Case,
    kind: Kind,
    what: str,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    *,
    computed: bool = False,
    **changes: Any,
) -> Seen:
    """What came of a call with other arrays, or another argument; what ends the worker is told as well."""
    wires: dict[str, Any] = {i.name: None for i in case.spec.inputs if i.kind != "recovered"}
    wires |= {name: encode(array) for name, array in {**case.inputs(), **arrays}.items()}
    try:
        told = desk.look("tried", binding, case, inputs=wires, abstract=not computed, **changes)
    except (Crashed, Hung) as error:
        first = str(error).partition("\n")[0]
        return Seen(kind, what, raises=f"{type(error).__name__}: {first[:120]}")
    if "returned" not in told:
        return Seen(kind, what, raises=told.get("raised", ""))
    return Seen(kind, what, "; ".join(_returned(*one) for one in told["returned"]))


def _returned(name: str, shape: tuple[int, ...], note: str) -> str:
    lengths = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    return f"{name} ({lengths}){' ' + note if note else ''}"


def _state(desk: Desk, binding: Binding, case: Case) -> Seen:
    told = desk.look("state", binding, case)
    if "changes" not in told:
        return Seen("state", "after a call", raises=told.get("raised", ""))
    return Seen("state", "after a call", ", ".join(told["changes"]) or "nothing has changed")
