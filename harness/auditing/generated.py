"""Faults that follow from the spec: what can be read, chosen or returned wrongly, whatever a layer computes.

Each input is lost, doubled, shifted, reversed, cut off and read in another layout; each option takes every
other of its values; each output, state and gradient is scaled by the length of an axis, reversed or lost, and
so is each cotangent. What changes inputs or options is wrong in the outputs alone and, as a fault of its own,
in the gradients alone. Where a change changes nothing it is no fault.

What needs a thought (one-pass variance, epsilon outside the root, the side of a kink) is written by hand, in
``specs/variants``; a test refuses what is written there and follows from the spec.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...specs.language.spec import Input, Parameter, Spec, Value
from ...specs.variants import no_faults_of
from ..judging.expectation import Expectation
from ..plan import implementations
from .variants import GeneralFault, Result, correct, expected, gradients_of, outputs_of

__all__ = ["generated"]

Array = np.ndarray[Any, Any]
Change = Callable[[Array], Array]
Wrong = Callable[[Expectation], Expectation | None]
"""What is answered in the place of a question; None where that makes no sense, or no difference."""

UNFIT = (ValueError, IndexError, ArithmeticError)
"""What a reference raises of inputs and options that do not fit together."""


PATIENCE = 8
"""Questions in which a fault that need not act may make no difference before it is put no more."""


def generated(spec: Spec) -> tuple[GeneralFault, ...]:
    """Every fault that follows from the spec, by the place where it is made."""
    found = (
        *_ignored_inputs(spec),
        *_ignored_options(spec),
        *_wrong_inputs(spec),
        *_wrong_options(spec),
        *_wrong_results(spec),
        *_wrong_gradients(spec),
        *_wrong_cotangents(spec),
    )
    return tuple(fault for fault in found if fault.name not in no_faults_of(spec))


# --- what must make a difference: every input, and every option ---


def _ignored_inputs(spec: Spec) -> Iterator[GeneralFault]:
    """Each input lost. Without its mask a layer lets everything count."""
    for given in spec.inputs:
        if given.kind != "recovered":
            lost = np.ones_like if given.kind == "mask" else np.zeros_like
            asked = functools.partial(_with_inputs, {given.name: lost})
            yield GeneralFault(f"{given.name} lost", functools.partial(_in_both, asked), essential=True)


def _ignored_options(spec: Spec) -> Iterator[GeneralFault]:
    """Each option left at its default; where that is refused, it raises."""
    for option in _options(spec):
        left = functools.partial(_at_default, option)
        yield GeneralFault(f"{option.name} left at its default", left, essential=True)


def _at_default(option: Parameter, expectation: Expectation) -> Result | None:
    if expectation.parameters[option.name] == option.default:
        return None
    return _answered(_taking(option.name, option.default, expectation), expectation)


def _in_both(wrong: Wrong, expectation: Expectation) -> Result | None:
    asked = wrong(expectation)
    try:
        return _answered(asked, expectation) if asked else None
    except UNFIT:
        return None


def _answered(asked: Expectation, expectation: Expectation) -> Result:
    """The answer to a question; outputs of another shape have no gradient under the same cotangents."""
    right, outputs = correct(expectation), outputs_of(asked)
    fits = [y.shape for y in outputs] == [y.shape for y in right.outputs]
    return Result(outputs, gradients_of(asked) if fits else right.gradients)


# --- wrong in the outputs alone, and in the gradients alone ---


def _fault(name: str, spoil: Callable[[Expectation], Result | None]) -> GeneralFault:
    """A fault that may well make no difference in any case."""
    return GeneralFault(name, spoil, patience=PATIENCE)


def _each_way(name: str, wrong: Wrong) -> tuple[GeneralFault, GeneralFault]:
    return (
        _fault(name, functools.partial(_in_outputs, wrong)),
        _fault(f"{name}, in the gradient", functools.partial(_in_gradients, wrong)),
    )


def _in_outputs(wrong: Wrong, expectation: Expectation) -> Result | None:
    asked = wrong(expectation)
    try:
        return dataclasses.replace(correct(expectation), outputs=outputs_of(asked)) if asked else None
    except UNFIT:
        return None


def _in_gradients(wrong: Wrong, expectation: Expectation) -> Result | None:
    asked = wrong(expectation)
    try:
        return dataclasses.replace(correct(expectation), gradients=gradients_of(asked)) if asked else None
    except UNFIT:
        return None


# --- what may happen to an array ---


def _edge_lost(given: Array, axis: int, last: bool) -> Array:
    """The last or the first slice along an axis read as zeros."""
    kept = np.array(given)
    np.moveaxis(kept, axis, 0)[-1 if last else 0] = 0
    return kept


def _late(given: Array, axis: int) -> Array:
    """Every slice where the next one should be, after zeros."""
    return _edge_lost(np.roll(given, 1, axis), axis, last=False)


def _first_for_all(given: Array, axis: int | tuple[int, ...]) -> Array:
    """The first slice along an axis, or along several, in the place of every one."""
    for one in axis if isinstance(axis, tuple) else (axis,):
        given = np.repeat(np.take(given, [0], one), given.shape[one], one)
    return given


def _stored(moved: Callable[..., Array], one: int, other: int, given: Array) -> Array:
    """The same numbers, laid out as if axes stood in another order."""
    return np.reshape(moved(given, one, other), given.shape)


def _window_reversed(given: Array) -> Array:
    return np.flip(given, tuple(range(given.ndim - 2))) if given.ndim > 3 else given


SCALED: dict[str, Change] = {
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "doubled": lambda given: 2 * given,
    "negated": lambda given: -given,
    "plus one": lambda given: given + 1,
    "by magnitude": np.abs,
}
"""What may happen to all numbers alike."""

ALONG: dict[str, Callable[..., Array]] = {
    "shifted by one": lambda given, axis: np.roll(given, 1, axis),
    "in reverse": np.flip,
    "without the last": functools.partial(_edge_lost, last=True),
    "without the first": functools.partial(_edge_lost, last=False),
    "as the first": _first_for_all,
    "one place late": _late,
}
"""What may happen along an axis."""

PERMUTED = ("shifted by one", "in reverse")
"""What may happen along an axis to integers, of which zero means no more than others."""

KINDS: dict[str, dict[str, Change]] = {
    "mask": {"all true": np.ones_like, "all false": np.zeros_like, "inverted": np.logical_not},
    "index": {
        "all zero": np.zeros_like,
        "one less": lambda given: np.where(given > 0, given - 1, given),
        "one more": lambda given: np.where((given >= 0) & (given < given.max()), given + 1, given),
    },
    "lengths": {
        "all zero": np.zeros_like,
        "all full": lambda given: np.full_like(given, given.max(initial=0)),
        "one less": lambda given: np.where(given > 0, given - 1, given),
        "one more": lambda given: np.where(given < given.max(), given + 1, given),
    },
}
"""What may happen to inputs that hold no real numbers."""


# --- inputs ---


def _wrong_inputs(spec: Spec) -> Iterator[GeneralFault]:
    for given in spec.inputs:
        for words, change in _changes(given).items():
            yield from _each_way(
                f"{given.name} {words}", functools.partial(_with_inputs, {given.name: change})
            )
    yield from _exchanged_inputs(spec)
    yield from _exchanged_gates(spec)


def _with_inputs(changes: Mapping[str, Change], expectation: Expectation) -> Expectation | None:
    """The question with inputs changed; None where they are absent, or stay as they are."""
    before = {name: expectation.named[name] for name in changes if name in expectation.inputs}
    with np.errstate(all="ignore"):  # what is doubled may overflow
        after = {name: _changed(changes[name], array) for name, array in before.items()}
    same = all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    return None if same else expectation.asking(after)


def _changed(change: Change, array: Array) -> Array:
    """What a change makes of an array, in its type; an empty one has nothing to lose."""
    return np.asarray(change(array), array.dtype) if array.size else array


def _changes(given: Input) -> dict[str, Change]:
    """What may be made of an input, by its kind; what is recovered is random in any order."""
    if given.kind == "recovered":
        return {}
    numbers = given.kind in Input.NUMBERS
    along = {
        f"{words} along {axis}": functools.partial(change, axis=place)
        for (axis, place), (words, change) in itertools.product(_axes(given).items(), ALONG.items())
        if numbers or given.kind == "mask" or words in PERMUTED
    }
    return {**SCALED, **along, **_misread(given)} if numbers else {**KINDS[given.kind], **along}


def _misread(given: Input) -> dict[str, Change]:
    """The numbers of an input read from memory in another order, or wrong along two axes at once."""
    axes = _axes(given)
    found: dict[str, Change] = {
        f"stored with {one} and {other} exchanged": functools.partial(_stored, np.swapaxes, first, second)
        for (one, first), (other, second) in itertools.combinations(axes.items(), 2)
    }
    if len(axes) > 2:
        for (one, first), (other, second) in itertools.pairwise(axes.items()):
            for words in ("in reverse", "as the first"):
                change = functools.partial(ALONG[words], axis=(first, second))
                found[f"{words} along {one} and {other}"] = change
        found["stored with its first axis last"] = functools.partial(_stored, np.moveaxis, 0, -1)
        found["stored with its last axis first"] = functools.partial(_stored, np.moveaxis, -1, 0)
        found["stored with its axes in reverse"] = lambda given: given.T.reshape(given.shape)
        found["in reverse along all but two axes"] = _window_reversed
    return found


def _axes(given: Input) -> dict[str, int]:
    """Places of an input's axes by what the spec calls them, but for those that vary in number."""
    words = _split(given.axes)
    starred = [place for place, word in enumerate(words) if word.startswith("*")]
    first, last = (starred[0], starred[-1]) if starred else (len(words), len(words))
    found: dict[str, int] = {}
    for place, word in enumerate(words):
        if word != "1" and not first <= place <= last:
            called = word if len(word) < 20 else f"axis {place + 1}"
            called = f"the second {called}" if called in found else called
            found[called] = place if place < first else place - len(words)
    return found


