"""The own arguments of public APIs: what each means in the words of the spec, and what it is by default.

What an argument means stands in the row of the binding; of bindings that are functions it is recorded: the
call is watched while one parameter at a time is varied. Its default is measured: the call leaves it out, and
what comes back is held to the reference under each value that the spec lists, under the one that the
signature declares, and under those of other parameters. The signature alone would not do: many declare
nothing, or None.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ...adapters.binding import Binding
from ...adapters.recording import literal
from ...specs.language.case import Case
from ...specs.language.spec import Spec, Value
from ...syntax import parse
from ..judging.expectation import Expectation
from ..judging.stochastic import SEED
from ..plan import refusal, selection
from ..record import Target, Verdict
from ..running.ask import Request, ask
from ..running.look import silenced
from ..running.processes import Crashed, Hung, Worker

__all__ = [
    "Argument",
    "Desk",
    "Standing",
    "admitted",
    "bases",
    "in_scope",
    "is_defined",
    "options_of",
    "own_value",
    "under",
]

Standing = Literal["default", "declared", "required", "agrees", "unlisted", "raises", "unasked"]
"""What was found where an argument is not given.

``default``: one value explains the results, and no other that was tried does. ``declared``: the signature
says so, the results agree, and other values would explain them too. ``required``: the API does not go
without it. ``agrees``: the values explain the results, and nothing that was tried tells them from others.
``unlisted``: none that was tried does. ``raises``: for another reason. ``unasked``: no case could tell.
"""

OPEN = ("agrees", "unlisted", "unasked")
"""Where the values alone do not tell what is given where nothing is."""

FORMS: Mapping[str, Callable[[Any], str]] = {
    "{}": repr,
    "not {}": lambda value: repr(not value),
    "1 - {}": lambda value: repr(float(f"{1 - value:.12g}")) if _is_number(value) else "",
    "-{}": lambda value: repr(-value) if _is_number(value) else "",
    "'{}'": lambda value: f"'{value}'",
}
"""How an own argument may follow from one parameter, in words of Python."""

MOST = 12
"""Combinations of values that are tried for one argument."""

CUSTOMARY = {"epsilon": (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 2.0**-23)}
"""What defaults are by custom, tried where a signature declares nothing; the last is that of float32."""

STEPS = ("strides", "dilation")
"""Parameters that may be 1 along every axis where a signature declares nothing."""

Own = Callable[[Case], str]
"""What an argument is given in a case, as Python writes it."""

LIKENED = {"strides": "window"}
"""Parameters that may have the value of another one where nothing is said."""

NEEDED = ("missing", "required", "must be specified", "must be provided", "should be defined")
"""How frameworks say that they do not go without an argument."""


class Argument(msgspec.Struct, frozen=True):
    """One of an API's own arguments.

    Args:
        spec: name of the spec.
        api: the public name.
        target: what was asked, such as ``torch/cpu``.
        name: of the argument.
        expression: what it is given, over the parameters of the spec.
        parameters: those that it settles.
        standing: what was found where it is not given.
        default: what it is then given, as Python writes it; empty where that follows from shapes.
        values: those of ``parameters`` that explain the result.
        like: the parameter whose value it then has.
        declared: what the signature says, as Python writes it.
        message: what was raised.
    """

    spec: str
    api: str
    target: str
    name: str
    expression: str
    parameters: tuple[str, ...]
    standing: Standing
    default: str = ""
    values: tuple[dict[str, Value], ...] = ()
    like: str = ""
    declared: str = ""
    message: str = ""


def options_of(binding: Binding, spec: Spec) -> dict[str, tuple[str, ...]]:
    """The own arguments of a row that follow from parameters of the spec, with these parameters.

    An input that is only asked whether it is there stands for the parameter that says so.
    """
    assert binding.row is not None
    known = {parameter.name for parameter in spec.parameters}
    presence = {given.name: given.when for given in spec.inputs if given.when in known}
    found = {}
    for option, expression in binding.row.options.items():
        names = dict.fromkeys(n.id for n in ast.walk(parse(expression)) if isinstance(n, ast.Name))
        meant = tuple(dict.fromkeys(presence.get(name, name) for name in names))
        if own := tuple(name for name in meant if name in known):
            found[option] = own
    return found


def bases(binding: Binding, spec: Spec, tier: str = "smoke") -> list[Case]:
    """The valid cases of float32 that an implementation is asked, smallest first."""
    asked = [c for c in selection(spec, tier, ("float32",)) if c.valid and refusal(binding, c) is None]
    return sorted(asked, key=lambda case: sum(case.size))


def under(case: Case, values: Mapping[str, Value]) -> Case:
    """The case with other values of parameters."""
    return dataclasses.replace(case, parameters=tuple((n, values.get(n, v)) for n, v in case.parameters))


def admitted(binding: Binding, case: Case) -> bool:
    """Whether a case is in scope, and the implementation can be asked it."""
    return bool(case.spec.admits(case.names)) and refusal(binding, case) is None


def pins(binding: Binding) -> dict[str, tuple[Value, str]]:
    """Parameters that have one value in all that an implementation can do, with the reasons."""
    found = {}
    for rule, reason in binding.where.items():
        match parse(rule, "eval").body:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq() | ast.Is()], comparators=[right]):
                with contextlib.suppress(ValueError):
                    found[name] = ast.literal_eval(right), reason
    return found


def own_value(binding: Binding, option: str, case: Case) -> str:
    """What an argument is given in a case, as Python writes it; empty where it follows from shapes."""
    assert binding.row is not None
    names: dict[str, object] = {
        i.name: Ranked(len(case.names[i.name])) if i in case.given else None for i in case.spec.inputs
    }
    names |= case.arguments
    try:
        text = literal(eval(binding.row.options[option], binding.function.__globals__, names))
    except Exception:  # whatever an expression of a row raises, it is none of parameters alone
        return ""
    return text if is_literal(text) else ""


@dataclass(frozen=True)
class Ranked:
    """Stands for an array of which only the number of axes is known."""

    ndim: int


def is_literal(text: str) -> bool:
    """Whether a text is a value as Python writes it."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True


