"""How one API is made to do what another does: arguments carried over, and the two run side by side."""

from __future__ import annotations

import ast
import difflib
import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...adapters.binding import KNOWN, Binding, bindings
from ...errors import Usage
from ...specs import all_specs
from ...specs.language.case import Case, encode
from ...specs.language.spec import Parameter, Spec, Value, evaluate
from ..plan import implementations, selection
from ..record import Verdict, problems_of
from .arguments import (
    Argument,
    Desk,
    admitted,
    bases,
    in_scope,
    is_defined,
    pins,
    under,
)

__all__ = ["Pair", "Proof", "Recipe", "pair", "port"]

MOST = 24
"""Cases in which the two are run side by side."""


@dataclass(frozen=True)
class Pair:
    """Two implementations of one spec."""

    spec: Spec
    source: Binding
    target: Binding


@dataclass(frozen=True)
class Proof:
    """What came of running both.

    Args:
        equal: cases in which both are right.
        others: the verdicts of the rest.
        owned: cases among the others in which the second is right by what it can do itself.
        apart: arrays that differ in them.
        gradients: whether both were asked for gradients.
    """

    equal: int = 0
    others: tuple[tuple[Verdict, Verdict], ...] = ()
    owned: int = 0
    apart: tuple[str, ...] = ()
    gradients: bool = True

    @property
    def total(self) -> int:
        """Cases that both were asked."""
        return self.equal + len(self.others)