def _split(axes: str) -> list[str]:
    """The expressions of a list of axes."""
    found, depth = [""], 0
    for letter in axes:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [word.strip() for word in found if word.strip()]


def _exchanged_inputs(spec: Spec) -> Iterator[GeneralFault]:
    """Each input in the place of another of its shape, and the two exchanged."""
    numbers = [given for given in spec.inputs if given.kind in Input.NUMBERS]
    alike = [(a.name, b.name) for a, b in itertools.combinations(numbers, 2) if a.axes == b.axes]
    for one, other in alike:
        both = functools.partial(_in_place_of, {one: other, other: one})
        yield from _each_way(f"{one} and {other} exchanged", both)
        for wrong, right in ((one, other), (other, one)):
            yield from _each_way(
                f"{wrong} in the place of {right}", functools.partial(_in_place_of, {right: wrong})
            )


def _in_place_of(instead: Mapping[str, str], expectation: Expectation) -> Expectation | None:
    given = expectation.inputs
    if not {*instead, *instead.values()} <= set(given):
        return None
    return expectation.asking({name: given[other] for name, other in instead.items()})


def _exchanged_gates(spec: Spec) -> Iterator[GeneralFault]:
    """Two gates exchanged: in all inputs that hold so many along their last axis, and in each alone."""
    gates = {given.name: _gates(given) for given in spec.inputs if given.kind in Input.NUMBERS}
    counts = sorted(set(gates.values()) - {1})
    for count in counts:
        holding = [name for name in gates if gates[name] == count]
        every = "" if len(counts) == 1 else f" of {count}"
        alone = {f" of {name}": [name] for name in holding} if len(holding) > 1 else {}
        for one, other in itertools.combinations(range(count), 2):
            order = list(range(count))
            order[one], order[other] = other, one
            change = functools.partial(_in_order, order)
            for words, names in {every: holding, **alone}.items():
                wrong = functools.partial(_with_inputs, dict.fromkeys(names, change))
                yield from _each_way(f"gates {one + 1} and {other + 1}{words} exchanged", wrong)


