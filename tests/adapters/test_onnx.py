"""Operators of ONNX are asked as their schemas say, and only where somebody names them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from assay.adapters import framework as module
from assay.adapters.binding import FRAMEWORKS, KNOWN, bindings
from assay.adapters.framework import Unavailable, framework
from assay.adapters.lazy import Absent
from assay.adapters.onnx.framework import node as onnx_node
from assay.cli.options import ALL_FRAMEWORKS
from assay.harness.plan import plan
from assay.harness.running import worker
from assay.specs import all_specs

OPERATORS = bindings(["onnx"])


@pytest.fixture
def node():
    pytest.importorskip("onnx")
    return onnx_node


@pytest.mark.parametrize("key", OPERATORS)
def test_a_row_gives_attributes_that_its_operator_has(key, node):
    row = OPERATORS[key].row
    called = eval(row.calls, {"node": node})
    assert f"'{OPERATORS[key].api.removeprefix('onnx.')}'" in row.calls
    assert set(row.options) <= set(inspect.signature(called).parameters)


def test_an_operator_is_called_on_its_inputs_in_order_with_attributes_by_name(node):
    x = np.array([[-1.0, 2.0]], np.float32)
    assert node("LeakyRelu", 16)(x, alpha=0.5).tolist() == [[-0.5, 2.0]]
    assert node("Clip", 13)(x, None, np.float32(1.0)).tolist() == [[-1.0, 1.0]]
    values, places = node("TopK", 11, 2)(x, np.array([1]), largest=None)
    assert (values.tolist(), places.tolist()) == ([[2.0]], [[1]])


def test_its_signature_tells_the_defaults_that_the_operator_has(node):
    known = inspect.signature(node("LRN", 13)).parameters
    told = {name: parameter.default for name, parameter in known.items()}
    assert told == {"alpha": 1e-4, "beta": 0.75, "bias": 1.0, "size": inspect.Parameter.empty}
    assert inspect.signature(node("Gelu", 20)).parameters["approximate"].default == "none"


def test_an_operator_that_a_version_lacks_is_no_defect_of_it(node):
    with pytest.raises(ImportError, match="has no Gelu of opset 999") as caught:
        node("Gelu", 999)
    assert worker._lacks_api(caught.value)


def test_bits_come_out_as_they_went_in():
    adapter = framework("onnx", "cpu")
    for array in (np.array(np.nan, np.float32), np.zeros((0, 3), np.int64), np.array([True, False])):
        wire = array.dtype.name, array.shape, array.tobytes()
        assert adapter.unload(adapter.load(wire)) == wire


def test_who_has_no_onnx_is_told_what_to_install(monkeypatch):
    def absent(name):
        raise Absent(f"{name} is not installed")

    monkeypatch.setattr(module, "imported", absent)
    with pytest.raises(Unavailable, match=r"ONNX is not installed. Try `pip install assay\[export\]`"):
        framework("onnx", "cpu").start()


def test_it_is_asked_by_its_name_alone_and_chooses_no_cases():
    assert set(KNOWN) - set(FRAMEWORKS) == {"onnx"}
    assert ALL_FRAMEWORKS == FRAMEWORKS
    assert "onnx" not in {binding.framework for binding in bindings().values()}
    gelu = [all_specs()["gelu"]]
    usual, all_of_them = (plan(gelu, "smoke", frameworks=names) for names in (FRAMEWORKS, KNOWN))
    assert [q.case.id for q in usual] == [q.case.id for q in all_of_them]
    added = {b.api for q in all_of_them for b in q.bindings} - {b.api for q in usual for b in q.bindings}
    assert added == {"onnx.Gelu"}
