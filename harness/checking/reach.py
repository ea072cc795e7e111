"""How far a check reaches: what it did not ask, what had no effect, and which rounding explained the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...adapters.kernel.memory import LAYOUTS
from ...numerics.dtypes import DTYPES
from ...specs.language.case import Case
from ...specs.language.case import encode as text_of
from ..judging.expectation import Expectation
from .examination import Examiner
from .probes import Probe

__all__ = ["rounding", "unasked", "without_effect"]

Array = np.ndarray[Any, Any]


def rounding(examiner: Examiner, profiles: Sequence[str]) -> Iterator[str]:
    """A line where a half type was rounded at every primitive, which a fused kernel need not."""
    if "op-by-op" in profiles:
        count = profiles.count("op-by-op")
        yield (
            f"{count} of {len(profiles)} cases round at every primitive (op-by-op): a kernel that accumulates"
            " in float32 and rounds once is asked for with fused=True, or --fused"
        )


def without_effect(examiner: Examiner, asked: Sequence[Probe]) -> Iterator[str]:
    """The options that were held at, or met, another value than their default, and changed nothing."""
    spec, known = examiner.scope.spec, examiner.expectation
    taken = {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}
    met: dict[tuple[str, Any], list[Case]] = {}
    for case in dict.fromkeys(probe.case for probe in asked):
        for name, value in case.parameters:
            if name in taken and value != spec.parameter(name).default:
                met.setdefault((name, value), []).append(case)
    for (name, value), cases in met.items():
        if not any(_matters(known(case), name, spec.parameter(name).default) for case in cases):
            yield f"{name}={text_of(value)} has no effect in any of the {len(cases)} cases that have it"


def _matters(expectation: Expectation, name: str, default: Any) -> bool:
    """Whether a case expects something else where an option is at its default."""
    try:
        other = expectation.asking({}, {name: default})
        if _differ(expectation.forward(), other.forward()):
            return True
        ours, theirs = (each.gradients(np.asarray) for each in (expectation, other))
        return _differ(tuple(ours.values()), tuple(theirs.values()))
    except (ValueError, IndexError):  # the default makes no sense there
        return True


def _differ(one: Sequence[Array], other: Sequence[Array]) -> bool:
    return not all(
        np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
        for a, b in zip(one, other, strict=True)
    )


def unasked(
    examiner: Examiner, asked: Sequence[Probe], passed: Mapping[str, int], slow: Sequence[Probe] = ()
) -> tuple[str, ...]:
    """What was not asked: options, inputs, dtypes, gradients, layouts and sizes, a line each."""
    spec = examiner.scope.spec
    cases = list(dict.fromkeys(probe.case for probe in asked))
    values = {p.name: {dict(case.parameters)[p.name] for case in cases} for p in spec.parameters}
    single = [
        f"{name} other than {text_of(next(iter(found)))}" for name, found in values.items() if len(found) == 1
    ]
    absent = [
        i.name for i in spec.inputs if not any(i.name in case.names and i in case.given for case in cases)
    ]
    dtypes = [name for name in DTYPES if name not in {case.dtype for case in cases}]
    layouts = [
        name for name in LAYOUTS if name not in ("contiguous", *(p.layout for p in asked), "broadcast")
    ]
    longest = ", ".join(
        f"{name} beyond {max(case.size[axis] for case in cases)}" for axis, name in enumerate(spec.axis_names)
    )
    lines = (
        ("options", ", ".join(single)),
        ("inputs", ", ".join(absent)),
        ("dtypes", ", ".join(dtypes)),
        ("gradients", "" if passed["gradients"] else "all"),
        ("layouts", ", ".join(layouts)),
        ("sizes", f"{longest}{_told(slow)}"),
    )
    return tuple(f"{what}: {which}" for what, which in lines if which)


def _told(slow: Sequence[Probe]) -> str:
    """The sizes that were left out because the kernel is slow here."""
    sizes = list(dict.fromkeys("x".join(map(str, probe.case.size)) for probe in slow))
    if len(sizes) > 2:
        return f"; {sizes[0]} and {len(sizes) - 1} others would take too long: name them by size"
    return f"; {' and '.join(sizes)} would take too long: name them by size" if sizes else ""