@dataclass(frozen=True)
class Recipe:
    """How the second of a pair does what the first does.

    Args:
        pair: the two.
        meant: a case with the parameters that the first has.
        written: a case with those that the second takes, the same where nothing stands in the way.
        arguments: own arguments of the first: what they are, and whether that was given or is the default.
        unmatched: why the second cannot do what the first does.
        proof: what came of running both, held to what the first means.
        idle: parameters whose defaults have no effect beside the others, so that no case has them.
        words: for both, the own argument with its value that settles each parameter.
        instead: APIs of the second's framework that can do what the first does, where the second cannot.
        limits: what the second lacks at some of the sizes that the first takes.
    """

    pair: Pair
    meant: Case
    written: Case
    arguments: tuple[tuple[str, str, str], ...]
    unmatched: tuple[str, ...] = ()
    proof: Proof = field(default_factory=Proof)
    idle: tuple[str, ...] = ()
    words: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    instead: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether nothing stands in the way, and both gave what is right in every case."""
        return not self.unmatched and not self.proof.others and self.proof.equal > 0


def pair(source: str, target: str, spec: str = "") -> Pair:
    """The implementations called so, of one spec.

    Raises:
        Usage: an API is not known, or no spec has both; says which are near.
    """
    known = bindings(KNOWN)
    of = {api: {b.spec: b for b in known.values() if b.api == api} for api in (source, target)}
    for api, found in of.items():
        if not found:
            apis = {b.api for b in known.values()}
            near = [one for one in apis if one.lower() == api.lower()]
            near = near or difflib.get_close_matches(api, apis, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; see `assay list`"
            raise Usage(f"no implementation is called {api!r}{hint}")
    both = [name for name in of[source] if name in of[target] and name == (spec or name)]
    if not both:
        others = sorted({b.api for b in known.values() if b.spec in of[source] and b.api != source})
        raise Usage(f"{source} and {target} have no layer in common; {source} has with {', '.join(others)}")
    return Pair(all_specs()[both[0]], of[source][both[0]], of[target][both[0]])


def port(two: Pair, given: Mapping[str, str], source: Desk, target: Desk) -> Recipe:
    """The recipe by which the second of a pair does what the first does with these of its own arguments.

    Args:
        two: what is ported, and to what.
        given: own arguments of the first, or parameters of the layer that it has no argument for, with their
            values as Python writes them; others have their defaults.
        source: asks the first.
        target: asks the second.

    Raises:
        Usage: an argument is unknown, has a value that the spec has no word for, or must be given.
    """
    options = {} if two.source.composition else source.options(two.source, two.spec)
    free = {p.name: p for p in two.spec.parameters if p.name not in options}
    if unknown := [name for name in given if name not in options and name not in free]:
        known = ", ".join((*options, *free)) or "none"
        raise Usage(f"{two.source.api} has no argument {unknown[0]!r} here; it has: {known}")
    taken, mine = _pinned(two.target, two.spec), _pinned(two.source, two.spec)
    values = taken | mine
    settled = {name: _value(free[name], text) for name, text in given.items() if name not in options}
    arguments = list[tuple[str, str, str]]()
    for option, parameters in sorted(options.items(), key=lambda item: item[0] not in given):
        if option in given:
            values |= _meaning(two, source, option, parameters, given[option])
            settled |= dict.fromkeys(parameters)
            arguments.append((option, given[option], "given"))
        elif not set(parameters) <= set(settled):
            found = source.measured(two.source, two.spec, option, parameters)
            values |= _default(two, found, values)
            arguments.append((option, found.default, found.standing))
    values |= {name: value for name, value in settled.items() if name in free and name in given}
    said = {name for option in given for name in options.get(option, (option,))}
    owed = {name: value for name, value in values.items() if name in mine or taken.get(name) != value}
    needed = {n for option, _, standing in arguments if standing == "required" for n in options[option]}
    own = {name: value for name, value in owed.items() if name in said or name not in needed}
    meant = _agreeing(two, _case(two, (values, owed, own), said), {*values, *said})
    unmatched = _unmet(two.target, meant)
    written = under(meant, taken) if unmatched else meant
    proof = _proof(two, meant, taken if unmatched else {}, source, target)
    idle = tuple(name for name, value in values.items() if meant.arguments[name] != value)
    words = _words(two.source, source, meant), _words(two.target, target, written)
    instead = _instead(two, meant) if unmatched else ()
    limits = _limits(two, meant, unmatched)
    return Recipe(two, meant, written, tuple(arguments), unmatched, proof, idle, words, instead, limits)


def _pinned(binding: Binding, spec: Spec) -> dict[str, Value]:
    """Parameters that an implementation has one value for; what it says of lengths is none of them."""
    return {name: value for name, (value, _) in pins(binding).items() if name in spec.defaults}


def _value(parameter: Parameter, text: str) -> Value:
    """The value of a parameter that a text means: as a case id has it, or as Python writes it."""
    for known in parameter.values:
        if text in (encode(known), repr(known)):
            return known
    listed = ", ".join(map(encode, parameter.values))
    raise Usage(f"{parameter.name}, {parameter.meaning}, is one of {listed}; got {text}")


def _words(binding: Binding, desk: Desk, case: Case) -> dict[str, str]:
    """Own argument and value, for each parameter that one settles."""
    found = dict[str, list[str]]()
    if not binding.composition or binding.row:
        for option, parameters in desk.options(binding, case.spec).items():
            if value := desk.own(binding, option, case):
                for parameter in parameters:
                    found.setdefault(parameter, []).append(f"{option}={value}")
    return {parameter: ", ".join(told) for parameter, told in found.items()}


def _instead(two: Pair, meant: Case) -> tuple[str, ...]:
    """What else of the same framework can be asked the case."""
    known = implementations(two.spec, [two.target.framework])
    return tuple(b.api for b in known if b is not two.target and in_scope(b, meant))


def _meaning(two: Pair, source: Desk, option: str, parameters: Sequence[str], text: str) -> dict[str, Value]:
    """The values of parameters under which an argument is given what ``text`` says."""
    known = _asked(two.source, two.spec)
    ranks = {tuple(len(base.names[i.name]) for i in two.spec.inputs): base for base in reversed(known)}
    for base in ranks.values():  # what an argument is called may depend on the number of axes
        for case in _under_all(base, parameters, text):
            own = source.own(two.source, option, case)
            if own and _equal(own, text):
                return {name: case.arguments[name] for name in parameters}
    listed = {
        source.own(two.source, option, c) for base in ranks.values() for c in _under_all(base, parameters)
    }
    words = ", ".join(sorted(filter(None, listed)))
    raise Usage(f"{two.spec.name} has no word for {option}={text} of {two.source.api}; it has for {words}")


def _under_all(base: Case, parameters: Sequence[str], text: str = "") -> Iterator[Case]:
    """The case under each value of the parameters that the spec lists, and under what ``text`` may mean."""
    if len(parameters) == 1 and text:
        (name,) = parameters
        yield from (under(base, {name: guess}) for guess in _guesses(base.spec.parameter(name), text))
    cases = [base]
    for name in parameters:
        cases = [under(case, {name: value}) for case in cases for value in base.spec.parameter(name).values]
    yield from cases


def _guesses(parameter: Parameter, text: str) -> Iterator[Value]:
    """Values of a parameter's own kind that an argument may mean: a number may be what is left of one."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    for kind in {type(known) for known in parameter.values}:
        if kind in (int, float) and number:
            yield from (value, 1 - value)
        elif kind is tuple and (number or isinstance(value, tuple)):
            yield value if isinstance(value, tuple) else (value,) * len(_longest(parameter))


def _longest(parameter: Parameter) -> tuple[object, ...]:
    return max((known for known in parameter.values if isinstance(known, tuple)), key=len)


def _equal(own: str, text: str) -> bool:
    """Whether an argument is what was written: a text without its quotes, or one number for every axis."""
    try:
        mine, meant = ast.literal_eval(own), ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return own.strip("'\"") == text
    return bool(mine == meant or (isinstance(mine, tuple) and mine == (meant,) * len(mine)))


