"""A recipe as a script, which runs both APIs on the same random arrays and prints how far apart they are.

It needs the two frameworks and NumPy alone. It runs forward; the proof of a recipe asks for gradients too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import Usage
from ..harness.mapping.arguments import in_scope, under
from ..harness.mapping.porting import Recipe
from ..harness.plan import selection
from ..harness.running.processes import WorkerSettings
from ..harness.running.repro import asking
from ..specs.language.case import Case

__all__ = ["port_script"]

TEMPLATE = '''\
"""{source} and {target}, which is to do the same: {spec} of {size}, forward."""

import numpy

random = numpy.random.default_rng(0)
{inputs}


{first}

{second}

inputs = {names}
for name, one, other in zip({outputs!r}, source(inputs), target(inputs), strict=True):
    if one.shape != other.shape:
        raise SystemExit(f"{{name}}: {{one.shape}} against {{other.shape}}")
    apart = numpy.abs(one.astype(numpy.float64) - other.astype(numpy.float64)).max(initial=0.0)
    step = numpy.spacing(numpy.abs(one).astype(numpy.float32).max(initial=0.0))
    print(f"{{name}}: at most {{apart:.3g}} apart, {{apart / step:.3g}} steps of float32 at its largest")
'''


def port_script(recipe: Recipe) -> str:
    """The source of a script for a recipe.

    Raises:
        Usage: the two draw numbers of their own, or take arrays of different shapes.
    """
    two, (case, written) = recipe.pair, _telling(recipe)
    if any(given.kind == "recovered" for given in case.given):
        raise Usage(f"{two.spec.name} draws numbers of its own, in which no two frameworks agree")
    shapes = [{i.name: one.names[i.name] for i in one.given} for one in (case, written)]
    if shapes[0] != shapes[1]:
        raise Usage(f"{two.source.api} and {two.target.api} take arrays of different shapes here")
    first, second = (
        asking(name, binding, one.arguments, WorkerSettings(binding.framework).path)
        for name, binding, one in (("source", two.source, case), ("target", two.target, written))
    )
    return TEMPLATE.format(
        source=two.source.api,
        target=two.target.api,
        spec=two.spec.name,
        size="x".join(map(str, case.size)),
        inputs="\n".join(_inputs(case)),
        first=first,
        second=second,
        names="{"
        + ", ".join(f"{i.name!r}: {i.name if i in case.given else None}" for i in case.spec.inputs)
        + "}",
        outputs=(*two.spec.outputs, *two.spec.states),
    )


def _telling(recipe: Recipe) -> tuple[Case, Case]:
    """The recipe's two cases with ordinary numbers, and lengths that differ where both can be asked such."""
    two, found = recipe.pair, [(recipe.meant, recipe.written)]
    for case in selection(two.spec, "standard", ("float32",)):
        if case.valid and case.data == two.spec.data[0]:
            one, other = (under(case, of.arguments) for of in found[0])
            if in_scope(two.source, one) and in_scope(two.target, other):
                found.append((one, other))
    return max(found, key=lambda both: (len({n for n in both[0].size if n > 1}), -sum(both[0].size)))


def _inputs(case: Case) -> Iterator[str]:
    """Random numbers of the shapes of the case; indices, masks and lengths as the case has them."""
    for name, array in case.inputs().items():
        if array.dtype.kind in "biu" or array.ndim == 0 or np.all(array >= 0):
            yield f"{name} = numpy.array({array.tolist()!r}, {array.dtype.name!r})"
        else:
            yield f"{name} = random.normal(size={array.shape}).astype({array.dtype.name!r})"
