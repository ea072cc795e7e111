"""The paths by which a kernel can be entered, each proved in force: compiled, registered, batched, cast.

A kernel that is right when it is called can be wrong where it is traced, given one sample of many, or given
another type than the one that it was written for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ...errors import Usage
from ..framework import NotInForce, as_tuple
from ..jax import framework as jax_side
from ..lazy import Lazy
from ..path import Path
from ..torch import framework as torch_side
from ..torch import ways as torch_ways

__all__ = ["Entered", "path_of"]

torch: Any = Lazy("torch")
jax: Any = Lazy("jax")

REGISTERED = Path(
    "custom_op",
    "an operator of torch.library, inside torch.compile, fullgraph",
    "Dynamo made one graph, and the operator called the kernel",
    differentiates=False,
    since={"torch": "2.4"},
)

NAMES = {"torch": ("compiled", "vmap", *torch_ways.AUTOCAST), "jax": ("jit", "vmap")}
"""Paths of a framework that a kernel can be entered by."""


def paths(library: str) -> dict[str, Path]:
    """Those of the kernels of a library, by name."""
    own = {"torch": torch_side.Adapter.paths, "jax": jax_side.Adapter.paths}.get(library, ())
    found = {path.name: path for path in own if path.name in NAMES[library]}
    return found | ({REGISTERED.name: REGISTERED} if library == "torch" else {})


def path_of(library: str, name: str) -> Path:
    """The path of this name for the kernels of a library.

    Raises:
        Usage: there is none; says which there are.
    """
    known = paths(library)
    if name not in known:
        told = f"they have {', '.join(known)}" if known else "they have none"
        raise Usage(f"kernels of {library} have no path {name!r}: {told}")
    return known[name]


class Entered:
    """A kernel's function, entered by a path of its library at every call.

    Args:
        function: takes arrays by position and parameters by keyword.
        library: whose arrays they are.
        path: name of the path.

    Raises:
        Usage: the kernels of the library have no such path.
        NotInForce: of a call, if the path did not run it, or refuses it.
    """

    def __init__(self, function: Callable[..., Any], library: str, path: str) -> None:
        self.function, self.library, self.path = function, library, path_of(library, path)
        self._kept: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *arrays: Any, **parameters: Any) -> Any:
        """What the function returns, as a tuple."""
        inputs = {f"input_{number}": array for number, array in enumerate(arrays)}

        def call(**given: Any) -> Any:
            return as_tuple(self.function(*(given[name] for name in inputs), **parameters))

        try:
            return self._entered(call, inputs, repr(parameters))
        except NotInForce as error:
            reason = f"the path {self.path.name} is not in force: {error}"
            raise NotInForce(reason, unsupported=True) from error

    def _entered(self, call: Callable[..., Any], inputs: Mapping[str, Any], parameters: str) -> Any:
        if self.path.name == "vmap":
            side: Any = torch_ways if self.library == "torch" else jax_side
            return self._shown(side.over_samples, call, inputs)
        if self.path.name in torch_ways.AUTOCAST:
            return self._shown(partial(torch_ways.under_autocast, mode=self.path.name), call, inputs)
        if self.path.name == "jit":
            return self._traced(call, inputs)
        return self._compiled(call, inputs, parameters)

    def _shown(
        self, enter: Callable[..., Callable[..., Any]], call: Callable[..., Any], inputs: Mapping[str, Any]
    ) -> Any:
        shown: set[tuple[str, bool]] = set()
        returned = enter(call, shown=shown)(**inputs)
        if not any(true for _, true in shown):
            raise NotInForce(f"nothing shows that {self.path.shown}", unsupported=True)
        return returned

    def _traced(self, call: Callable[..., Any], inputs: Mapping[str, Any]) -> Any:
        if not all(isinstance(x, jax.core.Tracer) for x in inputs.values() if x is not None):
            raise NotInForce("JAX cannot trace the kernel", unsupported=True)
        return call(**inputs)

    def _compiled(self, call: Callable[..., Any], inputs: Mapping[str, Any], parameters: str) -> Any:
        """What a compiled function returns; made for each configuration, and proved at its first call."""
        laid = [(n, x.shape, x.stride(), x.dtype, x.requires_grad) for n, x in _present(inputs).items()]
        key = (*laid, parameters)
        if key in self._kept:
            return self._kept[key](**inputs)
        reached: list[bool] = []
        opaque = self.path.name == REGISTERED.name
        compiled = torch_side.compiled(registered(call, inputs, reached) if opaque else call)
        torch._dynamo.utils.counters.clear()
        try:
            returned = as_tuple(compiled(**inputs))
        except torch._dynamo.exc.TorchDynamoException as error:
            raise torch_side.refusal(error) from error
        torch_side.proof(returned, differentiated=any(y.requires_grad for y in returned))
        if opaque and not reached:
            raise NotInForce("the operator did not call the kernel", unsupported=False)
        self._kept[key] = compiled
        return returned


def _present(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: x for name, x in inputs.items() if x is not None}


NUMBERS = itertools.count()


def registered(
    call: Callable[..., Any], inputs: Mapping[str, Any], reached: list[bool]
) -> Callable[..., Any]:
    """The call as an operator of ``torch.library``, which says of its outputs what a first call returns."""
    names = [*_present(inputs)]
    absent = dict.fromkeys(inputs.keys() - {*names})
    first: Sequence[Any] = [y.detach() for y in call(**inputs)]

    def kernel(*arrays: Any) -> Any:
        reached.append(True)
        found = tuple(call(**dict(zip(names, arrays, strict=True)), **absent))
        return found[0] if len(first) == 1 else found

    def alike(*arrays: Any) -> Any:
        found = tuple(arrays[0].new_empty_strided(y.shape, y.stride(), dtype=y.dtype) for y in first)
        return found[0] if len(first) == 1 else found

    takes = ", ".join(f"Tensor {name}" for name in names)
    gives = "Tensor" if len(first) == 1 else f"({', '.join(['Tensor'] * len(first))})"
    operator = torch.library.custom_op(
        f"assay::kernel_{next(NUMBERS)}", kernel, mutates_args=(), schema=f"({takes}) -> {gives}"
    )
    operator.register_fake(alike)
    return lambda **given: operator(*(given[name] for name in names))
