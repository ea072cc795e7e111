"""How ONNX is driven: a graph of one node, which its reference evaluator runs on NumPy arrays, forward only.

The evaluator is the implementation that the ONNX project ships beside its specification, which overrides it
where the two part. It is asked in float32: attributes of operators are float32, whatever the arrays are, and
what NumPy rounds on half types is no statement of ONNX's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np

from ..environment import LIBRARIES
from ..framework import Framework, Returned, Runner, Unavailable, Wire, as_tuple, construct, seed
from ..lazy import Lazy
from ..path import Path
from ..rows import rows

onnx: Any = Lazy("onnx")
reference: Any = Lazy("onnx.reference")


def load(wire: Wire, device: str) -> Any:
    """Array with these bits."""
    name, shape, data = wire
    return np.frombuffer(data, dtype=name).reshape(shape).copy()


def unload(array: Any) -> Wire:
    """The bits of an array."""
    host = np.asarray(array)
    return host.dtype.name, host.shape, host.tobytes()


def checked(make: Callable[..., Any]) -> Callable[..., Any]:
    """``node``, which knows what there is in this version of onnx, and tells the defaults of attributes."""

    @functools.wraps(make)
    def made(operator: str, opset: int, outputs: int = 1) -> Callable[..., Any]:
        if not onnx.defs.has(operator) or opset > onnx.defs.onnx_opset_version():
            raise ImportError(f"onnx {onnx.__version__} has no {operator} of opset {opset}")
        call: Any = make(operator, opset, outputs)
        schema = onnx.defs.get_schema(operator, opset, "")
        told = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default(attribute))
            for name, attribute in schema.attributes.items()
        ]
        call.__signature__ = inspect.Signature(told)
        return cast("Callable[..., Any]", call)

    return made


def default(attribute: Any) -> Any:
    """What an attribute is by itself; a number as short as float32 holds it."""
    if attribute.required:
        return inspect.Parameter.empty
    if not attribute.default_value.name:
        return None
    value = onnx.helper.get_attribute_value(attribute.default_value)
    if isinstance(value, float):
        return float(str(np.float32(value)))
    return value.decode() if isinstance(value, bytes) else value


@checked
def node(operator: str, opset: int, outputs: int = 1) -> Callable[..., Any]:
    """An operator of an opset, with so many outputs, as a function.

    It takes the operator's inputs in their order, None for one that is left out, and its attributes by name,
    None for one that is not given.

    Raises:
        ImportError: this version of onnx has no such operator.
    """

    def call(*inputs: Any, **attributes: Any) -> Any:
        names = ["" if array is None else f"input_{n}" for n, array in enumerate(inputs)]
        given = {name: np.asarray(array) for name, array in zip(names, inputs, strict=True) if name}
        told = {name: value for name, value in attributes.items() if value is not None}
        results = [f"output_{n}" for n in range(outputs)]
        helper = onnx.helper
        kinds = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in given.items()}
        graph = helper.make_graph(
            [helper.make_node(operator, names, results, **told)],
            operator,
            [helper.make_tensor_value_info(name, kinds[name], given[name].shape) for name in given],
            [helper.make_empty_tensor_value_info(name) for name in results],
        )
        returned = reference.ReferenceEvaluator(graph, opsets={"": opset}).run(None, given)
        return returned[0] if outputs == 1 else tuple(returned)

    return call


def prepare(
    function: Callable[..., Any], parameters: Mapping[str, Any], wrt: Sequence[str], mode: str
) -> Runner:
    """Run forward: an operator has no gradient."""

    def run(inputs: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Returned:
        return as_tuple(function(**inputs, **parameters)), ()

    return run


class Adapter(Framework):
    """ONNX's reference evaluator, on the processor."""

    paths = (
        Path(
            "reference",
            "a graph of one node, in onnx.reference.ReferenceEvaluator",
            differentiates=False,
            dtypes=("float32",),
        ),
    )
    distributions = ("onnx",)
    oldest: ClassVar = {"onnx": "1.16"}
    environment = LIBRARIES

    def start(self) -> None:
        """Import onnx; its evaluator has no other device."""
        self.require("onnx.reference", "ONNX", "export")
        if self.device != "cpu":
            raise Unavailable("ONNX's reference evaluator runs on the processor alone.")

    def load(self, wire: Wire) -> Any:
        """Array with these bits."""
        return load(wire, self.device)

    unload = staticmethod(unload)
    construct = staticmethod(construct)
    seed = staticmethod(seed)
    prepare = staticmethod(prepare)

    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """There is one path, and nothing to show."""
        return runner(inputs, cotangents), ""


function, _ = rows("onnx", node=node, np=np)