class Desk:
    """Asks the implementations of one framework what they do where an argument is not given."""

    def __init__(self, worker: Worker, target: Target) -> None:
        self.worker, self.target = worker, target
        self._known: dict[tuple[str, str, str], Verdict] = {}
        self._recorded: dict[tuple[Any, ...], dict[str, str]] = {}
        self._timings: defaultdict[str, float] = defaultdict(float)
        self._expected: dict[tuple[str, str], Expectation] = {}

    def has(self, binding: Binding) -> bool:
        """Whether this version has the API."""
        request = {"binding": binding.key, "look": "there"}
        return bool(self.worker.ask(request).get("there", True))

    def options(self, binding: Binding, spec: Spec) -> dict[str, tuple[str, ...]]:
        """The own arguments that follow from parameters, with these: by the row, or by recording."""
        if binding.row is not None:
            return options_of(binding, spec)
        return self._moving(binding, spec)

    def own(self, binding: Binding, option: str, case: Case) -> str:
        """What an argument is given in a case, as Python writes it; empty where it follows from shapes."""
        if binding.row is not None:
            return own_value(binding, option, case)
        text = self.recorded(binding, case).get(option, "")
        return text if is_literal(text) else ""

    def recorded(self, binding: Binding, case: Case) -> dict[str, str]:
        """What the API is given in a case, by its own arguments; nothing where the call cannot be watched."""
        key = binding.key, *case.configuration
        if key not in self._recorded:
            self._recorded[key] = self.look("recorded", binding, case).get("recorded", {})
        return self._recorded[key]

    def look(self, what: str, binding: Binding, case: Case, **more: Any) -> dict[str, Any]:
        """What a worker sees of an API beside its numbers; ``more`` replaces what a case asks."""
        request = Request(self._expectation(case), binding, self.target).encoded()
        return self.worker.ask({**request, "look": what, "seed": SEED, **more})

    def _expectation(self, case: Case, meant: Mapping[str, Value] | None = None) -> Expectation:
        """What the reference expects, computed once for all APIs of a layer."""
        if self._expected and next(iter(self._expected))[0].partition("/")[0] != case.spec.name:
            self._expected.clear()
        key = case.id, repr(meant)
        if key not in self._expected:
            self._expected[key] = Expectation(case, meant)
        return self._expected[key]

    def _moving(self, binding: Binding, spec: Spec) -> dict[str, tuple[str, ...]]:
        """The arguments that move when one parameter alone moves."""
        found = defaultdict[str, dict[str, None]](dict)
        for base in bases(binding, spec)[:3]:
            plain = self.recorded(binding, base)
            for parameter in spec.parameters:
                for value in parameter.values:
                    case = under(base, {parameter.name: value})
                    if value == base.arguments[parameter.name] or not in_scope(binding, case):
                        continue
                    moved = self.recorded(binding, case)
                    for option in {name for name in moved if moved[name] != plain.get(name)}:
                        found[option][parameter.name] = None
        return {option: tuple(found[option]) for option in sorted(found)}

    def arguments(self, binding: Binding, spec: Spec) -> Iterator[Argument]:
        """Every own argument that follows from parameters; what ends the worker costs one."""
        for option, parameters in self.options(binding, spec).items():
            try:
                yield self.measured(binding, spec, option, parameters)
            except (Crashed, Hung) as error:
                about = spec.name, binding.api, self.target.name, option
                given = self._expression(binding, spec, option, parameters)
                yield Argument(*about, given, parameters, "raises", message=str(error))

    def _expression(self, binding: Binding, spec: Spec, option: str, parameters: tuple[str, ...]) -> str:
        """What an argument is given, over the parameters: as the row says, or as the recording shows."""
        if binding.row is not None:
            return binding.row.options[option]
        given = dict[str, str]()
        for base in bases(binding, spec)[:3]:
            for values in _listed(spec, parameters):
                case = under(base, dict(zip(parameters, values, strict=True)))
                if in_scope(binding, case) and (text := self.recorded(binding, case).get(option)):
                    given.setdefault(", ".join(map(repr, values)), text)
        (first, *rest) = parameters
        if not rest:
            value = {repr(v): v for v in spec.parameter(first).values}
            for form, spelt in FORMS.items():
                if all(key in value and spelt(value[key]) == text for key, text in given.items()):
                    return form.format(first)
        return "; ".join(f"{key}: {text}" for key, text in given.items())

    def measured(self, binding: Binding, spec: Spec, option: str, parameters: tuple[str, ...]) -> Argument:
        """What one argument is where it is not given."""
        told = self._declared(binding, option)
        given = self._expression(binding, spec, option, parameters)
        argument = Argument(
            spec.name, binding.api, self.target.name, option, given, parameters, "unasked", declared=told
        )
        telling = _telling(binding, spec, parameters)

        def own(case: Case) -> str:
            return self.own(binding, option, case)

        left = _hypotheses(telling, own, parameters, told)
        spoke, refuted, message = set[Hypothesis](), False, ""
        alone = not set(parameters) & set(silenced(binding, option).arguments)
        for base in telling:
            for one, (holds, raised) in self._held(binding, option, base, left, alone=alone).items():
                spoke |= {one} if holds is not None else set()
                if holds is False:
                    left.remove(one)
                    refuted, message = True, raised or message
            if refuted and len(left) <= 1 and spoke.issuperset(left):
                break
        left = [one for one in left if one in spoke]
        if not left and message and any(word in message for word in NEEDED):
            return replace(argument, standing="required", message=message)
        found = _found(argument, left, refuted, own, telling)
        tells = told not in ("", "None") or (
            told and found.values
        )  # a None that nothing explains says nothing
        if found.standing in OPEN and tells and self._as_declared(binding, option, told, telling):
            return replace(found, standing="declared", default=told, message=message)
        return replace(found, standing="raises", message=message) if not left and message else found

    def _declared(self, binding: Binding, option: str) -> str:
        request = {"binding": binding.key, "look": "declared", "option": option}
        return str(self.worker.ask(request).get("declared", ""))

    def _as_declared(self, binding: Binding, option: str, told: str, telling: Sequence[Case]) -> bool:
        """Whether leaving an argument out and giving it what the signature declares come to the same.

        The same bits, or the same error, in cases that could tell.
        """
        for case in telling[:2]:
            unsaid, said = (self.verdict(binding, case, option, literal=text) for text in ("", told))
            same = unsaid.digest == said.digest if said.digest else unsaid.message == said.message
            if not same:
                return False
        return bool(telling)

    def _held(
        self, binding: Binding, option: str, base: Case, every: Sequence[Hypothesis], *, alone: bool
    ) -> dict[Hypothesis, tuple[bool | None, str]]:
        """Which defaults explain what a case gives without the argument, and what is raised.

        None: the case under that default is out of scope. Where the argument ``alone`` follows from its
        parameters, the call without it is the same under all of them: what explains it refutes the others.
        """
        cases = {one: case for one in every if in_scope(binding, case := one.of(base))}
        unsaid = {one: self._unsaid(binding, option, case) for one, case in cases.items()}
        settled = alone and any(verdict.outcome == "conforms" for verdict in unsaid.values())
        found = dict[Hypothesis, tuple[bool | None, str]](dict.fromkeys(every, (None, "")))
        for one, verdict in unsaid.items():
            if settled or verdict.outcome == "conforms":
                found[one] = verdict.outcome == "conforms", ""
            else:
                found[one] = holds, raised = self._explained(binding, cases[one], verdict)
                settled = alone and holds is False and bool(raised)  # and with the argument it does not raise
        return found

    def _unsaid(self, binding: Binding, option: str, case: Case) -> Verdict:
        """What comes of a call without the argument, in a case that several bases may lead to."""
        key = binding.key, option, case.id
        if key not in self._known:
            self._known[key] = self.verdict(binding, case, option)
        return self._known[key]

    def _explained(self, binding: Binding, case: Case, unsaid: Verdict) -> tuple[bool | None, str]:
        """Whether a call without the argument, which gives nothing right, gives what one with it gives.

        None where the call with it raises as well, or cannot be made: that shows nothing.
        """
        said, raised = self.verdict(binding, case), unsaid.message if unsaid.outcome == "rejects" else ""
        if said.outcome in ("rejects", "unsupported"):
            return None, raised
        return unsaid.digest != "" and unsaid.digest == said.digest, raised

    def verdict(
        self,
        binding: Binding,
        case: Case,
        unsaid: str = "",
        meant: Mapping[str, Value] | None = None,
        literal: str = "",
    ) -> Verdict:
        """What an implementation does in a case.

        Args:
            binding: the implementation.
            case: the case.
            unsaid: one of its own arguments that it is not given.
            meant: parameters that the answer is held to, in the place of those that are given.
            literal: what the argument ``unsaid`` is given instead, as Python writes it.
        """
        expectation = self._expectation(case, meant)
        request = Request(expectation, binding, self.target, unsaid, literal, scripted=False)
        return ask(request, self.worker, self._timings)[0]