def _default(two: Pair, found: Argument, known: Mapping[str, Value]) -> dict[str, Value]:
    """The values of parameters that an argument settles where it is not given."""
    if found.like:
        return {found.parameters[0]: known.get(found.like, two.spec.defaults[found.like])}
    if found.values and found.standing in ("default", "declared", "agrees"):
        usual = {name: two.spec.defaults[name] for name in found.parameters}
        return usual if usual in found.values else dict(found.values[0])
    if found.standing == "required":
        return {name: two.spec.defaults[name] for name in found.parameters}
    raise Usage(f"what {found.api} does without {found.name} is not known; give {found.name}=…")


def _case(two: Pair, choices: Sequence[Mapping[str, Value]], said: Container[str]) -> Case:
    """A case that the first can be asked, of a size for both where there is one.

    It has the first of these choices of parameters of which there is a case: all of them, without what the
    second alone is fixed to, and without what the first must be given, which then has any value. A default
    that has no effect beside the other parameters, so that no case has it, gives way; what was ``said`` does
    not.

    Raises:
        Usage: there is none.
    """
    usual = two.spec.defaults
    known = _asked(two.source, two.spec)
    for wanted in choices:
        without = [{name: usual[name]} for name in wanted if name not in said]
        for change in ({}, *without, {name: usual[name] for name in wanted if name not in said}):
            cases = [under(base, {**wanted, **change}) for base in known]
            for case in sorted(cases, key=lambda one: len(_unmet(two.target, one))):
                if in_scope(two.source, case):
                    return case
    told = ", ".join(f"{name}={value!r}" for name, value in choices[0].items())
    raise Usage(f"no case of {two.spec.name} has {told} on {two.source.api}")


def _asked(binding: Binding, spec: Spec) -> list[Case]:
    """Cases that an implementation is asked, smallest first; of the next tier if smoke has none."""
    return bases(binding, spec) or bases(binding, spec, "standard")


def _unmet(binding: Binding, case: Case) -> tuple[str, ...]:
    """Why an implementation has nothing of a case: the reasons of its rules that do not hold.

    A rule that has no meaning for a value, since one before it excludes it, adds nothing to that one.
    """
    found = list[str]()
    for rule, reason in binding.where.items():
        try:
            holds = bool(evaluate(rule, case.names))
        except (ValueError, TypeError, LookupError):
            holds = bool(found)
        found += [] if holds else [reason]
    return tuple(found)


def _limits(two: Pair, meant: Case, unmatched: Container[str]) -> tuple[str, ...]:
    """Why the second cannot be asked the case at some of the sizes at which the first can."""
    sized = (under(base, meant.arguments) for base in _asked(two.source, two.spec))
    reasons = (why for case in sized if admitted(two.source, case) for why in _unmet(two.target, case))
    return tuple(dict.fromkeys(why for why in reasons if why not in unmatched))


def _agreeing(two: Pair, meant: Case, fixed: Container[str]) -> Case:
    """The case under facets that neither has an argument for, so that both can be asked it."""
    loose = [p for p in two.spec.parameters if p.facet and p.name not in fixed]
    for values in itertools.islice(itertools.product(*(p.values for p in loose)), MOST):
        case = under(meant, {p.name: value for p, value in zip(loose, values, strict=True)})
        if in_scope(two.source, case) and in_scope(two.target, case):
            return case
    return meant


def _proof(two: Pair, meant: Case, taken: Mapping[str, Value], source: Desk, target: Desk) -> Proof:
    """Run both on every size and kind of data that the spec has, and hold both to what the first means.

    The second is given the parameters that it has ``taken`` in the place of those that it has not. Cases in
    which its arrays then have other shapes cannot be held to what the first means, and are left out.
    """
    every = (under(c, meant.arguments) for c in selection(two.spec, "standard", ("float32",)) if c.valid)
    pairs = {case.id: (case, under(case, taken)) for case in every if admitted(two.source, case)}
    asked = [
        (one, other)
        for one, other in pairs.values()
        if admitted(two.target, other) and is_defined(one) and (not taken or is_defined(other, one.arguments))
    ]
    equal, owned, others = 0, 0, []
    for one, other in asked[:: max(1, len(asked) // MOST)]:
        first = source.verdict(two.source, one)
        second = target.verdict(two.target, other, meant=one.arguments if taken else None)
        if first.outcome == second.outcome == "conforms":
            equal += 1
        else:
            others.append((first, second))
            owned += bool(taken) and target.verdict(two.target, other).outcome == "conforms"
    wrong = (problem.worst for _, second in others for problem in problems_of(second))
    apart = dict.fromkeys(worst.array for worst in wrong if worst is not None)
    gradients = all(desk.worker.settings.path.differentiates for desk in (source, target))
    return Proof(equal, tuple(others), owned, tuple(apart), gradients)
