"""What a specification is: inputs, parameters, constraints, sizes and data, all as printable values.

A spec says *what is asked*, never how a framework is asked (adapters) nor what is right (reference).
Shapes, conditions and constraints are expressions (see `expression`) over the names of axes and parameters,
so that one string is evaluated by the harness, printed by ``assay show`` and read by a person.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import Usage
from .axes import agreements, in_order
from .expression import evaluate

__all__ = [
    "Constraint",
    "Input",
    "Parameter",
    "Source",
    "Spec",
    "evaluate",
    "shape_of",
    "sizes_of",
]

Value = bool | int | float | str | None | tuple[Any, ...]
Names = Mapping[str, Any]


def sizes_of(*lengths: Iterable[int]) -> tuple[tuple[int, ...], ...]:
    """Every size that takes one of the lengths for each axis."""
    return tuple(itertools.product(*lengths))


def shape_of(axes: str, names: Names) -> tuple[int, ...]:
    """Shape that a list of ``axes`` expressions stands for."""
    return evaluate(f"({axes},)" if axes else "()", names)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Parameter:
    """An option of a layer; the first of ``values`` is the default, cases cover them all.

    A *facet* is a parameter that frameworks silently disagree on. Where only one of its values is meant, and
    the others say what goes wrong, that one is its ``right`` side: 0 log 0 is 0, although some give NaN.
    ``plain`` is the value under which the others are seen best where digits are few, if that is not the
    default: no reduction of the losses, say.
    """

    name: str
    values: tuple[Value, ...]
    meaning: str
    facet: bool = False
    plain: Value = None
    right: Value = None

    def __post_init__(self) -> None:
        if self.right is not None and not (self.facet and self.right in self.values):
            raise ValueError(
                f"parameter {self.name!r}: a right side is a value of a facet; got {self.right!r}"
            )

    @property
    def default(self) -> Value:
        """The value that a case id may leave out."""
        return self.values[0]


@dataclass(frozen=True)
class Input:
    """An array given to the layer.

    ``axes`` lists its shape as expressions over axis and parameter names: ``"batch, channels // groups"``.
    ``kind`` says what fills it: ``data`` follows the case's data set; ``weight``, ``positive``,
    ``probability``, ``unit``, ``sample_weight`` (some 0) and ``decay`` (a logarithm, never above 0) are drawn
    benignly; ``index`` (below
    ``limit``), ``mask`` and ``lengths`` (from ``least`` to ``limit``) carry no gradient; ``recovered`` is
    read off what a stochastic layer returned, and was drawn from its ``distribution`` (see
    `assay.specs.language.distribution`).
    ``when`` is the condition under which the input is given at all; otherwise it is ``None``. No gradient is
    asked of a ``constant``, such as the weights of classes, nor under the condition ``frozen``, where some
    frameworks take the input as one: there the vjp gives a gradient all the same. ``marks`` names a parameter
    whose value, where there is one, is to occur among indices: the label of rows that do not count.
    """

    name: str
    axes: str
    kind: str = "data"
    meaning: str = ""
    limit: str | None = None
    least: str = "1"
    when: str = "True"
    constant: bool = False
    frozen: str = "False"
    distribution: str = ""
    marks: str = ""

    NUMBERS = ("data", "weight", "positive", "probability", "unit", "sample_weight", "decay")
    KINDS = (*NUMBERS, "index", "mask", "lengths", "recovered")

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise ValueError(f"input {self.name!r}: kind {self.kind!r} is not one of {', '.join(self.KINDS)}")
        if (self.kind == "recovered") != bool(self.distribution):
            raise ValueError(f"input {self.name!r}: what is recovered, and that alone, has a distribution")

    @property
    def differentiable(self) -> bool:
        """Whether a gradient with respect to this input is asked for."""
        return not self.constant and self.kind in self.NUMBERS

    def shape(self, names: Names) -> tuple[int, ...]:
        """Shape of the input in a case with these axis lengths and parameter values."""
        return shape_of(self.axes, names)


@dataclass(frozen=True)
class Constraint:
    """A rule that valid cases obey, and changes to a valid case that break it.

    In ``rule`` the name of an input stands for its shape. ``broken_by`` gives new values to parameters,
    new lengths to axes (a number, or an expression over the others), new axes to inputs, or another data set
    to ``data``. ``also_broken_by`` are further changes of the kind: a boundary is crossed by little and by
    much, and on its other side. Where the rule is broken, the reference and every implementation must raise.
    """

    label: str
    rule: str
    meaning: str
    broken_by: Mapping[str, Value]
    also_broken_by: tuple[Mapping[str, Value], ...] = ()

    @property
    def breaches(self) -> dict[str, Mapping[str, Value]]:
        """Every change that breaks the rule, by its name in a case id: ``C3``, then ``C3.2``, and so on."""
        others = {f"{self.label}.{n}": change for n, change in enumerate(self.also_broken_by, start=2)}
        return {self.label: self.broken_by, **others}

    def holds(self, names: Names) -> bool:
        """Whether a case with these names obeys the rule."""
        return bool(evaluate(self.rule, names))


@dataclass(frozen=True)
class Source:
    """Where a definition comes from: a paper with its section, or a specification.

    The pages of the APIs that are bound are not told here: they follow from the names of the APIs.
    """

    title: str
    link: str


def beside(*_: Any, **__: Any) -> Any:
    """Stands for the vector-Jacobian product that is called ``<reference>_vjp`` in the reference's module."""
    raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Spec:
    """The contract of one layer or loss.

    What follows from the rest is not said: the ``name`` is that of the reference, its ``vjp`` stands
    beside it, and the ``axes`` whose lengths a case chooses come in the order in which inputs name them.
    That inputs agree in the axes that they share are ``constraints`` before those that are written here.

    ``reference`` takes the inputs in order and the parameters by keyword, and returns one array or a
    tuple, one per name in ``outputs``; ``vjp`` takes the inputs, then one cotangent per differentiable
    output (a tuple where there are several), and returns one gradient per differentiable input
    (``None`` for an input that is absent). Both take only the parameters that their signatures name:
    the others (``use_bias``) act through ``when`` and ``axes``. States come after the outputs and have no
    cotangent. ``excluded`` holds conditions of valid cases that are out of scope. ``grid`` gives values of
    ``size``, ``data`` and parameters, of which every combination is asked in the tier of that name; so is the
    default with no elements along each axis of ``empty``, which names what is no reduction over it. A
    stochastic layer's ``recover`` reads its ``recovered`` inputs off the outputs. Where these hide what was
    drawn, ``probe`` gives other inputs, one mapping for each further question that is asked with the same
    seed, and ``recover`` reads the outputs of those. Both are given arrays, parameters and lengths of axes by
    name, ``recover`` also the outputs of each question that it reads. ``kernel_data`` are data sets that a
    user's kernel is asked beside, with the inputs that each fills; all others are ordinary there. ``unowned``
    tells, of the names of a case and the arrays of its indices, lengths and masks, where an input holds what
    no token owns, along its leading axes: for what masks and lengths of the usual axes do not say.
    """

    reference: Callable[..., Any]
    inputs: tuple[Input, ...]
    sizes: tuple[tuple[int, ...], ...]
    data: tuple[str, ...]
    name: str = ""
    vjp: Callable[..., Any] = beside
    axes: str = ""
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[str, ...] = ("y",)
    states: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    excluded: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    signed_zeros: bool = False
    grid: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    empty: tuple[str, ...] = ("batch",)
    kernel_data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recover: Callable[[Names, Sequence[tuple[Any, ...]]], dict[str, Any]] | None = None
    probe: Callable[[Names], Sequence[dict[str, Any]]] | None = None
    unowned: Callable[[Names], dict[str, Any]] | None = None
    family: str = field(init=False)

    def __post_init__(self) -> None:
        function = self.reference
        follows = {"family": function.__module__.rpartition(".")[2], "name": self.name or function.__name__}
        if self.vjp is beside:
            follows["vjp"] = getattr(sys.modules[function.__module__], f"{function.__name__}_vjp")
        if not self.axes:
            follows["axes"] = in_order((i.axes for i in self.inputs), self.defaults)
        for name, value in follows.items():
            object.__setattr__(self, name, value)
        for size in self.sizes:
            if len(size) != len(self.axis_names):
                raise ValueError(f"{self.name}: size {size} does not fit the axes ({self.axes})")
        object.__setattr__(self, "constraints", (*self._agreements(), *self.constraints))

    def _agreements(self) -> Iterable[Constraint]:
        """The rules that follow from axes that inputs share, which the first case is given."""
        names = {**dict(zip(self.axis_names, self.sizes[0], strict=True)), **self.defaults}
        shapes = {i.name: i.axes for i in self.given(names) if i.kind != "recovered"}
        known = {constraint.label for constraint in self.constraints}
        found = (Constraint(*each) for each in agreements(shapes, self.axis_names))
        return (constraint for constraint in found if constraint.label not in known)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Names of the axes whose lengths a case chooses, in the order of its id."""
        return tuple(self.axes.replace(",", " ").split())

    @functools.cached_property
    def kernel_only(self) -> dict[str, tuple[str, ...]]:
        """Data sets that only kernels are asked, with the inputs that each fills; indices have one anyway."""
        indexed = any(given.kind == "index" for given in self.inputs)
        return {**self.kernel_data, **({"indices_high": ()} if indexed else {})}

    @property
    def summary(self) -> str:
        """First line of the reference's docstring."""
        return (inspect.getdoc(self.reference) or "").partition("\n")[0]

    @property
    def formula(self) -> str:
        """Docstring of the reference: the definition in full."""
        return inspect.getdoc(self.reference) or ""

    def parameter(self, name: str) -> Parameter:
        """The parameter called ``name``."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(p.name for p in self.parameters) or "none"
        raise Usage(f"{self.name} has no parameter {name!r}; it has: {known}")

    @property
    def defaults(self) -> dict[str, Value]:
        """Default value of every parameter."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def given(self, names: Names) -> tuple[Input, ...]:
        """The inputs that are present in a case with these names."""
        return tuple(i for i in self.inputs if evaluate(i.when, names))

    def broken(self, names: Names) -> tuple[Constraint, ...]:
        """The constraints that a case with these names breaks; empty for a valid case."""
        return tuple(c for c in self.constraints if not c.holds(names))

    def admits(self, names: Names) -> bool:
        """Whether a case with these names is in scope: valid, and by no expression in ``excluded``."""
        return not self.broken(names) and not any(evaluate(rule, names) for rule in self.excluded)

    def breach(self, label: str) -> tuple[Constraint, Mapping[str, Value]]:
        """The constraint that the change called ``label`` breaks, and the change."""
        for constraint in self.constraints:
            if label in constraint.breaches:
                return constraint, constraint.breaches[label]
        known = ", ".join(label for c in self.constraints for label in c.breaches) or "none"
        raise Usage(f"{self.name} has no constraint {label!r}; it has: {known}")

    def accepted(self, function: Callable[..., Any], parameters: Names) -> dict[str, Value]:
        """Those of the ``parameters`` that the signature of ``function`` names."""
        return {name: value for name, value in parameters.items() if name in _keywords(function)}


@functools.cache
def _keywords(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(
        name for name, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY
    )
