"""Every vector-Jacobian product against the complex step of its reference.

With ``v`` a random direction and ``g`` the cotangent, ``⟨g, J v⟩ = ⟨Jᵀ g, v⟩``: the left side from the
forward function alone, the right side from the vjp. They agree within the carried error of the vjp itself.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.complex_step import directional_derivative
from support.proof import assert_same, carried, proves

from assay.harness.judging.expectation import Expectation
from assay.numerics.dtypes import widen
from assay.numerics.generator import Stream
from assay.specs import all_specs
from assay.specs.language.cases import cases
from assay.specs.language.spec import evaluate

#: Where a reference gives another gradient than its derivative, because that is what implementations do. Such
#: a gradient is proved by a law: of a row in which everything is masked, in test_attention.py, of ratios that
#: are held as weights, in test_losses_language.py, of a table that is shortened in place and learns as it is
#: then, in test_embedding.py; or by the complex step of what it is the derivative of: with singular vectors
#: held, in test_constraints.py.
CONVENTIONAL = {
    "gumbel_softmax_hard": "True",
    "grpo_loss": "objective == 'weighted'",
    "embedding": "padding_index is not None and padding == 'blocked'",
    "renormed_embedding": "in_place",
    "dot_product_attention": "masking == 'add' and empty_row == 'uniform' and causal != 'none'",
    "spectral_norm": "True",
    "spectral_norm_inference": "inference == 'iterated'",
}


def smooth_cases():
    """One case per configuration that meets every pair of options, on data without kinks."""
    for spec in all_specs().values():
        slopes = any(given.differentiable for given in spec.inputs)
        for case in cases(spec, "standard", dtypes=["float64"]) if slopes else ():
            if case.valid and case.data == spec.data[0] and not _conventional(case):
                yield pytest.param(case, id=case.id, marks=proves(spec.vjp, by="complex step"))


def _conventional(case):
    """Whether another gradient than the derivative is asked for, as by a facet that the vjp alone takes."""
    if evaluate(CONVENTIONAL.get(case.spec.name, "False"), case.names):
        return True
    acting = case.spec.accepted(case.spec.vjp, case.arguments)
    forward = case.spec.accepted(case.spec.reference, case.arguments)
    return any(
        value != case.spec.parameter(name).default for name, value in acting.items() if name not in forward
    )


@pytest.mark.parametrize("case", list(smooth_cases()))
def test_vjp_is_the_transpose_of_the_derivative(case):
    expectation, spec = Expectation(case), case.spec
    names = [i.name for i in spec.inputs]
    arrays = [_wide(expectation.inputs.get(name)) for name in names]
    directions = [
        Stream(f"direction/{case.id}/{name}").normal(array.shape) if name in expectation.wrt else None
        for name, array in zip(names, arrays, strict=True)
    ]
    arguments = spec.accepted(spec.reference, case.arguments)

    def forward(*inputs):
        outputs = spec.reference(*inputs, **arguments)
        return (outputs if isinstance(outputs, tuple) else (outputs,))[: len(spec.outputs)]

    tangents = directional_derivative(forward, arrays, directions)
    wide = [widen(g) for g in expectation.cotangents]
    forward_side = sum(np.sum(g * t) for g, t in zip(wide, tangents, strict=True))

    cotangents = tuple(carried(g) for g in wide)
    given = [carried(a) if v is not None else a for a, v in zip(arrays, directions, strict=True)]
    gradients = spec.vjp(
        *given,
        cotangents[0] if len(cotangents) == 1 else cotangents,
        **spec.accepted(spec.vjp, case.arguments),
    )
    wanted = [i.name in expectation.wrt for i in spec.inputs if i.differentiable]
    taken = [gradient for gradient, use in zip(gradients, wanted, strict=True) if use]
    used = [v for v in directions if v is not None]
    reverse_side = sum(np.sum(g * v) for g, v in zip(taken, used, strict=True))
    # Where the gradient is exact, the derivative of the forward function still rounds as its value does.
    value = sum(
        np.sum(np.where(np.isfinite(y), g * y, 0.0)) for g, y in zip(cotangents, forward(*given), strict=True)
    )
    terms = sum(np.sum(np.abs(g.value * v)) for g, v in zip(taken, used, strict=True))
    assert_same(forward_side + (value - value.value), reverse_side, size=terms)


def _wide(array):
    return array if array is None or array.dtype.kind in "biu" else widen(array)
