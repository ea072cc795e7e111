"""What a kernel is asked: cases that fit its signature, sizes around tiles, layouts in memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...adapters.kernel.memory import LAYOUTS
from ...errors import Usage
from ...specs.language.case import Case, encode, parse
from ...specs.language.cases import DTYPE_ORDER, cases
from ...specs.language.spec import Spec, Value, evaluate

__all__ = ["KernelFacts", "Probe", "Questions", "admitted", "probes", "restriction"]

SEAMS = {
    "smoke": (15, 17, 33, 65, 129),
    "sweep": (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257),
}
"""Lengths around the ends of tiles and vectors that every axis is given in turn."""

LARGEST = 2**18
"""Elements beyond which an input is no size for a quick look."""

TIERS = {"smoke": "smoke", "sweep": "standard"}
"""The tier of `assay.specs.language.cases` behind each choice of sizes."""


@dataclass(frozen=True)
class KernelFacts:
    """What a kernel can be given, as `assay.adapters.kernel.function.Kernel.facts` says it."""

    name: str
    names: tuple[str, ...]
    keywords: tuple[str, ...]
    more: bool
    anything: bool
    library: str
    guessed: bool
    watched: bool
    differentiates: bool
    own_vjp: bool
    versions: Mapping[str, str]

    def inputs(self, spec: Spec) -> tuple[str, ...]:
        """Names of the spec's inputs that it takes, in the order of its own arguments.

        By their names where all are the spec's, otherwise as many as it has, in the spec's order.
        """
        known = [given.name for given in spec.inputs]
        options = {parameter.name for parameter in spec.parameters}
        mine = [name for name in self.names if name not in options and name != "out"]
        if self.more:
            return tuple(known)
        return tuple(mine if set(mine) <= set(known) else known[: len(mine)])

    def accepts(self, parameter: str) -> bool:
        """Whether it takes a parameter of the spec; the others keep their default."""
        return self.anything or parameter in (*self.names, *self.keywords)


@dataclass(frozen=True)
class Questions:
    """What a user wants to know of a kernel.

    ``parameters`` are held at these values; ``sizes`` is ``smoke``, ``sweep`` or the lengths of the spec's
    axes, many times; ``tiles`` are the lengths of the kernel's own blocks.
    """

    spec: Spec
    parameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    dtypes: Sequence[str] = (DTYPE_ORDER[0],)
    sizes: str | Sequence[Sequence[int]] = "smoke"
    tiles: Sequence[int] = ()
    ids: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in self.dtypes:
            if name not in DTYPE_ORDER:
                raise Usage(f"no dtype is called {name!r}; allowed are {', '.join(DTYPE_ORDER)}")
        if isinstance(self.sizes, str) and self.sizes not in SEAMS:
            raise Usage(f"sizes is {self.sizes!r}; it must be smoke, sweep or a list of sizes")
        for name in self.parameters:
            self.spec.parameter(name)
        if self.spec.recover is not None:
            raise Usage(
                f"{self.spec.name} is stochastic, and kernels are asked deterministic specs only: give the"
                " mask to the kernel yourself, and check what it does with it in a test of your own"
            )

    @property
    def tier(self) -> str:
        """The choice of sizes by name; the user's own count as smoke."""
        return self.sizes if isinstance(self.sizes, str) else "smoke"


@dataclass(frozen=True)
class Probe:
    """A case, how its arrays lie in memory, and what it is asked for: values, tails or layouts."""

    case: Case
    layout: str = "contiguous"
    aim: str = "values"

    @property
    def id(self) -> str:
        """The case's id, with the layout behind an @ where it is not the ordinary one."""
        return self.case.id if self.layout == "contiguous" else f"{self.case.id}@{self.layout}"


def probes(questions: Questions, facts: KernelFacts) -> list[Probe]:
    """Everything to ask, ordinary data first.

    Raises:
        ValueError: no case is left that the kernel could be given, or an id names none.
    """
    spec = _with_wishes(questions)
    if questions.ids:
        return [_parsed(text, spec) for text in questions.ids]
    rules = restriction(questions, facts)
    chosen = _selected(spec, questions, rules)
    if not chosen:
        raise Usage(
            f"no case of {spec.name} is left for {facts.name}: it takes {', '.join(facts.inputs(spec))}, and"
            f" of the parameters {', '.join(_taken(spec, facts)) or 'none'}; see `assay show {spec.name}`"
        )
    chosen.sort(key=_simplicity)
    bases = [_base(spec, questions, rules, chosen, name) for name in questions.dtypes]
    found = [Probe(case) for case in (*filter(None, bases), *chosen)]
    for base in filter(None, bases):
        found += [Probe(case) for case in (*_every_data_set(base), *_every_option(base, rules))]
        found += [Probe(case) for case in _every_size(base, rules)]
        if isinstance(questions.sizes, str):
            seams = (
                *SEAMS[questions.sizes],
                *(n for t in questions.tiles for n in (t - 1, t, t + 1, 2 * t + 1)),
            )
            found += [Probe(case, aim="tails") for case in _tails(base, seams, rules)]
        if facts.watched:
            layouts = list(LAYOUTS)[1:]
            found += [Probe(base, layout, "layouts") for layout in layouts if _has_room(base, layout)]
    unique: dict[str, Probe] = {}
    for probe in found:
        unique.setdefault(probe.id, probe)
    return list(unique.values())


