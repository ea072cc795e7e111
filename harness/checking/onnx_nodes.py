"""ONNX node tests: cases as single-node models, where an ONNX operator is the same thing as a spec.

`OPERATORS` is the whole of what is known: which operator, since which opset, under which condition, with
which attributes, and where layouts differ. The files are those of ONNX's own backend tests: ``model.onnx``
and ``test_data_set_0`` with its inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import Usage
from ...numerics.dtypes import dtype, round_to
from ...specs.language.case import Case
from ...specs.language.spec import evaluate
from ..judging.expectation import Expectation

__all__ = ["OPERATORS", "Operator", "export_onnx", "model", "operator_of", "outputs_of"]

Array = np.ndarray[Any, Any]
Change = Callable[[Array], Array]


def same(array: Array) -> Array:
    """No change of layout."""
    return array


def channels_first(array: Array) -> Array:
    """``(batch, height, width, channels)`` as ONNX has it: ``(batch, channels, height, width)``."""
    return np.moveaxis(array, -1, 1)


def channels_last(array: Array) -> Array:
    """``(batch, channels, height, width)`` as the specs have it."""
    return np.moveaxis(array, 1, -1)


def kernel_first(array: Array) -> Array:
    """``(height, width, channels, units)`` as ONNX has it: ``(units, channels, height, width)``."""
    return np.moveaxis(array, (-1, -2), (0, 1))


@dataclass(frozen=True)
class Operator:
    """An ONNX operator that is the same thing as a spec.

    Attributes:
        name: of the operator.
        opset: the first version in which it is.
        attributes: by name, as expressions over the names of axes and parameters; None leaves one out.
        where: the condition under which it is the same thing.
        inputs: how each input of the spec is laid out for ONNX, by name and in the operator's order.
        back: how its output is laid out for the spec.
        dtypes: in which it exists.
    """

    name: str
    opset: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    where: str = "True"
    inputs: Mapping[str, Change] = field(default_factory=lambda: {"x": same})
    back: Change = same
    dtypes: tuple[str, ...] = ("float32", "float64", "float16", "bfloat16")


CONV = Operator(
    "Conv",
    1,
    {
        "strides": "strides",
        "dilations": "dilation",
        "group": "groups",
        "auto_pad": "('SAME_UPPER' if padding == 'same' else 'SAME_LOWER') if 'same' in padding else None",
        "pads": "(*[p[0] for p in padding], *[p[1] for p in padding]) if widths else None",
    },
    "True",
    {"x": channels_first, "kernel": kernel_first, "bias": same},
    channels_last,
    ("float32", "float64", "float16"),
)

ONE_AXIS = "infinite_logit == 'nan' and axis in (-3, -2, -1, 0, 1, 2, 3)"
"""Of a softmax: ONNX's goes along one axis."""

OPERATORS: dict[str, Operator] = {
    "relu": Operator("Relu", 14),
    "gelu": Operator("Gelu", 20, {"approximate": "'tanh' if approximate else 'none'"}),
    "softmax": Operator("Softmax", 13, {"axis": "axis"}, where=f"{ONE_AXIS} and temperature == 1"),
    "log_softmax": Operator("LogSoftmax", 13, {"axis": "axis"}, where=ONE_AXIS),
    "dense": Operator("Gemm", 13, inputs={"x": same, "kernel": same, "bias": same}),
    "layer_norm": Operator(
        "LayerNormalization",
        17,
        {"axis": "-1", "epsilon": "epsilon"},
        "use_scale",
        {"x": same, "scale": same, "bias": same},
    ),
    "rms_norm": Operator(
        "RMSNormalization",
        23,
        {"axis": "-1", "epsilon": "epsilon"},
        "use_scale",
        {"x": same, "scale": same},
    ),
    "conv2d": CONV,
}
"""Operators by the name of the spec."""


def operator_of(case: Case) -> Operator | None:
    """The operator that is the same thing as what the case asks; None if there is none."""
    operator = OPERATORS.get(case.spec.name)
    if operator is None or not case.valid or case.dtype not in operator.dtypes:
        return None
    return operator if evaluate(operator.where, case.names) else None


def model(case: Case, operator: Operator) -> Any:
    """The case as an ONNX model of one node."""
    import onnx
    from onnx import helper

    expectation = Expectation(case)
    given = _inputs(expectation, operator)
    (y,) = outputs_of(expectation, operator)
    node = helper.make_node(operator.name, list(given), ["y"], **_attributes(case, operator))
    graph = helper.make_graph(
        [node],
        case.id,
        [_info(name, array) for name, array in given.items()],
        [_info("y", y)],
    )
    opset = max(operator.opset, FLOOR)
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="assay")
    built.ir_version = min(built.ir_version, helper.find_min_ir_version_for(built.opset_import))
    onnx.checker.check_model(built)
    return built


FLOOR = 13
"""The opset in which a model is at least: older ones are hardly run any more."""


def outputs_of(expectation: Expectation, operator: Operator) -> tuple[Array, ...]:
    """What the reference expects, rounded once, in ONNX's layout."""
    target = dtype(expectation.case.dtype)
    forward = channels_first if operator.back is channels_last else same
    return tuple(forward(round_to(y, target)) for y in expectation.forward())


def _inputs(expectation: Expectation, operator: Operator) -> dict[str, Array]:
    """The operator's inputs in its order and layout, without those that are absent."""
    inputs = expectation.inputs
    return {
        name: np.array(change(inputs[name]), order="C")
        for name, change in operator.inputs.items()
        if name in inputs
    }


def _attributes(case: Case, operator: Operator) -> dict[str, Any]:
    names = case.names | {"widths": isinstance(case.names.get("padding"), tuple)}
    values = {name: evaluate(text, names) for name, text in operator.attributes.items()}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items() if v is not None}


def _info(name: str, array: Array) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def export_onnx(cases: Sequence[Case], folder: Path) -> list[Path]:
    """Write each case that an operator can be asked as a node test; returns their folders.

    Raises:
        ValueError: no case has an operator.
        ImportError: onnx is not installed.
    """
    written = [_write(case, operator, folder) for case in cases if (operator := operator_of(case))]
    if not written:
        raise Usage(f"no case has an ONNX operator; those of {', '.join(OPERATORS)} can have one")
    return written


def _write(case: Case, operator: Operator, folder: Path) -> Path:
    import onnx
    from onnx import numpy_helper

    home = folder / ("test_assay_" + case.id.replace("/", "_").replace("=", "_").replace(",", "_"))
    data = home / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    onnx.save(model(case, operator), home / "model.onnx")
    expectation = Expectation(case)
    given = _inputs(expectation, operator)
    for kind, arrays in (("input", given), ("output", {"y": outputs_of(expectation, operator)[0]})):
        for number, (name, array) in enumerate(arrays.items()):
            tensor = numpy_helper.from_array(np.array(array, order="C"), name)
            (data / f"{kind}_{number}.pb").write_bytes(tensor.SerializeToString())
    return home