def _gates(given: Input) -> int:
    """How many blocks the last axis holds: 4 in ``4 * units``."""
    count, _, length = (_split(given.axes) or [""])[-1].partition(" * ")
    return int(count) if count.isdigit() and length.isidentifier() else 1


def _in_order(order: Sequence[int], given: Array) -> Array:
    blocks = np.split(given, len(order), axis=-1)
    return np.concatenate([blocks[place] for place in order], axis=-1)


# --- options ---


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_tuple(value: Value) -> bool:
    return isinstance(value, tuple)


OPTIONS: dict[str, tuple[Callable[[Value], bool], Callable[[Any], Any]]] = {
    "{} halved": (_is_number, lambda value: value // 2 if isinstance(value, int) else value / 2),
    "{} doubled": (_is_number, lambda value: 2 * value),
    "{} divided by ten": (_is_number, lambda value: value if isinstance(value, int) else value / 10),
    "1 - {0} for {0}": (_is_number, lambda value: 1 - value),
    "{} plus one": (_is_number, lambda value: value + 1),
    "{} of 0": (_is_number, lambda value: 0 * value),
    "{} in the other order": (_is_tuple, lambda value: value[::-1]),
    "sides of {} exchanged": (
        _is_tuple,
        lambda value: tuple(one[::-1] if isinstance(one, tuple) else one for one in value),
    ),
}
"""What may be made of numbers, of numbers for several axes, and of those for both sides of each."""


def _wrong_options(spec: Spec) -> Iterator[GeneralFault]:
    for option in _options(spec):
        for wrong, right in itertools.permutations(option.values, 2):
            instead = functools.partial(_value_for, option.name, wrong, right)
            yield from _each_way(f"{option.name} {wrong!r} for {right!r}", instead)
    for option in spec.parameters:
        for words, (fits, change) in OPTIONS.items():
            if option.name in _acting(spec) and any(fits(v) and change(v) != v for v in option.values):
                changed = functools.partial(_changed_option, option.name, fits, change)
                yield from _each_way(words.format(option.name), changed)


def _options(spec: Spec) -> list[Parameter]:
    """Options of several values that some implementation leaves open.

    One that only invalid cases change is met by the case of its constraint.
    """
    acting = _acting(spec) - {name for c in spec.constraints for name in c.broken_by if len(c.broken_by) > 1}
    return [o for o in spec.parameters if o.name in acting and len(o.values) > 1 and not _pinned(spec, o)]


def _acting(spec: Spec) -> set[str]:
    """Names of the options that the reference or its vjp takes; the others act through inputs."""
    return {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}


def _pinned(spec: Spec, option: Parameter) -> bool:
    """Whether every implementation fixes an option at its default: kernels alone are asked another value."""
    found = implementations(spec)
    return bool(found) and all(f"{option.name} == {option.default!r}" in b.where for b in found)


def _value_for(name: str, wrong: Value, right: Value, expectation: Expectation) -> Expectation | None:
    return _with_option(name, wrong, expectation) if expectation.parameters[name] == right else None


def _changed_option(
    name: str, fits: Callable[[Value], bool], change: Callable[[Any], Any], expectation: Expectation
) -> Expectation | None:
    value = expectation.parameters[name]
    if not fits(value) or change(value) == value:
        return None
    return _with_option(name, change(value), expectation)


def _with_option(name: str, value: Value, expectation: Expectation) -> Expectation | None:
    """The question with another value of an option; None where it asks for inputs that there are not."""
    asked = _taking(name, value, expectation)
    wanted = {given.name for given in asked.case.spec.given({**asked.case.names, name: value})}
    return asked if wanted <= asked.inputs.keys() else None


def _taking(name: str, value: Value, expectation: Expectation) -> Expectation:
    """The question with another value of an option, and with what a layer would draw under that value."""
    case, drawn = expectation.case, dict[str, Array]()
    if case.spec.recover is not None:
        changed = tuple((n, value if n == name else v) for n, v in case.parameters)
        other = expected(dataclasses.replace(case, parameters=changed))
        drawn = {n: other.inputs[n] for n in other.distributions if n not in expectation.inputs}
    return expectation.asking(drawn, {name: value})


# --- outputs, states and gradients ---

Edit = Callable[[Array, Mapping[str, Any]], Array]
"""Makes a wrong array of a right one; it is given lengths of axes, parameters and inputs by name."""

PLACES = {"first": 0, "second": 1, "last": -1}
"""Axes along which a result may be wrong, whatever they stand for."""


def _edits(spec: Spec) -> dict[str, Edit]:
    """What may happen to an output, a state or a gradient."""
    found = {words: _edited(SCALED[words]) for words in ("zeros", "doubled", "negated")}
    found |= _edits_along("in reverse")
    found["in reverse along all but two axes"] = _edited(_window_reversed)
    found["transposed"] = _edited(_transposed)
    names = spec.axis_names
    several = itertools.islice(itertools.accumulate(names, lambda one, other: f"{one} by {other}"), 1, None)
    for axes in (*names, *several):
        found[f"times {axes}"] = functools.partial(_scaled_by, operator.mul, axes.split(" by "))
        found[f"divided by {axes}"] = functools.partial(_scaled_by, operator.truediv, axes.split(" by "))
    return found


def _edited(change: Change) -> Edit:
    return lambda array, names: change(array)


def _edits_along(*words: str) -> dict[str, Edit]:
    return {
        f"{each} along its {axis} axis": _edited(functools.partial(_along, ALONG[each], place))
        for each, (axis, place) in itertools.product(words, PLACES.items())
    }


def _along(change: Callable[..., Array], place: int, array: Array) -> Array:
    return change(array, axis=place) if array.ndim > max(place, 0) else array


def _transposed(array: Array) -> Array:
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2]
    return np.swapaxes(array, -1, -2) if square else array


