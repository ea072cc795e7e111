"""Every condition on file has a value in every case of every spec that it speaks of.

An expression that raises in one case of a thousand ends a gate that meets that case, so all of them are
evaluated in all cases: those of every tier, and those that break a constraint on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from assay.harness.checking.onnx_nodes import OPERATORS
from assay.harness.judging import deviations
from assay.harness.plan import implementations
from assay.specs import all_specs
from assay.specs.language.case import Case
from assay.specs.language.cases import TIERS, cases, invalid_cases
from assay.specs.language.spec import Spec, evaluate

SPECS = all_specs()


@dataclass(frozen=True)
class Condition:
    """An expression, and where it is written.

    ``of`` says of which cases it is asked: a case that breaks a constraint is none of ``excluded``, and each
    condition of a binding is asked where those before it hold.
    """

    file: str
    entry: str
    expression: str
    value: Callable[[Case], Any]
    of: Callable[[Case], bool] = lambda case: True


def written(
    file: str, entry: str, expression: str, of: Callable[[Case], bool] = lambda case: True
) -> Condition:
    """A condition over the names of a case."""
    return Condition(file, entry, expression, lambda case: evaluate(expression, case.names), of)


def meets(rules: Iterable[str], case: Case) -> bool:
    """Whether all the rules hold in a case, asked one after the other."""
    return all(evaluate(rule, case.names) for rule in rules)


def conditions(spec: Spec) -> Iterator[Condition]:
    """Every condition on file that speaks of a spec."""
    home = f"specs/{spec.family}.py"
    for constraint in spec.constraints:
        yield written(home, f"{spec.name} {constraint.label}", constraint.rule)
    for rule in spec.excluded:
        yield written(home, f"{spec.name} excluded", rule, lambda case: case.valid)
    for given in spec.inputs:
        for name, expression in (("when", given.when), ("frozen", given.frozen), ("limit", given.limit)):
            if expression is not None:
                yield written(home, f"{spec.name} {given.name}.{name}", expression)
    for binding in implementations(spec):
        rules = tuple(binding.where)
        for number, rule in enumerate(rules):
            of = partial(meets, rules[:number])
            yield written(f"adapters/{binding.framework}/{spec.family}.py", binding.key, rule, of)
    if spec.name in OPERATORS:
        operator = OPERATORS[spec.name]
        yield written("harness/checking/onnx_nodes.py", operator.name, operator.where)
    for entry in deviations.on_file():
        if deviations.fits(spec.name, entry.spec):
            yield Condition(deviations.FILE.name, entry.name, entry.when, entry.covers)


def faults(found: Iterable[Condition], asked: Iterable[Case]) -> list[str]:
    """A sentence for each condition that has no value in some case: the first such case."""

    def fault(condition: Condition) -> str | None:
        for case in filter(condition.of, every):
            try:
                condition.value(case)
            except Exception as error:
                return (
                    f"{condition.file}: {condition.entry!r}: {condition.expression!r} raises "
                    f"{type(error).__name__}: {error} in {case.id}"
                )
        return None

    every = list(asked)
    return list(filter(None, map(fault, found)))


def asked(spec: Spec, tiers: Iterable[str] = TIERS) -> list[Case]:
    """The cases of a spec in all tiers, each once, and those that break a constraint."""
    restrictions = [tuple(binding.where) for binding in implementations(spec)] or [()]
    of_tiers = (case for tier in tiers for case in cases(spec, tier, restrictions))
    return [*dict.fromkeys((*of_tiers, *invalid_cases(spec)))]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_condition_on_file_has_a_value_in_every_case(spec):
    assert faults(conditions(spec), asked(spec)) == []


def test_a_condition_that_raises_is_told_with_its_file_entry_expression_and_case():
    spec = SPECS["conv_output_range"]
    planted = written("deviations.toml", "planted", "strides[0] != strides[1]")
    assert faults([planted], asked(spec, ["smoke"])) == [
        "deviations.toml: 'planted': 'strides[0] != strides[1]' raises IndexError: tuple index out of range "
        "in conv_output_range/default/float32/normal/2x7x3x4x2"
    ]


def test_a_condition_that_raises_in_few_cases_of_many_is_found():
    spec = SPECS["conv1d"]
    sound = written("deviations.toml", "sound", "data != 'infinities' or strides[0] > 0")
    planted = written("deviations.toml", "planted", "data != 'infinities' or strides[1] > 0")
    (told,) = faults([sound, planted], asked(spec, ["standard"]))
    assert "'planted'" in told
    assert "/infinities/" in told


def test_a_condition_of_a_binding_may_rest_on_those_before_it():
    cases_of_both = asked(SPECS["avg_pool2d"], ["standard"])
    rule = "all(pair[1] >= 0 for pair in padding)"
    guarded = written(
        "file", "entry", rule, partial(meets, ["padding not in ('valid', 'same', 'same_lower')"])
    )
    assert faults([guarded], cases_of_both) == []
    assert len(faults([written("file", "entry", rule)], cases_of_both)) == 1
