"""What a kernel is asked: cases that fit its signature, sizes around tiles and beyond, layouts in memory.

The same questions are put to every kernel of a spec that takes the same options: what it cannot be given is
left out, and nothing else changes with its signature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...adapters.kernel.memory import LAYOUTS, differs
from ...errors import Usage
from ...numerics.dtypes import DTYPES
from ...specs.language.case import Case, encode, parse
from ...specs.language.cases import DTYPE_ORDER, cases
from ...specs.language.expression import mentioned
from ...specs.language.spec import Input, Spec, Value, evaluate
from .pairs import paired
from .sizes import COMPILED, LARGEST, SEAMS, Admitted, elements, equal, long, shortened, tails, together

__all__ = ["CheckScope", "KernelFacts", "Probe", "admitted", "parsed", "probes", "restriction"]

IN_ALL = ("offset", "strided", "transposed", "pitched", "permuted", "channels_first", "expanded")
IN_OTHERS = ("strided", "expanded")
"""Layouts that all inputs have at once, and those that all but the first have, where it is contiguous."""

COTANGENTS = ("strided", "transposed", "pitched", "broadcast")
"""Layouts that cotangents have, beside contiguous inputs."""

SHORT = 129
"""The longest axis of the sizes that are asked beside pairs."""

FEW = 6
"""Pairs that are asked of a library that compiles every shape anew."""


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
    path: str = ""

    @property
    def compiles(self) -> bool:
        """Whether every shape is compiled anew, so that few can be asked in the time of a check."""
        return self.library == "jax" or self.path in ("compiled", "custom_op")

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
class CheckScope:
    """What a user wants to know of a kernel.

    ``parameters`` are held at these values; ``sizes`` is ``smoke`` (quick), ``sweep`` or the lengths of
    the spec's axes, many times; ``tiles`` are the lengths of the kernel's own blocks.
    """

    spec: Spec
    parameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    dtypes: Sequence[str] = (DTYPE_ORDER[0],)
    sizes: str | Sequence[Sequence[int]] = "sweep"
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


@dataclass(frozen=True)
class Probe:
    """A case, how its arrays lie in memory, and what it is asked for.

    ``layout`` is that of all inputs, or of all but the first where ``others`` says so; ``cotangents`` is the
    layout of the cotangents, and ``only`` the one output that has a cotangent other than 0.
    """

    case: Case
    layout: str = "contiguous"
    aim: str = "values"
    others: bool = False
    cotangents: str = "contiguous"
    only: str = ""

    @property
    def id(self) -> str:
        """The case's id, with what is not ordinary behind an @."""
        return self.case.id + (f"@{self._manner}" if self._manner else "")

    @property
    def manner(self) -> str:
        """How its arrays lie, in a word or two."""
        words = f"{self.layout} weights and other" if self.others else self.layout
        return words if self.layout != "contiguous" else self.cotangents

    @property
    def _manner(self) -> str:
        if self.only:
            return f"only-{self.only}"
        if self.cotangents != "contiguous":
            return f"cotangents-{self.cotangents}"
        if self.layout == "contiguous":
            return ""
        return f"others-{self.layout}" if self.others else self.layout

    @property
    def ordinary(self) -> bool:
        """Whether everything lies where it ordinarily does."""
        return not self._manner

    def layouts(self) -> dict[str, str]:
        """The layout of each input that the case has."""
        given = self.case.given[1:] if self.others else self.case.given
        return {each.name: self.layout for each in given if self._may_lie(each)}

    def _may_lie(self, given: Input) -> bool:
        """Whether an input can have the layout: repeated samples must be valid ones."""
        return self.layout != "expanded" or given.kind in EXPANDED


EXPANDED = ("data", "weight", "positive", "unit", "sample_weight", "decay", "mask")
"""Kinds of inputs whose samples may be repeated along their first axis."""


def probes(scope: CheckScope, facts: KernelFacts) -> list[Probe]:
    """Everything to ask, ordinary data first.

    Raises:
        ValueError: no case is left that the kernel could be given, or an id names none.
    """
    spec = _with_wishes(scope)
    if scope.ids:
        return [parsed(text, spec) for text in scope.ids]
    rules = restriction(scope, facts)
    chosen = _selected(spec, scope, rules)
    if not chosen:
        raise Usage(
            f"no case of {spec.name} is left for {facts.name}: it takes {', '.join(facts.inputs(spec))}, and"
            f" of the parameters {', '.join(_taken(spec, facts)) or 'none'}; see `assay show {spec.name}`"
        )
    chosen.sort(key=_simplicity)
    bases = [_base(spec, scope, rules, chosen, name) for name in scope.dtypes]
    found = [Probe(case) for case in (*filter(None, bases), *chosen)]
    for base in filter(None, bases):
        found += _around(base, scope, facts, rules)
    unique: dict[str, Probe] = {}
    for probe in found:
        unique.setdefault(probe.id, probe)
    return list(unique.values())


