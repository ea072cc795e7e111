"""Expressions: those on file can be read; what reaches for more than its names is refused with its place."""

from __future__ import annotations

import pytest

from assay.adapters.binding import bindings
from assay.harness.checking.onnx_nodes import OPERATORS
from assay.harness.judging.deviations import on_file
from assay.specs import all_specs
from assay.specs.language.expression import ExpressionError, checked, evaluate
from assay.specs.variants import controls_of, faults_of


def on_specs():
    for spec in all_specs().values():
        shapes = {i.name: i.axes for i in spec.inputs}
        yield from (f"({axes},)" for axes in shapes.values() if axes)
        for given in spec.inputs:
            yield from (given.when, given.frozen, given.limit or "0", given.distribution or "0")
        for rule in spec.constraints:
            yield rule.rule
            yield from (f"({axes},)" for name, axes in rule.broken_by.items() if name in shapes and axes)
        yield from spec.excluded


def on_variants():
    for spec in all_specs().values():
        for variant in (*faults_of(spec), *controls_of(spec)):
            yield from (variant.where, *variant.parameters.values())


def elsewhere():
    for binding in bindings().values():
        yield from binding.where
    yield from (deviation.when for deviation in on_file())
    for operator in OPERATORS.values():
        yield from (operator.where, *operator.attributes.values())


@pytest.mark.parametrize("expressions", [on_specs, on_variants, elsewhere])
def test_every_expression_on_file_is_one(expressions):
    """A variant that raises a ValueError is left out of the audit, so that nobody would miss it."""
    found = list(expressions())
    assert found
    for expression in found:
        assert checked(expression, ("normal", "uniform", "gumbel", "boundaries")) == expression


def test_an_expression_is_its_value_over_names():
    names = {"padding": ((1, 2), (0, 0)), "strides": (1, 2), "kind": "same"}
    assert evaluate("all(low <= high for low, high in padding) and strides[0] != max(strides)", names)
    assert evaluate("(*strides[:1], 7 if kind in ('same',) else -strides[1])", names) == (1, 7)


REFUSED = [
    ("().__class__.__base__", "takes the attribute '__base__'", 0),
    ("batch == 1 and open('/etc/passwd')", "calls open, and may call all, any, len, max, min alone", 15),
    ("kind.startswith('a')", "calls kind.startswith", 0),
    ("(lambda: 1)()", "calls lambda: 1", 0),
    ("batch or __import__", "mentions '__import__'", 9),
    ("9 ** 9 ** 9", "holds the operator Pow", 0),
    ("1 + (batch << 99)", "holds the operator LShift", 5),
    ("f'{batch}'", "holds JoinedStr", 0),
    ("max(batch, key=len)", "calls max", 0),
    ("(batch := 2)", "holds NamedExpr", 1),
    ("batch ) 1", "cannot be read: unmatched", 6),
]


@pytest.mark.parametrize(("expression", "complaint", "column"), REFUSED)
def test_what_is_no_expression_is_refused_with_its_place(expression, complaint, column):
    with pytest.raises(ExpressionError) as raised:
        evaluate(expression, {"batch": 1, "kind": "a"})
    told, shown, mark = str(raised.value).splitlines()
    assert complaint in told
    assert shown.strip() == expression
    assert mark.index("^") == 4 + column


def test_what_is_refused_is_not_run():
    reached = []
    with pytest.raises(ExpressionError):
        evaluate("reach(1)", {"reach": reached.append})
    assert reached == []
    evaluate("reach(1)", {"reach": reached.append}, ("reach",))
    assert reached == [1]