def in_scope(binding: Binding, case: Case) -> bool:
    """Whether a case can be asked; what a hypothesis gives a parameter need not be of the right form."""
    try:
        return admitted(binding, case) and is_defined(case)
    except (TypeError, IndexError):
        return False


def is_defined(case: Case, meant: Mapping[str, Value] | None = None) -> bool:
    """Whether the reference takes the parameters, or with the case's arrays those that are ``meant``.

    Those that a signature declares need not make sense, and others may ask for arrays of other shapes.
    """
    try:
        return bool(Expectation(case, meant).forward())
    except (ValueError, IndexError, ZeroDivisionError):
        return False


@dataclass(frozen=True)
class Hypothesis:
    """What a default may be: values of parameters, or for one of them what another parameter is."""

    values: tuple[tuple[str, Value], ...] = ()
    like: tuple[str, str] = ("", "")

    def of(self, case: Case) -> Case:
        """The case under this default."""
        mine, other = self.like
        return under(case, {mine: case.arguments[other]} if other else dict(self.values))


def _hypotheses(bases: Sequence[Case], own: Own, parameters: tuple[str, ...], told: str) -> list[Hypothesis]:
    """Defaults that are tried: the values that the spec lists, the one declared, and those of others."""
    if not bases:
        return []
    spec = bases[0].spec
    listed = [tuple(zip(parameters, values, strict=True)) for values in _listed(spec, parameters)]
    found = dict.fromkeys(map(Hypothesis, listed))
    if len(parameters) == 1:
        (mine,) = parameters
        if told and (meant := _inverse(bases[0], own, mine, told)) is not None:
            found[Hypothesis(((mine, meant),))] = None
        found |= dict.fromkeys(Hypothesis(((mine, value),)) for value in CUSTOMARY.get(mine, ()))
        if mine in STEPS:
            ones = {(1,) * len(value) for (value,) in _listed(spec, parameters) if isinstance(value, tuple)}
            found |= dict.fromkeys(Hypothesis(((mine, one),)) for one in ones)
        if mine in LIKENED:
            found |= dict.fromkeys(
                Hypothesis(like=(mine, p.name)) for p in spec.parameters if p.name == LIKENED[mine]
            )
    return list(found)