def _scaled_by(
    scale: Callable[[Array, int], Array], axes: Iterable[str], array: Array, names: Mapping[str, Any]
) -> Array:
    return scale(array, math.prod(names[axis] for axis in axes))


def _taken(name: str, array: Array, names: Mapping[str, Any]) -> Array:
    """What is there by name in the place of an array, where it has its shape."""
    found = names[name]
    return found if np.shape(found) == array.shape else array


def _wrong_results(spec: Spec) -> Iterator[GeneralFault]:
    """Each output and state edited, not renewed, an input as it is, or another output."""
    names, inputs = (*spec.outputs, *spec.states), [i.name for i in spec.inputs if i.kind in Input.NUMBERS]
    misplaced = _edits_along("as the first", "one place late", "shifted by one")
    for place, name in enumerate(names):
        before = name.removeprefix("final_")
        as_it_is: dict[str, Edit] = {
            f"is {n} as it is": functools.partial(_taken, n) for n in inputs if n != before
        }
        stale: dict[str, Edit] = (
            {"not updated": functools.partial(_taken, before)} if before in inputs else {}
        )
        called = f"new {name}" if name in inputs else name
        for words, edit in {**_edits(spec), **misplaced, **as_it_is, **stale}.items():
            yield _fault(f"{called} {words}", functools.partial(_with_output, place, edit))
    for (one, first), (other, second) in itertools.combinations(enumerate(names), 2):
        yield _fault(
            f"{first} and {second} returned as each other",
            functools.partial(_exchanged, "outputs", one, other),
        )


