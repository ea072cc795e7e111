"""Bindings name the inputs and parameters of their specs, and none is ignored in silence."""

from __future__ import annotations

import pytest

from assay.adapters.binding import bindings
from assay.specs import all_specs

ALL = bindings()


@pytest.mark.parametrize("binding", list(ALL.values()), ids=list(ALL))
def test_binding_takes_every_input_and_parameter_or_says_where_it_is_fixed(binding):
    spec = all_specs()[binding.spec]
    sent = {i.name for i in spec.inputs if i.kind != "recovered"}
    acting = {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}
    fixed = {name for name in acting if any(name in rule for rule in binding.where)}
    optional = {"seed"} if spec.recover else set()
    taken = set(binding.arguments)
    assert taken <= sent | {p.name for p in spec.parameters} | optional
    assert sent <= taken
    assert acting - fixed <= taken