def _found(
    argument: Argument, left: Sequence[Hypothesis], refuted: bool, own: Own, bases: Sequence[Case]
) -> Argument:
    """What the hypotheses that are left say of an argument."""
    if not left:
        return replace(argument, standing="unlisted" if refuted else "unasked")
    constant = [one for one in left if not one.like[1]]
    likened = [one.like[1] for one in left if one.like[1]]
    values = tuple(dict(one.values) for one in constant)
    if likened and (not constant or argument.declared == "None"):
        like = likened[0]
        return replace(argument, standing="default", default=f"that of {like}", like=like)
    texts = dict.fromkeys(own(one.of(bases[0])) for one in constant)
    told = argument.declared
    declared = next((text for text in texts if told and _same(text, told)), "")
    if len(texts) == 1 and refuted:
        default = told if declared else next(iter(texts))
        return replace(argument, standing="default", default=default, values=values)
    if declared:
        return replace(argument, standing="declared", default=told, values=values)
    return replace(argument, standing="agrees", values=values)


def _same(text: str, told: str) -> bool:
    """Whether two literals say the same, but for the rounding of a conversion."""
    one, other = ast.literal_eval(text) if text else None, ast.literal_eval(told)
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other)
    return bool(text) and one == other and type(one) is type(other)


def _telling(binding: Binding, spec: Spec, parameters: tuple[str, ...], most: int = 4) -> list[Case]:
    """Few cases in which an argument could tell its values apart, unlike each other, small ones first."""
    choices = [dict(zip(parameters, values, strict=True)) for values in _listed(spec, parameters)]
    first = spec.inputs[0].name

    def telling(case: Case) -> int:
        return sum(admitted(binding, under(case, values)) for values in choices)

    def traits(case: Case) -> set[tuple[str, object]]:
        shape = case.names[first]
        return {("data", case.data), ("rank", len(shape)), *case.arguments.items()}

    left, chosen, seen = bases(binding, spec), list[Case](), set[tuple[str, object]]()
    reach = {case: telling(case) for case in left}
    while left and len(chosen) < most:
        best = max(left, key=lambda case: (reach[case], len(traits(case) - seen), -sum(case.size)))
        left.remove(best)
        chosen.append(best)
        seen |= traits(best)
    return chosen


def _listed(spec: Spec, parameters: tuple[str, ...]) -> list[tuple[Value, ...]]:
    """Combinations of the values that a spec lists for parameters."""
    every = itertools.product(*(spec.parameter(name).values for name in parameters))
    return list(itertools.islice(every, MOST))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inverse(base: Case, own: Own, parameter: str, told: str) -> Value:
    """The value of a parameter for which an argument is given what ``told`` says, or None."""
    value = ast.literal_eval(told)
    if not _is_number(value) or not any(map(_is_number, base.spec.parameter(parameter).values)):
        return None
    guesses: tuple[float, ...] = value, 1 - value, -value
    return next((g for g in guesses if _same(own(under(base, {parameter: g})), told)), None)