def _with_output(place: int, edit: Edit, expectation: Expectation) -> Result | None:
    return _replaced("outputs", place, edit, expectation.named, correct(expectation))


def _wrong_gradients(spec: Spec) -> Iterator[GeneralFault]:
    """Each gradient edited, the cotangent as it is, that of some rows, or that of another input."""
    differentiable = [given for given in spec.inputs if given.differentiable]
    passed: dict[str, Edit] = {"is the cotangent as it is": functools.partial(_taken, "cotangent")}
    for given in differentiable:
        for words, edit in {**_edits(spec), **passed}.items():
            wrong = functools.partial(_with_gradient, given.name, edit)
            yield _fault(f"gradient of {given.name} {words}", wrong)
        for words, change in ROWS.items():
            wrong = functools.partial(_gradient_from, given.name, change)
            yield _fault(f"gradient of {given.name} {words}", wrong)
    for one, other in itertools.combinations(differentiable, 2):
        if one.axes == other.axes:
            exchanged = functools.partial(_gradients_exchanged, one.name, other.name)
            yield _fault(f"gradients of {one.name} and {other.name} exchanged", exchanged)


def _with_gradient(name: str, edit: Edit, expectation: Expectation) -> Result | None:
    if name not in expectation.wrt:
        return None
    names = {**expectation.named, "cotangent": expectation.cotangents[0]}
    return _replaced("gradients", expectation.wrt.index(name), edit, names, correct(expectation))