def _around(base: Case, scope: CheckScope, facts: KernelFacts, rules: Sequence[str]) -> Iterator[Probe]:
    """Everything that is asked of one dtype: data, options, sizes, layouts, cotangents."""

    def may(case: Case) -> bool:
        return admitted(case, rules)

    sizes = list(_every_size(base, may))[: FEW // 2 if facts.compiles else None]
    plain = [*_every_data_set(base), *_every_option(base, may), *sizes]
    yield from (Probe(case) for case in plain)
    lengths = _seams(scope, facts)
    around = list((together if facts.compiles else tails)(base, lengths, may))
    yield from (Probe(case, aim="tails") for case in around)
    if scope.sizes != "smoke":
        beside = [c.size for c in (*sizes, *around) if elements(c) > 1 and max(c.size) <= SHORT]
        pairs = paired(base, (*base.spec.data, *base.spec.kernel_only), () if facts.compiles else beside, may)
        yield from (Probe(case) for case in _few(list(pairs), facts))
    if scope.sizes == "sweep":
        halves = DTYPES[base.dtype].u > DTYPES["float32"].u
        regimes = [*equal(base, may), *long(base, may, halves)]
        yield from (Probe(case, aim="sizes") for case in (_ends(regimes) if facts.compiles else regimes))
    yield from _large(base, scope, rules)
    if facts.watched:
        for case in (base, *_every_rank(base, may)):
            yield from _in_every_layout(case)
    if facts.differentiates:
        yield from _with_every_cotangent(base, facts)


def _few(cases: list[Case], facts: KernelFacts) -> list[Case]:
    """The cases; few of them where each is compiled, spread over all."""
    if not facts.compiles or len(cases) <= FEW:
        return cases
    return [cases[number * len(cases) // FEW] for number in range(FEW)]


def _ends(cases: list[Case]) -> list[Case]:
    """The first two cases and the last: equal axes, the first axis long, and the last one."""
    return list(dict.fromkeys((*cases[:2], *cases[-1:])))


def _seams(scope: CheckScope, facts: KernelFacts) -> tuple[int, ...]:
    """Lengths around the ends of tiles, the kernel's own among them; none beside sizes of a user's own."""
    if not isinstance(scope.sizes, str):
        return ()
    usual = COMPILED if facts.compiles else SEAMS[scope.sizes]
    return (*usual, *(n for t in scope.tiles for n in (t - 1, t, t + 1, 2 * t + 1)))


def _large(base: Case, scope: CheckScope, rules: Sequence[str]) -> Iterator[Probe]:
    """Ordinary data at the large sizes that a user names; the rest is asked at shorter ones."""
    for size in () if isinstance(scope.sizes, str) else scope.sizes:
        case = dataclasses.replace(base, size=tuple(size))
        if shortened(case) is not case and admitted(case, rules, largest=None):
            yield Probe(case, aim="sizes")


def _in_every_layout(base: Case) -> Iterator[Probe]:
    """The case with its inputs in views: all of them, all but the first, and samples that are repeated."""
    for layout in IN_ALL:
        probe = Probe(base, layout, "layouts")
        if any(differs(base.names[name], layout) for name in probe.layouts()):
            yield probe
    for layout in IN_OTHERS:
        others = Probe(base, layout, "layouts", others=True)
        if any(differs(base.names[name], layout) for name in others.layouts()):
            yield others


def _with_every_cotangent(base: Case, facts: KernelFacts) -> Iterator[Probe]:
    """The case with cotangents in views, constant ones among them, and with a single one that is not 0."""
    for layout in COTANGENTS if facts.watched else ("broadcast",):
        yield Probe(base, aim="backward", cotangents=layout)
    for name in base.spec.outputs if len(base.spec.outputs) > 1 else ():
        yield Probe(base, aim="backward", only=name)


def _selected(spec: Spec, scope: CheckScope, rules: tuple[str, ...]) -> list[Case]:
    """What the smoke tier asks in the first dtype, and the same in the others."""
    first = cases(spec, "smoke", [rules], DTYPE_ORDER[:1])
    again = (dataclasses.replace(case, dtype=dtype) for dtype in scope.dtypes for case in first)
    chosen = dict.fromkeys((*cases(spec, "smoke", [rules], scope.dtypes), *again))
    return [case for case in chosen if case.valid and admitted(case, rules)]


def _with_wishes(scope: CheckScope) -> Spec:
    """The spec, asked with the user's values and sizes instead of its own."""
    spec = scope.spec
    wished = tuple(
        dataclasses.replace(
            p, values=(p.default, *(v for v in (scope.parameters[p.name],) if v != p.default))
        )
        if p.name in scope.parameters
        else p
        for p in spec.parameters
    )
    wishes = dataclasses.replace(spec, parameters=wished)
    if isinstance(scope.sizes, str):
        return wishes
    values = tuple({**spec.defaults, **scope.parameters}.items())
    asked = (Case(wishes, values, DTYPE_ORDER[0], spec.data[0], _fitting(spec, size)) for size in scope.sizes)
    return dataclasses.replace(wishes, sizes=tuple(shortened(case).size for case in asked))


def _fitting(spec: Spec, size: Sequence[int]) -> tuple[int, ...]:
    if len(size) != len(spec.axis_names):
        raise Usage(f"{spec.name}: size {tuple(size)} does not fit the axes ({spec.axes})")
    return tuple(size)


def restriction(scope: CheckScope, facts: KernelFacts) -> tuple[str, ...]:
    """Conditions under which the kernel can be asked: what it does not take stays as it is."""
    spec, taken = scope.spec, facts.inputs(scope.spec)
    values = dict(scope.parameters)
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
    """Whether a kernel sees a parameter by what it is given: which inputs, ``use_bias``, or their rank."""
    if any(given.when == name for given in spec.inputs):
        return True
    taken = {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}
    return name not in taken and any(
        name in mentioned(f"({given.axes},)") for given in spec.inputs if given.axes
    )


def _taken(spec: Spec, facts: KernelFacts) -> list[str]:
    return [parameter.name for parameter in spec.parameters if facts.accepts(parameter.name)]


def _base(
    spec: Spec, scope: CheckScope, rules: Sequence[str], chosen: Sequence[Case], dtype: str
) -> Case | None:
    """The case to vary: ordinary data, what the user holds and otherwise defaults, the spec's first size."""
    values = tuple({**spec.defaults, **scope.parameters}.items())
    ordinary = (Case(spec, values, dtype, spec.data[0], size) for size in spec.sizes)
    simplest = (case for case in chosen if case.dtype == dtype)
    return next((case for case in ordinary if admitted(case, rules)), next(simplest, None))


def _simplicity(case: Case) -> tuple[int, ...]:
    """Ordinary data come first, then options at their defaults, then the spec's first size."""
    changed = sum(value != case.spec.parameter(name).default for name, value in case.parameters)
    return case.data != case.spec.data[0], changed, case.spec.sizes.index(case.size)


def _every_data_set(base: Case) -> Iterator[Case]:
    for data in (*base.spec.data, *base.spec.kernel_only):
        case = dataclasses.replace(base, data=data)
        if _fills(case) and base.spec.admits(case.names):
            yield case


def _fills(case: Case) -> bool:
    """Whether the data set fills some input of the case, if it is one that fills few."""
    own = case.spec.kernel_only.get(case.data)
    return not own or any(given.name in own for given in case.given)


def _every_rank(base: Case, may: Admitted) -> Iterator[Case]:
    """The case with each value of the options that a kernel sees as the number of axes."""
    for case in _every_option(base, may):
        ranks = [len(case.names[given.name]) for given in case.given]
        if ranks != [len(base.names[given.name]) for given in base.given]:
            yield case


def _every_size(base: Case, may: Admitted) -> Iterator[Case]:
    """The case at each size of the spec, a single element among them, where an epsilon is seen."""
    for size in base.spec.sizes:
        case = dataclasses.replace(base, size=size)
        if may(case):
            yield case


def _every_option(base: Case, may: Admitted) -> Iterator[Case]:
    """The case with each value of each option: a smoke tier may meet one at length 1 only."""
    for parameter in base.spec.parameters:
        for value in parameter.values:
            changed = tuple((n, value if n == parameter.name else v) for n, v in base.parameters)
            case = dataclasses.replace(base, parameters=changed)
            if may(case):
                yield case


def admitted(case: Case, rules: Sequence[str], largest: int | None = LARGEST) -> bool:
    """Whether a case is in scope of its spec and of the kernel, and small enough."""
    names = case.names
    if any(length < 0 for given in case.given for length in names[given.name]):
        return False
    if (largest is not None and elements(case) > largest) or not _fills(case):
        return False
    return case.spec.admits(names) and all(evaluate(rule, names) for rule in rules)


def parsed(text: str, spec: Spec) -> Probe:
    """The probe that an id names, as `Probe.id` writes it.

    Raises:
        ValueError: there is no such case, layout or output.
    """
    case_id, _, manner = text.partition("@")
    case = parse(case_id, {spec.name: spec})
    if not case.valid or not spec.admits(case.names):
        raise Usage(f"{text!r} is no valid case of {spec.name}: {encode(case.data)}")
    kind, _, rest = manner.partition("-")
    if not manner:
        return Probe(case)
    if kind == "only" and rest in spec.outputs:
        return Probe(case, aim="backward", only=rest)
    layout = rest if kind in ("others", "cotangents") else manner
    if layout not in LAYOUTS:
        raise Usage(f"{text!r}: no layout is called {layout!r}; there are {', '.join(LAYOUTS)}")
    if kind == "cotangents":
        return Probe(case, aim="backward", cotangents=layout)
    return Probe(case, layout, "layouts", others=kind == "others")
