"""Bindings name the inputs and parameters of their specs, and none is ignored in silence."""

from __future__ import annotations

import ast

import pytest

from assay.adapters.binding import KNOWN, bindings, load_bindings
from assay.specs import all_specs

ALL = bindings(KNOWN)


def names_in(rule):
    return {node.id for node in ast.walk(ast.parse(rule, mode="eval")) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("binding", list(ALL.values()), ids=list(ALL))
def test_binding_takes_every_input_and_parameter_or_says_where_it_is_fixed(binding):
    spec = all_specs()[binding.spec]
    sent = {i.name for i in spec.inputs if i.kind != "recovered"}
    acting = {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}
    named = {name for rule in binding.where for name in names_in(rule)}
    optional = {"seed"} if spec.recover else set()
    taken = set(binding.arguments)
    assert taken <= sent | {p.name for p in spec.parameters} | optional
    assert sent <= taken
    assert acting - named <= taken


def test_a_binding_lies_in_the_module_of_its_spec_s_family():
    """Who asks one spec reads these modules alone: what lay elsewhere would not be asked."""
    specs = all_specs()
    own = [each for each in ALL.values() if each.function.__module__.startswith("assay.adapters.")]
    assert {e.key for e in own if e.function.__module__.rpartition(".")[2] != specs[e.spec].family} == set()


def test_a_second_binding_of_one_api_is_refused(tmp_path):
    once = (
        "from assay.adapters.torch.framework import binds\n"
        "binds('relu', 'a.b')(lambda x: x)\n"
        "binds('silu', 'a.b')(lambda x: x)\n"
    )
    (tmp_path / "once.py").write_text(once)
    (tmp_path / "twice.py").write_text(once.replace("silu", "relu").replace("a.b", "c.d"))
    load_bindings(tmp_path / "once.py")
    load_bindings(tmp_path / "once.py")
    with pytest.raises(ValueError, match=r"relu:c\.d is bound twice, in .*twice.py"):
        load_bindings(tmp_path / "twice.py")
    assert {"relu:a.b", "silu:a.b"} == set(bindings(KNOWN)) - set(ALL)