def _gradient_from(name: str, change: Change, expectation: Expectation) -> Result | None:
    """The gradient of one input under other cotangents."""
    if name not in expectation.wrt:
        return None
    found = _in_gradients(
        functools.partial(_with_cotangents, [change] * len(expectation.cotangents)), expectation
    )
    place = expectation.wrt.index(name)
    return found and _replaced(
        "gradients", place, lambda array, names: found.gradients[place], {}, correct(expectation)
    )


def _gradients_exchanged(one: str, other: str, expectation: Expectation) -> Result | None:
    wrt = expectation.wrt
    if one not in wrt or other not in wrt:
        return None
    return _exchanged("gradients", wrt.index(one), wrt.index(other), expectation)


def _replaced(which: str, place: int, edit: Edit, names: Mapping[str, Any], right: Result) -> Result | None:
    """The right result with one of its outputs or gradients edited; None where that changes nothing."""
    arrays = list(getattr(right, which))
    before = arrays[place]
    if not before.size or before.dtype.kind in "biu":
        return None
    with np.errstate(all="ignore"):
        arrays[place] = np.asarray(edit(before, names), np.float64)
    same = arrays[place] is before or np.array_equal(arrays[place], before, equal_nan=True)
    return None if same else dataclasses.replace(right, **{which: tuple(arrays)})


def _exchanged(which: str, one: int, other: int, expectation: Expectation) -> Result | None:
    """Two outputs or gradients, each in the place of the other."""
    right = correct(expectation)
    arrays = list(getattr(right, which))
    if arrays[one].shape != arrays[other].shape:
        return None
    arrays[one], arrays[other] = arrays[other], arrays[one]
    return dataclasses.replace(right, **{which: tuple(arrays)})


# --- cotangents ---

ROWS: dict[str, Change] = {
    "of the first row alone": lambda given: (
        given * (np.arange(len(given)) == 0).reshape(-1, *[1] * (given.ndim - 1))
    ),
    "without the last row": functools.partial(_edge_lost, axis=0, last=True),
}
"""Which rows of a cotangent may count."""

COTANGENTS: dict[str, Change] = {
    "ignored": np.zeros_like,
    "taken as ones": np.ones_like,
    "doubled": lambda given: 2 * given,
    "as the first row": functools.partial(_first_for_all, axis=0),
    "in reverse": lambda given: given[::-1],
    "in reverse along its second axis": lambda given: given[:, ::-1] if given.ndim > 1 else given,
    **ROWS,
}
"""What may be made of a cotangent."""


def _wrong_cotangents(spec: Spec) -> Iterator[GeneralFault]:
    count = len(spec.outputs)
    for place, name in enumerate(spec.outputs):
        for words, change in COTANGENTS.items():
            changes = [change if at == place else None for at in range(count)]
            yield _under(f"cotangent of {name} {words}", changes)
        if count > 2:
            others = [None if at == place else np.zeros_like for at in range(count)]
            yield _under(f"cotangents of all but {name} ignored", others)


def _under(name: str, changes: Sequence[Change | None]) -> GeneralFault:
    under = functools.partial(_with_cotangents, changes)
    return _fault(name, functools.partial(_in_gradients, under))


def _with_cotangents(changes: Sequence[Change | None], expectation: Expectation) -> Expectation | None:
    """The question under other cotangents; None where they are the same. Those of scalars have no rows."""
    before = expectation.cotangents
    after = [
        _changed(change, g) if change and (g.ndim or change not in ROWED) else g
        for g, change in zip(before, changes, strict=True)
    ]
    if all(map(np.array_equal, before, after)):
        return None
    return expectation.asking({}, cotangents=tuple(after))


ROWED = [
    change for words, change in COTANGENTS.items() if words not in ("ignored", "taken as ones", "doubled")
]
"""Changes that only what has rows can undergo."""