def _selected(spec: Spec, questions: Questions, rules: tuple[str, ...]) -> list[Case]:
    """What the tier asks in each dtype, and there too what it asks in the first, which meets every pair."""
    tier = TIERS[questions.tier]
    first = cases(spec, tier, [rules], DTYPE_ORDER[:1])
    again = (dataclasses.replace(case, dtype=dtype) for dtype in questions.dtypes for case in first)
    chosen = dict.fromkeys((*cases(spec, tier, [rules], questions.dtypes), *again))
    in_scope = (case for case in chosen if case.valid and spec.admits(case.names))
    return [case for case in in_scope if all(evaluate(rule, case.names) for rule in rules)]


def _with_wishes(questions: Questions) -> Spec:
    """The spec, asked with the user's values and sizes instead of its own."""
    spec = questions.spec
    wished = tuple(
        dataclasses.replace(
            p, values=(p.default, *(v for v in (questions.parameters[p.name],) if v != p.default))
        )
        if p.name in questions.parameters
        else p
        for p in spec.parameters
    )
    sizes = spec.sizes if isinstance(questions.sizes, str) else tuple(tuple(size) for size in questions.sizes)
    return dataclasses.replace(spec, parameters=wished, sizes=sizes)


def restriction(questions: Questions, facts: KernelFacts) -> tuple[str, ...]:
    """Conditions under which the kernel can be asked: what it does not take stays as it is."""
    spec, taken = questions.spec, facts.inputs(questions.spec)
    values = dict(questions.parameters)
    for parameter in spec.parameters:
        if (
            parameter.name not in values
            and not facts.accepts(parameter.name)
            and not _acts_by_inputs(spec, parameter.name)
        ):
            values[parameter.name] = parameter.default
    absent = [f"not ({given.when})" for given in spec.inputs if given.name not in taken]
    return (*(f"{name} == {value!r}" for name, value in values.items()), *absent)


def _acts_by_inputs(spec: Spec, name: str) -> bool:
    """Whether a kernel sees a parameter by which inputs it is given: ``use_bias``."""
    return any(given.when == name for given in spec.inputs)


def _taken(spec: Spec, facts: KernelFacts) -> list[str]:
    return [parameter.name for parameter in spec.parameters if facts.accepts(parameter.name)]


def _base(
    spec: Spec, questions: Questions, rules: Sequence[str], chosen: Sequence[Case], dtype: str
) -> Case | None:
    """The case to vary: ordinary data, what the user holds and otherwise defaults, the spec's first size."""
    values = tuple({**spec.defaults, **questions.parameters}.items())
    ordinary = (Case(spec, values, dtype, spec.data[0], size) for size in spec.sizes)
    simplest = (case for case in chosen if case.dtype == dtype)
    return next((case for case in ordinary if admitted(case, rules)), next(simplest, None))


def _simplicity(case: Case) -> tuple[int, ...]:
    """Ordinary data come first, then options at their defaults, then the spec's first size."""
    changed = sum(value != case.spec.parameter(name).default for name, value in case.parameters)
    return case.spec.data.index(case.data) > 0, changed, case.spec.sizes.index(case.size)


def _every_data_set(base: Case) -> Iterator[Case]:
    for data in base.spec.data:
        case = dataclasses.replace(base, data=data)
        if base.spec.admits(case.names):
            yield case


def _every_size(base: Case, rules: Sequence[str]) -> Iterator[Case]:
    """The case at each size of the spec, a single element among them, where an epsilon is seen."""
    for size in base.spec.sizes:
        case = dataclasses.replace(base, size=size)
        if admitted(case, rules):
            yield case


def _every_option(base: Case, rules: Sequence[str]) -> Iterator[Case]:
    """The case with each value of each option: a smoke tier may meet one at length 1 only."""
    for parameter in base.spec.parameters:
        for value in parameter.values:
            changed = tuple((n, value if n == parameter.name else v) for n, v in base.parameters)
            case = dataclasses.replace(base, parameters=changed)
            if admitted(case, rules):
                yield case


def _tails(base: Case, lengths: Iterable[int], rules: Sequence[str]) -> Iterator[Case]:
    """The case with one axis after the other at each length, as far as the spec admits it."""
    for axis in range(len(base.size)):
        for length in sorted(set(lengths)):
            size = (*base.size[:axis], length, *base.size[axis + 1 :])
            case = dataclasses.replace(base, size=size)
            if length > 0 and admitted(case, rules):
                yield case


def admitted(case: Case, rules: Sequence[str]) -> bool:
    """Whether a case is in scope of its spec and of the kernel, and small enough."""
    names = case.names
    shapes = [names[given.name] for given in case.given]
    if any(length < 0 for shape in shapes for length in shape):
        return False
    if any(math.prod(shape) > LARGEST for shape in shapes):
        return False
    return case.spec.admits(names) and all(evaluate(rule, names) for rule in rules)


def _has_room(base: Case, layout: str) -> bool:
    """Whether a layout differs from the ordinary one in this case: a column is its own transpose."""
    return layout != "transposed" or any(sum(n > 1 for n in base.names[i.name]) > 1 for i in base.given)


def _parsed(text: str, spec: Spec) -> Probe:
    case_id, _, layout = text.partition("@")
    if layout and layout not in LAYOUTS:
        raise Usage(f"{text!r}: no layout is called {layout!r}; there are {', '.join(LAYOUTS)}")
    case = parse(case_id, {spec.name: spec})
    if not case.valid or not spec.admits(case.names):
        raise Usage(f"{text!r} is no valid case of {spec.name}: {encode(case.data)}")
    return Probe(case, layout or "contiguous", "layouts" if layout else "values")
